// SPDX-License-Identifier: GPL-2.0
/*
 * Locality with replication: a destination address has a set of servers and goes
 * to the least loaded of them.  When that one has more active connections than
 * weight while another server has room, the globally least loaded joins the set.
 * A set of two or more that nobody joined or left for lblcr_expiration loses its
 * most loaded member.
 */
#include "lvs_sched_cache.h"

static int lblcr_start(struct lvs_sched_inst *inst)
{
	return lvs_local_start(inst, LVS_CACHE_MEMBERS);
}

static bool lblcr_less(const struct lvs_server *a, const struct lvs_server *b)
{
	return lvs_load_less(lvs_server_overhead(a), (u32)READ_ONCE(a->weight),
			     lvs_server_overhead(b), (u32)READ_ONCE(b->weight));
}

static struct lvs_server *lblcr_least(struct lvs_sched_inst *inst, const struct lvs_entry *e)
{
	struct lvs_server *s, *least = NULL;
	u32 i;

	for (i = 0; i < LVS_CACHE_MEMBERS; i++) {
		s = lvs_local_server(inst, READ_ONCE(e->id[i]));
		if (s && lvs_server_eligible(s) && (!least || lblcr_less(s, least)))
			least = s;
	}
	return least;
}

/* Whom to do without: one that is gone or gets nothing, or the most loaded. */
static u32 lblcr_worst(struct lvs_sched_inst *inst, const struct lvs_entry *e)
{
	struct lvs_server *s, *most = NULL;
	u32 i, worst = 0;

	for (i = 0; i < LVS_CACHE_MEMBERS && e->id[i]; i++) {
		s = lvs_local_server(inst, e->id[i]);
		if (!s || READ_ONCE(s->weight) <= 0)
			return i;
		if (!most || lblcr_less(most, s)) {
			most = s;
			worst = i;
		}
	}
	return worst;
}

static u32 lblcr_size(const struct lvs_entry *e)
{
	u32 n = 0;

	while (n < LVS_CACHE_MEMBERS && READ_ONCE(e->id[n]))
		n++;
	return n;
}

/* Must be called with the cache's lock held. */
static void lblcr_leave(struct lvs_entry *e, u32 i, u32 now)
{
	for (; i + 1 < LVS_CACHE_MEMBERS; i++)
		WRITE_ONCE(e->id[i], e->id[i + 1]);
	WRITE_ONCE(e->id[i], 0);
	WRITE_ONCE(e->changed, now);
}

/* Must be called with the cache's lock held. */
static void lblcr_join(struct lvs_sched_inst *inst, struct lvs_entry *e, u32 id, u32 now)
{
	u32 i;

	for (i = 0; i < LVS_CACHE_MEMBERS; i++)
		if (e->id[i] == id)
			return;
	if (lblcr_size(e) == LVS_CACHE_MEMBERS)
		lblcr_leave(e, lblcr_worst(inst, e), now);
	for (i = LVS_CACHE_MEMBERS - 1; i; i--)
		WRITE_ONCE(e->id[i], e->id[i - 1]);
	WRITE_ONCE(e->id[0], id);
	WRITE_ONCE(e->changed, now);
}

static bool lblcr_is_old(const struct lvs_entry *e, u32 now, int expiration)
{
	return lblcr_size(e) > 1 &&
	       lvs_cache_age(READ_ONCE(e->changed), now) > max(expiration, 0);
}

static void lblcr_shrink(struct lvs_sched_inst *inst, struct lvs_entry *e, u32 now,
			 int expiration)
{
	struct lvs_local *l = lvs_sched_priv(inst);

	spin_lock(&l->cache.lock);
	if (lblcr_is_old(e, now, expiration))
		lblcr_leave(e, lblcr_worst(inst, e), now);
	spin_unlock(&l->cache.lock);
}

static struct lvs_server *lblcr_pick(struct lvs_sched_inst *inst, const struct lvs_pick *p)
{
	int expiration = READ_ONCE(inst->pool->env->lblcr_expiration);
	struct lvs_local *l = lvs_sched_priv(inst);
	struct lvs_entry *e = lvs_cache_find(&l->cache, p, expiration);
	struct lvs_server *s = e ? lblcr_least(inst, e) : NULL;

	if (e && lblcr_is_old(e, (u32)p->now, expiration))
		lblcr_shrink(inst, e, (u32)p->now, expiration);
	if (s && !lvs_local_overloaded(inst, s))
		return s;
	s = lvs_best_pick(inst, p);
	if (!s)
		return NULL;
	if (e) {
		spin_lock(&l->cache.lock);
		lblcr_join(inst, e, s->id, (u32)p->now);
		spin_unlock(&l->cache.lock);
	} else {
		lvs_cache_set(&l->cache, p, s->id);
	}
	return s;
}

static void lblcr_tick(struct lvs_sched_inst *inst, unsigned long now)
{
	struct lvs_local *l = lvs_sched_priv(inst);

	lvs_cache_expire(&l->cache, now, READ_ONCE(inst->pool->env->lblcr_expiration));
}

const struct lvs_sched_ops lvs_sched_lblcr = {
	.name = "lblcr",
	.inst_size = sizeof(struct lvs_local),
	.node_size = sizeof(struct lvs_seat),
	.wants_active = true,
	.wants_total = true,
	.start = lblcr_start,
	.stop = lvs_local_stop,
	.server_added = lvs_best_added,
	.server_removed = lvs_best_removed,
	.server_edited = lvs_best_edited,
	.counts_changed = lvs_best_counts,
	.pick = lblcr_pick,
	.tick = lblcr_tick,
};
