/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Seats: a pool's servers in an array, oldest first, so that "newest first" is
 * from the end and a tie goes to the higher seat.  A server keeps its seat until
 * it leaves; seats are not given out twice.  When they run out the array is made
 * anew for those who are there, at least half as large again, so that growing
 * costs each server a constant and packets never see anything move.
 *
 * Behind the array lies whatever its owner wants per seat; struct lvs_seat is
 * the first member of the node of a server.
 */
#ifndef LVS_SCHED_SEATS_H
#define LVS_SCHED_SEATS_H

#include "lvs_sched.h"

#define LVS_NO_SEAT U32_MAX

struct lvs_seat {
	u32 no;				/* seat + 1; 0: none */
};

struct lvs_seats {
	struct rcu_head rcu;
	u32 cap;			/* a power of two */
	u32 end;			/* the first seat never given */
	u32 *id;			/* server->id, also of those who left; ascending */
	struct lvs_server *at[];	/* NULL: left; READ_ONCE */
};

static inline void *lvs_seats_extra(const struct lvs_seats *t)
{
	return (void *)&t->at[t->cap];
}

/* The seat of @s, LVS_NO_SEAT if it has none (any more, or yet). */
static inline u32 lvs_seat_of(const struct lvs_sched_inst *inst, const struct lvs_server *s)
{
	const struct lvs_seat *seat = lvs_sched_node(inst, s);

	return seat ? READ_ONCE(seat->no) - 1 : LVS_NO_SEAT;
}

/* The pool's servers in a new array, with room for more; NULL without memory.
 * Nobody's node says so yet. */
struct lvs_seats *lvs_seats_make(const struct lvs_pool *pool, size_t extra_per_seat);
/* Tell the servers where they sit now. */
void lvs_seats_tell(struct lvs_sched_inst *inst, const struct lvs_seats *t);
/* Is there no seat left, or far too many of them? */
bool lvs_seats_unfit(const struct lvs_seats *t, const struct lvs_pool *pool);
/* The next one; it must fit. */
u32 lvs_seats_give(struct lvs_sched_inst *inst, struct lvs_seats *t, struct lvs_server *s);
/* Returns the seat that got free. */
u32 lvs_seats_leave(struct lvs_sched_inst *inst, struct lvs_seats *t, struct lvs_server *s);
/* The server with this id if it is still there. */
struct lvs_server *lvs_seats_find(const struct lvs_seats *t, u32 id);

#endif
