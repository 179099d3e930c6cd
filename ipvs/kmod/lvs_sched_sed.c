// SPDX-License-Identifier: GPL-2.0
/* Placeholder: picks the newest eligible server. */
#include "lvs_sched.h"

static int sed_start(struct lvs_sched_inst *inst)
{
	return 0;
}

static struct lvs_server *sed_pick(struct lvs_sched_inst *inst, const struct lvs_pick *p)
{
	struct lvs_server *s;

	list_for_each_entry_rcu(s, &inst->pool->servers, list)
		if (lvs_server_eligible(s))
			return s;
	return NULL;
}

const struct lvs_sched_ops lvs_sched_sed = {
	.name = "sed",
	.start = sed_start,
	.pick = sed_pick,
};
