/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The least loaded server at any moment: a tournament.  Every seat has a load
 * and a weight, every match above two of them is won by the smaller load per
 * weight, a draw by the higher seat, which is the newer server.  The champion is
 * what a scan of the list, newest first, would have found.  A match remembers its
 * loser.  A connection that comes or goes plays again on the way up from its
 * server, as far as the outcome depends on it: most of the time a comparison for
 * each match and nothing to write.  A pick reads one pointer.
 *
 * The matches are played under inst->lock.  A CPU that finds it taken notes the
 * seat and goes on; whoever has the lock plays the noted ones before it stops.
 * So the champion is exact whenever nobody is at work on it, which on one CPU is
 * always; with C CPUs picking at once, a server gets at most C - 1 connections
 * that an exact scheduler would have given to others, until its load counts.
 *
 * A scheduler is a function from a server to its load.
 */
#ifndef LVS_SCHED_BEST_H
#define LVS_SCHED_BEST_H

#include "lvs_sched_seats.h"

struct lvs_load {
	u64 load;			/* up to LVS_LOAD_MAX */
	u32 weight;
	u32 roomy;			/* 1: counted in lvs_best.roomy */
};

/* Loses against everybody; an empty seat, a server that must not be picked. */
#define LVS_LOAD_NONE ((struct lvs_load){ .load = 1 })

typedef struct lvs_load (*lvs_load_fn)(const struct lvs_server *s);

/* Behind the seats of lvs_best.seats. */
struct lvs_matches {
	struct lvs_load *load;		/* of each seat */
	u64 *bar;			/* the least key that loses, too, in each match */
	u32 *loser;			/* seat */
};

/* The beginning of inst->priv. */
struct lvs_best {
	struct lvs_seats __rcu *seats;
	lvs_load_fn load;
	struct lvs_server *champion;	/* READ_ONCE; NULL: nobody eligible */
	u32 roomy;			/* READ_ONCE */
	u32 postponed;			/* some seats are noted */
	bool wide;			/* there are loads that a bar cannot tell apart */
	struct lvs_matches match;	/* with the lock held, as wide */
};

int lvs_best_start(struct lvs_sched_inst *inst, lvs_load_fn load);
void lvs_best_stop(struct lvs_sched_inst *inst);
int lvs_best_added(struct lvs_sched_inst *inst, struct lvs_server *s);
void lvs_best_removed(struct lvs_sched_inst *inst, struct lvs_server *s);
void lvs_best_edited(struct lvs_sched_inst *inst, struct lvs_server *s);
void lvs_best_counts(struct lvs_sched_inst *inst, struct lvs_server *s);
struct lvs_server *lvs_best_pick(struct lvs_sched_inst *inst, const struct lvs_pick *p);

/* Half of its weight is more than its active connections. */
static inline u32 lvs_server_roomy(const struct lvs_server *s)
{
	return (s64)atomic_read(&s->active) * 2 < READ_ONCE(s->weight);
}

/* wlc, which is also what the caches fall back to. */
static inline struct lvs_load lvs_load_wlc(const struct lvs_server *s)
{
	struct lvs_load l = LVS_LOAD_NONE;

	if (lvs_server_eligible(s)) {
		l.load = lvs_server_overhead(s);
		l.weight = (u32)READ_ONCE(s->weight);
	}
	return l;
}

static inline u64 lvs_server_active_load(const struct lvs_server *s)
{
	return (u64)max(atomic_read(&s->active), 0);
}

#define LVS_SCHED_BEST(name_, start_, active_, total_)                        \
	const struct lvs_sched_ops lvs_sched_##name_ = {                      \
		.name = #name_,                                               \
		.inst_size = sizeof(struct lvs_best),                         \
		.node_size = sizeof(struct lvs_seat),                         \
		.wants_active = active_,                                      \
		.wants_total = total_,                                        \
		.start = start_,                                              \
		.stop = lvs_best_stop,                                        \
		.server_added = lvs_best_added,                               \
		.server_removed = lvs_best_removed,                           \
		.server_edited = lvs_best_edited,                             \
		.counts_changed = lvs_best_counts,                            \
		.pick = lvs_best_pick,                                        \
	}

#endif
