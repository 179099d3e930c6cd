/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every scheduler compiled in, and a service of one's own to let it schedule.  One
 * file of tests includes this, and each may leave a part of it unused.
 */
#ifndef LVS_SCHED_WORLD_H
#define LVS_SCHED_WORLD_H

#pragma GCC diagnostic ignored "-Wunused-function"

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
	list_del_rcu(&s->list);
	w->pool.n_servers--;
	lvs_sched_server_removed(&w->pool, s);
	s->flags &= ~LVS_SERVER_AVAILABLE;
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

static struct lvs_server *by_id(struct world *w, u32 id)
{
	struct lvs_server *s;

	list_for_each_entry(s, &w->pool.servers, list)
		if (s->id == id)
			return s;
	return NULL;
}

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

#endif
