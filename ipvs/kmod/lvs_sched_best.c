// SPDX-License-Identifier: GPL-2.0
#include "lvs_sched_best.h"

enum { LVS_BEST_TRIES = 8 };

/* Behind the seats: a load each, then a winner for each match (1 is the final,
 * i is played by the winners of 2i and 2i + 1, and from cap / 2 on by seats
 * 2i - cap and 2i - cap + 1), then a bit each: noted.  A winner is kept as the
 * distance of its load from the first, which spares a step in every match. */
struct lvs_matches {
	struct lvs_load *load;
	u32 *winner;
	unsigned long *noted;
};

/* More than a bit, so that four seats have a word. */
enum { LVS_BEST_NOTE_BYTES = 2 };
enum { LVS_BEST_PER_SEAT = sizeof(struct lvs_load) + LVS_BEST_NOTE_BYTES + sizeof(u32) };

static inline struct lvs_matches lvs_matches_of(const struct lvs_seats *t)
{
	struct lvs_matches m;

	m.load = lvs_seats_extra(t);
	m.noted = (unsigned long *)(m.load + t->cap);
	m.winner = (u32 *)((u8 *)m.noted + LVS_BEST_NOTE_BYTES * t->cap);
	return m;
}

enum { LVS_LOAD_SIZE = sizeof(struct lvs_load) };

static __always_inline const struct lvs_load *lvs_load_at(const struct lvs_load *first, u32 place)
{
	return (const struct lvs_load *)((const u8 *)first + place);
}

static inline u32 lvs_match(const struct lvs_load *load, u32 older, u32 newer)
{
	const struct lvs_load *a = lvs_load_at(load, older), *b = lvs_load_at(load, newer);

	return lvs_load_less(a->load, a->weight, b->load, b->weight) ? older : newer;
}

static struct lvs_seats *lvs_best_seats_held(struct lvs_sched_inst *inst)
{
	struct lvs_best *best = lvs_sched_priv(inst);

	return rcu_dereference_protected(best->seats, 1);
}

/* Does load @a of weight @w, which is the newer one's if @newer is 1, lose to @b?
 * A draw is the newer one's.  No product reaches the end of 64 bits. */
static __always_inline bool lvs_loses(u64 a, u64 w, const struct lvs_load *b, u64 newer)
{
	return b->load * w + newer <= a * b->weight;
}

/*
 * Play from @seat upwards, as far as it changes anything.  Who goes on is kept
 * at hand with its load: each round looks at one opponent, for this is what
 * every connection pays as many times as the servers can be halved.
 */
static void lvs_best_play(struct lvs_best *best, struct lvs_seats *t, u32 seat)
{
	struct lvs_matches m = lvs_matches_of(t);
	const u32 self = seat * LVS_LOAD_SIZE;
	u32 winner = self, other = self ^ LVS_LOAD_SIZE;
	u64 load = m.load[seat].load, weight = m.load[seat].weight;
	unsigned long at = (unsigned long)t->cap + seat;

	for (;;) {
		const struct lvs_load *theirs = lvs_load_at(m.load, other);

		LVS_STEP();
		if (lvs_loses(load, weight, theirs, at & 1)) {
			winner = other;
			load = theirs->load;
			weight = theirs->weight;
		}
		at /= 2;
		if (m.winner[at] == winner && winner != self)
			return;
		m.winner[at] = winner;
		if (at == 1)
			break;
		other = m.winner[at ^ 1];
	}
	WRITE_ONCE(best->champion, weight ? t->at[winner / LVS_LOAD_SIZE] : NULL);
}

/* Must be called with inst->lock held, as what plays and drains below. */
static __always_inline void lvs_best_seat(struct lvs_best *best, struct lvs_seats *t, u32 seat)
{
	struct lvs_matches m = lvs_matches_of(t);
	const struct lvs_server *s = READ_ONCE(t->at[seat]);
	struct lvs_load now = s ? best->load(s) : LVS_LOAD_NONE;

	if (now.roomy != m.load[seat].roomy)
		WRITE_ONCE(best->roomy, best->roomy + now.roomy - m.load[seat].roomy);
	m.load[seat] = now;
	lvs_best_play(best, t, seat);
}

