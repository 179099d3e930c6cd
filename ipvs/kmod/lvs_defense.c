// SPDX-License-Identifier: GPL-2.0
#include "lvs_private.h"

void lvs_defense_update(struct lvs_netns *ns)
{
}

void lvs_second_run(struct work_struct *work)
{
}
