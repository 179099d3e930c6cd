// SPDX-License-Identifier: GPL-2.0
/*
 * Maglev hashing: a table of a prime number of slots; every server walks through
 * it in an order of its own and takes free slots in turn, until none is left.
 * When one leaves, hardly any slot but its own changes hands.
 *
 * Servers take their turns in the order of address and port, and all hashes have
 * fixed keys: directors with the same servers have the same table, however they
 * came to it.  A server has its share of slots by the last weight above 0 that it
 * had, so that one taken out for a while disturbs nobody: its clients wait or,
 * with the service's flag SCHED1, go to the owner of the next slot that is well.
 * SCHED2 adds the client's port to the key.
 *
 * The table is worked out aside and copied slot by slot: a pick sees a slot as it
 * was or as it will be, both right.
 */
#include "lvs_hash.h"
#include "lvs_sched.h"

#define LVS_MH_NOBODY U16_MAX

/* The paper's small and large size, and others; all prime. */
static const u32 mh_sizes[] = { 251, 509, 1021, 2039, 4093, 8191, 16381, 32749, 65537,
				131101, 262147, 524309, 655373 };

static unsigned int lvs_mh_slots = 65537;
module_param_named(mh_slots, lvs_mh_slots, uint, 0644);
MODULE_PARM_DESC(mh_slots, "slots of an mh table made from now on, up to 655373");

static const struct lvs_hash_key mh_key_client = { 0x6c7673642d6d6831ULL, 0x636c69656e747321ULL };
static const struct lvs_hash_key mh_key_offset = { 0x6c7673642d6d6832ULL, 0x6f66667365747321ULL };
static const struct lvs_hash_key mh_key_skip = { 0x6c7673642d6d6833ULL, 0x736b697073212121ULL };

struct lvs_mh_node {
	u32 share;			/* the last weight above 0 */
	u32 index;			/* in lvs_mh_servers + 1; 0: none yet */
	bool counted;			/* in lvs_mh.eligible */
};

/* A server's index stays its own while it is in the service. */
struct lvs_mh_servers {
	struct rcu_head rcu;
	u32 cap;
	struct lvs_server *at[];	/* READ_ONCE */
};

struct lvs_mh {
	struct lvs_mh_servers __rcu *servers;
	u16 *slot;			/* an index each; READ_ONCE */
	u32 n_slots;
	u32 eligible;			/* READ_ONCE; under inst->lock */
	bool stale;			/* no memory for a new table: try again */
};

/* A server while the table is worked out. */
struct lvs_mh_turn {
	struct lvs_server *s;
	u32 share, quota, credit;
	u32 next, skip;			/* its walk through the slots */
	u16 index;
};

static struct lvs_mh_servers *mh_servers_held(const struct lvs_mh *mh)
{
	return rcu_dereference_protected(mh->servers, 1);
}

/* -------- filling the table */

static int mh_compare(const void *a, const void *b)
{
	const struct lvs_server *x = ((const struct lvs_mh_turn *)a)->s;
	const struct lvs_server *y = ((const struct lvs_mh_turn *)b)->s;
	int order;

	if (x->af != y->af)
		return x->af < y->af ? -1 : 1;
	order = memcmp(&x->addr, &y->addr, sizeof(x->addr));
	return order ? order : (int)ntohs(x->port) - (int)ntohs(y->port);
}

static u32 mh_server_hash(const struct lvs_hash_key *key, const struct lvs_server *s)
{
	return lvs_hash_addr(key, s->af, (__force const u32 *)s->addr.ip6, ntohs(s->port));
}

static void mh_turn_init(const struct lvs_mh *mh, struct lvs_mh_turn *turn,
			 struct lvs_server *s, const struct lvs_mh_node *node)
{
	turn->s = s;
	turn->share = node->share;
	turn->credit = 0;
	turn->index = (u16)(node->index - 1);
	turn->next = mh_server_hash(&mh_key_offset, s) % mh->n_slots;
	turn->skip = mh_server_hash(&mh_key_skip, s) % (mh->n_slots - 1) + 1;
}

