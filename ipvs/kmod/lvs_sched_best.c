// SPDX-License-Identifier: GPL-2.0
#include "lvs_sched_best.h"

enum { LVS_BEST_TRIES = 8 };

/*
 * Behind the seats: a bit each: noted; then a load each, then the matches.  Match
 * 1 is the final, match i is between the winners of 2i and 2i + 1, from cap / 2
 * on between seats 2i - cap and 2i - cap + 1.  A match knows its loser, and 0 has
 * lost to nobody: so every seat is in exactly one of those on its way up, and an
 * outcome that stays need not be written.
 */

/* More than a bit, so that four seats have a word. */
enum { LVS_BEST_NOTE_BYTES = 2 };
enum { LVS_BEST_PER_SEAT =
	LVS_BEST_NOTE_BYTES + sizeof(struct lvs_load) + sizeof(u64) + sizeof(u32) };

static inline unsigned long *lvs_best_notes(const struct lvs_seats *t)
{
	return lvs_seats_extra(t);
}

static inline struct lvs_matches lvs_best_matches(const struct lvs_seats *t)
{
	struct lvs_matches m;

	m.load = (struct lvs_load *)((u8 *)lvs_best_notes(t) + LVS_BEST_NOTE_BYTES * t->cap);
	m.bar = (u64 *)(m.load + t->cap);
	m.loser = (u32 *)(m.bar + t->cap);
	return m;
}

static struct lvs_seats *lvs_best_seats_held(struct lvs_sched_inst *inst)
{
	struct lvs_best *best = lvs_sched_priv(inst);

	return rcu_dereference_protected(best->seats, 1);
}

/* -------- who beats whom */

/* Seat @a or @b; a draw is the newer one's. */
static bool lvs_seat_beats(const struct lvs_load *load, u32 a, u32 b)
{
	const struct lvs_load *l = &load[a], *r = &load[b];

	if (lvs_load_less(l->load, l->weight, r->load, r->weight))
		return true;
	return a > b && !lvs_load_less(r->load, r->weight, l->load, l->weight);
}

/* More than a key has room for; then nobody looks at keys. */
static inline bool lvs_load_wide(const struct lvs_load *l)
{
	return (l->load | (u64)l->weight << 16) > U32_MAX;
}

/* The load for the weight in units of 2^-32, rounded down, which is as good as
 * the fraction: with weights below 2^16, two that differ do so by more than that. */
static inline u64 lvs_load_key(const struct lvs_load *l)
{
	return likely(l->weight) ? div_u64(l->load << 32, l->weight) : U64_MAX - 1;
}

/* -------- the matches; called with inst->lock held, as everything up to
 * lvs_best_noted() */

/* @seat has lost match @at, which is between @half seats and the next @half.
 * Who comes from the other side wins with a key below the bar. */
static inline void lvs_best_lost(const struct lvs_matches *m, unsigned long at, u32 seat, u32 half)
{
	m->loser[at] = seat;
	if (at)
		m->bar[at] = lvs_load_key(&m->load[seat]) + !(seat & half);
}

static inline void lvs_best_crown(struct lvs_best *best, const struct lvs_seats *t, u32 seat)
{
	best->match.loser[0] = seat;
	WRITE_ONCE(best->champion, best->match.load[seat].weight ? t->at[seat] : NULL);
}

/*
 * The champion is worse off: all the way up, whoever beats the one who comes up
 * goes on instead.  Every connection pays this as many times as the servers can
 * be halved, so it looks at one number for each.  Nobody gets over the bar of 0.
 */
static noinline void lvs_best_yield(struct lvs_best *best, const struct lvs_seats *t, u32 seat)
{
	const struct lvs_matches m = best->match;
	unsigned long at = ((unsigned long)t->cap + seat) / 2;
	u64 key = lvs_load_key(&m.load[seat]), bar;
	u32 other;

	for (;; at /= 2) {
		LVS_STEP();
		if (likely(key < m.bar[at]))
			continue;
		if (!at)
			break;
		other = m.loser[at];
		bar = m.bar[at];
		m.loser[at] = seat;
		m.bar[at] = key + (seat < other);
		key = bar - (other < seat);
		seat = other;
	}
	lvs_best_crown(best, t, seat);
}

