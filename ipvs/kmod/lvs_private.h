/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the data plane's own files call each other for.  The control plane
 * (lvs_genl, lvs_proc, lvs_sysctl, lvs_event) and the schedulers need none of it.
 * The groups [config], [rcu], [packet] are those of lvs_core.h.
 */
#ifndef LVS_PRIVATE_H
#define LVS_PRIVATE_H

#include <net/ip6_fib.h>
#include <net/route.h>

#include "lvs_core.h"

/* -------- lvs_netns.c */
int lvs_netns_register(void);
void lvs_netns_unregister(void);
extern struct workqueue_struct *lvs_wq;

/* -------- lvs_hooks.c; [config] */
int lvs_hooks_get(struct lvs_netns *ns, enum lvs_family family);
void lvs_hooks_put(struct lvs_netns *ns, enum lvs_family family);

/* -------- lvs_service.c */
struct lvs_service *lvs_service_for(struct lvs_netns *ns, u16 af, u32 fwmark, u16 proto,
				    const __be32 *addr, __be16 port);	/* [packet] */

/* -------- lvs_dest.c */
int lvs_dest_cache_init(void);
void lvs_dest_cache_exit(void);
int lvs_dest_tables_init(struct lvs_netns *ns);
void lvs_dest_tables_free(struct lvs_netns *ns);
/* [config] Out of @svc, into the trash; the scheduler is told if @tell. */
void lvs_dest_unlink(struct lvs_service *svc, struct lvs_dest *dest, bool tell);
void lvs_trash_run(struct work_struct *work);
void lvs_trash_flush(struct lvs_netns *ns);	/* when no connection is left */
/* [rcu] Is (addr, port) a NAT'ed server of ours? */
bool lvs_real_exists(struct lvs_netns *ns, u16 af, u8 proto, const __be32 *addr, __be16 port);
/* [packet] After total or active of @dest moved: thresholds and scheduler. */
void lvs_dest_counts(struct lvs_dest *dest, bool active, bool total);

/* -------- lvs_stats.c */
static inline u32 lvs_epoch(void)
{
	return (u32)(jiffies / (LVS_EPOCH_SECONDS * HZ));
}
void lvs_raw_dest(const struct lvs_dest *dest, struct lvs_counts *sum);
void lvs_raw_service(const struct lvs_service *svc, struct lvs_counts *sum);

/* The block of @dest on this CPU, brought to the present.  [packet] */
static __always_inline struct lvs_cpu_stats *lvs_stats_here(struct lvs_dest *dest)
{
	struct lvs_cpu_stats *st = this_cpu_ptr(dest->stats);
	u32 epoch = lvs_epoch();

	if (unlikely(st->epoch != epoch))
		lvs_rate_fold(st, epoch);
	return st;
}

static __always_inline bool lvs_dest_counts_packets(const struct lvs_dest *dest)
{
	return dest && (READ_ONCE(dest->server.flags) & LVS_SERVER_AVAILABLE);
}

static __always_inline void lvs_count_in(struct lvs_dest *dest, u32 bytes)
{
	if (likely(lvs_dest_counts_packets(dest))) {
		struct lvs_cpu_stats *st = lvs_stats_here(dest);

		st->now.inpkts++;
		st->now.inbytes += bytes;
	}
}

static __always_inline void lvs_count_out(struct lvs_dest *dest, u32 bytes)
{
	if (likely(lvs_dest_counts_packets(dest))) {
		struct lvs_cpu_stats *st = lvs_stats_here(dest);

		st->now.outpkts++;
		st->now.outbytes += bytes;
	}
}

/* -------- lvs_conn.c */
int lvs_conn_caches_init(void);
void lvs_conn_caches_exit(void);
int lvs_conn_net_init(struct lvs_netns *ns);
void lvs_conn_net_exit(struct lvs_netns *ns);

static __always_inline u32 lvs_conn_fwd(const struct lvs_conn *cp)
{
	return READ_ONCE(cp->flags) & IP_VS_CONN_F_FWD_MASK;
}

