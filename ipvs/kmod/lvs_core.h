/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The objects of the module and who may touch them.
 *
 *   lvs_netns --owns--> lvs_service --owns--> lvs_dest <--holds-- lvs_conn
 *                                                ^-- trash (no service left)
 *
 * Locking.  Packets run under rcu_read_lock() alone and write nothing shared
 * while a connection's state stays what it is.  All configuration of a
 * namespace is serialised by ns->lock, a mutex; namespaces never share a lock.
 * Functions below are in three groups, marked in front of each:
 *   [config]  Must be called with ns->lock held; may sleep.
 *   [rcu]     Must be called under rcu_read_lock() or with ns->lock held.
 *   [packet]  Must be called under rcu_read_lock() with bottom halves off.
 *
 * Lifetime.  A service is freed a grace period after it left the table.  A
 * dest taken out of its service goes to the trash, from where adding the same
 * server again takes it back; it is freed from there when its connection
 * counts (which are the references) were 0 for two minutes.  A connection has no
 * reference count: whoever sets LVS_CONN_DEAD under its lock, once, takes it
 * down, and RCU frees it.
 */
#ifndef LVS_CORE_H
#define LVS_CORE_H

#include <linux/mutex.h>
#include <linux/netdevice.h>
#include <linux/netfilter.h>
#include <linux/percpu.h>
#include <linux/seq_file.h>
#include <linux/timer.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>
#include <net/dst.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>

#include "lvs_hash.h"
#include "lvs_internal.h"
#include "lvs_keys.h"
#include "lvs_parse.h"
#include "lvs_rate.h"
#include "lvs_rewrite.h"
#include "lvs_sched.h"
#include "lvs_state.h"
#include "lvs_tab.h"

#define LVS_VERSION "lvsd-0.1.0"

extern int lvs_module_present;
/* For xt_ipvs.ko; @info is its struct xt_ipvs_mtinfo. */
bool lvs_match(struct net *net, const struct sk_buff *skb, u8 af, const void *info);

enum {
	LVS_CONN_TAB_BITS_DEFAULT = 12,	/* what GET_INFO tells, as stock does */
	LVS_CONN_TAB_BITS_MIN = 8,
	LVS_CONN_TAB_BITS_MAX = 27,
	LVS_TRASH_IDLE_SECONDS = 120,
	LVS_TRASH_SCAN_SECONDS = 60,
	LVS_MAX_TIMEOUT = INT_MAX / HZ,	/* seconds */
};

/* ------------------------------------------------------------ namespace -- */

/* net.ipv4.vs.*; written by lvs_sysctl.c, read with READ_ONCE anywhere. */
struct lvs_sysctl {
	int amemthresh, am_droprate;
	int drop_entry, drop_packet, secure_tcp;	/* 0..3; see lvs_defense */
	int conntrack, snat_reroute;
	int sync_version, sync_ports, sync_persist_mode;
	unsigned long sync_qlen_max;
	int sync_sock_size;
	int cache_bypass, expire_nodest_conn;
	int sloppy_tcp, sloppy_sctp, expire_quiescent_template;
	int sync_threshold[2], sync_refresh_period, sync_retries;
	int nat_icmp_send, pmtu_disc, backup_only, conn_reuse_mode;
	int schedule_icmp, ignore_tunneled, run_estimation, debug_level;
	int est_nice;
	struct lvs_sched_env sched;			/* lblc(r)_expiration */
};

/* What the defence work decided; read per new connection. */
struct lvs_defense {
	bool drop_entry;
	u32 drop_rate;		/* drop one of that many new packets; 0 none */
	bool secure_tcp;
	atomic_t drop_count;
};

enum lvs_family { LVS_V4, LVS_V6, LVS_FAMILIES };

enum { LVS_HOOKS = 3 };	/* per family */

struct lvs_netns {
	/* Read by every packet; written by configuration only. */
	struct lvs_tab conns;
	struct lvs_tab services;
	struct lvs_hash_key key;
	u32 n_services[LVS_FAMILIES];	/* hooks are in while it is not 0 */
	u32 n_fwmark, n_port0, n_ftp;	/* service kinds: probes worth making */
	u32 timeout[LVS_ROWS][LVS_MAX_STATES];	/* jiffies */
	struct lvs_sysctl sysctl;
	struct lvs_defense defense;
	struct net *net;

