// SPDX-License-Identifier: GPL-2.0
/*
 * The schedulers against naive ones: the references walk the list from the newest
 * server to the oldest and do what the definition says.  Random services live
 * through thousands of seeded schedules of connections, edits, thresholds,
 * arrivals and departures; every pick is compared.  Then what a reference cannot
 * say: work per pick, spread, disruption, lack of memory, several threads.
 */
#include "lvs_internal.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>

#include "../../ipvs/kmod/lvs_sched.c"
#include "../../ipvs/kmod/lvs_sched_best.c"
#include "../../ipvs/kmod/lvs_sched_cache.c"
#include "../../ipvs/kmod/lvs_sched_dh.c"
#include "../../ipvs/kmod/lvs_sched_fo.c"
#include "../../ipvs/kmod/lvs_sched_lblc.c"
#include "../../ipvs/kmod/lvs_sched_lblcr.c"
#include "../../ipvs/kmod/lvs_sched_lc.c"
#include "../../ipvs/kmod/lvs_sched_mh.c"
#include "../../ipvs/kmod/lvs_sched_nq.c"
#include "../../ipvs/kmod/lvs_sched_ovf.c"
#include "../../ipvs/kmod/lvs_sched_rr.c"
#include "../../ipvs/kmod/lvs_sched_seats.c"
#include "../../ipvs/kmod/lvs_sched_sed.c"
#include "../../ipvs/kmod/lvs_sched_sh.c"
#include "../../ipvs/kmod/lvs_sched_tree.c"
#include "../../ipvs/kmod/lvs_sched_twos.c"
#include "../../ipvs/kmod/lvs_sched_wlc.c"
#include "../../ipvs/kmod/lvs_sched_wrr.c"

int lvs_fail_alloc;
void (*lvs_test_grace)(void);
unsigned long lvs_steps;

static const char *at_name = "";
static unsigned int at_seed, at_step;

