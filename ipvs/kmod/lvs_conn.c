// SPDX-License-Identifier: GPL-2.0
/*
 * Connections: finding, making, ageing and taking down.
 *
 * Ageing.  A packet writes at most cp->lastuse, and that only when an eighth of
 * a second has passed.  The timer is armed once; when it fires it looks how
 * long the connection has really been idle and goes back to sleep for the rest.
 * Only a state whose timeout ends before the timer would fire re-arms it.
 *
 * Taking down.  LVS_CONN_DEAD is set under cp->lock, once; whoever set it
 * destroys.  Nobody arms the timer of a dead connection.
 */
#include "lvs_private.h"

static struct kmem_cache *lvs_conn_cache, *lvs_conn6_cache;

enum {
	LVS_CONTROL_WAIT = 60,		/* s, a template with connections under it */
	LVS_LASTUSE_STEP = HZ / 8,
	LVS_INVALID_PORT = 0xffff,
	/* What the first packet from the server ends. */
	LVS_CONN_UNHEARD = IP_VS_CONN_F_NOOUTPUT | LVS_CONN_UNSURE,
};

static void lvs_conn_expire(struct timer_list *t);

/* ---------------------------------------------------------------- finding -- */

static __always_inline bool lvs_same_addr(u8 af, const __be32 *a, const __be32 *b)
{
	if (likely(af == AF_INET))
		return a[0] == b[0];
	return !((a[0] ^ b[0]) | (a[1] ^ b[1]) | (a[2] ^ b[2]) | (a[3] ^ b[3]));
}

/* What is being taken down is no longer found, nor in the way of another with its key. */
static __always_inline bool lvs_conn_is_client(const struct lvs_conn *cp, u8 af, u8 proto,
					       const __be32 *caddr, __be16 cport)
{
	return cp->cport == cport && cp->proto == proto && cp->af == af &&
	       lvs_same_addr(af, lvs_end_addr(cp, af, LVS_CLIENT), caddr) &&
	       !(READ_ONCE(cp->flags) & (IP_VS_CONN_F_TEMPLATE | LVS_CONN_DEAD));
}

static __always_inline struct lvs_conn *
lvs_find_in(struct lvs_netns *ns, u8 af, u8 proto, const __be32 *saddr, __be16 sport,
	    const __be32 *daddr, __be16 dport, u32 *made)
{
	u32 hash = *made = lvs_conn_hash(ns, af, proto, saddr, sport);
	const struct lvs_buckets *b;
	struct lvs_node *n;

	for (n = lvs_tab_first(&ns->conns, hash, &b); n; n = lvs_tab_next(n, hash, &b)) {
		struct lvs_conn *cp = container_of(n, struct lvs_conn, node);

		if (cp->vport == dport && lvs_conn_is_client(cp, af, proto, saddr, sport) &&
		    lvs_same_addr(af, lvs_end_addr(cp, af, LVS_VIRTUAL), daddr))
			return cp;
	}
	return NULL;
}

/* The family is a constant in each branch, and with it the length of addresses. */
struct lvs_conn *lvs_conn_find_hash(struct lvs_netns *ns, u8 af, u8 proto, const __be32 *saddr,
				    __be16 sport, const __be32 *daddr, __be16 dport, u32 *hash)
{
	if (likely(af == AF_INET))
		return lvs_find_in(ns, AF_INET, proto, saddr, sport, daddr, dport, hash);
	return lvs_find_in(ns, AF_INET6, proto, saddr, sport, daddr, dport, hash);
}

/* Only NAT'ed servers answer with an address of their own. */
static __always_inline bool lvs_conn_answers(const struct lvs_conn *cp, u8 af,
					     const __be32 *saddr, __be16 sport)
{
	if (likely((READ_ONCE(cp->flags) & IP_VS_CONN_F_FWD_MASK) == IP_VS_CONN_F_MASQ))
		return cp->dport == sport && cp->daf == af &&
		       lvs_same_addr(af, lvs_end_addr(cp, af, LVS_REAL), saddr);
	return cp->vport == sport && lvs_same_addr(af, lvs_end_addr(cp, af, LVS_VIRTUAL), saddr);
}

