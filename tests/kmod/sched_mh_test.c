// SPDX-License-Identifier: GPL-2.0
/* Maglev: shares by weight, little disruption, no dependence on the order of arrival. */
#include "sched_world.h"

/* Servers 1..n in a random order. */
static void mh_world(struct world *w, u32 n, const int *weight, u32 without)
{
	u32 *order = calloc(n, sizeof(*order)), i, k;

	world_init(w);
	w->next_addr = n + 1;
	for (i = 0; i < n; i++)
		order[i] = i;
	for (i = n - 1; i; i--) {
		k = rnd(i + 1);
		swap(order[i], order[k]);
	}
	if (rnd(2))
		world_bind(w, "mh");
	for (i = 0; i < n; i++)
		if (order[i] + 1 != without)
			CHECK(!lvs_sched_server_added(
				&w->pool, world_add_addr(w, weight[order[i]], order[i] + 1)));
	world_bind(w, "mh");
	free(order);
}

static u32 mh_slot_owner(struct world *w, u32 slot)
{
	const struct lvs_server *s = mh_owner(lvs_sched_priv(w->pool.inst), slot);

	return s ? ntohl(s->addr.ip) - 0x0a000000 : 0;
}

static u32 mh_differences(struct world *a, struct world *b, u32 but)
{
	u32 i, n = 0;

	for (i = 0; i < ((struct lvs_mh *)lvs_sched_priv(a->pool.inst))->n_slots; i++)
		n += mh_slot_owner(a, i) != but && mh_slot_owner(a, i) != mh_slot_owner(b, i);
	return n;
}

static void test_mh_order(void)
{
	int weight[40];
	struct world a, b;
	u32 i, n;

	at_name = "mh order";
	lvs_mh_slots = 1021;
	for (at_seed = 1; at_seed <= 300; at_seed++) {
		srandom(at_seed);
		n = 2 + rnd(38);
		for (i = 0; i < n; i++)
			weight[i] = some_weight(at_seed % 5);
		mh_world(&a, n, weight, 0);
		mh_world(&b, n, weight, 0);
		CHECK(!mh_differences(&a, &b, ~0U));
		/* One more there and away again leaves no trace. */
		world_unlink(&b, world_add(&b, 3));
		CHECK(!mh_differences(&a, &b, ~0U));
		/* Nor does weight 0 and back. */
		edit_weight(&a, world_nth(&a, 0), 0);
		CHECK(!mh_differences(&a, &b, ~0U));
		world_end(&a);
		world_end(&b);
	}
}

static void mh_check_shares(struct world *w, u32 n, const int *weight)
{
	u32 *got = calloc(n + 1, sizeof(*got)), i, slots;
	double fair, sum = 0;

	slots = ((struct lvs_mh *)lvs_sched_priv(w->pool.inst))->n_slots;
	for (i = 0; i < slots; i++)
		got[mh_slot_owner(w, i)]++;
	CHECK(!got[0]);
	for (i = 0; i < n; i++)
		sum += weight[i];
	for (i = 0; i < n; i++) {
		fair = slots * (double)weight[i] / sum;
		CHECK(got[i + 1] >= 1 || !weight[i]);
		CHECK(got[i + 1] < fair * 1.02 + 2 && got[i + 1] > fair * 0.98 - 2);
	}
	free(got);
}

static void mh_check_disruption(u32 n, const int *weight)
{
	u32 gone = 1 + rnd(n), moved, slots = 65537;
	struct world a, b;

	mh_world(&a, n, weight, 0);
	mh_world(&b, n, weight, gone);
	mh_check_shares(&a, n, weight);
	moved = mh_differences(&a, &b, gone);
	printf("  mh: %u servers, one leaves: %.2f %% of the others' slots move\n", n,
	       100.0 * moved / slots);
	CHECK(moved < slots * 3 / 100);
	world_end(&a);
	world_end(&b);
}

