// SPDX-License-Identifier: GPL-2.0
/* Shortest expected delay: the least (active + 1) per weight. */
#include "lvs_sched_best.h"

static struct lvs_load sed_load(const struct lvs_server *s)
{
	struct lvs_load l = LVS_LOAD_NONE;

	if (lvs_server_eligible(s)) {
		l.load = lvs_server_active_load(s) + 1;
		l.weight = (u32)READ_ONCE(s->weight);
	}
	return l;
}

static int sed_start(struct lvs_sched_inst *inst)
{
	return lvs_best_start(inst, sed_load);
}

LVS_SCHED_BEST(sed, sed_start, true, false);