static __always_inline struct lvs_conn *
lvs_find_out(struct lvs_netns *ns, u8 af, u8 proto, const __be32 *saddr, __be16 sport,
	     const __be32 *daddr, __be16 dport)
{
	u32 hash = lvs_conn_hash(ns, af, proto, daddr, dport);
	const struct lvs_buckets *b;
	struct lvs_node *n;

	for (n = lvs_tab_first(&ns->conns, hash, &b); n; n = lvs_tab_next(n, hash, &b)) {
		struct lvs_conn *cp = container_of(n, struct lvs_conn, node);

		if (lvs_conn_is_client(cp, af, proto, daddr, dport) &&
		    lvs_conn_answers(cp, af, saddr, sport))
			return cp;
	}
	return NULL;
}

struct lvs_conn *lvs_conn_find_out(struct lvs_netns *ns, u8 af, u8 proto, const __be32 *saddr,
				   __be16 sport, const __be32 *daddr, __be16 dport)
{
	if (likely(af == AF_INET))
		return lvs_find_out(ns, AF_INET, proto, saddr, sport, daddr, dport);
	return lvs_find_out(ns, AF_INET6, proto, saddr, sport, daddr, dport);
}

/* Templates are found one way only, so the virtual end is in their hash too:
 * a netmask of /0 does not put all of them in one bucket. */
static u32 lvs_template_hash(const struct lvs_netns *ns, const struct lvs_conn_spec *s)
{
	bool v6 = s->af == AF_INET6;
	u64 w[5];

	w[0] = lvs_pair64((__force u32)s->caddr[0], (__force u32)s->vaddr[0]);
	w[1] = lvs_pair64((u32)s->proto << 16 | (__force u16)s->vport, s->af);
	if (!v6)
		return lvs_hash_words(&ns->key, w, 2);
	w[2] = lvs_pair64((__force u32)s->caddr[1], (__force u32)s->caddr[2]);
	w[3] = lvs_pair64((__force u32)s->caddr[3], (__force u32)s->vaddr[1]);
	w[4] = lvs_pair64((__force u32)s->vaddr[2], (__force u32)s->vaddr[3]);
	return lvs_hash_words(&ns->key, w, 5);
}

/* Same key, both templates or both connections, and not just going away? */
static bool lvs_conn_is_spec(const struct lvs_conn *cp, const struct lvs_conn_spec *s)
{
	return cp->vport == s->vport && cp->cport == s->cport && cp->proto == s->proto &&
	       cp->af == s->af && lvs_same_addr(s->af, lvs_conn_addr(cp, LVS_CLIENT), s->caddr) &&
	       lvs_same_addr(s->af, lvs_conn_addr(cp, LVS_VIRTUAL), s->vaddr) &&
	       !((READ_ONCE(cp->flags) ^ s->flags) & (IP_VS_CONN_F_TEMPLATE | LVS_CONN_DEAD));
}

struct lvs_conn *lvs_template_find(struct lvs_netns *ns, const struct lvs_conn_spec *s)
{
	u32 hash = lvs_template_hash(ns, s);
	const struct lvs_buckets *b;
	struct lvs_node *n;

	for (n = lvs_tab_first(&ns->conns, hash, &b); n; n = lvs_tab_next(n, hash, &b)) {
		struct lvs_conn *cp = container_of(n, struct lvs_conn, node);

		if (lvs_conn_is_spec(cp, s))
			return cp;
	}
	return NULL;
}

/* ----------------------------------------------------------------- making -- */

static void lvs_conn_bind(struct lvs_conn *cp, struct lvs_dest *dest)
{
	cp->dest = dest;
	if (!dest)
		return;
	if (cp->flags & IP_VS_CONN_F_TEMPLATE) {
		atomic_inc(&dest->persistent);
		return;
	}
	cp->flags |= LVS_CONN_COUNTED;
	atomic_inc(&dest->server.total);
	lvs_dest_counts(dest, false, true);
}

static void lvs_conn_unbind(struct lvs_conn *cp)
{
	struct lvs_dest *dest = cp->dest;

	if (!dest)
		return;
	if (cp->flags & IP_VS_CONN_F_TEMPLATE) {
		atomic_dec(&dest->persistent);
		return;
	}
	if (cp->flags & LVS_CONN_ACTIVE)
		atomic_dec(&dest->server.active);
	/* The order matters: total is what keeps a dest out of the trash can. */
	rcu_read_lock();
	atomic_dec(&dest->server.total);
	lvs_dest_counts(dest, cp->flags & LVS_CONN_ACTIVE, true);
	rcu_read_unlock();
}

