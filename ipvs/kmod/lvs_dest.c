// SPDX-License-Identifier: GPL-2.0
/* Dests: a service's servers, their trash, their thresholds. */
#include <net/addrconf.h>
#include <net/route.h>

#include "lvs_private.h"

/* ------------------------------------------------------- keys and tables -- */

struct lvs_dest_want {
	u32 svc_id;
	const struct lvs_dest_key *key;
};

static u32 lvs_addr_hash(const struct lvs_netns *ns, const union nf_inet_addr *a, u64 rest)
{
	u64 w[3] = { lvs_pair64(a->all[0], a->all[1]), lvs_pair64(a->all[2], a->all[3]), rest };

	return lvs_hash_words(&ns->key, w, 3);
}

static u32 lvs_dest_hash(const struct lvs_netns *ns, const struct lvs_dest_want *w)
{
	return lvs_addr_hash(ns, &w->key->addr,
			     lvs_pair64(w->svc_id, (u32)w->key->af << 16 |
					(__force u16)w->key->port));
}

static bool lvs_dest_has_key(const struct lvs_dest *dest, const struct lvs_dest_key *key)
{
	const struct lvs_server *s = &dest->server;

	return s->af == key->af && s->port == key->port &&
	       !memcmp(&s->addr, &key->addr, sizeof(key->addr));
}

/* A dest that names no family has that of its service. */
static struct lvs_dest_key lvs_dest_key_in(u16 svc_af, const struct lvs_dest_key *given)
{
	struct lvs_dest_key key = *given;

	if (!key.af)
		key.af = svc_af;
	return key;
}

struct lvs_dest *lvs_dest_find(struct lvs_service *svc, const struct lvs_dest_key *given)
{
	struct lvs_dest_key key = lvs_dest_key_in(svc->key.af, given);
	struct lvs_dest_want w = { .svc_id = svc->id, .key = &key };
	const struct lvs_buckets *b;
	struct lvs_dest *found = NULL;
	struct lvs_node *n;
	u32 hash;

	hash = lvs_dest_hash(svc->ns, &w);
	rcu_read_lock();
	for (n = lvs_tab_first(&svc->ns->dests, hash, &b); n; n = lvs_tab_next(n, hash, &b)) {
		struct lvs_dest *dest = container_of(n, struct lvs_dest, node);

		if (dest->svc_id == svc->id && lvs_dest_has_key(dest, &key)) {
			found = dest;
			break;
		}
	}
	rcu_read_unlock();
	return found;
}

struct lvs_dest *lvs_dest_next(struct lvs_service *svc, u32 *id)
{
	struct lvs_server *s;

	list_for_each_entry(s, &svc->pool.servers, list) {
		if (s->id < *id) {
			*id = s->id;
			return lvs_dest_of(s);
		}
	}
	return NULL;
}

static u32 lvs_real_hash(const struct lvs_netns *ns, u16 af, u8 proto, const __be32 *addr,
			 __be16 port)
{
	return lvs_hash_addr(&ns->key, af, (__force const u32 *)addr,
			     (u32)proto << 16 | (__force u16)port);
}

bool lvs_real_exists(struct lvs_netns *ns, u16 af, u8 proto, const __be32 *addr, __be16 port)
{
	u32 hash = lvs_real_hash(ns, af, proto, addr, port);
	size_t len = af == AF_INET ? sizeof(__be32) : sizeof(struct in6_addr);
	const struct lvs_buckets *b;
	struct lvs_node *n;

	for (n = lvs_tab_first(&ns->real, hash, &b); n; n = lvs_tab_next(n, hash, &b)) {
		struct lvs_dest *d = container_of(n, struct lvs_dest, real);

		if (d->server.af == af && d->server.port == port && d->proto == proto &&
		    !memcmp(&d->server.addr, addr, len))
			return true;
	}
	return false;
}