/* Those who get slots, in order; how many, or -ENOMEM. */
static int mh_turns(struct lvs_sched_inst *inst, struct lvs_mh_turn **out)
{
	const struct lvs_mh *mh = lvs_sched_priv(inst);
	const struct lvs_mh_node *node;
	struct lvs_mh_turn *turns;
	struct lvs_server *s;
	u32 n = 0, i = 0;

	list_for_each_entry(s, &inst->pool->servers, list)
		n++;
	turns = kvcalloc(n + 1, sizeof(*turns), GFP_KERNEL_ACCOUNT);
	if (!turns)
		return -ENOMEM;
	list_for_each_entry(s, &inst->pool->servers, list) {
		node = lvs_sched_node(inst, s);
		if (node && node->index && node->share)
			mh_turn_init(mh, &turns[i++], s, node);
	}
	sort(turns, i, sizeof(*turns), mh_compare, NULL);
	*out = turns;
	return (int)i;
}

/* One slot each, the others by weight; the greatest quota is returned. */
static u32 mh_quotas(const struct lvs_mh *mh, struct lvs_mh_turn *turns, u32 n)
{
	u64 sum = 0, spare = mh->n_slots - n;
	u32 i, most = 0;

	for (i = 0; i < n; i++)
		sum += turns[i].share;
	for (i = 0; i < n; i++) {
		turns[i].quota = 1 + (u32)div64_u64(spare * turns[i].share, sum);
		most = max(most, turns[i].quota);
	}
	return most;
}

struct lvs_mh_draft {
	u16 *slot;
	unsigned long *taken;
	u32 n_slots, left;
};

static void mh_take(struct lvs_mh_draft *d, struct lvs_mh_turn *turn)
{
	unsigned long *word, bit;
	u32 at = turn->next;

	for (;;) {
		word = &d->taken[at / BITS_PER_LONG];
		bit = 1UL << at % BITS_PER_LONG;
		if (!(*word & bit))
			break;
		at += turn->skip;
		if (at >= d->n_slots)
			at -= d->n_slots;
	}
	*word |= bit;
	d->slot[at] = turn->index;
	d->left--;
	turn->next = at;
}

/* As many rounds as the greatest quota, so that each gives a slot or none; but
 * where one server outweighs thousands, fewer rounds with several. */
static void mh_fill(struct lvs_mh_draft *d, struct lvs_mh_turn *turns, u32 n, u32 most)
{
	u32 round, rounds = 1, i;

	while ((u64)rounds * n < 2ULL * d->n_slots)
		rounds *= 2;
	rounds = min(rounds, most);
	for (round = 0; round < rounds; round++) {
		for (i = 0; i < n; i++) {
			turns[i].credit += turns[i].quota;
			for (; turns[i].credit >= rounds; turns[i].credit -= rounds)
				mh_take(d, &turns[i]);
		}
		cond_resched();
	}
	/* What the rounding left. */
	for (i = 0; d->left; i = (i + 1) % n)
		mh_take(d, &turns[i]);
}

static int mh_draft_init(struct lvs_mh_draft *d, u32 n_slots)
{
	u32 i;

	d->n_slots = d->left = n_slots;
	d->slot = kvmalloc(n_slots * sizeof(u16), GFP_KERNEL_ACCOUNT);
	d->taken = kvcalloc(n_slots / BITS_PER_LONG + 1, sizeof(long), GFP_KERNEL_ACCOUNT);
	if (!d->slot || !d->taken) {
		kvfree(d->slot);
		kvfree(d->taken);
		return -ENOMEM;
	}
	for (i = 0; i < n_slots; i++)
		d->slot[i] = LVS_MH_NOBODY;
	return 0;
}

static int mh_rebuild(struct lvs_sched_inst *inst)
{
	struct lvs_mh *mh = lvs_sched_priv(inst);
	struct lvs_mh_draft d;
	struct lvs_mh_turn *turns;
	int n, err;
	u32 i;

	mh->stale = true;
	n = mh_turns(inst, &turns);
	if (n < 0)
		return n;
	err = mh_draft_init(&d, mh->n_slots);
	if (err)
		goto free_turns;
	if (n)
		mh_fill(&d, turns, (u32)n, mh_quotas(mh, turns, (u32)n));
	for (i = 0; i < mh->n_slots; i++)
		/* Release: the array has the server by then. */
		if (mh->slot[i] != d.slot[i])
			smp_store_release(&mh->slot[i], d.slot[i]);
	mh->stale = false;
	kvfree(d.slot);
	kvfree(d.taken);
free_turns:
	kvfree(turns);
	return err;
}