static __always_inline void lvs_conn_set_addr(struct lvs_conn *cp, enum lvs_end end, const __be32 *addr)
{
	__be32 *to = (__be32 *)lvs_conn_addr(cp, end);

	if (likely(cp->af == AF_INET))
		*to = *addr;
	else
		memcpy(to, addr, sizeof(struct in6_addr));
}

/* Where packets go: the server; for a bypass nowhere of ours. */
static void lvs_conn_set_real(struct lvs_conn *cp, const struct lvs_conn_spec *s)
{
	const __be32 *daddr;

	cp->daf = s->dest ? (u8)s->dest->server.af : s->af;
	if (!s->dest || cp->daf != cp->af)
		return;
	daddr = s->dest->server.addr.ip6;
	lvs_conn_set_addr(cp, LVS_REAL, daddr);
	/* Nobody else rewrites. */
	if ((s->flags & IP_VS_CONN_F_FWD_MASK) == IP_VS_CONN_F_MASQ)
		cp->in = lvs_delta_make(s->af, s->vaddr, s->vport, daddr, s->dport);
}

struct lvs_conn *lvs_conn_new(struct lvs_netns *ns, const struct lvs_conn_spec *s)
{
	struct lvs_conn *cp;

	cp = kmem_cache_zalloc(s->af == AF_INET ? lvs_conn_cache : lvs_conn6_cache, GFP_ATOMIC);
	if (!cp)
		return NULL;
	cp->ns = ns;
	cp->af = s->af;
	cp->proto = s->proto;
	cp->cport = s->cport;
	cp->vport = s->vport;
	cp->dport = s->dport;
	lvs_conn_set_addr(cp, LVS_CLIENT, s->caddr);
	lvs_conn_set_addr(cp, LVS_VIRTUAL, s->vaddr);
	lvs_conn_set_real(cp, s);
	cp->flags = s->flags | IP_VS_CONN_F_INACTIVE;
	cp->fwmark = s->fwmark;
	cp->timeout = s->timeout;
	cp->lastuse = (u32)jiffies;
	cp->control = s->control;
	spin_lock_init(&cp->lock);
	timer_setup(&cp->timer, lvs_conn_expire, 0);
	if (s->control && s->proto == IPPROTO_UDP)
		cp->flags |= LVS_CONN_UNSURE;
	lvs_conn_bind(cp, s->dest);
	return cp;
}

/* RCU links the dead where the timer was: it is stopped by then.  Not at its
 * very address, which debugging remembers as a timer's. */
struct lvs_conn_grave {
	unsigned long pad;
	struct rcu_head rcu;
};

static void lvs_conn_free_rcu(struct rcu_head *head)
{
	struct lvs_conn_grave *g = container_of(head, struct lvs_conn_grave, rcu);
	struct lvs_conn *cp = container_of((struct timer_list *)g, struct lvs_conn, timer);

	kmem_cache_free(cp->af == AF_INET ? lvs_conn_cache : lvs_conn6_cache, cp);
}

static void lvs_conn_free(struct lvs_conn *cp)
{
	struct lvs_conn_grave *g = (struct lvs_conn_grave *)&cp->timer;

	BUILD_BUG_ON(sizeof(*g) > sizeof(cp->timer));
	lvs_conn_unbind(cp);
	if (cp->control)
		lvs_control_put(cp->control);
	call_rcu(&g->rcu, lvs_conn_free_rcu);
}

void lvs_conn_discard(struct lvs_conn *cp)
{
	lvs_conn_free(cp);
}

/* Must be called by who set LVS_CONN_DEAD, the timer stopped. */
static void lvs_conn_destroy(struct lvs_conn *cp)
{
	lvs_tab_remove(&cp->ns->conns, &cp->node);
	lvs_nfct_forget(cp);
	lvs_conn_free(cp);
}

static bool lvs_conn_same(const struct lvs_node *n, const void *spec)
{
	return lvs_conn_is_spec(container_of(n, struct lvs_conn, node), spec);
}

static void lvs_conn_spec_of(const struct lvs_conn *cp, struct lvs_conn_spec *s)
{
	memset(s, 0, sizeof(*s));
	s->af = cp->af;
	s->proto = cp->proto;
	s->cport = cp->cport;
	s->vport = cp->vport;
	s->caddr = lvs_conn_addr(cp, LVS_CLIENT);
	s->vaddr = lvs_conn_addr(cp, LVS_VIRTUAL);
	s->flags = cp->flags;
}

