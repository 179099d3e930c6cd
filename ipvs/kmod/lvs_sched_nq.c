// SPDX-License-Identifier: GPL-2.0
/* Never queue: the newest idle server whatever its weight, else as sed. */
#include "lvs_sched_best.h"

static struct lvs_load nq_load(const struct lvs_server *s)
{
	struct lvs_load l = LVS_LOAD_NONE;

	if (!lvs_server_eligible(s))
		return l;
	l.load = lvs_server_active_load(s);
	/* No load at all beats every other and draws with its like. */
	l.weight = l.load ? (u32)READ_ONCE(s->weight) : 1;
	l.load += l.load != 0;
	return l;
}

static int nq_start(struct lvs_sched_inst *inst)
{
	return lvs_best_start(inst, nq_load);
}

LVS_SCHED_BEST(nq, nq_start, true, false);