static void test_mh_spread(void)
{
	static const u32 sizes[] = { 3, 10, 100, 500 };
	int weight[500];
	u32 i, k;

	at_name = "mh spread";
	lvs_mh_slots = 65537;
	srandom(11);
	for (k = 0; k < ARRAY_SIZE(sizes); k++) {
		for (i = 0; i < sizes[k]; i++)
			weight[i] = 1;
		mh_check_disruption(sizes[k], weight);
		for (i = 0; i < sizes[k]; i++)
			weight[i] = 1 + (int)rnd(20);
		mh_check_disruption(sizes[k], weight);
	}
}

/* Clients stay where they were; those of a server that is out wait, or move
 * alone. */
static void test_mh_pick(void)
{
	u32 i, n, out, first[2000], hits[11] = { 0 }, moved = 0;
	struct lvs_server *s;
	struct lvs_pick p;
	struct world w;

	at_name = "mh pick";
	lvs_mh_slots = 65537;
	world_init(&w);
	world_bind(&w, "mh");
	p = pick_of(&w, 1, 1);
	CHECK(!lvs_sched_pick(&w.pool, &p));
	for (i = 0; i < 10; i++)
		world_add(&w, 1);
	for (i = 0; i < 2000; i++) {
		p = pick_of(&w, i, 1);
		first[i] = lvs_sched_pick(&w.pool, &p)->id;
		hits[first[i]]++;
	}
	for (i = 1; i <= 10; i++)
		CHECK(hits[i] > 140 && hits[i] < 260);
	out = 4;
	set_overload(&w, by_id(&w, out), true);
	for (n = 0; n < 2; n++) {
		w.pool.flags = n ? IP_VS_SVC_F_SCHED1 : 0;
		for (i = 0; i < 2000; i++) {
			p = pick_of(&w, i, 1);
			s = lvs_sched_pick(&w.pool, &p);
			CHECK(first[i] != out ? s && s->id == first[i] : n ? s && s->id != out : !s);
		}
	}
	w.pool.flags = IP_VS_SVC_F_SCHED2;
	for (i = 0; i < 2000; i++) {
		p = pick_of(&w, i, 1);
		s = lvs_sched_pick(&w.pool, &p);
		moved += !s || s->id != first[i];
	}
	CHECK(moved > 1000);
	w.pool.flags = IP_VS_SVC_F_SCHED1;
	for (i = 1; i <= 10; i++)
		set_overload(&w, by_id(&w, i), i != 9);
	for (i = 0; i < 2000; i++) {
		p = pick_of(&w, i, 1);
		CHECK(lvs_sched_pick(&w.pool, &p)->id == 9);
	}
	edit_weight(&w, by_id(&w, 9), 0);
	lvs_steps = 0;
	CHECK(!lvs_sched_pick(&w.pool, &p) && !lvs_steps);
	world_end(&w);
}

static void test_mh_limits(void)
{
	struct world w;
	u32 i, k, d;

	at_name = "mh limits";
	for (k = 0; k < ARRAY_SIZE(mh_sizes); k++)
		for (d = 2; d * d <= mh_sizes[k]; d++)
			CHECK(mh_sizes[k] % d);
	lvs_mh_slots = 1;
	world_init(&w);
	world_bind(&w, "mh");
	for (i = 0; i < 251; i++)
		CHECK(world_add(&w, 1));
	mh_check_shares(&w, 251, (int[251]){ [0 ... 250] = 1 });
	CHECK(!world_add(&w, 1));
	mh_check_shares(&w, 251, (int[251]){ [0 ... 250] = 1 });
	world_bind(&w, "rr");
	CHECK(world_add(&w, 1));
	CHECK(lvs_sched_bind(&w.pool, lvs_sched_find("mh")) == -EINVAL);
	CHECK(!strcmp(lvs_sched_name(&w.pool), "rr"));
	lvs_mh_slots = ~0U;
	world_bind(&w, "mh");
	CHECK(((struct lvs_mh *)lvs_sched_priv(w.pool.inst))->n_slots == 655373);
	world_end(&w);
	lvs_mh_slots = 65537;
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	test_mh_order();
	test_mh_limits();
	test_mh_pick();
	test_mh_spread();
	puts("sched_mh: all fine");
	return 0;
}
