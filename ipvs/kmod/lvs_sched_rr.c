// SPDX-License-Identifier: GPL-2.0
/* Round robin: the next eligible server down the list after the last one.  The
 * place survives every change; when the last one leaves, its newer neighbour
 * stands in for it. */
#include "lvs_sched_tree.h"

enum { LVS_RR_TRIES = 16 };

struct lvs_rr {
	struct lvs_tree tree;
	u32 last;			/* seat; cmpxchg */
};

static u64 rr_value(const struct lvs_server *s)
{
	return lvs_server_eligible(s);
}

static int rr_start(struct lvs_sched_inst *inst)
{
	struct lvs_rr *rr = lvs_sched_priv(inst);

	rr->last = LVS_NO_SEAT;
	return lvs_tree_start(inst, LVS_TREE_MAX, rr_value);
}

/* The first server at @seat or newer. */
static struct lvs_server *rr_newer(const struct lvs_seats *t, u32 seat)
{
	for (; seat < t->end; seat++)
		if (t->at[seat])
			return t->at[seat];
	return NULL;
}

static int rr_added(struct lvs_sched_inst *inst, struct lvs_server *s)
{
	struct lvs_rr *rr = lvs_sched_priv(inst);
	u32 was = READ_ONCE(rr->last);
	struct lvs_server *last = rr_newer(lvs_tree_seats_held(inst), was);
	int err = lvs_tree_added(inst, s);

	/* It may sit elsewhere now. */
	if (!err)
		cmpxchg(&rr->last, was, last ? lvs_seat_of(inst, last) : LVS_NO_SEAT);
	return err;
}

static void rr_removed(struct lvs_sched_inst *inst, struct lvs_server *s)
{
	struct lvs_rr *rr = lvs_sched_priv(inst);
	u32 seat = lvs_seat_of(inst, s);
	struct lvs_server *newer;

	lvs_tree_removed(inst, s);
	if (seat == LVS_NO_SEAT)
		return;
	newer = rr_newer(lvs_tree_seats_held(inst), seat);
	cmpxchg(&rr->last, seat, newer ? lvs_seat_of(inst, newer) : LVS_NO_SEAT);
}

static void rr_edited(struct lvs_sched_inst *inst, struct lvs_server *s)
{
	if (s)
		lvs_tree_refresh(inst, s);
}

static void rr_counts(struct lvs_sched_inst *inst, struct lvs_server *s)
{
	lvs_tree_counts(inst, s, rr_value);
}

static struct lvs_server *rr_pick(struct lvs_sched_inst *inst, const struct lvs_pick *p)
{
	struct lvs_rr *rr = lvs_sched_priv(inst);
	const struct lvs_seats *t = lvs_tree_seats(inst);
	struct lvs_server *s;
	u32 last, seat, tries;

	for (tries = 0; tries < LVS_RR_TRIES; tries++) {
		last = READ_ONCE(rr->last);
		seat = lvs_tree_below(t, last, 1);
		if (seat == LVS_NO_SEAT)
			seat = lvs_tree_below(t, LVS_NO_SEAT, 1);
		if (seat == LVS_NO_SEAT)
			return NULL;
		/* Lost to other CPUs again and again: share their server. */
		if (cmpxchg(&rr->last, last, seat) != last && tries < LVS_RR_TRIES - 1)
			continue;
		s = READ_ONCE(t->at[seat]);
		if (s && lvs_server_eligible(s))
			return s;
	}
	return NULL;
}

const struct lvs_sched_ops lvs_sched_rr = {
	.name = "rr",
	.inst_size = sizeof(struct lvs_rr),
	.node_size = sizeof(struct lvs_seat),
	.wants_active = true,		/* with it, OVERLOAD */
	.start = rr_start,
	.stop = lvs_tree_stop,
	.server_added = rr_added,
	.server_removed = rr_removed,
	.server_edited = rr_edited,
	.counts_changed = rr_counts,
	.pick = rr_pick,
};