static __always_inline u32 lvs_conn_hash(const struct lvs_netns *ns, u8 af, u8 proto,
					 const __be32 *caddr, __be16 cport)
{
	return lvs_hash_addr(&ns->key, af, (__force const u32 *)caddr,
			     (u32)proto << 16 | (__force u16)cport);
}

/* [packet] The connection of a packet on its way to the server, whose hash
 * goes to *@hash... */
struct lvs_conn *lvs_conn_find_hash(struct lvs_netns *ns, u8 af, u8 proto, const __be32 *saddr,
				    __be16 sport, const __be32 *daddr, __be16 dport, u32 *hash);
static inline struct lvs_conn *lvs_conn_find_in(struct lvs_netns *ns, u8 af, u8 proto,
						const __be32 *saddr, __be16 sport,
						const __be32 *daddr, __be16 dport)
{
	u32 hash;

	return lvs_conn_find_hash(ns, af, proto, saddr, sport, daddr, dport, &hash);
}

/* ...and of one on its way back. */
struct lvs_conn *lvs_conn_find_out(struct lvs_netns *ns, u8 af, u8 proto, const __be32 *saddr,
				   __be16 sport, const __be32 *daddr, __be16 dport);

/* What a connection or template is made of. */
struct lvs_conn_spec {
	u8 af, proto;
	__be16 cport, vport, dport;
	const __be32 *caddr, *vaddr;
	struct lvs_dest *dest;		/* NULL: bypass, to vaddr itself */
	u32 flags;			/* IP_VS_CONN_F_* */
	u32 fwmark;
	u32 timeout;			/* jiffies */
	struct lvs_conn *control;	/* n_control is raised already */
};
/* [packet] */
struct lvs_conn *lvs_template_find(struct lvs_netns *ns, const struct lvs_conn_spec *s);
/* [packet] Make one, not in the table yet; NULL without memory. */
struct lvs_conn *lvs_conn_new(struct lvs_netns *ns, const struct lvs_conn_spec *s);
/* [packet] Into the table (@hash: lvs_conn_hash()) and armed.  If the same is there already, made by
 * another CPU, @cp is taken down and that one returned. */
struct lvs_conn *lvs_conn_publish(struct lvs_conn *cp, u32 hash);
struct lvs_conn *lvs_template_publish(struct lvs_conn *tmpl);
/* [packet] Take it down now; false when somebody else does.  Nothing must be
 * under its control. */
bool lvs_conn_kill(struct lvs_conn *cp);
/* [packet] The end of a connection that was never published. */
void lvs_conn_discard(struct lvs_conn *cp);
/* [packet] One more connection under @tmpl; false when it is going away. */
bool lvs_control_get(struct lvs_conn *tmpl, u32 timeout);
void lvs_control_put(struct lvs_conn *tmpl);
/* [packet] Never to be found again, but left to expire. */
void lvs_template_invalidate(struct lvs_conn *tmpl);
/* [packet] State machine and idle clock, for a packet of @cp. */
struct lvs_ctx;
void lvs_conn_packet(const struct lvs_ctx *x, struct lvs_conn *cp, enum lvs_dir dir);
void lvs_nodest_run(struct work_struct *work);

/* -------- lvs_route.c; [packet] */
void lvs_dest_forget_route(struct lvs_dest *dest);	/* any context */
/* The route to @dest; no reference is taken.  NULL: none.  *@saddr, if asked
 * for, is the address of ours that goes with it. */
struct dst_entry *lvs_route_ask(struct lvs_dest *dest, union nf_inet_addr *saddr);
static __always_inline struct dst_entry *lvs_route_dest(struct lvs_dest *dest,
							union nf_inet_addr *saddr)
{
	struct lvs_route *rt = rcu_dereference(dest->route);

	if (unlikely(!rt || !dst_check(rt->dst, rt->cookie)))
		return lvs_route_ask(dest, saddr);
	if (saddr)
		*saddr = rt->saddr;
	return rt->dst;
}

