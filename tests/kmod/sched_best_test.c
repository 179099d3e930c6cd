// SPDX-License-Identifier: GPL-2.0
/*
 * The tournament at the edges: weights and loads around what a key has room for,
 * fractions that differ by next to nothing, counts that jump.  After every change
 * the champion is compared with a scan and the matches with their definition.
 */
#include "sched_reference.h"

/* Around 2^16, above which two weights may be one to a key, and the greatest. */
static int edge_weight(u32 profile)
{
	static const int narrow[] = { 1, 2, 3, 32767, 32768, 46340, 46341, 65533, 65534, 65535 };
	static const int wide[] = { 65535, 65536, 65537, 92681, 1 << 24, INT_MAX - 1, INT_MAX };

	switch (profile) {
	case 0:
		return 65535 - (int)rnd(3);
	case 1:
		return INT_MAX - (int)rnd(3);
	case 2:
		return narrow[rnd(ARRAY_SIZE(narrow))];
	default:
		return rnd(2) ? narrow[rnd(ARRAY_SIZE(narrow))] : wide[rnd(ARRAY_SIZE(wide))];
	}
}

/* Connections: few, a load around 2^32, or around LVS_LOAD_MAX. */
static int edge_active(u32 profile)
{
	switch (rnd(profile ? 5 : 3)) {
	case 0:
		return (int)rnd(3);
	case 1:
		return (int)rnd(70000);
	case 2:
		return (1 << 24) - 1 - (int)rnd(2);
	case 3:
		return (1 << 24) + (int)rnd(2);
	default:
		return (1 << 25) - 2 + (int)rnd(4);
	}
}

static void edge_step(struct world *w, u32 profile)
{
	struct lvs_server *s = world_any(w);
	int active, total;

	switch (s ? rnd(16) : 0) {
	case 0:
	case 1:
		if (w->pool.n_servers < 40)
			world_add(w, edge_weight(profile));
		else
			world_unlink(w, s);
		break;
	case 2:
		edit_weight(w, s, rnd(4) ? edge_weight(profile) : 0);
		break;
	case 3:
		set_overload(w, s, rnd(2));
		break;
	default:
		active = edge_active(profile);
		total = active + (int)rnd(300);
		move_counts(w, s, active - s->active.counter, total - s->total.counter);
	}
}

/* Who wins match @at of @t, by its definition. */
static u32 winner_of(const struct lvs_best *best, u32 cap, u32 at)
{
	const struct lvs_load *load = best->match.load;
	struct frac a, b;
	u32 l, r, lost;

	if (at >= cap)
		return at - cap;
	l = winner_of(best, cap, 2 * at);
	r = winner_of(best, cap, 2 * at + 1);
	a = (struct frac){ load[l].load, load[l].weight };
	b = (struct frac){ load[r].load, load[r].weight };
	lost = frac_less(a, b) ? r : l;
	CHECK(best->match.loser[at] == lost);
	CHECK(best->wide || best->match.bar[at] == lvs_load_key(&load[lost]) + (lost == l));
	return lost == l ? r : l;
}

static void check_matches(struct world *w)
{
	const struct lvs_best *best = lvs_sched_priv(w->pool.inst);

	CHECK(best->match.loser[0] == winner_of(best, best->seats->cap, 1));
	CHECK(!best->match.bar[0]);
}

static void test_edges(const char *name)
{
	struct lvs_pick p;
	struct world w;
	u32 profile;

	at_name = name;
	for (at_seed = 1; at_seed <= SCHEDULES; at_seed++) {
		srandom(at_seed);
		profile = at_seed % 4;
		world_init(&w);
		world_bind(&w, name);
		for (at_step = 0; at_step < STEPS; at_step++) {
			edge_step(&w, profile);
			check_matches(&w);
			p = pick_of(&w, 1, 1);
			CHECK(lvs_sched_pick(&w.pool, &p) == ref_best(&w, name));
		}
		world_end(&w);
	}
}

/* Two loads that one key cannot tell apart, and two that it just can. */
static void test_key(void)
{
	struct lvs_load a = { .load = 1, .weight = INT_MAX }, b = { .load = 1, .weight = INT_MAX - 1 };

	at_name = "key";
	CHECK(lvs_load_key(&a) == lvs_load_key(&b) && lvs_load_wide(&a) && lvs_load_wide(&b));
	a = (struct lvs_load){ .load = 65535ULL * 65536 + 65534, .weight = 65535 };
	b = (struct lvs_load){ .load = 65534ULL * 65536 + 65533, .weight = 65534 };
	CHECK(!lvs_load_wide(&a) && !lvs_load_wide(&b));
	CHECK(a.load * b.weight == b.load * a.weight + 1);
	CHECK(lvs_load_key(&a) > lvs_load_key(&b));
	b = (struct lvs_load){ .load = U32_MAX, .weight = 1 };
	CHECK(!lvs_load_wide(&b) && lvs_load_key(&b) < lvs_load_key(&LVS_LOAD_NONE));
	b.load++;
	CHECK(lvs_load_wide(&b));
	b = (struct lvs_load){ .load = 0, .weight = 65536 };
	CHECK(lvs_load_wide(&b));
}

/* A wide server comes, is compared and goes; when the array is made anew, keys are
 * enough again. */
static void test_wide_is_forgotten(void)
{
	struct lvs_server *s;
	struct lvs_best *best;
	struct world w;
	u32 i;

	at_name = "wide";
	world_init(&w);
	world_add(&w, 5);
	world_bind(&w, "wlc");
	s = world_add(&w, 70000);
	best = lvs_sched_priv(w.pool.inst);
	CHECK(best->wide);
	world_unlink(&w, s);
	for (i = 0; i < 20; i++)
		world_add(&w, 5);
	CHECK(!best->wide);
	check_matches(&w);
	world_end(&w);
}

int main(void)
{
	static const char *const names[] = { "lc", "wlc", "sed", "nq", "fo", "ovf" };
	u32 i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	test_key();
	for (i = 0; i < ARRAY_SIZE(names); i++)
		test_edges(names[i]);
	at_seed = at_step = 0;
	test_wide_is_forgotten();
	puts("sched_best: all fine");
	return 0;
}