/* @seat is worse off, champion or not: the same up to the match it had lost. */
static noinline void lvs_best_sink(struct lvs_best *best, const struct lvs_seats *t, u32 seat)
{
	const struct lvs_matches m = best->match;
	unsigned long at = ((unsigned long)t->cap + seat) / 2;
	u32 half = 1, comes = seat, other;

	for (; (other = m.loser[at]) != seat; at /= 2, half *= 2) {
		LVS_STEP();
		if (lvs_seat_beats(m.load, comes, other))
			continue;
		lvs_best_lost(&m, at, comes, half);
		comes = other;
	}
	lvs_best_lost(&m, at, comes, half);
	if (!at)
		lvs_best_crown(best, t, comes);
}

/*
 * @seat is better off: it goes on from the match it had lost.  Who had won that
 * is where it has lost itself, the next above of the seats below this match;
 * beaten now, it comes down and leaves its place.
 */
static noinline void lvs_best_rise(struct lvs_best *best, const struct lvs_seats *t, u32 seat)
{
	const struct lvs_matches m = best->match;
	unsigned long at = ((unsigned long)t->cap + seat) / 2, place;
	u32 half = 1, below;

	for (; m.loser[at] != seat; at /= 2, half *= 2)
		LVS_STEP();
	for (place = at; place; place = at) {
		below = half;
		do {
			LVS_STEP();
			at /= 2;
			half *= 2;
		} while ((m.loser[at] ^ seat) >= 2 * below);
		if (!lvs_seat_beats(m.load, seat, m.loser[at])) {
			lvs_best_lost(&m, place, seat, below);
			return;
		}
		lvs_best_lost(&m, place, m.loser[at], below);
	}
	lvs_best_crown(best, t, seat);
}

static __always_inline void lvs_best_seat(struct lvs_best *best, struct lvs_seats *t, u32 seat)
{
	const struct lvs_server *s = READ_ONCE(t->at[seat]);
	struct lvs_load now = s ? best->load(s) : LVS_LOAD_NONE;
	struct lvs_load was = best->match.load[seat];

	if (now.roomy != was.roomy)
		WRITE_ONCE(best->roomy, best->roomy + now.roomy - was.roomy);
	if (unlikely(lvs_load_wide(&now)))
		best->wide = true;
	best->match.load[seat] = now;
	if (lvs_load_less(now.load, now.weight, was.load, was.weight))
		lvs_best_rise(best, t, seat);
	else if (!lvs_load_less(was.load, was.weight, now.load, now.weight))
		return;
	else if (best->match.loser[0] == seat && likely(!best->wide))
		lvs_best_yield(best, t, seat);
	else
		lvs_best_sink(best, t, seat);
}

static void lvs_best_noted(struct lvs_best *best, struct lvs_seats *t)
{
	unsigned long *notes = lvs_best_notes(t), bits;
	u32 i;

	if (!xchg(&best->postponed, 0))
		return;
	for (i = 0; i * BITS_PER_LONG < t->cap; i++) {
		if (!READ_ONCE(notes[i]))
			continue;
		for (bits = xchg(&notes[i], 0); bits; bits &= bits - 1)
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
				&lvs_best_notes(t)[seat / BITS_PER_LONG]);
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

/* Every seat's load from the counters as they are. */
static void lvs_best_enter(struct lvs_best *best, const struct lvs_seats *t)
{
	struct lvs_load *load = best->match.load;
	u32 i, roomy = 0;

	best->wide = false;
	for (i = 0; i < t->cap; i++) {
		load[i] = t->at[i] ? best->load(t->at[i]) : LVS_LOAD_NONE;
		roomy += load[i].roomy;
		best->wide |= lvs_load_wide(&load[i]);
	}
	WRITE_ONCE(best->roomy, roomy);
}

/* All matches: first who wins each, then, from the final down, the other one. */
static void lvs_best_season(struct lvs_best *best, const struct lvs_seats *t)
{
	const struct lvs_matches m = lvs_best_matches(t);
	u32 i, a, b, crown, half = t->cap / 2;

	best->match = m;
	lvs_best_enter(best, t);
	for (i = t->cap - 1; i; i--) {
		a = i < half ? m.loser[2 * i] : 2 * i - t->cap;
		b = i < half ? m.loser[2 * i + 1] : a + 1;
		m.loser[i] = lvs_seat_beats(m.load, a, b) ? a : b;
	}
	crown = m.loser[1];
	for (i = 1; i < t->cap; i++) {
		a = m.loser[i] ^ (i < half ? m.loser[2 * i] ^ m.loser[2 * i + 1] : 1);
		lvs_best_lost(&m, i, a, t->cap >> fls((int)i));
	}
	m.bar[0] = 0;
	lvs_best_crown(best, t, crown);
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
