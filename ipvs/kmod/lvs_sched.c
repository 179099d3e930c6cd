// SPDX-License-Identifier: GPL-2.0
/* Binding schedulers to pools.  Everything here but picking runs under the
 * namespace's mutex and may sleep. */
#include "lvs_sched.h"

enum { LVS_PICK_TRIES = 64 };

static const struct lvs_sched_ops *const lvs_schedulers[] = {
	&lvs_sched_rr, &lvs_sched_wrr, &lvs_sched_lc, &lvs_sched_wlc, &lvs_sched_lblc,
	&lvs_sched_lblcr, &lvs_sched_dh, &lvs_sched_sh, &lvs_sched_sed, &lvs_sched_nq,
	&lvs_sched_fo, &lvs_sched_ovf, &lvs_sched_mh, &lvs_sched_twos,
};

const struct lvs_sched_ops *lvs_sched_find(const char *name)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(lvs_schedulers); i++)
		if (!strcmp(lvs_schedulers[i]->name, name))
			return lvs_schedulers[i];
	return NULL;
}

static struct lvs_sched_inst *lvs_pool_inst(struct lvs_pool *pool)
{
	/* Writers are serialised by the namespace's mutex. */
	return rcu_dereference_protected(pool->inst, 1);
}

const char *lvs_sched_name(const struct lvs_pool *pool)
{
	struct lvs_sched_inst *inst = rcu_dereference_protected(pool->inst, 1);

	return inst ? inst->ops->name : "none";
}

static int lvs_node_alloc(struct lvs_sched_inst *inst, struct lvs_server *s)
{
	void *node;

	if (!inst->ops->node_size)
		return 0;
	node = kzalloc(inst->ops->node_size, GFP_KERNEL);
	if (!node)
		return -ENOMEM;
	smp_store_release(&s->node[inst->slot], node);
	return 0;
}

static void lvs_node_free(struct lvs_server *s, unsigned int slot)
{
	void *node = s->node[slot];

	s->node[slot] = NULL;
	kfree(node);
}

/* Must be called when nobody can pick from @inst any more. */
static void lvs_inst_end(struct lvs_sched_inst *inst)
{
	struct lvs_server *s;
	u8 slot = inst->slot;
	struct lvs_pool *pool = inst->pool;

	lvs_sched_end(inst);
	list_for_each_entry(s, &pool->servers, list)
		lvs_node_free(s, slot);
}

static struct lvs_sched_inst *lvs_inst_begin(struct lvs_pool *pool,
					     const struct lvs_sched_ops *ops, u8 slot, int *err)
{
	struct lvs_sched_inst *inst;
	struct lvs_server *s;

	*err = -ENOMEM;
	inst = kzalloc(sizeof(*inst) + ops->inst_size, GFP_KERNEL);
	if (!inst)
		return NULL;
	inst->ops = ops;
	inst->pool = pool;
	inst->slot = slot;
	spin_lock_init(&inst->lock);
	list_for_each_entry(s, &pool->servers, list)
		if (lvs_node_alloc(inst, s))
			goto fail;
	*err = ops->start ? ops->start(inst) : 0;
	if (!*err)
		return inst;
fail:
	list_for_each_entry(s, &pool->servers, list)
		lvs_node_free(s, slot);
	kfree(inst);
	return NULL;
}

int lvs_sched_bind(struct lvs_pool *pool, const struct lvs_sched_ops *ops)
{
	struct lvs_sched_inst *old = lvs_pool_inst(pool), *inst = NULL;
	struct lvs_server *s;
	int err = 0;

	if (old ? old->ops == ops : !ops)
		return 0;
	if (ops) {
		inst = lvs_inst_begin(pool, ops, old ? !old->slot : 0, &err);
		if (!inst)
			return err;
	}
	rcu_assign_pointer(pool->inst, inst);
	/* After this nobody picks from the old one, and every count that moved
	 * without the new one hearing of it is visible here. */
	if (old || !list_empty(&pool->servers))
		synchronize_rcu();
	if (inst && ops->counts_changed) {
		local_bh_disable();
		rcu_read_lock();
		list_for_each_entry(s, &pool->servers, list)
			ops->counts_changed(inst, s);
		rcu_read_unlock();
		local_bh_enable();
	}
	if (old)
		lvs_inst_end(old);
	return 0;
}

struct lvs_sched_inst *lvs_sched_detach(struct lvs_pool *pool)
{
	struct lvs_sched_inst *inst = lvs_pool_inst(pool);

	RCU_INIT_POINTER(pool->inst, NULL);
	return inst;
}

void lvs_sched_end(struct lvs_sched_inst *inst)
{
	if (!inst)
		return;
	if (inst->ops->stop)
		inst->ops->stop(inst);
	kfree(inst);
}

int lvs_sched_server_added(struct lvs_pool *pool, struct lvs_server *s)
{
	struct lvs_sched_inst *inst = lvs_pool_inst(pool);
	int err;

	if (!inst)
		return 0;
	err = lvs_node_alloc(inst, s);
	if (!err && inst->ops->server_added)
		err = inst->ops->server_added(inst, s);
	return err;
}

void lvs_sched_server_removed(struct lvs_pool *pool, struct lvs_server *s)
{
	struct lvs_sched_inst *inst = lvs_pool_inst(pool);

	if (inst && inst->ops->server_removed)
		inst->ops->server_removed(inst, s);
	/* Before @s becomes ineligible. */
	smp_store_release(&pool->removals, pool->removals + 1);
}

struct lvs_server *lvs_sched_pick_again(struct lvs_pool *pool, const struct lvs_pick *p,
					u32 removals)
{
	struct lvs_sched_inst *inst;
	struct lvs_server *s = NULL;
	u32 tries, now;

	for (tries = 0; !s && tries < LVS_PICK_TRIES; tries++) {
		smp_rmb();
		now = READ_ONCE(pool->removals);
		if (now == removals)
			break;
		removals = now;
		smp_rmb();
		inst = rcu_dereference(pool->inst);
		s = inst ? inst->ops->pick(inst, p) : NULL;
	}
	return s;
}

void lvs_sched_server_free(struct lvs_server *s)
{
	lvs_node_free(s, 0);
	lvs_node_free(s, 1);
}

void lvs_sched_edited(struct lvs_pool *pool, struct lvs_server *s)
{
	struct lvs_sched_inst *inst = lvs_pool_inst(pool);

	if (inst && inst->ops->server_edited)
		inst->ops->server_edited(inst, s);
}

void lvs_sched_tick(struct lvs_pool *pool, unsigned long now)
{
	struct lvs_sched_inst *inst = lvs_pool_inst(pool);

	if (inst && inst->ops->tick)
		inst->ops->tick(inst, now);
}