	struct mutex lock;		/* all configuration */
	bool dying;
	u64 genid;			/* grows with every change; [config] */
	struct xarray service_ids;	/* id -> service, in order of creation */
	u32 next_service_id;
	struct lvs_tab dests;		/* every dest in a service, by service and key */
	struct lvs_tab real;		/* the same dests by address, for replies */
	struct lvs_tab trash_keys;	/* those without a service, by what they were */
	struct list_head trash;
	struct lvs_counts retained;	/* of services that are gone */
	struct lvs_counts zero;		/* totals at the last ZERO */
	struct delayed_work trash_work;
	struct delayed_work resize_work;
	struct delayed_work nodest_work;	/* expire_nodest_conn */
	struct delayed_work second_work;	/* defence and scheduler ticks */
	unsigned long next_tick;
	struct nf_hook_ops hooks[LVS_FAMILIES][LVS_HOOKS];
	bool nfct[LVS_FAMILIES];	/* conntrack is held for this family */
	atomic_t no_cport_conns;
	void *genl_priv, *sysctl_priv;	/* of the control plane's files */
};

extern unsigned int lvs_netns_id;
extern unsigned int lvs_conn_tab_bits;

static inline struct lvs_netns *lvs_netns(const struct net *net)
{
	return net_generic(net, lvs_netns_id);
}

static inline enum lvs_family lvs_family(int af)
{
	return af == AF_INET6 ? LVS_V6 : LVS_V4;
}

/* -------------------------------------------------------------- service -- */

struct lvs_service {
	struct lvs_node node;		/* ns->services */
	struct lvs_svc_key key;
	u32 flags;			/* IP_VS_SVC_F_* with HASHED; READ_ONCE */
	u32 timeout;			/* jiffies */
	u32 netmask;			/* IPv4: the be32 mask; IPv6: prefix length */
	struct lvs_pool pool;
	struct lvs_netns *ns;
	u32 id;
	u32 next_dest_id;
	struct lvs_counts retained;	/* of dests that left; modular arithmetic */
	struct lvs_counts zero;
	struct lvs_cells *cells;	/* for dests that are about to come... */
	u32 coming;			/* ...so many */
	struct lvs_sched_inst *ending;	/* while the service goes away */
	struct rcu_work free_work;
};

/* [rcu] NULL when absent. */
struct lvs_service *lvs_service_find(struct lvs_netns *ns, const struct lvs_svc_key *key);
/* [config] -EEXIST, -ENOENT (scheduler, PE), -EINVAL (IPv6 prefix), -ENOMEM, or
 * what the scheduler says. */
int lvs_service_add(struct lvs_netns *ns, const struct lvs_svc_key *key,
		    const struct lvs_svc_cfg *cfg, struct lvs_service **out);
/* [config] same errors but -EEXIST; the service is untouched by a failure. */
int lvs_service_edit(struct lvs_service *svc, const struct lvs_svc_cfg *cfg);
/* [config] What add and edit say before they do anything. */
int lvs_service_would(u16 af, const struct lvs_svc_cfg *cfg);
/* [config] @svc must not be used afterwards. */
void lvs_service_del(struct lvs_service *svc);
/* [config] All of them. */
void lvs_flush(struct lvs_netns *ns);
/* [rcu] The first service with an id >= *id, in order of creation; *id becomes
 * the id to go on with.  Survives any change in between.  NULL at the end. */
struct lvs_service *lvs_service_next(struct lvs_netns *ns, u32 *id);

/* ----------------------------------------------------------------- dest -- */

/* What a route to a server looked like when it was last asked for. */
struct lvs_route {
	struct dst_entry *dst;
	u32 cookie;
	union nf_inet_addr saddr;	/* ours, for tunnels */
	struct rcu_head rcu;
};

struct lvs_dest {
	struct lvs_server server;	/* key, weight, counts: the scheduler's view */
	struct lvs_cpu_stats __percpu *stats;
	struct lvs_route __rcu *route;
	struct lvs_service __rcu *svc;	/* NULL in the trash */
	struct lvs_netns *ns;
	u32 conn_flags;			/* IP_VS_CONN_F_*: method, NOOUTPUT; READ_ONCE */
	u32 u_threshold, l_threshold;
	u8 tun_type;
	u8 proto;			/* of the service */
	bool in_real;
	__be16 tun_port;
	u16 tun_flags;
	atomic_t persistent;		/* templates; with server.total: who holds us */
	spinlock_t route_lock;
	struct lvs_node node;		/* ns->dests, or ns->trash_keys */
	struct lvs_node real;		/* ns->real */
	struct lvs_counts zero;
	struct lvs_cells *cells;	/* that stats is one of */
	struct lvs_svc_key svc_key;	/* to recognise it in the trash */
	u32 svc_id;
	unsigned long idle_since;	/* jiffies; 0 while connections hold it */
	unsigned long left;		/* grace period state when it left */
	union {
		struct list_head trash;
		struct rcu_head rcu;	/* out of the trash, too */
	};
};

