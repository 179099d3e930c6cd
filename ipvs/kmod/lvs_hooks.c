// SPDX-License-Identifier: GPL-2.0
#include "lvs_private.h"

int lvs_hooks_get(struct lvs_netns *ns, enum lvs_family family)
{
	ns->n_services[family]++;
	return 0;
}

void lvs_hooks_put(struct lvs_netns *ns, enum lvs_family family)
{
	ns->n_services[family]--;
}