/* A route to anywhere, with a reference; NULL: none. */
struct dst_entry *lvs_route_to(struct net *net, u16 af, const union nf_inet_addr *daddr,
			       union nf_inet_addr *saddr);
static __always_inline bool lvs_dst_is_local(const struct dst_entry *dst, u16 af)
{
	if (af == AF_INET)
		return container_of(dst, struct rtable, dst)->rt_flags & RTCF_LOCAL;
#if IS_ENABLED(CONFIG_IPV6)
	return container_of(dst, struct rt6_info, dst)->rt6i_flags & RTF_LOCAL;
#else
	return false;
#endif
}
int lvs_route_init(void);
void lvs_route_exit(void);

/* -------- the packet being worked on */
struct lvs_ctx {
	struct lvs_netns *ns;
	struct sk_buff *skb;
	unsigned int hook;
	bool quoted;		/* pkt is what an ICMP error quotes, turned round */
	bool begun;		/* the connection's state is that after this packet */
	u32 hash;		/* of the packet's source; not if quoted */
	struct lvs_pkt pkt;
};

/* -------- lvs_schedule.c; [packet] NULL: *@verdict says what becomes of it */
struct lvs_conn *lvs_schedule(struct lvs_ctx *x, unsigned int *verdict);

/* -------- lvs_xmit.c, lvs_tunnel.c; [packet] a verdict */
unsigned int lvs_xmit(struct lvs_ctx *x, struct lvs_conn *cp);
unsigned int lvs_xmit_tunnel(struct lvs_ctx *x, struct lvs_conn *cp);
/* The way back of a NAT'ed connection: rewrite in place, a verdict. */
unsigned int lvs_reply(struct lvs_ctx *x, struct lvs_conn *cp);
void lvs_icmp_unreach(struct lvs_ctx *x);
unsigned int lvs_no_route(struct lvs_ctx *x);
/* Another route for a packet whose source is the virtual address now. */
bool lvs_reroute(struct lvs_ctx *x);
/* What fits inside a tunnel to @dest, 0 if nothing. */
u32 lvs_tunnel_mtu(const struct lvs_dest *dest, u32 path_mtu);
/* Hop limit, checked and taken; false: answered, drop it. */
bool lvs_take_hop(struct lvs_ctx *x);
/* Too big for @mtu?  True: answered, drop it. */
bool lvs_too_big_slow(struct lvs_ctx *x, u32 mtu, bool df_matters);
static __always_inline bool lvs_too_big(struct lvs_ctx *x, u32 mtu, bool df_matters)
{
	return unlikely(x->skb->len > mtu) && lvs_too_big_slow(x, mtu, df_matters);
}
unsigned int lvs_send(struct lvs_ctx *x, struct dst_entry *dst);
bool lvs_rewrite_skb(struct sk_buff *skb, const struct lvs_pkt *pkt, const __be32 *addr,
		     __be16 port, struct lvs_delta delta, bool source);
/* No conntrack entry for this packet, unless the connection wants one. */
void lvs_untrack(struct sk_buff *skb, const struct lvs_conn *cp);

/* -------- lvs_icmp.c; [packet] a verdict */
unsigned int lvs_icmp(struct lvs_ctx *x);
/* AH and ESP follow the key exchange between the same addresses. */
unsigned int lvs_other_proto(struct lvs_ctx *x);

/* -------- lvs_nfct.c; [packet] */
u32 lvs_nfct_wanted(const struct lvs_netns *ns);	/* IP_VS_CONN_F_NFCT or 0 */
/* Does @skb belong to a confirmed conntrack entry that @cp relies on? */
bool lvs_nfct_is_old(const struct sk_buff *skb, const struct lvs_conn *cp);
void lvs_nfct_forget(struct lvs_conn *cp);	/* the connection is over */
/* A packet of @cp is about to leave: the reply will come from the server. */
void lvs_nfct_alter(struct sk_buff *skb, const struct lvs_conn *cp);

/* -------- lvs_defense.c */
void lvs_second_run(struct work_struct *work);

#endif
