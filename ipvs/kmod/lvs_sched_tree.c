// SPDX-License-Identifier: GPL-2.0
#include "lvs_sched_tree.h"

static u64 lvs_tree_join(const struct lvs_tree *tree, const u64 *v, u32 i)
{
	u64 a = v[2 * i], b = v[2 * i + 1];

	return tree->kind == LVS_TREE_SUM ? a + b : max(a, b);
}

static void lvs_tree_put(const struct lvs_tree *tree, struct lvs_seats *t, u32 seat, u64 value)
{
	u64 *v = lvs_tree_nodes(t), joined;
	u32 i;

	if (value > v[0])
		WRITE_ONCE(v[0], value);
	WRITE_ONCE(v[t->cap + seat], value);
	for (i = (t->cap + seat) / 2; i; i /= 2) {
		LVS_STEP();
		joined = lvs_tree_join(tree, v, i);
		if (v[i] == joined)
			return;
		WRITE_ONCE(v[i], joined);
	}
}

static u64 lvs_tree_worth(const struct lvs_tree *tree, const struct lvs_seats *t, u32 seat)
{
	const struct lvs_server *s = t->at[seat];

	return s ? tree->value(s) : 0;
}

/* Must be called with inst->lock held.  Looks again after writing: somebody may
 * have changed the flags and found that the old value suited them. */
static void lvs_tree_settle(const struct lvs_tree *tree, struct lvs_seats *t, u32 seat)
{
	u64 *leaf = &lvs_tree_nodes(t)[t->cap + seat];
	u64 worth;

	while ((worth = lvs_tree_worth(tree, t, seat)) != *leaf) {
		lvs_tree_put(tree, t, seat, worth);
		smp_mb();
	}
}

static struct lvs_seats *lvs_tree_make(struct lvs_sched_inst *inst)
{
	struct lvs_tree *tree = lvs_sched_priv(inst);
	struct lvs_seats *t = lvs_seats_make(inst->pool, 2 * sizeof(u64));
	u64 *v;
	u32 i;

	if (!t)
		return NULL;
	v = lvs_tree_nodes(t);
	for (i = 0; i < t->end; i++) {
		v[t->cap + i] = lvs_tree_worth(tree, t, i);
		v[0] = max(v[0], v[t->cap + i]);
	}
	for (i = t->cap - 1; i; i--)
		v[i] = lvs_tree_join(tree, v, i);
	return t;
}

/* @t instead of what there is.  Those who were told of a change and still saw
 * the old one are heard by the second look at every value. */
static void lvs_tree_replace(struct lvs_sched_inst *inst, struct lvs_seats *t)
{
	struct lvs_tree *tree = lvs_sched_priv(inst);
	struct lvs_seats *old = lvs_tree_seats_held(inst);
	u32 i;

	spin_lock_bh(&inst->lock);
	lvs_seats_tell(inst, t);
	rcu_assign_pointer(tree->seats, t);
	smp_mb();
	for (i = 0; i < t->end; i++)
		lvs_tree_settle(tree, t, i);
	spin_unlock_bh(&inst->lock);
	if (old)
		kvfree_rcu(old, rcu);
}

static int lvs_tree_remake(struct lvs_sched_inst *inst)
{
	struct lvs_seats *t = lvs_tree_make(inst);

	if (!t)
		return -ENOMEM;
	lvs_tree_replace(inst, t);
	return 0;
}

int lvs_tree_start(struct lvs_sched_inst *inst, enum lvs_tree_kind kind, lvs_value_fn value)
{
	struct lvs_tree *tree = lvs_sched_priv(inst);

	tree->kind = kind;
	tree->value = value;
	return lvs_tree_remake(inst);
}

void lvs_tree_stop(struct lvs_sched_inst *inst)
{
	kvfree(lvs_tree_seats_held(inst));
}

int lvs_tree_added(struct lvs_sched_inst *inst, struct lvs_server *s)
{
	struct lvs_seats *t = lvs_tree_seats_held(inst);
	u32 seat;

	if (lvs_seats_unfit(t, inst->pool))
		return lvs_tree_remake(inst);
	spin_lock_bh(&inst->lock);
	seat = lvs_seats_give(inst, t, s);
	smp_mb();
	lvs_tree_settle(lvs_sched_priv(inst), t, seat);
	spin_unlock_bh(&inst->lock);
	return 0;
}

void lvs_tree_removed(struct lvs_sched_inst *inst, struct lvs_server *s)
{
	struct lvs_seats *t = lvs_tree_seats_held(inst);
	u32 seat;

	spin_lock_bh(&inst->lock);
	seat = lvs_seats_leave(inst, t, s);
	if (seat != LVS_NO_SEAT)
		lvs_tree_settle(lvs_sched_priv(inst), t, seat);
	spin_unlock_bh(&inst->lock);
}

void lvs_tree_refresh(struct lvs_sched_inst *inst, struct lvs_server *s)
{
	struct lvs_tree *tree = lvs_sched_priv(inst);
	struct lvs_seats *t;
	u32 seat;

	spin_lock_bh(&inst->lock);
	/* Only changed under the lock. */
	t = rcu_dereference_protected(tree->seats, lockdep_is_held(&inst->lock));
	seat = lvs_seat_of(inst, s);
	if (seat < t->cap)
		lvs_tree_settle(tree, t, seat);
	spin_unlock_bh(&inst->lock);
}

/* The highest leaf below node @i; 0 if somebody just took it away. */
static u32 lvs_tree_descend(const u64 *v, u32 cap, u32 i, u64 least)
{
	while (i < cap) {
		LVS_STEP();
		i = 2 * i + 1;
		if (READ_ONCE(v[i]) < least)
			i--;
	}
	return READ_ONCE(v[i]) < least ? 0 : i;
}

u32 lvs_tree_below(const struct lvs_seats *t, u32 seat, u64 least)
{
	const u64 *v = lvs_tree_nodes(t);
	u32 cap = t->cap, i, leaf;

	if (seat >= cap) {
		leaf = READ_ONCE(v[1]) < least ? 0 : lvs_tree_descend(v, cap, 1, least);
		return leaf ? leaf - cap : LVS_NO_SEAT;
	}
	for (i = cap + seat; i > 1; i /= 2) {
		LVS_STEP();
		if (!(i & 1) || READ_ONCE(v[i - 1]) < least)
			continue;
		leaf = lvs_tree_descend(v, cap, i - 1, least);
		if (leaf)
			return leaf - cap;
	}
	return LVS_NO_SEAT;
}