static struct lvs_conn *lvs_publish(struct lvs_conn *cp, const struct lvs_conn_spec *s, u32 hash)
{
	struct lvs_netns *ns = cp->ns;
	struct lvs_node *other;

	cp->flags |= IP_VS_CONN_F_HASHED;
	other = lvs_tab_insert(&ns->conns, &cp->node, hash, lvs_conn_same, s);
	if (unlikely(other)) {
		lvs_conn_free(cp);
		return container_of(other, struct lvs_conn, node);
	}
	spin_lock_bh(&cp->lock);
	if (!(cp->flags & LVS_CONN_DEAD) && !timer_pending(&cp->timer))
		mod_timer(&cp->timer, jiffies + cp->timeout);
	spin_unlock_bh(&cp->lock);
	if (unlikely(lvs_tab_wants_resize(&ns->conns)) && !READ_ONCE(ns->dying))
		queue_delayed_work(lvs_wq, &ns->resize_work, HZ / 10);
	return cp;
}

struct lvs_conn *lvs_conn_publish(struct lvs_conn *cp, u32 hash)
{
	struct lvs_conn_spec s;

	lvs_conn_spec_of(cp, &s);
	return lvs_publish(cp, &s, hash);
}

struct lvs_conn *lvs_template_publish(struct lvs_conn *tmpl)
{
	struct lvs_conn_spec s;

	lvs_conn_spec_of(tmpl, &s);
	return lvs_publish(tmpl, &s, lvs_template_hash(tmpl->ns, &s));
}

/* ----------------------------------------------------------------- ageing -- */

/* Must be called with cp->lock held. */
static void lvs_conn_arm_sooner(struct lvs_conn *cp)
{
	unsigned long at = jiffies + cp->timeout;

	if (timer_pending(&cp->timer) && time_before(at, cp->timer.expires))
		mod_timer(&cp->timer, at);
}

/* Must be called with cp->lock held.  True: it is over and ours to destroy. */
static bool lvs_conn_is_over(struct lvs_conn *cp)
{
	s32 left = (s32)(cp->timeout - ((u32)jiffies - READ_ONCE(cp->lastuse)));

	if (cp->flags & LVS_CONN_DEAD)
		return false;
	if (left > 0 && !(cp->flags & LVS_CONN_NOW)) {
		mod_timer(&cp->timer, jiffies + left);
		return false;
	}
	if (atomic_read(&cp->n_control) > 0) {
		mod_timer(&cp->timer, jiffies + LVS_CONTROL_WAIT * HZ);
		return false;
	}
	cp->flags |= LVS_CONN_DEAD;
	return true;
}

static void lvs_conn_expire(struct timer_list *t)
{
	struct lvs_conn *cp = container_of(t, struct lvs_conn, timer);
	struct lvs_netns *ns = cp->ns;
	bool over;

	spin_lock(&cp->lock);
	over = lvs_conn_is_over(cp);
	spin_unlock(&cp->lock);
	if (!over)
		return;
	lvs_conn_destroy(cp);
	if (unlikely(lvs_tab_wants_resize(&ns->conns)) && !READ_ONCE(ns->dying))
		queue_delayed_work(lvs_wq, &ns->resize_work, HZ);
}

bool lvs_conn_kill(struct lvs_conn *cp)
{
	bool ours = false;

	spin_lock_bh(&cp->lock);
	if (!(cp->flags & LVS_CONN_DEAD) && !atomic_read(&cp->n_control)) {
		cp->flags |= LVS_CONN_DEAD;
		ours = true;
	}
	spin_unlock_bh(&cp->lock);
	if (!ours)
		return false;
	/* Its callback finds LVS_CONN_DEAD and does nothing. */
	timer_delete_sync(&cp->timer);
	lvs_conn_destroy(cp);
	return true;
}

bool lvs_control_get(struct lvs_conn *tmpl, u32 timeout)
{
	bool ok;

	spin_lock_bh(&tmpl->lock);
	ok = !(tmpl->flags & LVS_CONN_DEAD);
	if (ok) {
		atomic_inc(&tmpl->n_control);
		WRITE_ONCE(tmpl->timeout, timeout);
		WRITE_ONCE(tmpl->lastuse, (u32)jiffies);
		lvs_conn_arm_sooner(tmpl);
	}
	spin_unlock_bh(&tmpl->lock);
	return ok;
}

