// SPDX-License-Identifier: GPL-2.0
/* No memory at every place where some is asked for, and all schedulers on several threads. */
#include "sched_reference.h"

static void test_no_memory(const char *name)
{
	struct world w;
	struct lvs_pick p;
	u32 i, k;
	int err;

	at_name = name;
	srandom(5);
	world_init(&w);
	for (i = 0; i < 5; i++)
		world_add(&w, 2);
	for (k = 1;; k++) {
		lvs_fail_alloc = (int)k;
		err = lvs_sched_bind(&w.pool, lvs_sched_find(name));
		if (!err)
			break;
		CHECK(err == -ENOMEM && !w.pool.inst);
	}
	lvs_fail_alloc = 0;
	/* Every place where adding may fail, again and again as arrays grow. */
	for (i = 0; i < 40; i++) {
		for (k = 1;; k++) {
			lvs_fail_alloc = (int)k;
			if (world_add(&w, 2))
				break;
			CHECK(!lvs_fail_alloc);
		}
		lvs_fail_alloc = 0;
		CHECK(w.pool.n_servers == 6 + i);
		p = pick_of(&w, i, i);
		CHECK(lvs_sched_pick(&w.pool, &p));
	}
	/* Removal never needs memory to be right. */
	while (w.pool.n_servers > 1) {
		lvs_fail_alloc = 1;
		world_unlink(&w, world_any(&w));
		lvs_fail_alloc = 0;
		p = pick_of(&w, rnd(1000), rnd(60));
		CHECK(lvs_sched_pick(&w.pool, &p) || !strcmp(name, "mh"));
		lvs_sched_tick(&w.pool, w.now);
		CHECK(lvs_sched_pick(&w.pool, &p));
	}
	world_end(&w);
}

enum { WORKERS = 3, ROUNDS = 150 };

struct worker {
	pthread_t thread;
	unsigned long passes, picks;
	unsigned int seed;
};

static struct world shared;
static struct worker workers[WORKERS];
static bool stopping;

static void *work_on(void *arg)
{
	struct worker *me = arg;
	struct lvs_server *s;
	struct lvs_pick p;

	while (!READ_ONCE(stopping)) {
		p = pick_of(&shared, (u32)rand_r(&me->seed) % 5000, (u32)rand_r(&me->seed) % 50);
		s = lvs_sched_pick(&shared.pool, &p);
		if (s) {
			CHECK(READ_ONCE(s->weight) >= 0);
			atomic_inc(&s->total);
			lvs_sched_counts(&shared.pool, s, false, true);
			atomic_inc(&s->active);
			lvs_sched_counts(&shared.pool, s, true, false);
			if (rand_r(&me->seed) % 2) {
				atomic_dec(&s->active);
				atomic_dec(&s->total);
				lvs_sched_counts(&shared.pool, s, true, true);
			}
			me->picks++;
		}
		/* Nothing is held here. */
		__atomic_add_fetch(&me->passes, 1, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

static void wait_for_workers(void)
{
	unsigned int i;

	for (i = 0; i < WORKERS; i++) {
		unsigned long at = __atomic_load_n(&workers[i].passes, __ATOMIC_SEQ_CST);

		while (__atomic_load_n(&workers[i].passes, __ATOMIC_SEQ_CST) - at < 2)
			sched_yield();
	}
}

static void disturb(struct world *w)
{
	struct lvs_server *s = world_any(w);

	switch (rnd(4)) {
	case 0:
		if (s)
			world_unlink(w, s);
		break;
	case 1:
		if (s)
			edit_weight(w, s, (int)rnd(5));
		break;
	default:
		world_add(w, 1 + (int)rnd(5));
	}
}

/* Picks and counts on all sides while servers come and go: nothing dangles (or
 * ASan says so), and in the end nothing was forgotten. */
static void test_threads(const char *name)
{
	unsigned long picks = 0;
	unsigned int i;
	struct ref r;

	at_name = name;
	srandom(9);
	world_init(&shared);
	for (i = 0; i < 6; i++)
		world_add(&shared, 3);
	world_bind(&shared, name);
	stopping = false;
	lvs_test_grace = wait_for_workers;
	memset(workers, 0, sizeof(workers));
	for (i = 0; i < WORKERS; i++) {
		workers[i].seed = i + 1;
		pthread_create(&workers[i].thread, NULL, work_on, &workers[i]);
	}
	for (i = 0; i < ROUNDS; i++)
		disturb(&shared);
	WRITE_ONCE(stopping, true);
	for (i = 0; i < WORKERS; i++)
		pthread_join(workers[i].thread, NULL);
	lvs_test_grace = NULL;
	/* One that came late may have found every server full (ovf). */
	for (i = 0; i < WORKERS; i++) {
		CHECK(workers[i].passes);
		picks += workers[i].picks;
	}
	CHECK(picks);
	if (lvs_sched_find(name)->pick == lvs_best_pick) {
		ref_restart(&shared, &r);
		for (i = 0; i < 50; i++)
			play_pick(&shared, &r, name);
	}
	world_end(&shared);
}

int main(void)
{
	static const char *const all[] = { "rr", "wrr", "lc", "wlc", "sed", "nq", "fo", "ovf",
					   "dh", "sh", "lblc", "lblcr", "mh", "twos" };
	u32 i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	lvs_mh_slots = 251;
	for (i = 0; i < ARRAY_SIZE(all); i++)
		test_no_memory(all[i]);
	for (i = 0; i < ARRAY_SIZE(all); i++)
		test_threads(all[i]);
	puts("sched_stress: all fine");
	return 0;
}