/* -------- servers and their indices */

static struct lvs_mh_servers *mh_servers_make(u32 cap, const struct lvs_mh_servers *old)
{
	struct lvs_mh_servers *t;

	t = kvzalloc(sizeof(*t) + cap * sizeof(t->at[0]), GFP_KERNEL_ACCOUNT);
	if (!t)
		return NULL;
	t->cap = cap;
	if (old)
		memcpy(t->at, old->at, old->cap * sizeof(t->at[0]));
	return t;
}

/* A free index; the array grows if there is none. */
static int mh_index(struct lvs_mh *mh, u32 *index)
{
	struct lvs_mh_servers *old = mh_servers_held(mh), *t;

	for (*index = 0; *index < old->cap; (*index)++)
		if (!old->at[*index])
			return 0;
	if (old->cap >= LVS_MH_NOBODY)
		return -EINVAL;
	t = mh_servers_make(min_t(u32, 2 * old->cap, LVS_MH_NOBODY), old);
	if (!t)
		return -ENOMEM;
	rcu_assign_pointer(mh->servers, t);
	kvfree_rcu(old, rcu);
	return 0;
}

/* Weight or OVERLOAD moved, or it came or goes.  Looks again after writing, as others look at what
 * is written without the lock. */
static void mh_count(struct lvs_sched_inst *inst, struct lvs_server *s)
{
	struct lvs_mh *mh = lvs_sched_priv(inst);
	struct lvs_mh_node *node = lvs_sched_node(inst, s);
	bool now;

	if (!node)
		return;
	spin_lock_bh(&inst->lock);
	while ((now = READ_ONCE(node->index) && lvs_server_eligible(s)) != node->counted) {
		WRITE_ONCE(mh->eligible, now ? mh->eligible + 1 : mh->eligible - 1);
		WRITE_ONCE(node->counted, now);
		smp_mb();
	}
	spin_unlock_bh(&inst->lock);
}

static int mh_seat(struct lvs_sched_inst *inst, struct lvs_server *s)
{
	struct lvs_mh *mh = lvs_sched_priv(inst);
	struct lvs_mh_node *node = lvs_sched_node(inst, s);
	u32 index;
	int err;

	if (inst->pool->n_servers > mh->n_slots)
		return -EINVAL;
	err = mh_index(mh, &index);
	if (err)
		return err;
	smp_store_release(&mh_servers_held(mh)->at[index], s);
	WRITE_ONCE(node->index, index + 1);
	node->share = (u32)max(s->weight, 0);
	mh_count(inst, s);
	return 0;
}

static void mh_stop(struct lvs_sched_inst *inst)
{
	struct lvs_mh *mh = lvs_sched_priv(inst);

	kvfree(mh_servers_held(mh));
	kvfree(mh->slot);
}

static int mh_alloc(struct lvs_mh *mh)
{
	struct lvs_mh_servers *servers = mh_servers_make(8, NULL);
	u32 i;

	for (i = 0; i < ARRAY_SIZE(mh_sizes) - 1; i++)
		if (mh_sizes[i] >= READ_ONCE(lvs_mh_slots))
			break;
	mh->n_slots = mh_sizes[i];
	RCU_INIT_POINTER(mh->servers, servers);
	mh->slot = kvmalloc(mh->n_slots * sizeof(u16), GFP_KERNEL_ACCOUNT);
	if (!servers || !mh->slot)
		return -ENOMEM;
	for (i = 0; i < mh->n_slots; i++)
		mh->slot[i] = LVS_MH_NOBODY;
	return 0;
}