void lvs_control_put(struct lvs_conn *tmpl)
{
	atomic_dec(&tmpl->n_control);
}

/* It stays in its bucket: nothing that is looked up there has these ports. */
void lvs_template_invalidate(struct lvs_conn *tmpl)
{
	spin_lock_bh(&tmpl->lock);
	tmpl->vport = htons(LVS_INVALID_PORT);
	tmpl->dport = htons(LVS_INVALID_PORT);
	tmpl->cport = 0;
	spin_unlock_bh(&tmpl->lock);
}

/* ------------------------------------------------------------------ state -- */

/* The state after this packet; the present one if it says nothing. */
static __always_inline u8 lvs_next_state(const struct lvs_ctx *x, const struct lvs_conn *cp,
					 enum lvs_dir dir, u8 state)
{
	const struct lvs_pkt *pkt = &x->pkt;
	enum lvs_sctp_event ev;
	int flags;

	if (pkt->proto == IPPROTO_UDP)
		return state;
	if (dir == LVS_DIR_IN && READ_ONCE(cp->flags) & IP_VS_CONN_F_NOOUTPUT)
		dir = LVS_DIR_IN_ONLY;
	if (pkt->proto == IPPROTO_TCP) {
		flags = lvs_tcp_flags(x->skb, pkt->l4);
		if (flags < 0)
			return state;
		return lvs_tcp_next(dir, lvs_tcp_event(flags), state,
				    READ_ONCE(x->ns->defense.secure_tcp));
	}
	if (pkt->proto == IPPROTO_SCTP && lvs_sctp_event(x->skb, pkt->l4, &ev))
		return lvs_sctp_next(dir, ev, state);
	return state;
}

/* Must be called with cp->lock held.  True when the server's active count moved. */
static bool lvs_conn_set_state(struct lvs_conn *cp, u8 state)
{
	bool active = lvs_state_active(cp->proto, state);
	u32 flags = cp->flags;

	WRITE_ONCE(cp->state, state);
	WRITE_ONCE(cp->timeout, READ_ONCE(cp->ns->timeout[lvs_proto_row(cp->proto)][state]));
	WRITE_ONCE(cp->lastuse, (u32)jiffies);
	lvs_conn_arm_sooner(cp);
	if (!cp->dest || !(flags & LVS_CONN_COUNTED) || active == !!(flags & LVS_CONN_ACTIVE))
		return false;
	if (active) {
		flags = (flags | LVS_CONN_ACTIVE) & ~IP_VS_CONN_F_INACTIVE;
		atomic_inc(&cp->dest->server.active);
	} else {
		flags = (flags & ~LVS_CONN_ACTIVE) | IP_VS_CONN_F_INACTIVE;
		atomic_dec(&cp->dest->server.active);
	}
	WRITE_ONCE(cp->flags, flags);
	return true;
}

static bool lvs_state_assures(u8 proto, u8 state, enum lvs_dir dir)
{
	return proto == IPPROTO_TCP ? state == LVS_TCP_ESTABLISHED :
	       proto == IPPROTO_SCTP ? state == LVS_SCTP_ESTABLISHED : dir == LVS_DIR_OUT;
}

/* Its client is real: the template above outlives memory pressure. */
static void lvs_assure(struct lvs_conn *tmpl)
{
	if (READ_ONCE(tmpl->state) == LVS_TEMPLATE_ASSURED)
		return;
	spin_lock_bh(&tmpl->lock);
	WRITE_ONCE(tmpl->state, LVS_TEMPLATE_ASSURED);
	spin_unlock_bh(&tmpl->lock);
}

static noinline void lvs_conn_change(const struct lvs_ctx *x, struct lvs_conn *cp,
				     enum lvs_dir dir)
{
	bool moved = false;
	u8 state = 0;

	spin_lock_bh(&cp->lock);
	if (!(cp->flags & LVS_CONN_DEAD)) {
		if (dir == LVS_DIR_OUT)
			WRITE_ONCE(cp->flags, cp->flags & ~LVS_CONN_UNHEARD);
		state = lvs_next_state(x, cp, dir, cp->state);
		moved = lvs_conn_set_state(cp, state);
	}
	spin_unlock_bh(&cp->lock);
	if (moved)
		lvs_dest_counts(cp->dest, true, false);
	if (cp->control && lvs_state_assures(cp->proto, state, dir))
		lvs_assure(cp->control);
}

