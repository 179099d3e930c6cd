// SPDX-License-Identifier: GPL-2.0
/* The power of two choices: two servers drawn at random by weight, the less
 * loaded for its weight takes the connection.  Both draws may hit the same. */
#include "lvs_sched_tree.h"

enum { LVS_TWOS_TRIES = 8 };

static u64 twos_value(const struct lvs_server *s)
{
	return lvs_server_eligible(s) ? (u64)READ_ONCE(s->weight) : 0;
}

static int twos_start(struct lvs_sched_inst *inst)
{
	return lvs_tree_start(inst, LVS_TREE_SUM, twos_value);
}

static void twos_edited(struct lvs_sched_inst *inst, struct lvs_server *s)
{
	if (s)
		lvs_tree_refresh(inst, s);
}

static void twos_counts(struct lvs_sched_inst *inst, struct lvs_server *s)
{
	lvs_tree_counts(inst, s, twos_value);
}

static u64 twos_random(u64 below)
{
	u64 r;

	if (below <= U32_MAX)
		return lvs_random_below((u32)below);
	r = (u64)lvs_random_below(U32_MAX) << 32 | lvs_random_below(U32_MAX);
	return r - div64_u64(r, below) * below;
}

/* The seat at @r of the whole. */
static u32 twos_at(const struct lvs_seats *t, u64 r)
{
	const u64 *v = lvs_tree_nodes(t);
	u64 left;
	u32 i = 1;

	while (i < t->cap) {
		LVS_STEP();
		i *= 2;
		left = READ_ONCE(v[i]);
		if (r >= left) {
			r -= left;
			i++;
		}
	}
	return i - t->cap;
}

/*
 * While servers weigh much the same, nearly every seat is as good as another: one
 * of all, which stands with the chance of its weight to the greatest.  Who has to
 * draw again draws from the whole, so the shares are exact.
 */
static u32 twos_guess(const struct lvs_seats *t, u64 sum)
{
	const u64 *v = lvs_tree_nodes(t);
	u64 most = READ_ONCE(v[0]), all = most * READ_ONCE(t->end);
	u32 r, seat;

	/* Nothing yet is no offer either. */
	if (!all || all > U32_MAX || all / 2 > sum)
		return LVS_NO_SEAT;
	r = lvs_random_below((u32)all);
	seat = r / (u32)most;
	return r % (u32)most < READ_ONCE(v[t->cap + seat]) ? seat : LVS_NO_SEAT;
}

static struct lvs_server *twos_draw(const struct lvs_seats *t)
{
	u64 sum = READ_ONCE(lvs_tree_nodes(t)[1]);
	struct lvs_server *s;
	u32 seat;

	if (!sum)
		return NULL;
	seat = twos_guess(t, sum);
	if (seat == LVS_NO_SEAT)
		seat = twos_at(t, twos_random(sum));
	s = READ_ONCE(t->at[seat]);
	return s && lvs_server_eligible(s) ? s : NULL;
}

/* Missing only nobody: or a value that climbs just now. */
static struct lvs_server *twos_draw_surely(const struct lvs_seats *t)
{
	struct lvs_server *s = NULL;
	u32 tries;

	for (tries = 0; !s && tries < LVS_TWOS_TRIES; tries++)
		s = twos_draw(t);
	return s;
}

static struct lvs_server *twos_pick(struct lvs_sched_inst *inst, const struct lvs_pick *p)
{
	const struct lvs_seats *t = lvs_tree_seats(inst);
	struct lvs_server *a = twos_draw_surely(t), *b;

	b = a ? twos_draw(t) : NULL;
	if (!b || a == b)
		return a;
	return lvs_load_less(lvs_server_overhead(b), (u32)READ_ONCE(b->weight),
			     lvs_server_overhead(a), (u32)READ_ONCE(a->weight)) ? b : a;
}

const struct lvs_sched_ops lvs_sched_twos = {
	.name = "twos",
	.inst_size = sizeof(struct lvs_tree),
	.node_size = sizeof(struct lvs_seat),
	.wants_active = true,
	.start = twos_start,
	.stop = lvs_tree_stop,
	.server_added = lvs_tree_added,
	.server_removed = lvs_tree_removed,
	.server_edited = twos_edited,
	.counts_changed = twos_counts,
	.pick = twos_pick,
};
