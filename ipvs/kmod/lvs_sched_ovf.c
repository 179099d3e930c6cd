// SPDX-License-Identifier: GPL-2.0
/* Overflow: the heaviest that does not have more active connections than its weight. */
#include "lvs_sched_best.h"

static struct lvs_load ovf_load(const struct lvs_server *s)
{
	struct lvs_load l = LVS_LOAD_NONE;
	int weight = READ_ONCE(s->weight);

	if (lvs_server_eligible(s) && atomic_read(&s->active) <= weight)
		l.weight = (u32)weight;
	return l;
}

static int ovf_start(struct lvs_sched_inst *inst)
{
	return lvs_best_start(inst, ovf_load);
}

LVS_SCHED_BEST(ovf, ovf_start, true, false);