static inline struct lvs_dest *lvs_dest_of(struct lvs_server *s)
{
	return container_of(s, struct lvs_dest, server);
}

/* [config] */
struct lvs_dest *lvs_dest_find(struct lvs_service *svc, const struct lvs_dest_key *key);
/* [config] Checks in stock's order: -EAFNOSUPPORT, -EINVAL (family against
 * service and method, threshold, GUE port 0), -ERANGE (weight, thresholds),
 * -EEXIST, -EINVAL (address not unicast or local), -ENOMEM, the scheduler's. */
int lvs_dest_add(struct lvs_service *svc, const struct lvs_dest_key *key,
		 const struct lvs_dest_cfg *cfg);
/* [config] the same checks, -ENOENT instead of -EEXIST. */
int lvs_dest_edit(struct lvs_service *svc, const struct lvs_dest_key *key,
		  const struct lvs_dest_cfg *cfg);
/* [config] What adding it to @svc (NULL: one of family @svc_af that is yet to be
 * made), or editing it if it is there, says before anything is done. */
int lvs_dest_would(struct lvs_netns *ns, struct lvs_service *svc, u16 svc_af,
		   const struct lvs_dest_key *key, const struct lvs_dest_cfg *cfg);
/* [config] Adds what lvs_dest_would() lets in and lvs_dest_find() does not find. */
int lvs_dest_add_new(struct lvs_service *svc, const struct lvs_dest_key *key,
		     const struct lvs_dest_cfg *cfg);
/* [config] So many are about to be added to @svc; 0: no more are. */
void lvs_dests_coming(struct lvs_service *svc, u32 n);
/* [config] So many of them, so many behind NAT, are about to be there: room for all
 * at once.  Nothing but 0: no more are expected. */
void lvs_expect(struct lvs_netns *ns, u32 services, u32 dests, u32 nat);
/* [config] -ENOENT. */
int lvs_dest_del(struct lvs_service *svc, const struct lvs_dest_key *key);
/* [config] Newest first: the first dest with server.id < *id (start with
 * U32_MAX); *id becomes its id.  NULL at the end. */
struct lvs_dest *lvs_dest_next(struct lvs_service *svc, u32 *id);

/* ---------------------------------------------------------------- stats -- */

struct lvs_stats {
	struct lvs_counts counts;
	struct lvs_rates rates;		/* whole units, rounded as stock does */
};

/* [config]  Live values; the rates are 0 while run_estimation is 0. */
void lvs_dest_stats(struct lvs_dest *dest, struct lvs_stats *out);
void lvs_service_stats(struct lvs_service *svc, struct lvs_stats *out);
void lvs_netns_stats(struct lvs_netns *ns, struct lvs_stats *out);
/* [config] Counters of one CPU, never zeroed. */
void lvs_netns_cpu_counts(struct lvs_netns *ns, int cpu, struct lvs_counts *out);
/* [config] */
void lvs_zero_service(struct lvs_service *svc);		/* and its dests */
void lvs_zero_all(struct lvs_netns *ns);		/* services and totals */

/* ------------------------------------------------------------- timeouts -- */

struct lvs_timeouts {
	int tcp, tcp_fin, udp;		/* seconds */
};
/* [config] 0 keeps a value; -EINVAL (nothing changed) if negative or above
 * LVS_MAX_TIMEOUT. */
int lvs_timeouts_set(struct lvs_netns *ns, const struct lvs_timeouts *t);
void lvs_timeouts_get(struct lvs_netns *ns, struct lvs_timeouts *t);

/* [config] drop_entry, drop_packet, secure_tcp, amemthresh or am_droprate was
 * written: make it hold now.  Flips modes 1 and 2 in ns->sysctl itself. */
void lvs_defense_update(struct lvs_netns *ns);
/* [config] The conntrack sysctl was written. */
void lvs_nfct_update(struct lvs_netns *ns);

/* --------------------------------------------------------------- events -- */

