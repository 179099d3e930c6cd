// SPDX-License-Identifier: GPL-2.0
/*
 * The schedulers against naive ones.  Random services live through thousands of
 * seeded schedules of connections, edits, thresholds, arrivals and departures;
 * every pick is compared.  What a reference cannot say is tested beside: mh and
 * twos, work per pick, lack of memory, several threads, each in a file of its own.
 */
#include "sched_reference.h"

static void test_against_reference(const char *name)
{
	u32 profile, most;
	struct world w;
	struct ref r;

	at_name = name;
	for (at_seed = 1; at_seed <= SCHEDULES; at_seed++) {
		srandom(at_seed);
		/* Trial division and huge weights do not go together. */
		profile = rnd(strcmp(name, "wrr") ? 5 : 4);
		most = 1 + rnd(at_seed % 8 ? 12 : 80);
		world_init(&w);
		world_bind(&w, name);
		ref_restart(&w, &r);
		for (at_step = 0; at_step < STEPS; at_step++)
			play_step(&w, &r, name, profile, most);
		world_end(&w);
	}
}

/* Written out by hand rather than by a reference. */
static void expect_picks(struct world *w, const char *ids)
{
	struct lvs_pick p = pick_of(w, 1, 1);
	struct lvs_server *s;

	for (; *ids; ids++) {
		s = lvs_sched_pick(&w->pool, &p);
		CHECK(s ? s->id == (u32)(*ids - '0') : *ids == '-');
	}
}

static void test_known_sequences(void)
{
	struct lvs_server *s;
	struct world w;

	at_name = "known";
	world_init(&w);
	world_add(&w, 1);
	world_add(&w, 2);
	world_add(&w, 4);
	world_bind(&w, "rr");
	expect_picks(&w, "3213213");
	s = by_id(&w, 3);
	world_unlink(&w, s);
	s = world_add(&w, 4);
	expect_picks(&w, "4214");
	edit_weight(&w, s, 0);
	expect_picks(&w, "2121");
	edit_weight(&w, s, 4);
	world_bind(&w, "wrr");
	expect_picks(&w, "4442421" "4442421");
	edit_weight(&w, s, 4);
	expect_picks(&w, "421444");
	set_overload(&w, s, true);
	expect_picks(&w, "2212212");
	world_bind(&w, "fo");
	expect_picks(&w, "22");
	set_overload(&w, s, false);
	expect_picks(&w, "44");
	world_bind(&w, "ovf");
	move_counts(&w, s, 4, 4);
	expect_picks(&w, "44");
	move_counts(&w, s, 1, 1);
	expect_picks(&w, "22");
	world_bind(&w, "nq");
	expect_picks(&w, "22");
	move_counts(&w, by_id(&w, 2), 1, 1);
	expect_picks(&w, "11");
	world_end(&w);
}

/* While an address is known to one server in lblc, its threshold is no matter. */
static void test_lblc_ignores_threshold(void)
{
	struct world w;

	at_name = "lblc";
	world_init(&w);
	world_add(&w, 5);
	world_add(&w, 5);
	world_bind(&w, "lblc");
	expect_picks(&w, "2");
	move_counts(&w, by_id(&w, 2), 3, 3);
	set_overload(&w, by_id(&w, 2), true);
	expect_picks(&w, "22");
	move_counts(&w, by_id(&w, 2), 3, 3);
	expect_picks(&w, "11");
	world_end(&w);
}

/* Addresses without end: the cache stays what it is and goes on working. */
static void test_cache_bound(void)
{
	struct lvs_local *l;
	struct lvs_pick p;
	u32 i, full = 0, known = 0;
	struct world w;

	at_name = "cache";
	srandom(1);
	world_init(&w);
	for (i = 0; i < 16; i++)
		world_add(&w, 1);
	world_bind(&w, "lblc");
	for (i = 0; i < 200000; i++) {
		p = pick_of(&w, 1, i);
		w.now += i % 1000 == 0;
		move_counts(&w, lvs_sched_pick(&w.pool, &p), 0, 1);
	}
	l = lvs_sched_priv(w.pool.inst);
	for (i = 0; i < LVS_CACHE_SETS * LVS_CACHE_WAYS; i++)
		full += lvs_cache_way(&l->cache, i / LVS_CACHE_WAYS, i % LVS_CACHE_WAYS)->tag != 0;
	CHECK(full == LVS_CACHE_SETS * LVS_CACHE_WAYS);
	/* The latest are remembered. */
	for (i = 200000 - 4096; i < 200000; i++) {
		p = pick_of(&w, 1, i);
		known += lvs_cache_find(&l->cache, &p, w.env.lblc_expiration) != NULL;
	}
	CHECK(known > 4096 * 95 / 100);
	lvs_sched_tick(&w.pool, w.now + 2000);
	CHECK(!lvs_cache_find(&l->cache, &p, INT_MAX));
	world_end(&w);
}

