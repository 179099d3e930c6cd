// SPDX-License-Identifier: GPL-2.0
/* Services: the table packets look in, and what configuration does to it. */
#include "lvs_private.h"

struct lvs_svc_want {
	u16 af;
	u16 proto;
	__be16 port;
	u32 fwmark;
	const __be32 *addr;
};

static __always_inline u32 lvs_svc_hash(const struct lvs_netns *ns, const struct lvs_svc_want *w)
{
	u64 mark[2];

	if (!w->fwmark)
		return lvs_hash_addr(&ns->key, w->af, (__force const u32 *)w->addr,
				     (u32)w->proto << 16 | (__force u16)w->port);
	mark[0] = w->fwmark;
	mark[1] = w->af;
	return lvs_hash_words(&ns->key, mark, 2);
}

static __always_inline bool lvs_svc_is(const struct lvs_service *svc,
				       const struct lvs_svc_want *w)
{
	const struct lvs_svc_key *k = &svc->key;

	if (k->af != w->af || k->fwmark != w->fwmark)
		return false;
	if (w->fwmark)
		return true;
	if (k->proto != w->proto || k->port != w->port || k->addr.ip6[0] != w->addr[0])
		return false;
	return w->af == AF_INET ||
	       !memcmp(&k->addr.ip6[1], &w->addr[1], 3 * sizeof(__be32));
}

static struct lvs_service *lvs_svc_lookup(struct lvs_netns *ns, const struct lvs_svc_want *w)
{
	u32 hash = lvs_svc_hash(ns, w);
	const struct lvs_buckets *b;
	struct lvs_node *n;

	for (n = lvs_tab_first(&ns->services, hash, &b); n; n = lvs_tab_next(n, hash, &b)) {
		struct lvs_service *svc = container_of(n, struct lvs_service, node);

		if (lvs_svc_is(svc, w))
			return svc;
	}
	return NULL;
}

struct lvs_service *lvs_service_find(struct lvs_netns *ns, const struct lvs_svc_key *key)
{
	struct lvs_svc_want w = { .af = key->af, .proto = key->proto, .port = key->port,
				  .fwmark = key->fwmark, .addr = key->addr.ip6 };
	struct lvs_service *svc;

	rcu_read_lock();
	svc = lvs_svc_lookup(ns, &w);
	rcu_read_unlock();
	return svc;
}

/* Stock's order: mark, exact, the FTP control service, port 0. */
struct lvs_service *lvs_service_for(struct lvs_netns *ns, u16 af, u32 fwmark, u16 proto,
				    const __be32 *addr, __be16 port)
{
	struct lvs_svc_want w = { .af = af, .addr = addr };
	struct lvs_service *svc;

	if (fwmark && READ_ONCE(ns->n_fwmark)) {
		w.fwmark = fwmark;
		svc = lvs_svc_lookup(ns, &w);
		if (svc)
			return svc;
		w.fwmark = 0;
	}
	w.proto = proto;
	w.port = port;
	svc = lvs_svc_lookup(ns, &w);
	if (!svc && proto == IPPROTO_TCP && READ_ONCE(ns->n_ftp) &&
	    (port == htons(20) || ntohs(port) >= 1024)) {
		w.port = htons(21);
		svc = lvs_svc_lookup(ns, &w);
	}
	if (!svc && READ_ONCE(ns->n_port0)) {
		w.port = 0;
		svc = lvs_svc_lookup(ns, &w);
	}
	return svc;
}

struct lvs_service *lvs_service_next(struct lvs_netns *ns, u32 *id)
{
	unsigned long at = *id;
	struct lvs_service *svc = xa_find(&ns->service_ids, &at, U32_MAX, XA_PRESENT);

	if (svc)
		*id = (u32)at + 1;
	return svc;
}

/* What kinds of probes lvs_service_for() must make. */
static void lvs_svc_count_kind(struct lvs_netns *ns, const struct lvs_svc_key *k, int by)
{
	if (k->fwmark)
		WRITE_ONCE(ns->n_fwmark, ns->n_fwmark + by);
	else if (!k->port)
		WRITE_ONCE(ns->n_port0, ns->n_port0 + by);
	else if (k->port == htons(21) && k->proto == IPPROTO_TCP)
		WRITE_ONCE(ns->n_ftp, ns->n_ftp + by);
}