static void lvs_best_noted(struct lvs_best *best, struct lvs_seats *t)
{
	struct lvs_matches m = lvs_matches_of(t);
	unsigned long bits;
	u32 i;

	if (!xchg(&best->postponed, 0))
		return;
	for (i = 0; i * BITS_PER_LONG < t->cap; i++) {
		if (!READ_ONCE(m.noted[i]))
			continue;
		for (bits = xchg(&m.noted[i], 0); bits; bits &= bits - 1)
			lvs_best_seat(best, t, i * BITS_PER_LONG + (u32)__ffs(bits));
	}
}

/* After the lock was let go: what was noted meanwhile is ours to play, unless
 * somebody else has the lock, who then looks after this too. */
static noinline void lvs_best_rest(struct lvs_sched_inst *inst)
{
	struct lvs_best *best = lvs_sched_priv(inst);

	do {
		if (!spin_trylock(&inst->lock))
			return;
		lvs_best_noted(best, lvs_best_seats_held(inst));
		spin_unlock(&inst->lock);
		/* Unlocked before looking: who notes after this finds it free. */
		smp_mb();
	} while (READ_ONCE(best->postponed));
}

static __always_inline void lvs_best_finish(struct lvs_sched_inst *inst)
{
	struct lvs_best *best = lvs_sched_priv(inst);

	smp_mb();
	if (unlikely(READ_ONCE(best->postponed)))
		lvs_best_rest(inst);
}

/* A new array may come while we note; it is filled from the counters after it
 * was published, so what matters is a note on one that stays. */
static noinline void lvs_best_note(struct lvs_sched_inst *inst, const struct lvs_server *s)
{
	struct lvs_best *best = lvs_sched_priv(inst);
	struct lvs_seats *t;
	u32 seat;

	do {
		t = rcu_dereference(best->seats);
		seat = lvs_seat_of(inst, s);
		if (seat < t->cap)
			set_bit((int)(seat % BITS_PER_LONG),
				&lvs_matches_of(t).noted[seat / BITS_PER_LONG]);
		smp_mb__after_atomic();
		xchg(&best->postponed, 1);
	} while (t != rcu_access_pointer(best->seats));
	lvs_best_rest(inst);
}

void lvs_best_counts(struct lvs_sched_inst *inst, struct lvs_server *s)
{
	struct lvs_best *best = lvs_sched_priv(inst);
	struct lvs_seats *t;
	u32 seat;

	/* Between the change that brought us here and the reads. */
	smp_mb__after_atomic();
	if (!spin_trylock(&inst->lock)) {
		lvs_best_note(inst, s);
		return;
	}
	t = lvs_best_seats_held(inst);
	seat = lvs_seat_of(inst, s);
	if (likely(seat < t->cap))
		lvs_best_seat(best, t, seat);
	spin_unlock(&inst->lock);
	lvs_best_finish(inst);
}

/* The champion is at its threshold or leaving and nobody said so yet. */
static noinline struct lvs_server *lvs_best_again(struct lvs_sched_inst *inst)
{
	struct lvs_best *best = lvs_sched_priv(inst);
	struct lvs_server *s = NULL;
	u32 tries, seat;

	for (tries = 0; tries < LVS_BEST_TRIES; tries++) {
		spin_lock(&inst->lock);
		s = best->champion;
		seat = s ? lvs_seat_of(inst, s) : LVS_NO_SEAT;
		if (seat != LVS_NO_SEAT)
			lvs_best_seat(best, lvs_best_seats_held(inst), seat);
		s = best->champion;
		spin_unlock(&inst->lock);
		if (!s || lvs_server_eligible(s))
			break;
	}
	lvs_best_finish(inst);
	return s;
}

struct lvs_server *lvs_best_pick(struct lvs_sched_inst *inst, const struct lvs_pick *p)
{
	struct lvs_best *best = lvs_sched_priv(inst);
	struct lvs_server *s = READ_ONCE(best->champion);