/* Only NAT'ed servers answer through us. */
static void lvs_real_set(struct lvs_dest *dest, bool in)
{
	const struct lvs_server *s = &dest->server;

	if (in == dest->in_real)
		return;
	dest->in_real = in;
	if (in)
		lvs_tab_insert(&dest->ns->real, &dest->real,
			       lvs_real_hash(dest->ns, s->af, dest->proto, s->addr.ip6, s->port),
			       NULL, NULL);
	else
		lvs_tab_remove(&dest->ns->real, &dest->real);
}

int lvs_dest_tables_init(struct lvs_netns *ns)
{
	int err;

	INIT_LIST_HEAD(&ns->trash);
	err = lvs_tab_init(&ns->dests, 3, 24);
	if (err)
		return err;
	err = lvs_tab_init(&ns->real, 3, 24);
	if (err)
		goto free_dests;
	err = lvs_tab_init(&ns->trash_keys, 3, 24);
	if (!err)
		return 0;
	lvs_tab_free(&ns->real);
free_dests:
	lvs_tab_free(&ns->dests);
	return err;
}

void lvs_dest_tables_free(struct lvs_netns *ns)
{
	lvs_tab_free(&ns->trash_keys);
	lvs_tab_free(&ns->real);
	lvs_tab_free(&ns->dests);
}

/* ------------------------------------------------------------ thresholds -- */

static bool lvs_server_flag(struct lvs_server *s, u32 flag, bool on)
{
	u32 old = READ_ONCE(s->flags), new;

	do {
		new = on ? old | flag : old & ~flag;
		if (new == old)
			return false;
	} while (!try_cmpxchg(&s->flags, &old, new));
	return true;
}

/* True when OVERLOAD changed. */
static bool lvs_dest_threshold(struct lvs_dest *dest)
{
	struct lvs_server *s = &dest->server;
	u32 upper = READ_ONCE(dest->u_threshold), lower = READ_ONCE(dest->l_threshold);
	u32 total = (u32)max(atomic_read(&s->total), 0);

	if (!upper)
		return lvs_server_flag(s, LVS_SERVER_OVERLOAD, false);
	if (total >= upper)
		return lvs_server_flag(s, LVS_SERVER_OVERLOAD, true);
	/* No lower threshold: three quarters of the upper one. */
	if (lower ? total < lower : (u64)total * 4 < (u64)upper * 3)
		return lvs_server_flag(s, LVS_SERVER_OVERLOAD, false);
	return false;
}

void lvs_dest_counts(struct lvs_dest *dest, bool active, bool total)
{
	struct lvs_service *svc;

	if (total && (READ_ONCE(dest->u_threshold) ||
		      READ_ONCE(dest->server.flags) & LVS_SERVER_OVERLOAD) &&
	    lvs_dest_threshold(dest))
		active = true;
	svc = rcu_dereference(dest->svc);
	if (svc)
		lvs_sched_counts(&svc->pool, &dest->server, active, total);
}

/* ---------------------------------------------------------------- checks -- */

static int lvs_dest_check(u16 svc_af, const struct lvs_dest_key *key,
			  const struct lvs_dest_cfg *cfg)
{
	if (key->af != AF_INET && key->af != AF_INET6)
		return -EAFNOSUPPORT;
	if (key->af != svc_af &&
	    (cfg->fwd & IP_VS_CONN_F_FWD_MASK) != IP_VS_CONN_F_TUNNEL)
		return -EINVAL;
	if (cfg->weight < 0)
		return -ERANGE;
	if (cfg->l_threshold > cfg->u_threshold)
		return -ERANGE;
	if (cfg->u_threshold > INT_MAX)
		return -EINVAL;
	if (cfg->tun_type == IP_VS_CONN_F_TUNNEL_TYPE_GUE && !cfg->tun_port)
		return -EINVAL;
	return 0;
}

