// SPDX-License-Identifier: GPL-2.0
/* Least connections, an active one counting as 256 inactive; weight only says yes or no. */
#include "lvs_sched_best.h"

static struct lvs_load lc_load(const struct lvs_server *s)
{
	struct lvs_load l = lvs_load_wlc(s);

	l.weight = min(l.weight, 1U);
	return l;
}

static int lc_start(struct lvs_sched_inst *inst)
{
	return lvs_best_start(inst, lc_load);
}

LVS_SCHED_BEST(lc, lc_start, true, true);
