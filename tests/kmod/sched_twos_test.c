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

/* Nobody has connections, so the first draw stands. */
static void expect_shares(struct world *w)
{
	u32 hits[64] = { 0 }, i, draws = 200000;
	struct lvs_pick p = pick_of(w, 1, 1);
	double sum = 0, share, error;
	struct lvs_server *s;

	for (i = 0; i < draws; i++)
		hits[lvs_sched_pick(&w->pool, &p)->id]++;
	list_for_each_entry(s, &w->pool.servers, list)
		sum += ok(s) ? s->weight : 0;
	list_for_each_entry(s, &w->pool.servers, list) {
		share = ok(s) ? s->weight / sum : 0;
		/* Five times the standard deviation. */
		error = hits[s->id] - draws * share;
		CHECK(error * error <= 25 * draws * share * (1 - share));
	}
}

/* Like weights, unlike ones, and one far above the others, which then goes: however
 * a server is drawn, the shares are those of the weights. */
static void test_twos_shares(void)
{
	struct world w;
	u32 i;

	at_name = "twos, shares";
	srandom(11);
	world_init(&w);
	for (i = 0; i < 20; i++)
		world_add(&w, 100);
	world_bind(&w, "twos");
	expect_shares(&w);
	for (i = 1; i <= 20; i += 3)
		edit_weight(&w, by_id(&w, i), 60 + (int)i);
	world_add(&w, 7);
	expect_shares(&w);
	set_overload(&w, by_id(&w, 3), true);
	world_unlink(&w, by_id(&w, 9));
	expect_shares(&w);
	edit_weight(&w, by_id(&w, 5), 5000);
	expect_shares(&w);
	edit_weight(&w, by_id(&w, 5), 50);
	expect_shares(&w);
	for (i = 1; i <= 8; i++)
		edit_weight(&w, by_id(&w, i == 3 || i == 5 ? 10 : i), INT_MAX / (int)i);
	expect_shares(&w);
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
	test_twos_shares();
	test_twos_random();
	puts("sched_twos: all fine");
	return 0;
}
