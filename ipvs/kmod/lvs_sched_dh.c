// SPDX-License-Identifier: GPL-2.0
/* Destination hashing: the slots go round the list, weights do not matter, and
 * an address whose server takes nothing gets nobody. */
#include "lvs_sched_slots.h"

static int dh_start(struct lvs_sched_inst *inst)
{
	lvs_slots_fill(inst, false);
	return 0;
}

static int dh_added(struct lvs_sched_inst *inst, struct lvs_server *s)
{
	lvs_slots_fill(inst, false);
	return 0;
}

static void dh_removed(struct lvs_sched_inst *inst, struct lvs_server *s)
{
	lvs_slots_fill(inst, false);
}

static struct lvs_server *dh_pick(struct lvs_sched_inst *inst, const struct lvs_pick *p)
{
	struct lvs_slots *slots = lvs_sched_priv(inst);
	struct lvs_server *s;

	s = READ_ONCE(slots->at[lvs_slot_hash(lvs_slot_key(p->af, &p->daddr))]);
	return s && lvs_server_eligible(s) ? s : NULL;
}

const struct lvs_sched_ops lvs_sched_dh = {
	.name = "dh",
	.inst_size = sizeof(struct lvs_slots),
	.start = dh_start,
	.server_added = dh_added,
	.server_removed = dh_removed,
	.pick = dh_pick,
};
