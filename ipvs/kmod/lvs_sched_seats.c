// SPDX-License-Identifier: GPL-2.0
#include "lvs_sched_seats.h"

enum { LVS_SEATS_MIN = 4, LVS_SEATS_SPARSE = 16 };

struct lvs_seats *lvs_seats_make(const struct lvs_pool *pool, size_t extra_per_seat)
{
	struct lvs_seats *t;
	struct lvs_server *s;
	u32 n = 0, cap = LVS_SEATS_MIN;
	size_t size;

	list_for_each_entry(s, &pool->servers, list)
		n++;
	while (cap < n + n / 2 + 1)
		cap *= 2;
	size = sizeof(*t) + cap * (sizeof(t->at[0]) + extra_per_seat + sizeof(t->id[0]));
	t = kvzalloc(size, GFP_KERNEL_ACCOUNT);
	if (!t)
		return NULL;
	t->cap = cap;
	t->end = n;
	t->id = (u32 *)((u8 *)lvs_seats_extra(t) + cap * extra_per_seat);
	list_for_each_entry(s, &pool->servers, list) {
		t->at[--n] = s;
		t->id[n] = s->id;
	}
	return t;
}

static void lvs_seat_set(struct lvs_sched_inst *inst, const struct lvs_server *s, u32 no)
{
	struct lvs_seat *seat = lvs_sched_node(inst, s);

	/* None: memory ran out when it came. */
	if (seat)
		WRITE_ONCE(seat->no, no);
}

void lvs_seats_tell(struct lvs_sched_inst *inst, const struct lvs_seats *t)
{
	u32 i;

	for (i = 0; i < t->end; i++)
		if (t->at[i])
			lvs_seat_set(inst, t->at[i], i + 1);
}

bool lvs_seats_unfit(const struct lvs_seats *t, const struct lvs_pool *pool)
{
	return t->end == t->cap || t->cap / LVS_SEATS_SPARSE > pool->n_servers + 1;
}

u32 lvs_seats_give(struct lvs_sched_inst *inst, struct lvs_seats *t, struct lvs_server *s)
{
	u32 seat = t->end;

	WRITE_ONCE(t->id[seat], s->id);
	smp_store_release(&t->at[seat], s);
	smp_store_release(&t->end, seat + 1);
	lvs_seat_set(inst, s, seat + 1);
	return seat;
}

u32 lvs_seats_leave(struct lvs_sched_inst *inst, struct lvs_seats *t, struct lvs_server *s)
{
	u32 seat = lvs_seat_of(inst, s);

	if (seat == LVS_NO_SEAT)
		return seat;
	WRITE_ONCE(t->at[seat], NULL);
	lvs_seat_set(inst, s, 0);
	return seat;
}

struct lvs_server *lvs_seats_find(const struct lvs_seats *t, u32 id)
{
	u32 low = 0, high = smp_load_acquire(&t->end), mid;

	while (low < high) {
		LVS_STEP();
		mid = (low + high) / 2;
		if (READ_ONCE(t->id[mid]) < id)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == t->cap || READ_ONCE(t->id[low]) != id)
		return NULL;
	return READ_ONCE(t->at[low]);
}
