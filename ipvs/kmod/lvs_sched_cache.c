// SPDX-License-Identifier: GPL-2.0
#include "lvs_sched_cache.h"

static size_t lvs_entry_size(const struct lvs_cache *c)
{
	return sizeof(struct lvs_entry) + c->members * sizeof(u32);
}

static struct lvs_entry *lvs_cache_way(const struct lvs_cache *c, u32 set, u32 way)
{
	return (struct lvs_entry *)(c->entries +
				    (set * LVS_CACHE_WAYS + way) * lvs_entry_size(c));
}

static void lvs_cache_place(const struct lvs_cache *c, const struct lvs_pick *p, u32 *set,
			    u32 *tag)
{
	const u32 *addr = (__force const u32 *)p->daddr.ip6;

	*set = lvs_hash_addr(&c->key, p->af, addr, 0) % LVS_CACHE_SETS;
	*tag = lvs_hash_addr(&c->key, p->af, addr, 1) | 1;
}

static bool lvs_entry_expired(const struct lvs_entry *e, u32 now, int expiration)
{
	return lvs_cache_age(READ_ONCE(e->seen), now) > max(expiration, 0);
}

struct lvs_entry *lvs_cache_find(struct lvs_cache *c, const struct lvs_pick *p, int expiration)
{
	u32 now = (u32)p->now, set, tag, way;
	struct lvs_entry *e;

	lvs_cache_place(c, p, &set, &tag);
	for (way = 0; way < LVS_CACHE_WAYS; way++) {
		e = lvs_cache_way(c, set, way);
		if (READ_ONCE(e->tag) != tag)
			continue;
		if (lvs_entry_expired(e, now, expiration))
			return NULL;
		if (READ_ONCE(e->seen) != now)
			WRITE_ONCE(e->seen, now);
		return e;
	}
	return NULL;
}

/* The one with @tag, or an empty one, or the one idle for longest. */
static struct lvs_entry *lvs_cache_victim(struct lvs_cache *c, u32 set, u32 tag, u32 now)
{
	struct lvs_entry *e, *victim = NULL;
	u32 way;

	for (way = 0; way < LVS_CACHE_WAYS; way++) {
		e = lvs_cache_way(c, set, way);
		if (e->tag == tag)
			return e;
		if (!victim || (victim->tag && (!e->tag || lvs_cache_age(e->seen, now) >
							   lvs_cache_age(victim->seen, now))))
			victim = e;
	}
	return victim;
}

void lvs_cache_set(struct lvs_cache *c, const struct lvs_pick *p, u32 id)
{
	u32 now = (u32)p->now, set, tag, i;
	struct lvs_entry *e;

	lvs_cache_place(c, p, &set, &tag);
	spin_lock(&c->lock);
	e = lvs_cache_victim(c, set, tag, now);
	WRITE_ONCE(e->tag, 0);
	WRITE_ONCE(e->id[0], id);
	for (i = 1; i < c->members; i++)
		WRITE_ONCE(e->id[i], 0);
	WRITE_ONCE(e->seen, now);
	WRITE_ONCE(e->changed, now);
	smp_store_release(&e->tag, tag);
	spin_unlock(&c->lock);
}

void lvs_cache_expire(struct lvs_cache *c, unsigned long now, int expiration)
{
	struct lvs_entry *e;
	u32 set, way;

	for (set = 0; set < LVS_CACHE_SETS; set++) {
		spin_lock_bh(&c->lock);
		for (way = 0; way < LVS_CACHE_WAYS; way++) {
			e = lvs_cache_way(c, set, way);
			if (e->tag && lvs_entry_expired(e, (u32)now, expiration))
				WRITE_ONCE(e->tag, 0);
		}
		spin_unlock_bh(&c->lock);
		cond_resched();
	}
}

struct lvs_load lvs_load_local(const struct lvs_server *s)
{
	struct lvs_load l = lvs_load_wlc(s);

	l.roomy = lvs_server_roomy(s);
	return l;
}

static u64 lvs_random64(void)
{
	return (u64)lvs_random_below(U32_MAX) << 32 | lvs_random_below(U32_MAX);
}

int lvs_local_start(struct lvs_sched_inst *inst, u32 members)
{
	struct lvs_local *l = lvs_sched_priv(inst);
	int err;

	spin_lock_init(&l->cache.lock);
	l->cache.members = members;
	l->cache.key.k0 = lvs_random64();
	l->cache.key.k1 = lvs_random64();
	l->cache.entries = kvcalloc(LVS_CACHE_SETS * LVS_CACHE_WAYS, lvs_entry_size(&l->cache),
				    GFP_KERNEL_ACCOUNT);
	if (!l->cache.entries)
		return -ENOMEM;
	err = lvs_best_start(inst, lvs_load_local);
	if (err)
		kvfree(l->cache.entries);
	return err;
}

void lvs_local_stop(struct lvs_sched_inst *inst)
{
	struct lvs_local *l = lvs_sched_priv(inst);

	lvs_best_stop(inst);
	kvfree(l->cache.entries);
}
