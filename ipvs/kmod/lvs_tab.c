// SPDX-License-Identifier: GPL-2.0
#include "lvs_tab.h"

/* Two buckets are locked at once while the table is being resized and one when
 * it is not, which sparse cannot follow: for it these two do nothing. */
static void lvs_lock_slot(unsigned long *slot)
{
	bit_spin_lock(LVS_TAB_LOCK_BIT, slot);
	__release(bitlock);
}

static void lvs_unlock_slot(unsigned long *slot)
{
	__acquire(bitlock);
	bit_spin_unlock(LVS_TAB_LOCK_BIT, slot);
}

/* Must be called with the slot locked: the bit stays. */
static void lvs_set_head(unsigned long *slot, struct lvs_node *n)
{
	smp_store_release(slot, (unsigned long)n | (1UL << LVS_TAB_LOCK_BIT));
}

static struct lvs_node *lvs_next(const struct lvs_node *n)
{
	return rcu_dereference_protected(n->next, 1);
}

static struct lvs_buckets *lvs_buckets_alloc(u8 bits, u32 nth)
{
	struct lvs_buckets *b;

	b = kvzalloc(sizeof(*b) + (sizeof(b->head[0]) << bits), GFP_KERNEL_ACCOUNT);
	if (!b)
		return NULL;
	b->mask = (1U << bits) - 1;
	b->nth = nth;
	return b;
}

int lvs_tab_init(struct lvs_tab *tab, u8 min_bits, u8 max_bits)
{
	struct lvs_buckets *b = lvs_buckets_alloc(min_bits, 1);

	if (!b)
		return -ENOMEM;
	tab->min_bits = min_bits;
	tab->max_bits = max_bits;
	tab->expected = 0;
	tab->moved = get_state_synchronize_rcu();
	atomic_set(&tab->count, 0);
	rcu_assign_pointer(tab->cur, b);
	return 0;
}

void lvs_tab_free(struct lvs_tab *tab)
{
	kvfree(rcu_dereference_protected(tab->cur, 1));
	RCU_INIT_POINTER(tab->cur, NULL);
}

static struct lvs_node *lvs_find_same(struct lvs_node *n, u32 hash,
				      bool (*same)(const struct lvs_node *, const void *),
				      const void *arg)
{
	for (; n; n = lvs_next(n))
		if (n->hash == hash && same(n, arg))
			return n;
	return NULL;
}

struct lvs_node *lvs_tab_insert(struct lvs_tab *tab, struct lvs_node *node, u32 hash,
				bool (*same)(const struct lvs_node *, const void *),
				const void *arg)
{
	unsigned long *slot, *slot2 = NULL, *to;
	struct lvs_buckets *b, *future;
	struct lvs_node *found = NULL;

	node->hash = hash;
	local_bh_disable();
	rcu_read_lock();
	b = rcu_dereference(tab->cur);
	slot = to = &b->head[hash & b->mask];
	lvs_lock_slot(slot);
	/* Read under the lock: the mover has published it before it locks. */
	future = rcu_dereference(b->future);
	if (future) {
		slot2 = to = &future->head[hash & future->mask];
		lvs_lock_slot(slot2);
	}
	if (same) {
		found = lvs_find_same(lvs_head(slot), hash, same, arg);
		if (!found && slot2)
			found = lvs_find_same(lvs_head(slot2), hash, same, arg);
	}
	if (!found) {
		RCU_INIT_POINTER(node->next, lvs_head(to));
		lvs_set_head(to, node);
		atomic_inc(&tab->count);
	}
	if (slot2)
		lvs_unlock_slot(slot2);
	lvs_unlock_slot(slot);
	rcu_read_unlock();
	local_bh_enable();
	return found;
}

/* Must be called with the slot locked. */
static bool lvs_unlink(unsigned long *slot, struct lvs_node *node)
{
	struct lvs_node *prev = NULL, *n;

	for (n = lvs_head(slot); n; prev = n, n = lvs_next(n)) {
		if (n != node)
			continue;
		if (prev)
			rcu_assign_pointer(prev->next, lvs_next(node));
		else
			lvs_set_head(slot, lvs_next(node));
		return true;
	}
	return false;
}

bool lvs_tab_remove(struct lvs_tab *tab, struct lvs_node *node)
{
	struct lvs_buckets *b, *future;
	unsigned long *slot, *slot2;
	bool done;

	local_bh_disable();
	rcu_read_lock();
	b = rcu_dereference(tab->cur);
	slot = &b->head[node->hash & b->mask];
	lvs_lock_slot(slot);
	done = lvs_unlink(slot, node);
	future = rcu_dereference(b->future);
	if (!done && future) {
		slot2 = &future->head[node->hash & future->mask];
		lvs_lock_slot(slot2);
		done = lvs_unlink(slot2, node);
		lvs_unlock_slot(slot2);
	}
	lvs_unlock_slot(slot);
	rcu_read_unlock();
	local_bh_enable();
	if (done)
		atomic_dec(&tab->count);
	return done;
}

