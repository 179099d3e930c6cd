/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which servers a destination address went to: the memory of lblc and lblcr.
 *
 * All of it is allocated at the start, 16,384 addresses in sets of eight, so that
 * no scan of addresses can make it grow; a new address takes the place of the one
 * in its set that was not asked for longest.  An entry keeps no address but 32
 * bits of a keyed hash (the set is chosen by another one) and servers by their
 * id: nothing in it can dangle, and the worst a stranger's entry can do is to
 * send an address where it need not have gone.
 *
 * Found without a lock, changed under the cache's own.
 */
#ifndef LVS_SCHED_CACHE_H
#define LVS_SCHED_CACHE_H

#include "lvs_hash.h"
#include "lvs_sched_best.h"

enum { LVS_CACHE_WAYS = 8, LVS_CACHE_SETS = 2048, LVS_CACHE_MEMBERS = 8 };

struct lvs_entry {
	u32 tag;			/* 0: empty */
	u32 seen;			/* jiffies, when last asked for */
	u32 changed;			/* jiffies, when a server joined or left */
	u32 id[];			/* server->id, latest first; 0: none */
};

struct lvs_cache {
	struct lvs_hash_key key;
	spinlock_t lock;
	u32 members;			/* in entry->id */
	u8 *entries;
};

/* The beginning of inst->priv of lblc and lblcr. */
struct lvs_local {
	struct lvs_best best;
	struct lvs_cache cache;
};

int lvs_local_start(struct lvs_sched_inst *inst, u32 members);
void lvs_local_stop(struct lvs_sched_inst *inst);

/* Negative when another CPU's clock, read after @now, set @then. */
static inline s32 lvs_cache_age(u32 then, u32 now)
{
	return (s32)(now - then);
}

/* wlc, and who is roomy. */
struct lvs_load lvs_load_local(const struct lvs_server *s);

/* More active connections than its weight, while another has room. */
static inline bool lvs_local_overloaded(struct lvs_sched_inst *inst, const struct lvs_server *s)
{
	const struct lvs_local *l = lvs_sched_priv(inst);

	return atomic_read(&s->active) > READ_ONCE(s->weight) && READ_ONCE(l->best.roomy);
}

static inline struct lvs_server *lvs_local_server(struct lvs_sched_inst *inst, u32 id)
{
	const struct lvs_local *l = lvs_sched_priv(inst);

	return id ? lvs_seats_find(rcu_dereference(l->best.seats), id) : NULL;
}

/* The entry of @p's destination, marked as seen; NULL: none not older than
 * @expiration. */
struct lvs_entry *lvs_cache_find(struct lvs_cache *c, const struct lvs_pick *p, int expiration);
/* @p's destination goes to @id alone.  Bottom halves are off. */
void lvs_cache_set(struct lvs_cache *c, const struct lvs_pick *p, u32 id);
void lvs_cache_expire(struct lvs_cache *c, unsigned long now, int expiration);

#endif
