/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Naive schedulers, which walk the list from the newest server to the oldest and do
 * what the definition says, and the schedules on which both are compared.
 */
#ifndef LVS_SCHED_REFERENCE_H
#define LVS_SCHED_REFERENCE_H

#include "sched_world.h"

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
	u64 all = (u64)s->active.counter * 256 + (u64)(s->total.counter - s->active.counter);

	return min(all, LVS_LOAD_MAX);
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

#endif