#define CHECK(c)                                                                         \
	do {                                                                             \
		if (!(c)) {                                                              \
			fprintf(stderr, "%s:%d: %s (%s, seed %u, step %u)\n", __FILE__,  \
				__LINE__, #c, at_name, at_seed, at_step);                \
			exit(1);                                                         \
		}                                                                        \
	} while (0)

static u32 rnd(u32 below)
{
	return (u32)random() % below;
}

/* ---------------------------------------------------- a service of its own -- */

struct world {
	struct lvs_pool pool;
	struct lvs_sched_env env;
	u32 next_id, next_addr;
	unsigned long now;
};

static void world_init(struct world *w)
{
	memset(w, 0, sizeof(*w));
	INIT_LIST_HEAD(&w->pool.servers);
	w->pool.af = AF_INET;
	w->pool.env = &w->env;
	w->env.lblc_expiration = w->env.lblcr_expiration = 1000;
	w->next_id = w->next_addr = 1;
	w->now = 5000;
}

/* What the owner of a pool does, in its order. */
static struct lvs_server *world_add_addr(struct world *w, int weight, u32 addr)
{
	struct lvs_server *s = calloc(1, sizeof(*s));

	s->af = AF_INET;
	s->addr.ip = htonl(0x0a000000 + addr);
	s->port = htons(80);
	s->weight = weight;
	s->id = w->next_id++;
	s->flags = LVS_SERVER_AVAILABLE;
	list_add_rcu(&s->list, &w->pool.servers);
	w->pool.n_servers++;
	return s;
}

static void world_unlink(struct world *w, struct lvs_server *s)
{
	s->flags &= ~LVS_SERVER_AVAILABLE;
	list_del_rcu(&s->list);
	w->pool.n_servers--;
	lvs_sched_server_removed(&w->pool, s);
	synchronize_rcu();
	lvs_sched_server_free(s);
	free(s);
}

static struct lvs_server *world_add(struct world *w, int weight)
{
	struct lvs_server *s = world_add_addr(w, weight, w->next_addr++);

	if (!lvs_sched_server_added(&w->pool, s))
		return s;
	world_unlink(w, s);
	return NULL;
}

static void world_end(struct world *w)
{
	struct lvs_server *s, *next;

	CHECK(!lvs_sched_bind(&w->pool, NULL));
	list_for_each_entry_safe(s, next, &w->pool.servers, list) {
		lvs_sched_server_free(s);
		free(s);
	}
}

static void world_bind(struct world *w, const char *name)
{
	CHECK(lvs_sched_find(name));
	CHECK(!lvs_sched_bind(&w->pool, lvs_sched_find(name)));
}

static struct lvs_server *world_nth(struct world *w, u32 n)
{
	struct lvs_server *s;

	list_for_each_entry(s, &w->pool.servers, list)
		if (!n--)
			return s;
	return NULL;
}

static struct lvs_server *world_any(struct world *w)
{
	return w->pool.n_servers ? world_nth(w, rnd(w->pool.n_servers)) : NULL;
}

static void move_counts(struct world *w, struct lvs_server *s, int active, int total)
{
	s->active.counter += active;
	s->total.counter += total;
	lvs_sched_counts(&w->pool, s, active != 0, total != 0);
}

static void set_overload(struct world *w, struct lvs_server *s, bool on)
{
	s->flags = on ? s->flags | LVS_SERVER_OVERLOAD : s->flags & ~LVS_SERVER_OVERLOAD;
	lvs_sched_counts(&w->pool, s, true, true);
}

static void edit_weight(struct world *w, struct lvs_server *s, int weight)
{
	s->weight = weight;
	lvs_sched_edited(&w->pool, s);
}

static struct lvs_pick pick_of(struct world *w, u32 client, u32 virt)
{
	struct lvs_pick p = { .af = AF_INET, .proto = IPPROTO_TCP, .now = w->now };

	p.saddr.ip = htonl(0xc0000200 + client);
	p.daddr.ip = htonl(0xc6336400 + virt);
	p.sport = htons((u16)(1024 + client % 7));
	p.dport = htons(80);
	return p;
}

/* ------------------------------------------------------------- references -- */

struct seen_addr {
	u32 id[8], n;
	unsigned long seen, changed;
};

struct ref {
	struct list_head *cur;		/* rr, wrr: the last one, or the list's head */
	long cw, step, top;		/* wrr */
	struct seen_addr addr[64];	/* lblc, lblcr */
};

static bool ok(const struct lvs_server *s)
{
	return s->weight > 0 && s->flags == LVS_SERVER_AVAILABLE;
}

static u64 overhead(const struct lvs_server *s)
{
	return (u64)s->active.counter * 256 + (u64)(s->total.counter - s->active.counter);
}

/* Smaller is better, as a fraction. */
struct frac {
	u64 num, den;
};

static bool frac_less(struct frac a, struct frac b)
{
	return (unsigned __int128)a.num * b.den < (unsigned __int128)b.num * a.den;
}

static bool ref_scan(const char *name, const struct lvs_server *s, struct frac *f)
{
	f->num = overhead(s);
	f->den = (u64)s->weight;
	if (!strcmp(name, "lc"))
		f->den = 1;
	else if (!strcmp(name, "sed") || !strcmp(name, "nq"))
		f->num = (u64)s->active.counter + 1;
	else if (!strcmp(name, "fo") || !strcmp(name, "ovf"))
		f->num = 1;
	if (!strcmp(name, "nq") && !s->active.counter)
		f->num = 0;
	return ok(s) && (strcmp(name, "ovf") || s->active.counter <= s->weight);
}

/* The first of the best in list order. */
static struct lvs_server *ref_best(struct world *w, const char *name)
{
	struct lvs_server *s, *best = NULL;
	struct frac f, least = { 0, 0 };

	list_for_each_entry(s, &w->pool.servers, list) {
		if (!ref_scan(name, s, &f) || (best && !frac_less(f, least)))
			continue;
		best = s;
		least = f;
		if (!strcmp(name, "nq") && !f.num)
			break;
	}
	return best;
}

static struct lvs_server *ref_rr(struct world *w, struct ref *r)
{
	struct list_head *at = r->cur, *head = &w->pool.servers;
	struct lvs_server *s;
	u32 i;

	for (i = 0; i <= w->pool.n_servers + 1; i++) {
		at = at->next;
		if (at == head)
			continue;
		s = list_entry(at, struct lvs_server, list);
		if (ok(s)) {
			r->cur = at;
			return s;
		}
	}
	return NULL;
}

static void ref_wrr_changed(struct world *w, struct ref *r)
{
	struct lvs_server *s;
	long most = 0, d, fits;

	if (strcmp(at_name, "wrr"))
		return;
	/* By trial, to be independent of Euclid. */
	list_for_each_entry(s, &w->pool.servers, list)
		most = max(most, (long)s->weight);
	for (d = most ? most : 1; d > 1; d--) {
		fits = 1;
		list_for_each_entry(s, &w->pool.servers, list)
			fits &= s->weight % d == 0;
		if (fits)
			break;
	}
	r->step = d;
	r->top = most ? most - d + 1 : 0;
	r->cur = &w->pool.servers;
	if (!r->cw || r->cw > r->top)
		r->cw = r->top;
	else if (d > 1)
		r->cw = r->cw / d * d + 1;
}

static struct lvs_server *ref_wrr(struct world *w, struct ref *r)
{
	struct lvs_server *s;
	bool any = false;

	list_for_each_entry(s, &w->pool.servers, list)
		any |= ok(s);
	if (!any)
		return NULL;
	for (;;) {
		r->cur = r->cur->next;
		if (r->cur == &w->pool.servers) {
			r->cw -= r->step;
			if (r->cw <= 0)
				r->cw = r->top;
			continue;
		}
		s = list_entry(r->cur, struct lvs_server, list);
		if (ok(s) && s->weight >= r->cw)
			return s;
	}
}

static u32 ref_slot(__be32 addr, u32 plus)
{
	return ((ntohl(addr) + plus) * 0x61c88647U) >> 24;
}

static struct lvs_server *ref_dh(struct world *w, const struct lvs_pick *p)
{
	struct lvs_server *s;

	if (!w->pool.n_servers)
		return NULL;
	s = world_nth(w, ref_slot(p->daddr.ip, 0) % w->pool.n_servers);
	return ok(s) ? s : NULL;
}

static struct lvs_server *ref_sh_slot(struct world *w, u32 slot)
{
	struct lvs_server *s;
	u64 sum = 0, at;

	list_for_each_entry(s, &w->pool.servers, list)
		sum += (u64)max(s->weight, 1);
	at = slot % sum;
	list_for_each_entry(s, &w->pool.servers, list) {
		if (at < (u64)max(s->weight, 1))
			return s;
		at -= (u64)max(s->weight, 1);
	}
	return NULL;
}

static struct lvs_server *ref_sh(struct world *w, const struct lvs_pick *p)
{
	u32 port = ntohs(p->sport), h, i;
	struct lvs_server *s;

	if (!w->pool.n_servers)
		return NULL;
	h = ref_slot(p->saddr.ip, w->pool.flags & IP_VS_SVC_F_SCHED2 ? port : 0);
	s = ref_sh_slot(w, h);
	if (ok(s) || !(w->pool.flags & IP_VS_SVC_F_SCHED1))
		return ok(s) ? s : NULL;
	for (i = 0; i < 256; i++) {
		s = ref_sh_slot(w, (h + (h + i) % 256) % 256);
		if (ok(s))
			return s;
	}
	return NULL;
}

static struct lvs_server *by_id(struct world *w, u32 id)
{
	struct lvs_server *s;

	list_for_each_entry(s, &w->pool.servers, list)
		if (s->id == id)
			return s;
	return NULL;
}

static bool ref_overloaded(struct world *w, const struct lvs_server *s)
{
	struct lvs_server *o;

	if (s->active.counter <= s->weight)
		return false;
	list_for_each_entry(o, &w->pool.servers, list)
		if (o->active.counter * 2 < o->weight)
			return true;
	return false;
}

static struct lvs_server *ref_lblc(struct world *w, struct ref *r, u32 virt)
{
	struct seen_addr *a = &r->addr[virt];
	struct lvs_server *s = NULL;

	if (a->n && w->now - a->seen <= (unsigned long)w->env.lblc_expiration) {
		a->seen = w->now;
		s = by_id(w, a->id[0]);
	}
	if (s && s->weight > 0 && !ref_overloaded(w, s))
		return s;
	s = ref_best(w, "wlc");
	if (s) {
		a->n = 1;
		a->id[0] = s->id;
		a->seen = w->now;
	}
	return s;
}

static struct frac wlc_of(const struct lvs_server *s)
{
	return (struct frac){ overhead(s), (u64)s->weight };
}

static void ref_leave_worst(struct world *w, struct seen_addr *a)
{
	struct lvs_server *s, *most = NULL;
	u32 i, worst = 0;

	for (i = 0; i < a->n; i++) {
		s = by_id(w, a->id[i]);
		if (!s || s->weight <= 0) {
			worst = i;
			break;
		}
		if (!most || frac_less(wlc_of(most), wlc_of(s))) {
			most = s;
			worst = i;
		}
	}
	memmove(&a->id[worst], &a->id[worst + 1], (a->n - worst - 1) * sizeof(u32));
	a->n--;
	a->changed = w->now;
}

static void ref_join(struct world *w, struct seen_addr *a, u32 id)
{
	u32 i;

	for (i = 0; i < a->n; i++)
		if (a->id[i] == id)
			return;
	if (a->n == 8)
		ref_leave_worst(w, a);
	memmove(&a->id[1], &a->id[0], a->n++ * sizeof(u32));
	a->id[0] = id;
	a->changed = w->now;
}

static struct lvs_server *ref_lblcr(struct world *w, struct ref *r, u32 virt)
{
	unsigned long expiration = (unsigned long)w->env.lblcr_expiration;
	struct seen_addr *a = &r->addr[virt];
	struct lvs_server *s, *least = NULL;
	u32 i;

	if (w->now - a->seen > expiration)
		a->n = 0;
	if (a->n)
		a->seen = w->now;
	for (i = 0; i < a->n; i++) {
		s = by_id(w, a->id[i]);
		if (s && ok(s) && (!least || frac_less(wlc_of(s), wlc_of(least))))
			least = s;
	}
	if (a->n > 1 && w->now - a->changed > expiration)
		ref_leave_worst(w, a);
	if (least && !ref_overloaded(w, least))
		return least;
	s = ref_best(w, "wlc");
	if (!s)
		return NULL;
	if (!a->n)
		a->changed = w->now;
	a->seen = w->now;
	ref_join(w, a, s->id);
	return s;
}

static struct lvs_server *ref_pick(struct world *w, struct ref *r, const char *name,
				   const struct lvs_pick *p, u32 virt)
{
	if (!strcmp(name, "rr"))
		return ref_rr(w, r);
	if (!strcmp(name, "wrr"))
		return ref_wrr(w, r);
	if (!strcmp(name, "dh"))
		return ref_dh(w, p);
	if (!strcmp(name, "sh"))
		return ref_sh(w, p);
	if (!strcmp(name, "lblc"))
		return ref_lblc(w, r, virt);
	if (!strcmp(name, "lblcr"))
		return ref_lblcr(w, r, virt);
	return ref_best(w, name);
}

/* ------------------------------------------------------ random schedules -- */

static int some_weight(u32 profile)
{
	switch (profile) {
	case 0:
		return 1;
	case 1:
		return (int)rnd(4);
	case 2:
		return (int)rnd(6) * 10;
	case 3:
		return rnd(5) ? (int)(1 + rnd(200)) : 0;
	default:
		return rnd(3) ? (int)rnd(0x7fffffff) : 0;
	}
}

static void ref_removed(struct ref *r, struct lvs_server *s)
{
	if (r->cur == &s->list)
		r->cur = s->list.prev;
}

static void play_pick(struct world *w, struct ref *r, const char *name)
{
	u32 client = rnd(2000), virt = rnd(40);
	struct lvs_pick p = pick_of(w, client, virt);
	struct lvs_server *s, *want;

	if (!rnd(20))
		p.flags = LVS_PICK_INVERSE;
	want = ref_pick(w, r, name, &p, virt);
	s = lvs_sched_pick(&w->pool, &p);
	CHECK(s == want);
	if (!s)
		return;
	move_counts(w, s, 0, 1);
	if (rnd(3))
		move_counts(w, s, 1, 0);
}

static void play_edit(struct world *w, struct ref *r, u32 profile, bool wrr)
{
	struct lvs_server *s = world_any(w);

	if (!rnd(8)) {
		w->pool.flags = rnd(4) * IP_VS_SVC_F_SCHED1;
		lvs_sched_edited(&w->pool, NULL);
	} else if (s) {
		edit_weight(w, s, rnd(4) ? some_weight(profile) : s->weight);
		if (wrr)
			ref_wrr_changed(w, r);
	}
}

static void play_membership(struct world *w, struct ref *r, u32 profile, u32 most, bool wrr)
{
	struct lvs_server *s;

	if (w->pool.n_servers < most && rnd(2)) {
		s = world_add(w, some_weight(profile));
		CHECK(s);
		/* Out of the trash: it has connections. */
		if (!rnd(4))
			move_counts(w, s, (int)rnd(3), 5);
	} else if ((s = world_any(w))) {
		ref_removed(r, s);
		world_unlink(w, s);
	}
	if (wrr)
		ref_wrr_changed(w, r);
}

static void play_connection_end(struct world *w)
{
	struct lvs_server *s = world_any(w);

	if (!s || !s->total.counter)
		return;
	if (s->active.counter && rnd(2))
		move_counts(w, s, -1, rnd(2) ? -1 : 0);
	else if (s->total.counter > s->active.counter)
		move_counts(w, s, 0, -1);
}

static void ref_restart(struct world *w, struct ref *r)
{
	memset(r, 0, sizeof(*r));
	r->cur = &w->pool.servers;
	ref_wrr_changed(w, r);
}

static void play_step(struct world *w, struct ref *r, const char *name, u32 profile, u32 most)
{
	bool wrr = !strcmp(name, "wrr");
	struct lvs_server *s;
	u32 what = rnd(100);

	if (what < 55) {
		play_pick(w, r, name);
	} else if (what < 75) {
		play_connection_end(w);
	} else if (what < 82) {
		s = world_any(w);
		if (s)
			set_overload(w, s, rnd(3) == 0);
	} else if (what < 88) {
		play_edit(w, r, profile, wrr);
	} else if (what < 97) {
		play_membership(w, r, profile, most, wrr);
	} else if (what < 99) {
		w->now += rnd(700);
		lvs_sched_tick(&w->pool, w->now);
	} else {
		world_bind(w, rnd(2) ? "fo" : "twos");
		world_bind(w, name);
		ref_restart(w, r);
	}
}

enum { SCHEDULES = 400, STEPS = 300 };

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

/* --------------------------------------------------------- twos, by chance -- */

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

/* ------------------------------------------------------------------ Maglev -- */

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

/* ---------------------------------------------------------- work per pick -- */

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

/* A step is some six instructions and a connection 7,400, 5 % of which is 370. */
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
			if (many - few >= 45 || !profile)
				printf("  %s: %.1f steps at 4 servers, %.1f at 4,096\n", names[i],
				       few, many);
			CHECK(many - few < 45);
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

/* ------------------------------------------------------ memory and threads -- */

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
	for (i = 0; i < WORKERS; i++)
		CHECK(workers[i].picks);
	if (lvs_sched_find(name)->pick == lvs_best_pick) {
		ref_restart(&shared, &r);
		for (i = 0; i < 50; i++)
			play_pick(&shared, &r, name);
	}
	world_end(&shared);
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
	static const char *const all[] = { "rr", "wrr", "lc", "wlc", "sed", "nq", "fo", "ovf",
					   "dh", "sh", "lblc", "lblcr", "mh", "twos" };
	u32 i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	lvs_mh_slots = 251;
	test_known_sequences();
	for (i = 0; i < ARRAY_SIZE(exact); i++)
		test_against_reference(exact[i]);
	at_seed = at_step = 0;
	test_lblc_ignores_threshold();
	test_cache_bound();
	test_twos();
	test_twos_random();
	test_postponed();
	lvs_mh_slots = 251;
	for (i = 0; i < ARRAY_SIZE(all); i++)
		test_no_memory(all[i]);
	test_mh_order();
	test_mh_limits();
	test_mh_pick();
	test_mh_spread();
	test_flat();
	test_flat_worst();
	for (i = 0; i < ARRAY_SIZE(all); i++)
		test_threads(all[i]);
	puts("sched: all fine");
	return 0;
}
