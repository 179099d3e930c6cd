// SPDX-License-Identifier: GPL-2.0-or-later
/* Newest: all loads are equal, so the newest eligible server wins every draw.
 * The example of CONTRIBUTING.md. */
#include "lvs_sched_best.h"

static struct lvs_load newest_load(const struct lvs_server *s)
{
	struct lvs_load l = LVS_LOAD_NONE;

	if (lvs_server_eligible(s))
		l = (struct lvs_load){ .load = 0, .weight = 1 };
	return l;
}

static int newest_start(struct lvs_sched_inst *inst)
{
	return lvs_best_start(inst, newest_load);
}

/* Active connections matter as they bring OVERLOAD. */
LVS_SCHED_BEST(newest, newest_start, true, false);
