/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What dh and sh have in common: 256 slots, and the hash by which addresses fall
 * into them.  The hash is the well-known multiplicative one and has no key: which
 * server an address gets is visible from outside, and two directors, or this
 * module and another implementation, must agree on it.
 */
#ifndef LVS_SCHED_SLOTS_H
#define LVS_SCHED_SLOTS_H

#include "lvs_sched.h"

enum { LVS_SLOTS = 256 };

struct lvs_slots {
	struct lvs_server *at[LVS_SLOTS];	/* READ_ONCE */
};

static inline u32 lvs_slot_key(u16 af, const union nf_inet_addr *a)
{
	__be32 folded = a->ip6[0];

	if (af == AF_INET6)
		folded ^= a->ip6[1] ^ a->ip6[2] ^ a->ip6[3];
	return ntohl(folded);
}

static inline u32 lvs_slot_hash(u32 key)
{
	return (key * 0x61c88647U) >> 24;
}

/* Fill with the servers in list order, @weighted: as many times in a row as each
 * weighs, but at least once. */
static inline void lvs_slots_fill(struct lvs_sched_inst *inst, bool weighted)
{
	struct lvs_slots *slots = lvs_sched_priv(inst);
	struct lvs_pool *pool = inst->pool;
	u32 i = 0, times;
	struct lvs_server *s;

	if (list_empty(&pool->servers)) {
		for (; i < LVS_SLOTS; i++)
			WRITE_ONCE(slots->at[i], NULL);
		return;
	}
	while (i < LVS_SLOTS) {
		list_for_each_entry(s, &pool->servers, list) {
			times = weighted ? (u32)max(s->weight, 1) : 1;
			for (; times && i < LVS_SLOTS; times--)
				smp_store_release(&slots->at[i++], s);
			if (i == LVS_SLOTS)
				break;
		}
	}
}

#endif
