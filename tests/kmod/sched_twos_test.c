// SPDX-License-Identifier: GPL-2.0
/* twos draws by chance: its picks are counted and compared with what chance says. */
#include "sched_reference.h"

static void test_twos(void)
{
	static const int weight[] = { 10, 0, 20, 30, 40 };
	u32 hits[6] = { 0 }, i, draws = 100000;
	struct lvs_pick p;
	struct world w;
	double share;

	at_name = "twos";
	srandom(7);
	world_init(&w);
	world_bind(&w, "twos");
	p = pick_of(&w, 1, 1);
	CHECK(!lvs_sched_pick(&w.pool, &p));
	for (i = 0; i < ARRAY_SIZE(weight); i++)
		world_add(&w, weight[i]);
	/* Equal loads for the weight: the first draw stands, so weights show. */
	for (i = 0; i < draws; i++)
		hits[lvs_sched_pick(&w.pool, &p)->id]++;
	for (i = 0; i < ARRAY_SIZE(weight); i++) {
		share = (double)hits[i + 1] / draws * 100;
		CHECK(share > weight[i] - 1.0 && share < weight[i] + 1.0);
	}
	/* The loaded one loses every comparison but the one with itself. */
	move_counts(&w, by_id(&w, 5), 100, 100);
	memset(hits, 0, sizeof(hits));
	for (i = 0; i < draws; i++)
		hits[lvs_sched_pick(&w.pool, &p)->id]++;
	CHECK(hits[5] > draws * 15 / 100 && hits[5] < draws * 17 / 100);
	for (i = 1; i <= 4; i++)
		set_overload(&w, by_id(&w, i), true);
	for (i = 0; i < 100; i++)
		CHECK(lvs_sched_pick(&w.pool, &p)->id == 5);
	edit_weight(&w, by_id(&w, 5), 0);
	CHECK(!lvs_sched_pick(&w.pool, &p));
	world_end(&w);
}

static void test_twos_random(void)
{
	struct lvs_server *s, *some;
	struct lvs_pick p;
	struct world w;
	struct ref r;

	at_name = "twos";
	for (at_seed = 1; at_seed <= SCHEDULES; at_seed++) {
		srandom(at_seed);
		world_init(&w);
		world_bind(&w, "twos");
		ref_restart(&w, &r);
		for (at_step = 0; at_step < STEPS; at_step++) {
			if (rnd(2))
				play_membership(&w, &r, at_seed % 5, 30, false);
			else if ((s = world_any(&w)))
				rnd(2) ? set_overload(&w, s, rnd(2)) :
					 edit_weight(&w, s, some_weight(at_seed % 5));
			p = pick_of(&w, 1, 1);
			s = lvs_sched_pick(&w.pool, &p);
			some = ref_best(&w, "wlc");
			CHECK(s ? ok(s) : !some);
		}
		world_end(&w);
	}
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	test_twos();
	test_twos_random();
	puts("sched_twos: all fine");
	return 0;
}
