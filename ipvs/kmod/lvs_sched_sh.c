// SPDX-License-Identifier: GPL-2.0
/*
 * Source hashing: every server has as many slots in a row as it weighs, in list
 * order; who comes late may get none.  Flags of the service: SCHED1 looks for
 * another slot when the server of the first takes nothing, SCHED2 adds the
 * client's port to the key.
 */
#include "lvs_sched_slots.h"

static int sh_start(struct lvs_sched_inst *inst)
{
	lvs_slots_fill(inst, true);
	return 0;
}

static int sh_added(struct lvs_sched_inst *inst, struct lvs_server *s)
{
	lvs_slots_fill(inst, true);
	return 0;
}

static void sh_changed(struct lvs_sched_inst *inst, struct lvs_server *s)
{
	lvs_slots_fill(inst, true);
}

static u32 sh_hash(const struct lvs_pick *p, u32 svc_flags)
{
	u32 key = lvs_slot_key(p->af, &p->saddr);

	if (svc_flags & IP_VS_SVC_F_SCHED2)
		key += ntohs(p->sport);
	return lvs_slot_hash(key);
}

static struct lvs_server *sh_pick(struct lvs_sched_inst *inst, const struct lvs_pick *p)
{
	u32 flags = READ_ONCE(inst->pool->flags), hash = sh_hash(p, flags), i;
	struct lvs_slots *slots = lvs_sched_priv(inst);
	struct lvs_server *s;

	s = READ_ONCE(slots->at[hash]);
	if (s && lvs_server_eligible(s))
		return s;
	if (!s || !(flags & IP_VS_SVC_F_SCHED1))
		return NULL;
	/* The second round starts at twice the hash, as it always did. */
	for (i = 0; i < LVS_SLOTS; i++) {
		LVS_STEP();
		s = READ_ONCE(slots->at[(2 * hash + i) % LVS_SLOTS]);
		if (s && lvs_server_eligible(s))
			return s;
	}
	return NULL;
}

const struct lvs_sched_ops lvs_sched_sh = {
	.name = "sh",
	.inst_size = sizeof(struct lvs_slots),
	.start = sh_start,
	.server_added = sh_added,
	.server_removed = sh_changed,
	.server_edited = sh_changed,
	.pick = sh_pick,
};