/* The scheduler asked for; checks what stock checks, in its order. */
static int lvs_svc_check(u16 af, const struct lvs_svc_cfg *cfg,
			 const struct lvs_sched_ops **ops)
{
	*ops = NULL;
	if (strcmp(cfg->sched, "none")) {
		*ops = lvs_sched_find(cfg->sched);
		if (!*ops)
			return -ENOENT;
	}
	if (cfg->pe[0])
		return -ENOENT;
	if (af == AF_INET6 && (cfg->netmask < 1 || cfg->netmask > 128))
		return -EINVAL;
	return 0;
}

int lvs_service_would(u16 af, const struct lvs_svc_cfg *cfg)
{
	const struct lvs_sched_ops *ops;

	return lvs_svc_check(af, cfg, &ops);
}

/* Seconds to jiffies without stock's overflow. */
static u32 lvs_seconds(u32 seconds)
{
	return min_t(u32, seconds, LVS_MAX_TIMEOUT) * HZ;
}

static void lvs_svc_fill(struct lvs_service *svc, const struct lvs_svc_cfg *cfg)
{
	u32 flags = (svc->flags & ~cfg->flags_mask) | (cfg->flags & cfg->flags_mask);

	WRITE_ONCE(svc->flags, flags | IP_VS_SVC_F_HASHED);
	WRITE_ONCE(svc->pool.flags, svc->flags);
	WRITE_ONCE(svc->timeout, lvs_seconds(cfg->timeout));
	WRITE_ONCE(svc->netmask, cfg->netmask);
}

static struct lvs_service *lvs_svc_alloc(struct lvs_netns *ns, const struct lvs_svc_key *key,
					 const struct lvs_svc_cfg *cfg)
{
	struct lvs_service *svc = kzalloc(sizeof(*svc), GFP_KERNEL_ACCOUNT);

	if (!svc)
		return NULL;
	svc->ns = ns;
	svc->key = *key;
	svc->next_dest_id = 1;
	INIT_LIST_HEAD(&svc->pool.servers);
	svc->pool.af = key->af;
	svc->pool.env = &ns->sysctl.sched;
	lvs_svc_fill(svc, cfg);
	return svc;
}

static int lvs_svc_publish(struct lvs_netns *ns, struct lvs_service *svc)
{
	struct lvs_svc_want w = { .af = svc->key.af, .proto = svc->key.proto,
				  .port = svc->key.port, .fwmark = svc->key.fwmark,
				  .addr = svc->key.addr.ip6 };
	int err;

	err = lvs_hooks_get(ns, lvs_family(svc->key.af));
	if (err)
		return err;
	svc->id = ns->next_service_id;
	err = xa_err(xa_store(&ns->service_ids, svc->id, svc, GFP_KERNEL_ACCOUNT));
	if (err) {
		lvs_hooks_put(ns, lvs_family(svc->key.af));
		return err;
	}
	ns->next_service_id++;
	lvs_svc_count_kind(ns, &svc->key, 1);
	lvs_tab_insert(&ns->services, &svc->node, lvs_svc_hash(ns, &w), NULL, NULL);
	if (lvs_tab_wants_resize(&ns->services))
		lvs_tab_resize(&ns->services);
	return 0;
}

int lvs_service_add(struct lvs_netns *ns, const struct lvs_svc_key *key,
		    const struct lvs_svc_cfg *cfg, struct lvs_service **out)
{
	const struct lvs_sched_ops *ops;
	struct lvs_service *svc;
	int err;

	if (lvs_service_find(ns, key))
		return -EEXIST;
	err = lvs_svc_check(key->af, cfg, &ops);
	if (err)
		return err;
	svc = lvs_svc_alloc(ns, key, cfg);
	if (!svc)
		return -ENOMEM;
	err = lvs_sched_bind(&svc->pool, ops);
	if (err)
		goto free;
	err = lvs_svc_publish(ns, svc);
	if (err)
		goto unbind;
	ns->genid++;
	lvs_event_changed(ns, LVS_EV_SERVICE_ADDED, svc, NULL);
	if (out)
		*out = svc;
	return 0;
unbind:
	lvs_sched_end(lvs_sched_detach(&svc->pool));
free:
	kfree(svc);
	return err;
}

