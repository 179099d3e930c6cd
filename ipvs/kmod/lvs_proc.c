// SPDX-License-Identifier: GPL-2.0
#include "lvs_core.h"

int lvs_proc_net_init(struct lvs_netns *ns)
{
	return 0;
}

void lvs_proc_net_exit(struct lvs_netns *ns)
{
}
