// SPDX-License-Identifier: GPL-2.0
/*
 * Weighted round robin by levels: in the pass of level c every eligible server
 * of weight c or more gets one connection, newest first; passes go from the
 * greatest weight down to the greatest common divisor in steps of it.  Levels
 * that no eligible server reaches are skipped in one step.
 *
 * Any change of the servers begins a pass anew at the head of the list, on the
 * level that was reached (or the highest, if that is gone).
 */
#include "lvs_sched_tree.h"

enum { LVS_WRR_TRIES = 16 };

struct lvs_wrr {
	struct lvs_tree tree;
	atomic64_t at;			/* level << 32 | seat */
	u32 step;			/* gcd of the weights; READ_ONCE */
	u32 top;			/* the highest level; 0: all weights are */
};

static u64 wrr_value(const struct lvs_server *s)
{
	return lvs_server_eligible(s) ? (u64)READ_ONCE(s->weight) : 0;
}

static s64 wrr_at(u32 level, u32 seat)
{
	return (s64)((u64)level << 32 | seat);
}

static u32 wrr_gcd(u32 a, u32 b)
{
	u32 c;

	while (b) {
		c = a % b;
		a = b;
		b = c;
	}
	return a;
}

/* All that count, whether at their threshold or not. */
static void wrr_measure(struct lvs_sched_inst *inst)
{
	struct lvs_wrr *wrr = lvs_sched_priv(inst);
	u32 step = 0, most = 0, weight;
	struct lvs_server *s;

	list_for_each_entry(s, &inst->pool->servers, list) {
		weight = (u32)max(s->weight, 0);
		step = wrr_gcd(weight, step);
		most = max(most, weight);
	}
	WRITE_ONCE(wrr->step, max(step, 1U));
	/* The lowest level that only the heaviest reach. */
	WRITE_ONCE(wrr->top, most ? most - step + 1 : 0);
}

/* Must be called after any change of the servers. */
static void wrr_restart(struct lvs_sched_inst *inst)
{
	struct lvs_wrr *wrr = lvs_sched_priv(inst);
	u32 level;
	s64 old;

	wrr_measure(inst);
	old = atomic64_read(&wrr->at);
	do {
		level = (u32)((u64)old >> 32);
		if (!level || level > wrr->top)
			level = wrr->top;
		else if (wrr->step > 1)
			level = level - level % wrr->step + 1;
	} while (!atomic64_try_cmpxchg(&wrr->at, &old, wrr_at(level, LVS_NO_SEAT)));
}

static int wrr_start(struct lvs_sched_inst *inst)
{
	int err = lvs_tree_start(inst, LVS_TREE_MAX, wrr_value);

	if (!err)
		wrr_restart(inst);
	return err;
}

static int wrr_added(struct lvs_sched_inst *inst, struct lvs_server *s)
{
	int err = lvs_tree_added(inst, s);

	if (!err)
		wrr_restart(inst);
	return err;
}

static void wrr_removed(struct lvs_sched_inst *inst, struct lvs_server *s)
{
	lvs_tree_removed(inst, s);
	wrr_restart(inst);
}

static void wrr_edited(struct lvs_sched_inst *inst, struct lvs_server *s)
{
	if (!s)
		return;
	lvs_tree_refresh(inst, s);
	wrr_restart(inst);
}

static void wrr_counts(struct lvs_sched_inst *inst, struct lvs_server *s)
{
	lvs_tree_counts(inst, s, wrr_value);
}

/* The level after @level that somebody eligible, @most being the heaviest,
 * reaches. */
static u32 wrr_next_level(const struct lvs_wrr *wrr, u32 level, u32 most)
{
	u32 step = READ_ONCE(wrr->step), top = READ_ONCE(wrr->top);

	level = level > step ? level - step : top;
	if (level > most)
		level -= (level - most + step - 1) / step * step;
	/* Nonsense only while weights change under us. */
	return level && level <= most ? level : 1;
}

/* Where the one after @old is; @old itself if nobody is eligible. */
static s64 wrr_next(const struct lvs_wrr *wrr, const struct lvs_seats *t, s64 old)
{
	u32 level = (u32)((u64)old >> 32), seat;
	u32 most = (u32)READ_ONCE(lvs_tree_nodes(t)[1]);

	if (!most)
		return old;
	seat = lvs_tree_below(t, (u32)old, max(level, 1U));
	if (seat == LVS_NO_SEAT) {
		level = wrr_next_level(wrr, level, most);
		seat = lvs_tree_below(t, LVS_NO_SEAT, level);
	}
	return seat == LVS_NO_SEAT ? old : wrr_at(level, seat);
}

static struct lvs_server *wrr_pick(struct lvs_sched_inst *inst, const struct lvs_pick *p)
{
	struct lvs_wrr *wrr = lvs_sched_priv(inst);
	const struct lvs_seats *t = lvs_tree_seats(inst);
	s64 old = atomic64_read(&wrr->at), next;
	struct lvs_server *s;
	u32 tries;

	for (tries = 0; tries < LVS_WRR_TRIES; tries++) {
		next = wrr_next(wrr, t, old);
		if (next == old && !READ_ONCE(lvs_tree_nodes(t)[1]))
			return NULL;
		if (!atomic64_try_cmpxchg(&wrr->at, &old, next) && tries < LVS_WRR_TRIES - 1)
			continue;
		s = (u32)next < t->cap ? READ_ONCE(t->at[(u32)next]) : NULL;
		if (s && lvs_server_eligible(s))
			return s;
		old = atomic64_read(&wrr->at);
	}
	return NULL;
}

const struct lvs_sched_ops lvs_sched_wrr = {
	.name = "wrr",
	.inst_size = sizeof(struct lvs_wrr),
	.node_size = sizeof(struct lvs_seat),
	.wants_active = true,
	.start = wrr_start,
	.stop = lvs_tree_stop,
	.server_added = wrr_added,
	.server_removed = wrr_removed,
	.server_edited = wrr_edited,
	.counts_changed = wrr_counts,
	.pick = wrr_pick,
};
