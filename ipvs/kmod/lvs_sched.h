/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The scheduler interface: pure core, no packet and no namespace in sight.
 *
 * A pool is the scheduling view of a service, a server that of a destination;
 * an instance is one scheduler at work on one pool.  When the scheduler of a
 * service changes, the new instance is built beside the old one and swapped in,
 * so a server has two node slots and an instance knows which one is its own.
 *
 * Who calls what:
 *  start, stop, server_*, tick	sleepable, one at a time per pool (the
 *				namespace's mutex).  stop runs after a grace
 *				period: no pick or counts_changed is left.
 *  pick, counts_changed	any CPU, concurrently, bottom halves disabled,
 *				under rcu_read_lock().
 * A scheduler that keeps an ordered structure locks it with inst->lock (bh is
 * off already in pick and counts_changed; the sleepable calls use _bh).
 *
 * counts_changed must be idempotent: it reads the counters and puts the server
 * where it belongs.  After an instance is published it is called once for every
 * server, since counts may have moved while start ran.
 */
#ifndef LVS_SCHED_H
#define LVS_SCHED_H

#include "lvs_internal.h"

/* A step of work that may depend on how many servers there are; tests count. */
#ifndef LVS_STEP
#define LVS_STEP() do { } while (0)
#endif

struct lvs_pool;
struct lvs_sched_inst;

enum {
	LVS_SERVER_AVAILABLE = 1U << 0,	/* still in its service */
	LVS_SERVER_OVERLOAD = 1U << 1,	/* at its upper threshold */
};

struct lvs_server {
	struct list_head list;		/* pool->servers, RCU, newest first */
	u32 id;				/* grows with every server added */
	u32 flags;			/* LVS_SERVER_*; READ_ONCE */
	int weight;			/* READ_ONCE; 0 = no new connections */
	atomic_t active;		/* connections in an active state */
	atomic_t total;			/* all connections but templates */
	u16 af;
	__be16 port;
	union nf_inet_addr addr;
	void *node[2];			/* zeroed ops->node_size bytes per slot */
};

/* Tunables a scheduler may read at any time. */
struct lvs_sched_env {
	int lblc_expiration;		/* jiffies */
	int lblcr_expiration;
};

struct lvs_pool {
	struct list_head servers;	/* newest first */
	u32 n_servers;
	u32 flags;			/* IP_VS_SVC_F_*; READ_ONCE */
	u32 removals;			/* of servers, so far; READ_ONCE */
	u16 af;
	struct lvs_sched_inst __rcu *inst;	/* NULL: scheduler "none" */
	const struct lvs_sched_env *env;
};

/* The new connection a server is wanted for. */
struct lvs_pick {
	u16 af;
	u16 proto;
	__be16 sport, dport;		/* client's and virtual; 0 without ports */
	union nf_inet_addr saddr, daddr;/* client and virtual address; persistent:
					 * @saddr is masked already */
	u32 flags;			/* LVS_PICK_* */
	unsigned long now;		/* jiffies */
};

enum {
	/* From what an ICMP error quotes; the ends are turned round already, so
	 * that saddr is the client as ever. */
	LVS_PICK_INVERSE = 1U << 0,
	LVS_PICK_TEMPLATE = 1U << 1,	/* for a persistence template */
};

struct lvs_sched_ops {
	char name[IP_VS_SCHEDNAME_MAXLEN];
	u16 inst_size;			/* bytes of inst->priv */
	u16 node_size;			/* bytes of server->node[slot], may be 0 */
	bool wants_active;		/* call counts_changed when active moves */
	bool wants_total;		/* and when total does */
	/* The pool's list is complete, nodes are allocated and zero. */
	int (*start)(struct lvs_sched_inst *inst);
	void (*stop)(struct lvs_sched_inst *inst);
	/* @s is in the list already.  An error takes it out again. */
	int (*server_added)(struct lvs_sched_inst *inst, struct lvs_server *s);
	/* @s has left the list and is still AVAILABLE, but not for long; picks may
	 * see it for a grace period, its node is freed after that. */
	void (*server_removed)(struct lvs_sched_inst *inst, struct lvs_server *s);
	/* Weight or OVERLOAD by edit; the service's flags (then @s is NULL). */
	void (*server_edited)(struct lvs_sched_inst *inst, struct lvs_server *s);
	void (*counts_changed)(struct lvs_sched_inst *inst, struct lvs_server *s);
	struct lvs_server *(*pick)(struct lvs_sched_inst *inst, const struct lvs_pick *p);
	/* About once a minute, for caches that age; may be NULL. */
	void (*tick)(struct lvs_sched_inst *inst, unsigned long now);
};

struct lvs_sched_inst {
	const struct lvs_sched_ops *ops;
	struct lvs_pool *pool;
	spinlock_t lock;
	u8 slot;			/* which server->node[] is ours */
	struct rcu_head rcu;
	unsigned long priv[];
};

static inline void *lvs_sched_priv(struct lvs_sched_inst *inst)
{
	return inst->priv;
}

static inline void *lvs_sched_node(const struct lvs_sched_inst *inst,
				   const struct lvs_server *s)
{
	/* Published by lvs_node_alloc(); NULL between a server's arrival and that. */
	return smp_load_acquire(&s->node[inst->slot]);
}

static inline bool lvs_server_eligible(const struct lvs_server *s)
{
	return READ_ONCE(s->weight) > 0 &&
	       (READ_ONCE(s->flags) & (LVS_SERVER_AVAILABLE | LVS_SERVER_OVERLOAD)) ==
		       LVS_SERVER_AVAILABLE;
}

static inline int lvs_server_inactive(const struct lvs_server *s)
{
	return atomic_read(&s->total) - atomic_read(&s->active);
}

/* Beyond it (33 million active connections on one server) all loads are equal. */
#define LVS_LOAD_MAX ((1ULL << 33) - 1)

/* 256 * active + inactive, the measure of lc, wlc, lblc and lblcr. */
static inline u64 lvs_server_overhead(const struct lvs_server *s)
{
	int active = atomic_read(&s->active);
	int inactive = atomic_read(&s->total) - active;

	return min(((u64)max(active, 0) << 8) + (u64)max(inactive, 0), LVS_LOAD_MAX);
}

/* Is load @a for weight @wa strictly less than @b for @wb?  Loads are at most
 * LVS_LOAD_MAX and weights below 2^31, so nothing overflows. */
static __always_inline bool lvs_load_less(u64 a, u32 wa, u64 b, u32 wb)
{
	return a * wb < b * wa;
}

/* NULL when there is none of that name. */
const struct lvs_sched_ops *lvs_sched_find(const char *name);

/* For the pool's owner; Must be called with the namespace's mutex held.  In
 * lvs_sched.c.  A bind with NULL leaves the pool without a scheduler; when it
 * fails the old one goes on. */
int lvs_sched_bind(struct lvs_pool *pool, const struct lvs_sched_ops *ops);
int lvs_sched_server_added(struct lvs_pool *pool, struct lvs_server *s);
void lvs_sched_server_removed(struct lvs_pool *pool, struct lvs_server *s);
/* After a grace period since the removal (or before @s was ever in a list). */
void lvs_sched_server_free(struct lvs_server *s);
/* The service goes away: nobody picks any more, its servers are not told one by
 * one; what is returned goes to lvs_sched_end() after a grace period (anywhere
 * sleepable, without the mutex). */
struct lvs_sched_inst *lvs_sched_detach(struct lvs_pool *pool);
void lvs_sched_end(struct lvs_sched_inst *inst);
void lvs_sched_edited(struct lvs_pool *pool, struct lvs_server *s);
void lvs_sched_tick(struct lvs_pool *pool, unsigned long now);
const char *lvs_sched_name(const struct lvs_pool *pool);

/* Once more, while servers went since there were @removals. */
struct lvs_server *lvs_sched_pick_again(struct lvs_pool *pool, const struct lvs_pick *p,
					u32 removals);

/* A pick may find one that was there when it began to look and is not any more,
 * though others have come long since: NULL only counts if nobody went meanwhile. */
static inline struct lvs_server *lvs_sched_pick(struct lvs_pool *pool,
						const struct lvs_pick *p)
{
	u32 removals = smp_load_acquire(&pool->removals);
	struct lvs_sched_inst *inst = rcu_dereference(pool->inst);
	struct lvs_server *s = inst ? inst->ops->pick(inst, p) : NULL;

	return likely(s) ? s : lvs_sched_pick_again(pool, p, removals);
}

/* Must be called under rcu_read_lock() with bh disabled, after the atomics of
 * @s were changed. */
static inline void lvs_sched_counts(struct lvs_pool *pool, struct lvs_server *s,
				    bool active, bool total)
{
	struct lvs_sched_inst *inst = rcu_dereference(pool->inst);

	if (inst && ((active && inst->ops->wants_active) ||
		     (total && inst->ops->wants_total)))
		inst->ops->counts_changed(inst, s);
}

extern const struct lvs_sched_ops lvs_sched_rr, lvs_sched_wrr, lvs_sched_lc, lvs_sched_wlc,
	lvs_sched_lblc, lvs_sched_lblcr, lvs_sched_dh, lvs_sched_sh, lvs_sched_sed,
	lvs_sched_nq, lvs_sched_fo, lvs_sched_ovf, lvs_sched_mh, lvs_sched_twos;

#endif