static int lvs_dest_check_addr(struct net *net, const struct lvs_dest_key *key)
{
	int type;

	if (key->af == AF_INET) {
		type = inet_addr_type(net, key->addr.ip);
		return type == RTN_LOCAL || type == RTN_UNICAST ? 0 : -EINVAL;
	}
#if IS_ENABLED(CONFIG_IPV6)
	type = ipv6_addr_type(&key->addr.in6);
	if ((type & IPV6_ADDR_UNICAST) && !(type & IPV6_ADDR_LINKLOCAL))
		return 0;
	if (ipv6_chk_addr(net, &key->addr.in6, NULL, 0))
		return 0;
#endif
	return -EINVAL;
}

int lvs_dest_would(struct lvs_netns *ns, struct lvs_service *svc, u16 svc_af,
		   const struct lvs_dest_key *given, const struct lvs_dest_cfg *cfg)
{
	struct lvs_dest_key key = lvs_dest_key_in(svc_af, given);
	int err;

	err = lvs_dest_check(svc_af, &key, cfg);
	if (err || (svc && lvs_dest_find(svc, &key)))
		return err;
	return lvs_dest_check_addr(ns->net, &key);
}

/* ------------------------------------------------------------- add, edit -- */

static void lvs_dest_fill(struct lvs_dest *dest, const struct lvs_dest_cfg *cfg)
{
	u32 fwd = cfg->fwd & IP_VS_CONN_F_FWD_MASK;

	if (fwd != IP_VS_CONN_F_MASQ)
		fwd |= IP_VS_CONN_F_NOOUTPUT;
	WRITE_ONCE(dest->conn_flags, fwd);
	WRITE_ONCE(dest->tun_type, cfg->tun_type);
	WRITE_ONCE(dest->tun_port, cfg->tun_port);
	WRITE_ONCE(dest->tun_flags, cfg->tun_flags);
	WRITE_ONCE(dest->server.weight, cfg->weight);
	WRITE_ONCE(dest->u_threshold, cfg->u_threshold);
	WRITE_ONCE(dest->l_threshold, cfg->l_threshold);
	lvs_dest_threshold(dest);
	lvs_real_set(dest, (fwd & IP_VS_CONN_F_FWD_MASK) == IP_VS_CONN_F_MASQ);
	lvs_dest_forget_route(dest);
}

/* Of its own, for the next size kmalloc has is nearly twice as much. */
static struct kmem_cache *lvs_dest_cache;

int lvs_dest_cache_init(void)
{
	lvs_dest_cache = kmem_cache_create("ip_vs_dest", sizeof(struct lvs_dest), 0, SLAB_ACCOUNT,
					   NULL);
	return lvs_dest_cache ? 0 : -ENOMEM;
}

void lvs_dest_cache_exit(void)
{
	kmem_cache_destroy(lvs_dest_cache);
}

/* Counters of dests that came together: memory on every CPU is costly to ask for. */
struct lvs_cells {
	struct lvs_cpu_stats __percpu *stats;
	refcount_t users;		/* dests, and the service while more come */
	u32 n, taken;
};

enum { LVS_CELLS_MAX = 32 };

static struct lvs_cells *lvs_cells_alloc(u32 n)
{
	struct lvs_cells *c = kzalloc(sizeof(*c), GFP_KERNEL_ACCOUNT);

	if (!c)
		return NULL;
	c->stats = __alloc_percpu_gfp(n * sizeof(*c->stats), __alignof__(*c->stats),
				      GFP_KERNEL_ACCOUNT);
	if (!c->stats) {
		kfree(c);
		return NULL;
	}
	refcount_set(&c->users, 1);
	c->n = n;
	return c;
}

static void lvs_cells_put(struct lvs_cells *c)
{
	if (!c || !refcount_dec_and_test(&c->users))
		return;
	free_percpu(c->stats);
	kfree(c);
}

void lvs_dests_coming(struct lvs_service *svc, u32 n)
{
	svc->coming = n;
	lvs_cells_put(svc->cells);
	svc->cells = NULL;
}

