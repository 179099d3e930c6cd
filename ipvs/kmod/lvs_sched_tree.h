/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A value per server, and above the values of all seats a tree whose inner nodes
 * hold the greatest or the sum of what is below: "the next server that weighs at
 * least so much" and "the server at this share of the whole" are then found in
 * the depth of the tree.  The value says whether a server is eligible, so it
 * changes by configuration and thresholds, hardly ever by connections.
 *
 * Picks read without a lock.  What they see while a value climbs may not fit
 * together: they check what they found and try again.
 */
#ifndef LVS_SCHED_TREE_H
#define LVS_SCHED_TREE_H

#include "lvs_sched_seats.h"

/* What @s counts; looks at nothing but weight and flags. */
typedef u64 (*lvs_value_fn)(const struct lvs_server *s);

enum lvs_tree_kind { LVS_TREE_MAX, LVS_TREE_SUM };

/* The beginning of inst->priv. */
struct lvs_tree {
	struct lvs_seats __rcu *seats;
	lvs_value_fn value;
	enum lvs_tree_kind kind;
};

int lvs_tree_start(struct lvs_sched_inst *inst, enum lvs_tree_kind kind, lvs_value_fn value);
void lvs_tree_stop(struct lvs_sched_inst *inst);
int lvs_tree_added(struct lvs_sched_inst *inst, struct lvs_server *s);
void lvs_tree_removed(struct lvs_sched_inst *inst, struct lvs_server *s);
/* Put @s' value right, whatever it was. */
void lvs_tree_refresh(struct lvs_sched_inst *inst, struct lvs_server *s);

/* Node 1 is the root, the children of i are 2i and 2i + 1, leaves start at cap.
 * In 0 is what no value has exceeded since the array was made. */
static inline u64 *lvs_tree_nodes(const struct lvs_seats *t)
{
	return lvs_seats_extra(t);
}

static inline struct lvs_seats *lvs_tree_seats(struct lvs_sched_inst *inst)
{
	struct lvs_tree *tree = lvs_sched_priv(inst);

	return rcu_dereference(tree->seats);
}

/* For the sleepable calls. */
static inline struct lvs_seats *lvs_tree_seats_held(struct lvs_sched_inst *inst)
{
	struct lvs_tree *tree = lvs_sched_priv(inst);

	return rcu_dereference_protected(tree->seats, 1);
}

/* counts_changed: most often nothing did. */
static __always_inline void lvs_tree_counts(struct lvs_sched_inst *inst, struct lvs_server *s,
					    lvs_value_fn value)
{
	const struct lvs_seats *t;
	u32 seat;

	/* Between the change that brought us here and the reads. */
	smp_mb__after_atomic();
	t = lvs_tree_seats(inst);
	seat = lvs_seat_of(inst, s);
	if (seat >= t->cap || READ_ONCE(lvs_tree_nodes(t)[t->cap + seat]) == value(s))
		return;
	lvs_tree_refresh(inst, s);
}

/* The highest seat below @seat, or at all if @seat is none, worth @least or
 * more; LVS_NO_SEAT without any.  LVS_TREE_MAX only. */
u32 lvs_tree_below(const struct lvs_seats *t, u32 seat, u64 least);

#endif
