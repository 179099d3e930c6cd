// SPDX-License-Identifier: GPL-2.0
#include "lvs_private.h"

void lvs_defense_update(struct lvs_netns *ns)
{
}

void lvs_nfct_update(struct lvs_netns *ns)
{
}