static u8 lvs_tab_bits(const struct lvs_buckets *b)
{
	return (u8)fls(b->mask);
}

/* Grow at one entry per bucket to a quarter, shrink below an eighth. */
static u8 lvs_tab_good_bits(const struct lvs_tab *tab, u32 buckets)
{
	u32 count = max((u32)max(atomic_read(&tab->count), 0), tab->expected);
	u8 bits = (u8)fls(buckets - 1);

	if (count > buckets)
		bits = (u8)(fls(count) + 1);
	else if (count < buckets / 16)
		bits = (u8)(fls(count) + 1);
	return clamp(bits, tab->min_bits, tab->max_bits);
}

bool lvs_tab_wants_resize_now(const struct lvs_tab *tab)
{
	const struct lvs_buckets *b;
	bool wants;

	rcu_read_lock();
	b = rcu_dereference(tab->cur);
	wants = lvs_tab_good_bits(tab, b->mask + 1) != lvs_tab_bits(b);
	rcu_read_unlock();
	return wants;
}

/*
 * Move one entry, the last of the chain: a reader standing on it goes on into
 * the new chain, which is harmless, and no reader in front of it loses sight of
 * the ones between.  False when the chain is empty.
 */
static bool lvs_move_last(unsigned long *slot, struct lvs_buckets *to)
{
	struct lvs_node *prev = NULL, *n = lvs_head(slot), *next;
	unsigned long *slot2;

	if (!n)
		return false;
	while ((next = lvs_next(n))) {
		prev = n;
		n = next;
	}
	slot2 = &to->head[n->hash & to->mask];
	lvs_lock_slot(slot2);
	rcu_assign_pointer(n->next, lvs_head(slot2));
	lvs_set_head(slot2, n);
	/* In the new array before out of the old: see lvs_tab_scan(). */
	smp_wmb();
	if (prev)
		RCU_INIT_POINTER(prev->next, NULL);
	else
		lvs_set_head(slot, NULL);
	lvs_unlock_slot(slot2);
	return true;
}

int lvs_tab_resize(struct lvs_tab *tab)
{
	struct lvs_buckets *old = rcu_dereference_protected(tab->cur, 1), *b;
	u8 bits = lvs_tab_good_bits(tab, old->mask + 1);
	u32 i;

	if (bits == lvs_tab_bits(old))
		return 0;
	b = lvs_buckets_alloc(bits, old->nth + 1 ?: 1);
	if (!b)
		return -ENOMEM;
	/* A writer that still holds the array before @old would put its entry
	 * into @old, behind the mover. */
	cond_synchronize_rcu(tab->moved);
	rcu_assign_pointer(old->future, b);
	for (i = 0; i <= old->mask; i++) {
		local_bh_disable();
		lvs_lock_slot(&old->head[i]);
		while (lvs_move_last(&old->head[i], b))
			;
		lvs_unlock_slot(&old->head[i]);
		local_bh_enable();
		if (!(i & 255))
			cond_resched();
	}
	rcu_assign_pointer(tab->cur, b);
	tab->moved = start_poll_synchronize_rcu();
	kvfree_rcu(old, rcu);
	return 0;
}

void lvs_tab_expect(struct lvs_tab *tab, u32 entries)
{
	tab->expected = entries;
	if (entries && lvs_tab_wants_resize(tab))
		lvs_tab_resize(tab);
}

static struct lvs_node *lvs_walk_one(const struct lvs_buckets *b, u32 base,
				     struct lvs_tab_cursor *at)
{
	struct lvs_node *n;
	u32 i;

	while (at->bucket - base <= b->mask) {
		n = lvs_head(&b->head[at->bucket - base]);
		for (i = 0; n && i < at->skip; i++)
			n = rcu_dereference(n->next);
		if (n) {
			at->skip++;
			return n;
		}
		at->bucket++;
		at->skip = 0;
	}
	return NULL;
}

/*
 * The table was resized since the last call.  If the walk was in what is the new
 * array now it goes on there.  Otherwise it begins anew: what was in front of it
 * may be behind it, for it passed over buckets that had been moved already.
 */
static void lvs_walk_moved(const struct lvs_buckets *b, struct lvs_tab_cursor *at)
{
	if (b->nth == at->nth + 1 && at->bucket > at->mask)
		at->bucket -= at->mask + 1;
	else
		at->bucket = at->skip = 0;
}

struct lvs_node *lvs_tab_walk(const struct lvs_tab *tab, struct lvs_tab_cursor *at)
{
	const struct lvs_buckets *b = rcu_dereference(tab->cur), *future;
	struct lvs_node *n = NULL;

	if (unlikely(at->nth && at->nth != b->nth))
		lvs_walk_moved(b, at);
	at->nth = b->nth;
	at->mask = b->mask;
	if (at->bucket <= b->mask)
		n = lvs_walk_one(b, 0, at);
	if (n)
		return n;
	future = rcu_dereference(b->future);
	return future ? lvs_walk_one(future, b->mask + 1, at) : NULL;
}
