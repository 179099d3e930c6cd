// SPDX-License-Identifier: GPL-2.0
/* Locality: a destination address stays with the server it went to, unless that
 * is gone, has weight 0, or has more active connections than weight while another
 * has room; then, and the first time, it goes where wlc says. */
#include "lvs_sched_cache.h"

static int lblc_start(struct lvs_sched_inst *inst)
{
	return lvs_local_start(inst, 1);
}

static struct lvs_server *lblc_known(struct lvs_sched_inst *inst, const struct lvs_pick *p)
{
	struct lvs_local *l = lvs_sched_priv(inst);
	const struct lvs_entry *e;
	struct lvs_server *s;

	e = lvs_cache_find(&l->cache, p, READ_ONCE(inst->pool->env->lblc_expiration));
	s = e ? lvs_local_server(inst, READ_ONCE(e->id[0])) : NULL;
	/* Its upper threshold does not matter here. */
	if (!s || !(READ_ONCE(s->flags) & LVS_SERVER_AVAILABLE) || READ_ONCE(s->weight) <= 0)
		return NULL;
	return lvs_local_overloaded(inst, s) ? NULL : s;
}

static struct lvs_server *lblc_pick(struct lvs_sched_inst *inst, const struct lvs_pick *p)
{
	struct lvs_local *l = lvs_sched_priv(inst);
	struct lvs_server *s = lblc_known(inst, p);

	if (s)
		return s;
	s = lvs_best_pick(inst, p);
	if (s)
		lvs_cache_set(&l->cache, p, s->id);
	return s;
}

static void lblc_tick(struct lvs_sched_inst *inst, unsigned long now)
{
	struct lvs_local *l = lvs_sched_priv(inst);

	lvs_cache_expire(&l->cache, now, READ_ONCE(inst->pool->env->lblc_expiration));
}

const struct lvs_sched_ops lvs_sched_lblc = {
	.name = "lblc",
	.inst_size = sizeof(struct lvs_local),
	.node_size = sizeof(struct lvs_seat),
	.wants_active = true,
	.wants_total = true,
	.start = lblc_start,
	.stop = lvs_local_stop,
	.server_added = lvs_best_added,
	.server_removed = lvs_best_removed,
	.server_edited = lvs_best_edited,
	.counts_changed = lvs_best_counts,
	.pick = lblc_pick,
	.tick = lblc_tick,
};
