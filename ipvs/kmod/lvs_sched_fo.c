// SPDX-License-Identifier: GPL-2.0
/* Failover: the heaviest, which is the least of one load per weight. */
#include "lvs_sched_best.h"

static struct lvs_load fo_load(const struct lvs_server *s)
{
	struct lvs_load l = LVS_LOAD_NONE;

	if (lvs_server_eligible(s))
		l.weight = (u32)READ_ONCE(s->weight);
	return l;
}

static int fo_start(struct lvs_sched_inst *inst)
{
	return lvs_best_start(inst, fo_load);
}

LVS_SCHED_BEST(fo, fo_start, true, false);