static int mh_start(struct lvs_sched_inst *inst)
{
	struct lvs_mh *mh = lvs_sched_priv(inst);
	struct lvs_server *s;
	int err = mh_alloc(mh);

	list_for_each_entry(s, &inst->pool->servers, list)
		if (!err)
			err = mh_seat(inst, s);
	if (!err)
		err = mh_rebuild(inst);
	if (err)
		mh_stop(inst);
	return err;
}

static int mh_added(struct lvs_sched_inst *inst, struct lvs_server *s)
{
	int err = mh_seat(inst, s);

	return err ? err : mh_rebuild(inst);
}

static void mh_removed(struct lvs_sched_inst *inst, struct lvs_server *s)
{
	struct lvs_mh *mh = lvs_sched_priv(inst);
	struct lvs_mh_node *node = lvs_sched_node(inst, s);

	if (!node || !node->index)
		return;
	WRITE_ONCE(mh_servers_held(mh)->at[node->index - 1], NULL);
	WRITE_ONCE(node->index, 0);
	mh_count(inst, s);
	if (node->share)
		mh_rebuild(inst);
}

static void mh_edited(struct lvs_sched_inst *inst, struct lvs_server *s)
{
	struct lvs_mh_node *node = s ? lvs_sched_node(inst, s) : NULL;
	u32 weight = s ? (u32)max(s->weight, 0) : 0;

	if (!node)
		return;
	mh_count(inst, s);
	if (!weight || weight == node->share)
		return;
	node->share = weight;
	mh_rebuild(inst);
}

static void mh_counts(struct lvs_sched_inst *inst, struct lvs_server *s)
{
	const struct lvs_mh_node *node = lvs_sched_node(inst, s);

	smp_mb__after_atomic();
	if (node && READ_ONCE(node->index) &&
	    READ_ONCE(node->counted) != lvs_server_eligible(s))
		mh_count(inst, s);
}

static void mh_tick(struct lvs_sched_inst *inst, unsigned long now)
{
	const struct lvs_mh *mh = lvs_sched_priv(inst);

	if (mh->stale)
		mh_rebuild(inst);
}

/* -------- picking */

static u32 mh_client_slot(const struct lvs_mh *mh, const struct lvs_pick *p, u32 svc_flags)
{
	u32 port = 0, hash;

	if (svc_flags & IP_VS_SVC_F_SCHED2)
		port = ntohs(p->sport);
	hash = lvs_hash_addr(&mh_key_client, p->af, (__force const u32 *)p->saddr.ip6, port);
	return (u32)(((u64)hash * mh->n_slots) >> 32);
}

/* Whoever has slot @at; NULL if just nobody. */
static struct lvs_server *mh_owner(const struct lvs_mh *mh, u32 at)
{
	u32 index = smp_load_acquire(&mh->slot[at]);
	const struct lvs_mh_servers *t;

	t = rcu_dereference(mh->servers);
	return index < t->cap ? READ_ONCE(t->at[index]) : NULL;
}

static struct lvs_server *mh_pick(struct lvs_sched_inst *inst, const struct lvs_pick *p)
{
	const struct lvs_mh *mh = lvs_sched_priv(inst);
	u32 flags = READ_ONCE(inst->pool->flags);
	u32 at = mh_client_slot(mh, p, flags), i;
	struct lvs_server *s;

	/* Nobody at all: spare us the walk. */
	if (!READ_ONCE(mh->eligible))
		return NULL;
	for (i = 0; i < mh->n_slots; i++) {
		LVS_STEP();
		s = mh_owner(mh, at);
		if (s && lvs_server_eligible(s))
			return s;
		/* A slot without an owner is about to get one. */
		if (s && !(flags & IP_VS_SVC_F_SCHED1))
			return NULL;
		if (++at == mh->n_slots)
			at = 0;
	}
	return NULL;
}

const struct lvs_sched_ops lvs_sched_mh = {
	.name = "mh",
	.inst_size = sizeof(struct lvs_mh),
	.node_size = sizeof(struct lvs_mh_node),
	.wants_active = true,		/* with it, OVERLOAD */
	.start = mh_start,
	.stop = mh_stop,
	.server_added = mh_added,
	.server_removed = mh_removed,
	.server_edited = mh_edited,
	.counts_changed = mh_counts,
	.pick = mh_pick,
	.tick = mh_tick,
};