	if (likely(!s || lvs_server_eligible(s)))
		return s;
	return lvs_best_again(inst);
}

/* -------- configuration */

static void lvs_best_begin(struct lvs_sched_inst *inst) __acquires(&inst->lock)
{
	local_bh_disable();
	spin_lock(&inst->lock);
}

static void lvs_best_end(struct lvs_sched_inst *inst) __releases(&inst->lock)
{
	spin_unlock(&inst->lock);
	lvs_best_finish(inst);
	local_bh_enable();
}

/* All matches, from the counters as they are. */
static void lvs_best_season(struct lvs_best *best, struct lvs_seats *t)
{
	struct lvs_matches m = lvs_matches_of(t);
	u32 i, a, b, roomy = 0, half = t->cap / 2;

	for (i = 0; i < t->cap; i++) {
		m.load[i] = t->at[i] ? best->load(t->at[i]) : LVS_LOAD_NONE;
		roomy += m.load[i].roomy;
	}
	for (i = t->cap - 1; i; i--) {
		a = i >= half ? (2 * i - t->cap) * LVS_LOAD_SIZE : m.winner[2 * i];
		b = i >= half ? a + LVS_LOAD_SIZE : m.winner[2 * i + 1];
		m.winner[i] = lvs_match(m.load, a, b);
	}
	i = m.winner[1] / LVS_LOAD_SIZE;
	WRITE_ONCE(best->roomy, roomy);
	WRITE_ONCE(best->champion, m.load[i].weight ? t->at[i] : NULL);
}

static int lvs_best_remake(struct lvs_sched_inst *inst)
{
	struct lvs_best *best = lvs_sched_priv(inst);
	struct lvs_seats *old = lvs_best_seats_held(inst);
	struct lvs_seats *t = lvs_seats_make(inst->pool, LVS_BEST_PER_SEAT);

	if (!t)
		return -ENOMEM;
	lvs_best_begin(inst);
	lvs_seats_tell(inst, t);
	rcu_assign_pointer(best->seats, t);
	/* Who noted a seat of the old one changed the counters before. */
	smp_mb();
	lvs_best_season(best, t);
	lvs_best_end(inst);
	if (old)
		kvfree_rcu(old, rcu);
	return 0;
}

int lvs_best_start(struct lvs_sched_inst *inst, lvs_load_fn load)
{
	struct lvs_best *best = lvs_sched_priv(inst);

	best->load = load;
	return lvs_best_remake(inst);
}

void lvs_best_stop(struct lvs_sched_inst *inst)
{
	kvfree(lvs_best_seats_held(inst));
}

int lvs_best_added(struct lvs_sched_inst *inst, struct lvs_server *s)
{
	struct lvs_seats *t = lvs_best_seats_held(inst);
	u32 seat;

	if (lvs_seats_unfit(t, inst->pool))
		return lvs_best_remake(inst);
	lvs_best_begin(inst);
	seat = lvs_seats_give(inst, t, s);
	smp_mb();
	lvs_best_seat(lvs_sched_priv(inst), t, seat);
	lvs_best_end(inst);
	return 0;
}

void lvs_best_removed(struct lvs_sched_inst *inst, struct lvs_server *s)
{
	struct lvs_seats *t = lvs_best_seats_held(inst);
	u32 seat;

	lvs_best_begin(inst);
	seat = lvs_seats_leave(inst, t, s);
	if (seat != LVS_NO_SEAT)
		lvs_best_seat(lvs_sched_priv(inst), t, seat);
	lvs_best_end(inst);
}

void lvs_best_edited(struct lvs_sched_inst *inst, struct lvs_server *s)
{
	struct lvs_seats *t = lvs_best_seats_held(inst);
	u32 seat;

	if (!s)
		return;
	lvs_best_begin(inst);
	seat = lvs_seat_of(inst, s);
	if (seat != LVS_NO_SEAT)
		lvs_best_seat(lvs_sched_priv(inst), t, seat);
	lvs_best_end(inst);
}