enum lvs_event {
	LVS_EV_SERVICE_ADDED, LVS_EV_SERVICE_CHANGED, LVS_EV_SERVICE_REMOVED,
	LVS_EV_DEST_ADDED, LVS_EV_DEST_CHANGED, LVS_EV_DEST_REMOVED,
	LVS_EV_CONFIG_CHANGED, LVS_EV_ZEROED,
};
/* [config] Called by the functions above after the change and ns->genid++.
 * Defined in lvs_event.c; @svc and @dest are NULL where they mean nothing. */
void lvs_event_changed(struct lvs_netns *ns, enum lvs_event what,
		       const struct lvs_service *svc, const struct lvs_dest *dest);

/* ----------------------------------------------------------- connection -- */

enum {
	/* Above everything a client can see in the uapi flags. */
	LVS_CONN_DEAD = 1U << 24,	/* somebody is taking it down */
	LVS_CONN_NOW = 1U << 25,	/* expire at once when the timer runs */
	LVS_CONN_ASSURED = 1U << 26,	/* a template whose client is real */
	LVS_CONN_ACTIVE = 1U << 27,	/* counted in dest->server.active */
	LVS_CONN_COUNTED = 1U << 28,	/* counted in dest->server.total */
	LVS_CONN_UNSURE = 1U << 29,	/* UDP below a template, not answered yet */
};

/*
 * The first cache line is all that an established packet reads, and nothing in
 * it is written while the state stays.  IPv6 addresses follow the struct.
 */
struct lvs_conn {
	union {
		struct lvs_node node;	/* by client address, port, protocol */
		struct {
			void *node_next;
			u32 node_hash;
			__be16 cport, vport;	/* node.tag */
		};
	};
	__be32 caddr, vaddr, daddr;	/* IPv4; use lvs_conn_addr() */
	__be16 dport;
	u8 proto;
	u8 af;				/* AF_INET or AF_INET6 */
	struct lvs_dest *dest;		/* NULL: bypass; a reference is held */
	u32 flags;			/* IP_VS_CONN_F_*, LVS_CONN_*; under lock */
	u8 state;			/* READ_ONCE; written under lock */
	u8 daf;				/* family of the server */
	u16 packets;			/* refreshes, saturating; not every packet */
	u32 lastuse;			/* low half of jiffies, written now and then */
	u32 timeout;			/* jiffies of idleness allowed */
	struct lvs_delta in;		/* request side: virtual to real */
	spinlock_t lock;
	/* second line */
	struct timer_list timer;	/* lazy: checks lastuse when it fires */
	struct lvs_conn *control;	/* the template above */
	atomic_t n_control;		/* connections below */
	u32 fwmark;
	struct lvs_netns *ns;
};

struct lvs_conn6 {
	struct lvs_conn c;
	struct in6_addr caddr, vaddr, daddr;
};

enum lvs_end { LVS_CLIENT, LVS_VIRTUAL, LVS_REAL };

/* One word (IPv4) or four (IPv6).  A server of the other family: see daf, the
 * address is dest->server.addr then. */
static __always_inline const __be32 *lvs_end_addr(const struct lvs_conn *cp, u8 af,
						  enum lvs_end end)
{
	if (likely(af == AF_INET))
		return &cp->caddr + end;
	return ((const struct lvs_conn6 *)cp)->caddr.s6_addr32 + 4 * end;
}

static __always_inline const __be32 *lvs_conn_addr(const struct lvs_conn *cp, enum lvs_end end)
{
	return lvs_end_addr(cp, cp->af, end);
}

/* For listings, [rcu]: the whole address of one end, its family returned. */
u16 lvs_conn_end(const struct lvs_conn *cp, enum lvs_end end, union nf_inet_addr *addr);
/* Seconds until it expires if nothing more comes. */
u32 lvs_conn_expires(const struct lvs_conn *cp);
/* [rcu] Walk for listings: zero the cursor first; may drop rcu in between. */
struct lvs_conn *lvs_conn_walk(struct lvs_netns *ns, struct lvs_tab_cursor *at);

/* ------------------------------------------------- files of the glue code -- */

/* What lvs_main.c calls; each init undoes itself when it fails. */
int lvs_genl_init(void);
void lvs_genl_exit(void);
int lvs_proc_net_init(struct lvs_netns *ns);
void lvs_proc_net_exit(struct lvs_netns *ns);
int lvs_sysctl_net_init(struct lvs_netns *ns);
void lvs_sysctl_net_exit(struct lvs_netns *ns);
int lvs_event_init(void);
void lvs_event_exit(void);

#endif
