// SPDX-License-Identifier: GPL-2.0
/* The work of a pick does not grow with the number of servers. */
#include "sched_world.h"

/* Steps of one connection's pick and counts, on average. */
static double steps_per_connection(const char *name, u32 n, int profile)
{
	struct lvs_server *s;
	struct lvs_pick p;
	struct world w;
	u32 i, picked = 0;

	srandom(3);
	world_init(&w);
	for (i = 0; i < n; i++)
		s = world_add_addr(&w, profile ? some_weight((u32)profile) : 1, i + 1);
	world_bind(&w, name);
	if (profile == 3)
		for (i = 0; i < n; i++)
			if (i % 4)
				set_overload(&w, world_nth(&w, i), true);
	lvs_steps = 0;
	for (i = 0; i < 3 * n + 300; i++) {
		p = pick_of(&w, i, i % 5000);
		s = lvs_sched_pick(&w.pool, &p);
		if (!s)
			continue;
		picked++;
		move_counts(&w, s, 0, 1);
		move_counts(&w, s, 1, 0);
	}
	world_end(&w);
	return picked ? (double)lvs_steps / picked : 0;
}

/* A step is less than ten instructions and a connection 6,200, 5 % of which is 310. */
static void test_flat(void)
{
	static const char *const names[] = { "rr", "wrr", "lc", "wlc", "sed", "nq", "fo", "ovf",
					     "lblc", "lblcr", "dh", "sh", "mh", "twos" };
	double few, many;
	u32 i, profile;

	at_name = "flat";
	for (i = 0; i < ARRAY_SIZE(names); i++)
		for (profile = 0; profile <= 3; profile += 3) {
			few = steps_per_connection(names[i], 4, (int)profile);
			many = steps_per_connection(names[i], 4096, (int)profile);
			if (many - few >= 30 || !profile)
				printf("  %s: %.1f steps at 4 servers, %.1f at 4,096\n", names[i],
				       few, many);
			CHECK(many - few < 30);
		}
}

/* One eligible server among 4,096, one heavy one at its threshold. */
static void test_flat_worst(void)
{
	struct lvs_pick p;
	struct world w;
	u32 i, k;

	at_name = "flat, worst";
	world_init(&w);
	for (i = 0; i < 4096; i++)
		world_add_addr(&w, i == 1234 ? 3 : i == 7 ? 65535 : 0, i + 1);
	for (k = 0; k < 2; k++) {
		world_bind(&w, k ? "wrr" : "rr");
		set_overload(&w, by_id(&w, 8), true);
		p = pick_of(&w, 1, 1);
		for (i = 0; i < 100; i++) {
			lvs_steps = 0;
			CHECK(lvs_sched_pick(&w.pool, &p)->id == 1235);
			CHECK(lvs_steps < 80);
		}
	}
	world_end(&w);
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	test_flat();
	test_flat_worst();
	puts("sched_cost: all fine");
	return 0;
}