/* One for @dest, of those of its service or of its own. */
static bool lvs_cells_take(struct lvs_service *svc, struct lvs_dest *dest)
{
	struct lvs_cells *c = svc->cells;

	if (!c || c->taken == c->n) {
		c = lvs_cells_alloc(clamp_t(u32, svc->coming, 1, LVS_CELLS_MAX));
		if (!c)
			return false;
		lvs_cells_put(svc->cells);
		svc->cells = c;
	}
	refcount_inc(&c->users);
	dest->cells = c;
	dest->stats = c->stats + c->taken++;
	if (svc->coming)
		svc->coming--;
	if (!svc->coming)
		lvs_dests_coming(svc, 0);
	return true;
}

static struct lvs_dest *lvs_dest_alloc(struct lvs_service *svc, const struct lvs_dest_key *key)
{
	struct lvs_dest *dest = kmem_cache_zalloc(lvs_dest_cache, GFP_KERNEL);

	if (!dest)
		return NULL;
	if (!lvs_cells_take(svc, dest)) {
		kmem_cache_free(lvs_dest_cache, dest);
		return NULL;
	}
	dest->ns = svc->ns;
	dest->proto = svc->key.fwmark ? IPPROTO_TCP : (u8)svc->key.proto;
	dest->server.af = key->af;
	dest->server.port = key->port;
	dest->server.addr = key->addr;
	dest->svc_key = svc->key;
	spin_lock_init(&dest->route_lock);
	INIT_LIST_HEAD(&dest->trash);
	return dest;
}

static void lvs_dest_free_rcu(struct rcu_head *head)
{
	struct lvs_dest *dest = container_of(head, struct lvs_dest, rcu);

	lvs_sched_server_free(&dest->server);
	lvs_dest_forget_route(dest);
	lvs_cells_put(dest->cells);
	kmem_cache_free(lvs_dest_cache, dest);
}

static void lvs_dest_free(struct lvs_dest *dest)
{
	call_rcu(&dest->rcu, lvs_dest_free_rcu);
}

/* ----------------------------------------------------------------- trash -- */

static u32 lvs_trash_hash(const struct lvs_netns *ns, const struct lvs_dest_key *key,
			  const struct lvs_svc_key *svc)
{
	return lvs_addr_hash(ns, &key->addr,
			     lvs_pair64(svc->fwmark ^ (u32)svc->af << 16 ^ svc->proto,
					(__force u16)key->port ^ svc->addr.all[3] ^
					svc->addr.all[0] ^ (u32)(__force u16)svc->port << 16));
}

static bool lvs_same_service(const struct lvs_svc_key *a, const struct lvs_svc_key *b)
{
	if (a->af != b->af || a->fwmark != b->fwmark)
		return false;
	return a->fwmark || (a->proto == b->proto && a->port == b->port &&
			     !memcmp(&a->addr, &b->addr, sizeof(a->addr)));
}

static void lvs_trash_remove(struct lvs_dest *dest)
{
	lvs_tab_remove(&dest->ns->trash_keys, &dest->node);
	list_del_init(&dest->trash);
}

/* The dest that was this server of this service, out of the trash. */
static struct lvs_dest *lvs_trash_take(struct lvs_service *svc, const struct lvs_dest_key *key)
{
	struct lvs_netns *ns = svc->ns;
	u32 hash = lvs_trash_hash(ns, key, &svc->key);
	struct lvs_dest *found = NULL;
	const struct lvs_buckets *b;
	struct lvs_node *n;

	rcu_read_lock();
	for (n = lvs_tab_first(&ns->trash_keys, hash, &b); n; n = lvs_tab_next(n, hash, &b)) {
		struct lvs_dest *d = container_of(n, struct lvs_dest, node);

		if (lvs_dest_has_key(d, key) && lvs_same_service(&d->svc_key, &svc->key)) {
			found = d;
			break;
		}
	}
	rcu_read_unlock();
	if (!found)
		return NULL;
	lvs_trash_remove(found);
	/* Picks may still walk through it in the list it was in. */
	cond_synchronize_rcu(found->left);
	lvs_sched_server_free(&found->server);
	return found;
}