int lvs_service_edit(struct lvs_service *svc, const struct lvs_svc_cfg *cfg)
{
	const struct lvs_sched_ops *ops;
	int err = lvs_svc_check(svc->key.af, cfg, &ops);

	if (err)
		return err;
	err = lvs_sched_bind(&svc->pool, ops);
	if (err)
		return err;
	lvs_svc_fill(svc, cfg);
	lvs_sched_edited(&svc->pool, NULL);
	svc->ns->genid++;
	lvs_event_changed(svc->ns, LVS_EV_SERVICE_CHANGED, svc, NULL);
	return 0;
}

static void lvs_svc_free_work(struct work_struct *work)
{
	struct lvs_service *svc =
		container_of(to_rcu_work(work), struct lvs_service, free_work);

	lvs_sched_end(svc->ending);
	kfree(svc);
}

void lvs_service_del(struct lvs_service *svc)
{
	struct lvs_netns *ns = svc->ns;
	struct lvs_server *s, *next;

	lvs_tab_remove(&ns->services, &svc->node);
	xa_erase(&ns->service_ids, svc->id);
	lvs_svc_count_kind(ns, &svc->key, -1);
	svc->ending = lvs_sched_detach(&svc->pool);
	list_for_each_entry_safe(s, next, &svc->pool.servers, list)
		lvs_dest_unlink(svc, lvs_dest_of(s), false);
	/* The dests are out: what they counted is in svc->retained. */
	lvs_counts_add(&ns->retained, &svc->retained);
	lvs_hooks_put(ns, lvs_family(svc->key.af));
	ns->genid++;
	lvs_event_changed(ns, LVS_EV_SERVICE_REMOVED, svc, NULL);
	INIT_RCU_WORK(&svc->free_work, lvs_svc_free_work);
	queue_rcu_work(lvs_wq, &svc->free_work);
}

void lvs_flush(struct lvs_netns *ns)
{
	struct lvs_service *svc;
	unsigned long id;

	xa_for_each(&ns->service_ids, id, svc) {
		lvs_service_del(svc);
		cond_resched();
	}
	if (lvs_tab_wants_resize(&ns->services))
		lvs_tab_resize(&ns->services);
}

int lvs_timeouts_set(struct lvs_netns *ns, const struct lvs_timeouts *t)
{
	const int all[] = { t->tcp, t->tcp_fin, t->udp };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i] < 0 || all[i] > LVS_MAX_TIMEOUT)
			return -EINVAL;
	if (t->tcp)
		WRITE_ONCE(ns->timeout[LVS_ROW_TCP][LVS_TCP_ESTABLISHED], t->tcp * HZ);
	if (t->tcp_fin)
		WRITE_ONCE(ns->timeout[LVS_ROW_TCP][LVS_TCP_FIN_WAIT], t->tcp_fin * HZ);
	if (t->udp)
		WRITE_ONCE(ns->timeout[LVS_ROW_UDP][LVS_UDP_NORMAL], t->udp * HZ);
	ns->genid++;
	lvs_event_changed(ns, LVS_EV_CONFIG_CHANGED, NULL, NULL);
	return 0;
}

void lvs_timeouts_get(struct lvs_netns *ns, struct lvs_timeouts *t)
{
	t->tcp = ns->timeout[LVS_ROW_TCP][LVS_TCP_ESTABLISHED] / HZ;
	t->tcp_fin = ns->timeout[LVS_ROW_TCP][LVS_TCP_FIN_WAIT] / HZ;
	t->udp = ns->timeout[LVS_ROW_UDP][LVS_UDP_NORMAL] / HZ;
}
