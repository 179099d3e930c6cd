// SPDX-License-Identifier: GPL-2.0
#include "lvs_core.h"

int lvs_event_init(void)
{
	return 0;
}

void lvs_event_exit(void)
{
}

void lvs_event_changed(struct lvs_netns *ns, enum lvs_event what,
		       const struct lvs_service *svc, const struct lvs_dest *dest)
{
}