static void lvs_trash_put(struct lvs_dest *dest)
{
	struct lvs_netns *ns = dest->ns;
	struct lvs_dest_key key = { .af = dest->server.af, .port = dest->server.port,
				    .addr = dest->server.addr };

	dest->idle_since = 0;
	dest->left = get_state_synchronize_rcu();
	list_add_tail(&dest->trash, &ns->trash);
	lvs_tab_insert(&ns->trash_keys, &dest->node, lvs_trash_hash(ns, &key, &dest->svc_key),
		       NULL, NULL);
	if (!ns->dying)
		queue_delayed_work(lvs_wq, &ns->trash_work, LVS_TRASH_SCAN_SECONDS * HZ);
}

static bool lvs_dest_held(const struct lvs_dest *dest)
{
	return atomic_read(&dest->server.total) > 0 || atomic_read(&dest->persistent) > 0;
}

void lvs_trash_run(struct work_struct *work)
{
	struct lvs_netns *ns = container_of(to_delayed_work(work), struct lvs_netns, trash_work);
	struct lvs_dest *dest, *next;

	mutex_lock(&ns->lock);
	list_for_each_entry_safe(dest, next, &ns->trash, trash) {
		if (lvs_dest_held(dest)) {
			dest->idle_since = 0;
		} else if (!dest->idle_since) {
			dest->idle_since = jiffies ?: 1;
		} else if (time_after_eq(jiffies, dest->idle_since +
					 LVS_TRASH_IDLE_SECONDS * HZ)) {
			lvs_trash_remove(dest);
			lvs_dest_free(dest);
		}
	}
	if (!list_empty(&ns->trash) && !ns->dying)
		queue_delayed_work(lvs_wq, &ns->trash_work, LVS_TRASH_SCAN_SECONDS * HZ);
	mutex_unlock(&ns->lock);
}

void lvs_trash_flush(struct lvs_netns *ns)
{
	struct lvs_dest *dest, *next;

	list_for_each_entry_safe(dest, next, &ns->trash, trash) {
		lvs_trash_remove(dest);
		lvs_dest_free(dest);
	}
}

/* ------------------------------------------------------- in and out of it -- */

static void lvs_dest_link(struct lvs_service *svc, struct lvs_dest *dest)
{
	struct lvs_netns *ns = svc->ns;
	struct lvs_dest_key key = { .af = dest->server.af, .port = dest->server.port,
				    .addr = dest->server.addr };
	struct lvs_dest_want w = { .svc_id = svc->id, .key = &key };
	struct lvs_counts had = {};

	/* What it counted before is its own, not this service's. */
	lvs_raw_dest(dest, &had);
	lvs_counts_sub(&svc->retained, &had);
	dest->svc_id = svc->id;
	dest->svc_key = svc->key;
	dest->server.id = svc->next_dest_id++;
	lvs_server_flag(&dest->server, LVS_SERVER_AVAILABLE, true);
	lvs_tab_insert(&ns->dests, &dest->node, lvs_dest_hash(ns, &w), NULL, NULL);
	rcu_assign_pointer(dest->svc, svc);
	list_add_rcu(&dest->server.list, &svc->pool.servers);
	WRITE_ONCE(svc->pool.n_servers, svc->pool.n_servers + 1);
}