void lvs_conn_packet(const struct lvs_ctx *x, struct lvs_conn *cp, enum lvs_dir dir)
{
	u8 state = READ_ONCE(cp->state), next = lvs_next_state(x, cp, dir, state);
	u32 timeout = READ_ONCE(x->ns->timeout[lvs_proto_row(x->pkt.proto)][next]);
	u32 now = (u32)jiffies;

	if (unlikely(next != state || timeout != READ_ONCE(cp->timeout) ||
		     (dir == LVS_DIR_OUT && READ_ONCE(cp->flags) & LVS_CONN_UNHEARD))) {
		lvs_conn_change(x, cp, dir);
		return;
	}
	if (now - READ_ONCE(cp->lastuse) >= LVS_LASTUSE_STEP) {
		WRITE_ONCE(cp->lastuse, now);
		if (cp->packets != U16_MAX)
			WRITE_ONCE(cp->packets, cp->packets + 1);
	}
}

/* ---------------------------------------------------------------- the end -- */

static bool lvs_conn_orphaned(const struct lvs_conn *cp)
{
	return cp->dest && !(READ_ONCE(cp->dest->server.flags) & LVS_SERVER_AVAILABLE);
}

/* One pass over the table; connections before the templates that control them.
 * True when it took something down. */
static bool lvs_conn_sweep(struct lvs_netns *ns, bool templates, bool orphans_only)
{
	struct lvs_tab_cursor at = {};
	struct lvs_conn *cp;
	bool any = false;

	do {
		local_bh_disable();
		rcu_read_lock();
		cp = lvs_conn_walk(ns, &at);
		if (cp && (templates || !(READ_ONCE(cp->flags) & IP_VS_CONN_F_TEMPLATE)) &&
		    (!orphans_only || lvs_conn_orphaned(cp)) && lvs_conn_kill(cp)) {
			any = true;
			at.skip -= !!at.skip;
		}
		rcu_read_unlock();
		local_bh_enable();
		cond_resched();
	} while (cp);
	return any;
}

/* expire_nodest_conn: connections of servers that were removed end at once. */
void lvs_nodest_run(struct work_struct *work)
{
	struct lvs_netns *ns = container_of(to_delayed_work(work), struct lvs_netns, nodest_work);

	/* A pass may miss one.  Templates come last, with nothing below them any more. */
	while (lvs_conn_sweep(ns, false, true) || lvs_conn_sweep(ns, true, true))
		;
}

int lvs_conn_net_init(struct lvs_netns *ns)
{
	return lvs_tab_init(&ns->conns, 8, LVS_CONN_TAB_BITS_MAX);
}

/* The hooks are gone and a grace period is over: nothing new comes.  What is
 * left after a round is a connection whose timer takes it down, one the walk
 * did not see for another that left, or a template above one of these. */
void lvs_conn_net_exit(struct lvs_netns *ns)
{
	for (;;) {
		lvs_conn_sweep(ns, false, false);
		lvs_conn_sweep(ns, true, false);
		if (!atomic_read(&ns->conns.count))
			break;
		schedule_timeout_uninterruptible(1);
	}
}

/* The region open to user copies is empty of meaning: a cache that has one keeps
 * its own name and slabs instead of being merged with others of its size. */
static struct kmem_cache *lvs_cache(const char *name, unsigned int size)
{
	return kmem_cache_create_usercopy(name, size, 64, 0, 0, sizeof(long), NULL);
}

int lvs_conn_caches_init(void)
{
	BUILD_BUG_ON(offsetof(struct lvs_conn, cport) != offsetof(struct lvs_node, tag));
	BUILD_BUG_ON(IS_ENABLED(CONFIG_LOCKDEP) == 0 && sizeof(spinlock_t) == 4 &&
		     sizeof(struct lvs_conn) > 128);
	lvs_conn_cache = lvs_cache("ip_vs_conn", sizeof(struct lvs_conn));
	if (!lvs_conn_cache)
		return -ENOMEM;
	lvs_conn6_cache = lvs_cache("ip_vs_conn6", sizeof(struct lvs_conn6));
	if (lvs_conn6_cache)
		return 0;
	kmem_cache_destroy(lvs_conn_cache);
	return -ENOMEM;
}

void lvs_conn_caches_exit(void)
{
	kmem_cache_destroy(lvs_conn6_cache);
	kmem_cache_destroy(lvs_conn_cache);
}