/* One CPU read the clock, then another one used an entry a jiffy later: it is not
 * old for the first, neither to find nor to sweep nor to make room. */
static void test_cache_clock_behind(const char *name)
{
	struct lvs_local *l;
	struct lvs_entry *e;
	struct lvs_pick p;
	struct world w;
	u32 i, set, tag, left = 0;

	at_name = name;
	world_init(&w);
	for (i = 0; i < 4; i++)
		world_add(&w, 1000);
	world_bind(&w, name);
	l = lvs_sched_priv(w.pool.inst);
	w.now++;
	for (i = 0; i < 64; i++) {
		p = pick_of(&w, 1, i);
		lvs_sched_pick(&w.pool, &p);
	}
	lvs_sched_tick(&w.pool, w.now - 1);
	for (i = 0; i < 64; i++) {
		p = pick_of(&w, 1, i);
		p.now--;
		left += lvs_cache_find(&l->cache, &p, 1000) != NULL;
	}
	CHECK(left == 64);
	/* A full set: the idle one goes, not the one that is ahead. */
	lvs_cache_place(&l->cache, &p, &set, &tag);
	for (i = 0; i < LVS_CACHE_WAYS; i++) {
		e = lvs_cache_way(&l->cache, set, i);
		e->tag = 2 + i;
		e->seen = (u32)p.now + 1 - (i == 5 ? 10 : 0);
	}
	CHECK(lvs_cache_victim(&l->cache, set, tag, (u32)p.now) == lvs_cache_way(&l->cache, set, 5));
	world_end(&w);
}

/* A set that changed a jiffy after the clock was read loses nobody. */
static void test_set_clock_behind(void)
{
	struct lvs_entry *e;
	struct lvs_pick p;
	struct world w;

	at_name = "lblcr";
	world_init(&w);
	world_add(&w, 1);
	world_add(&w, 1);
	world_bind(&w, "lblcr");
	p = pick_of(&w, 1, 1);
	move_counts(&w, lvs_sched_pick(&w.pool, &p), 2, 2);
	w.now++;
	p = pick_of(&w, 1, 1);
	CHECK(lvs_sched_pick(&w.pool, &p)->id == 1);
	e = lvs_cache_find(&((struct lvs_local *)lvs_sched_priv(w.pool.inst))->cache, &p, 1000);
	CHECK(e && lblcr_size(e) == 2);
	p.now--;
	lvs_sched_pick(&w.pool, &p);
	CHECK(lblcr_size(e) == 2);
	world_end(&w);
}

/* The lock is taken: what changes meanwhile is heard when it is free again. */
static void test_postponed(void)
{
	struct lvs_pick p;
	struct world w;
	u32 i;

	at_name = "postponed";
	world_init(&w);
	for (i = 0; i < 200; i++)
		world_add_addr(&w, 1, i + 1);
	world_bind(&w, "wlc");
	p = pick_of(&w, 1, 1);
	CHECK(lvs_sched_pick(&w.pool, &p)->id == 200);
	spin_lock(&w.pool.inst->lock);
	for (i = 200; i > 120; i--)
		move_counts(&w, by_id(&w, i), 1, 1);
	CHECK(lvs_sched_pick(&w.pool, &p)->id == 200);
	spin_unlock(&w.pool.inst->lock);
	/* The next change, whatever it is about, brings them all. */
	move_counts(&w, by_id(&w, 3), 1, 1);
	CHECK(lvs_sched_pick(&w.pool, &p)->id == 120);
	world_end(&w);
}

int main(void)
{
	static const char *const exact[] = { "rr", "wrr", "lc", "wlc", "sed", "nq", "fo", "ovf",
					     "dh", "sh", "lblc", "lblcr" };
	u32 i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	test_known_sequences();
	for (i = 0; i < ARRAY_SIZE(exact); i++)
		test_against_reference(exact[i]);
	at_seed = at_step = 0;
	test_lblc_ignores_threshold();
	test_cache_bound();
	test_cache_clock_behind("lblc");
	test_cache_clock_behind("lblcr");
	test_set_clock_behind();
	test_postponed();
	puts("sched: all fine");
	return 0;
}