void lvs_dest_unlink(struct lvs_service *svc, struct lvs_dest *dest, bool tell)
{
	struct lvs_counts had = {};

	list_del_rcu(&dest->server.list);
	WRITE_ONCE(svc->pool.n_servers, svc->pool.n_servers - 1);
	/* First nobody is sent to it any more, then it takes nobody: the other way
	 * round there would be connections for which there is no server. */
	if (tell)
		lvs_sched_server_removed(&svc->pool, &dest->server);
	lvs_server_flag(&dest->server, LVS_SERVER_AVAILABLE, false);
	RCU_INIT_POINTER(dest->svc, NULL);
	lvs_real_set(dest, false);
	lvs_tab_remove(&svc->ns->dests, &dest->node);
	lvs_raw_dest(dest, &had);
	lvs_counts_add(&svc->retained, &had);
	lvs_dest_forget_route(dest);
	lvs_trash_put(dest);
	if (READ_ONCE(svc->ns->sysctl.expire_nodest_conn) && lvs_dest_held(dest) && !svc->ns->dying)
		queue_delayed_work(lvs_wq, &svc->ns->nodest_work, 1);
}

static void lvs_dest_tables_fit(struct lvs_netns *ns)
{
	if (lvs_tab_wants_resize(&ns->dests))
		lvs_tab_resize(&ns->dests);
	if (lvs_tab_wants_resize(&ns->real))
		lvs_tab_resize(&ns->real);
	if (lvs_tab_wants_resize(&ns->trash_keys))
		lvs_tab_resize(&ns->trash_keys);
}

int lvs_dest_add_new(struct lvs_service *svc, const struct lvs_dest_key *given,
		     const struct lvs_dest_cfg *cfg)
{
	struct lvs_dest_key key = lvs_dest_key_in(svc->key.af, given);
	struct lvs_dest *dest;
	int err;

	dest = lvs_trash_take(svc, &key);
	if (!dest)
		dest = lvs_dest_alloc(svc, &key);
	if (!dest)
		return -ENOMEM;
	lvs_dest_fill(dest, cfg);
	lvs_dest_link(svc, dest);
	err = lvs_sched_server_added(&svc->pool, &dest->server);
	if (err) {
		lvs_dest_unlink(svc, dest, true);
		return err;
	}
	lvs_dest_tables_fit(svc->ns);
	svc->ns->genid++;
	lvs_event_changed(svc->ns, LVS_EV_DEST_ADDED, svc, dest);
	return 0;
}

int lvs_dest_add(struct lvs_service *svc, const struct lvs_dest_key *given,
		 const struct lvs_dest_cfg *cfg)
{
	struct lvs_dest_key key = lvs_dest_key_in(svc->key.af, given);
	int err;

	err = lvs_dest_check(svc->key.af, &key, cfg);
	if (err)
		return err;
	if (lvs_dest_find(svc, &key))
		return -EEXIST;
	err = lvs_dest_check_addr(svc->ns->net, &key);
	return err ?: lvs_dest_add_new(svc, &key, cfg);
}

int lvs_dest_edit(struct lvs_service *svc, const struct lvs_dest_key *given,
		  const struct lvs_dest_cfg *cfg)
{
	struct lvs_dest_key key = lvs_dest_key_in(svc->key.af, given);
	struct lvs_dest *dest;
	int err;

	err = lvs_dest_check(svc->key.af, &key, cfg);
	if (err)
		return err;
	dest = lvs_dest_find(svc, &key);
	if (!dest)
		return -ENOENT;
	lvs_dest_fill(dest, cfg);
	lvs_sched_edited(&svc->pool, &dest->server);
	svc->ns->genid++;
	lvs_event_changed(svc->ns, LVS_EV_DEST_CHANGED, svc, dest);
	return 0;
}

int lvs_dest_del(struct lvs_service *svc, const struct lvs_dest_key *key)
{
	struct lvs_dest *dest = lvs_dest_find(svc, key);

	if (!dest)
		return -ENOENT;
	lvs_dest_unlink(svc, dest, true);
	svc->ns->genid++;
	lvs_event_changed(svc->ns, LVS_EV_DEST_REMOVED, svc, dest);
	return 0;
}
