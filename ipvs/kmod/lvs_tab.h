/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A resizable hash table read under RCU alone.
 *
 * Singly linked chains, one lock bit in each bucket head, the 32-bit hash kept
 * in the node: a lookup compares it before anything else, and removing an
 * entry never computes a hash again.  While the table is being resized both
 * arrays are live; a reader that does not find its entry in the old array
 * looks in the new one, and an entry is linked into the new array before it
 * leaves the old, so a reader never misses one that was there all the time.
 *
 * Who may call: lookups under rcu_read_lock(); insert and remove from any
 * context with bottom halves disabled by themselves; resize from one sleepable
 * context at a time (the table's owner serialises).
 */
#ifndef LVS_TAB_H
#define LVS_TAB_H

#include "lvs_internal.h"

struct lvs_node {
	struct lvs_node __rcu *next;
	u32 hash;
	u32 tag;	/* the owner's: a second word next to the hash */
};

struct lvs_buckets {
	u32 mask;
	u32 nth;				/* array of this table, from 1 on */
	struct lvs_buckets __rcu *future;	/* being filled from here */
	struct rcu_head rcu;
	unsigned long head[];
};

struct lvs_tab {
	struct lvs_buckets __rcu *cur;
	atomic_t count;
	u32 expected;		/* entries there will be soon; its size is right for so many */
	unsigned long moved;	/* RCU's state when @cur took the place of another */
	u8 min_bits, max_bits;
};

enum { LVS_TAB_LOCK_BIT = 0 };

int lvs_tab_init(struct lvs_tab *tab, u8 min_bits, u8 max_bits);
/* Must be called when no reader or writer is left. */
void lvs_tab_free(struct lvs_tab *tab);

/*
 * Link @node under @hash unless an entry of the same hash for which
 * @same(entry, arg) holds is there already; returns that entry, or NULL when
 * @node went in.  @same NULL inserts always.  ERR_PTR-free: never fails.
 */
struct lvs_node *lvs_tab_insert(struct lvs_tab *tab, struct lvs_node *node, u32 hash,
				bool (*same)(const struct lvs_node *, const void *),
				const void *arg);
/* False when @node was not in the table: exactly one caller gets true. */
bool lvs_tab_remove(struct lvs_tab *tab, struct lvs_node *node);

/* Is the table too full or too empty for its size?  Cheap; any context. */
bool lvs_tab_wants_resize_now(const struct lvs_tab *tab);
static __always_inline bool lvs_tab_wants_resize(const struct lvs_tab *tab)
{
	const struct lvs_buckets *b;
	bool perhaps;
	u32 count;

	rcu_read_lock();
	b = rcu_dereference(tab->cur);
	count = max((u32)atomic_read(&tab->count), tab->expected);
	perhaps = count > b->mask || count < b->mask / 16;
	rcu_read_unlock();
	return unlikely(perhaps) && lvs_tab_wants_resize_now(tab);
}
/* Sleepable; -ENOMEM leaves the table as it was.  Waits for a grace period only
 * if the one that began with the last resize is not over. */
int lvs_tab_resize(struct lvs_tab *tab);
/* Sleepable.  So many entries are about to be there: room for all of them at
 * once, if there is memory.  0: no more are expected. */
void lvs_tab_expect(struct lvs_tab *tab, u32 entries);

static __always_inline struct lvs_node *lvs_head(const unsigned long *slot)
{
	return (struct lvs_node *)(smp_load_acquire(slot) & ~1UL);
}

/*
 * Walk of the entries of one hash value.  Under rcu_read_lock():
 *	for (n = lvs_tab_first(tab, hash, &b); n; n = lvs_tab_next(n, hash, &b))
 */
static __always_inline struct lvs_node *
lvs_tab_scan(struct lvs_node *n, u32 hash, const struct lvs_buckets **b)
{
	for (;;) {
		for (; n; n = rcu_dereference(n->next))
			if (n->hash == hash)
				return n;
		/* Pairs with the barrier between linking into the new array
		 * and unlinking from the old one. */
		smp_rmb();
		*b = rcu_dereference((*b)->future);
		if (likely(!*b))
			return NULL;
		n = lvs_head(&(*b)->head[hash & (*b)->mask]);
	}
}

static __always_inline struct lvs_node *
lvs_tab_first(const struct lvs_tab *tab, u32 hash, const struct lvs_buckets **b)
{
	*b = rcu_dereference(tab->cur);
	return lvs_tab_scan(lvs_head(&(*b)->head[hash & (*b)->mask]), hash, b);
}

static __always_inline struct lvs_node *
lvs_tab_next(const struct lvs_node *n, u32 hash, const struct lvs_buckets **b)
{
	return lvs_tab_scan(rcu_dereference(n->next), hash, b);
}

/*
 * Walk of everything, resumable: start from a zeroed cursor, under
 * rcu_read_lock(); the lock may be dropped between calls.  An entry present
 * during the whole walk is seen, more than once perhaps if others come or the
 * table is resized meanwhile: then the walk may begin anew, once for each time.
 * The place in a chain is a number, though: who removes the entry it was given
 * last takes one off @skip, and where somebody else removes one that the walk is
 * past, it misses the next.
 */
struct lvs_tab_cursor {
	u32 bucket;
	u32 skip;
	u32 mask, nth;		/* of the array that @bucket counts from */
};
struct lvs_node *lvs_tab_walk(const struct lvs_tab *tab, struct lvs_tab_cursor *at);

#endif
