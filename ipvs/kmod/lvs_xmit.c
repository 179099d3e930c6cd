// SPDX-License-Identifier: GPL-2.0
/* Sending a packet on: NAT, direct routing, bypass, the local node; and the way
 * back of NAT. */
#include <linux/crc32.h>
#include <linux/crc32c.h>
#include <linux/icmpv6.h>
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>
#include <net/icmp.h>
#include <net/ip6_route.h>
#include <net/netfilter/nf_conntrack.h>
#include <net/route.h>

#include "lvs_private.h"

/* --------------------------------------------------------------- rewriting -- */

static u32 lvs_l4_header(u8 proto)
{
	switch (proto) {
	case IPPROTO_TCP:
		return sizeof(struct tcphdr);
	case IPPROTO_UDP:
		return sizeof(struct udphdr);
	case IPPROTO_SCTP:
		return sizeof(struct sctphdr);
	default:
		return 0;
	}
}

/* With the sum left to the device the field holds the pseudo header's alone. */
static void lvs_move_l4_sum(struct sk_buff *skb, __sum16 *field, struct lvs_delta d, bool udp)
{
	if (skb->ip_summed == CHECKSUM_PARTIAL) {
		*field = ~lvs_sum_move(~*field, d.addr, false);
		return;
	}
	if (udp && !*field)
		return;
	*field = lvs_sum_move(*field, d.l4, udp);
	/* The device's sum was over what is no longer there. */
	skb_forward_csum(skb);
}

static __wsum lvs_crc_update(const void *data, int len, __wsum sum)
{
	return (__force __wsum)crc32c((__force u32)sum, data, (unsigned int)len);
}

static __wsum lvs_crc_combine(__wsum a, __wsum b, int offset, int len)
{
	return (__force __wsum)__crc32c_le_combine((__force u32)a, (__force u32)b, (size_t)len);
}

/* SCTP's checksum covers ports but no addresses, and cannot be moved. */
static void lvs_sctp_sum(struct sk_buff *skb, u32 off)
{
	static const struct skb_checksum_ops ops = {
		.update = lvs_crc_update,
		.combine = lvs_crc_combine,
	};
	struct sctphdr *h = (struct sctphdr *)(skb->data + off);

	h->checksum = 0;
	h->checksum = cpu_to_le32(~(__force u32)__skb_checksum(skb, (int)off,
							       (int)(skb->len - off),
							       ~(__wsum)0, &ops));
	skb->ip_summed = CHECKSUM_UNNECESSARY;
}

static void lvs_rewrite_l4(struct sk_buff *skb, const struct lvs_pkt *pkt, __be16 port,
			   struct lvs_delta d, bool source)
{
	void *h = skb->data + pkt->l4;
	__be16 *ports = h, *ours = &ports[source ? 0 : 1];
	bool moved = *ours != port;

	*ours = port;
	if (pkt->proto == IPPROTO_TCP) {
		lvs_move_l4_sum(skb, &((struct tcphdr *)h)->check, d, false);
	} else if (pkt->proto == IPPROTO_UDP) {
		lvs_move_l4_sum(skb, &((struct udphdr *)h)->check, d, true);
	} else if (moved && skb->ip_summed != CHECKSUM_PARTIAL) {
		lvs_sctp_sum(skb, pkt->l4);
	}
}

/* Mostly it is, and the question is not worth a call. */
static __always_inline bool lvs_writable(struct sk_buff *skb, u32 need)
{
	if (likely(need <= skb_headlen(skb) &&
		   (!skb_cloned(skb) || skb_clone_writable(skb, need))))
		return true;
	return !skb_ensure_writable(skb, need);
}

bool lvs_rewrite_skb(struct sk_buff *skb, const struct lvs_pkt *pkt, const __be32 *addr,
		     __be16 port, struct lvs_delta delta, bool source)
{
	u32 need = pkt->l4;
	bool l4 = pkt->flags & LVS_PKT_PORTS;

	if (l4)
		need += lvs_l4_header(pkt->proto);
	if (unlikely(!lvs_writable(skb, need)))
		return false;
	if (pkt->af == AF_INET) {
		struct iphdr *ip = (struct iphdr *)(skb->data + pkt->l3);

		*(source ? &ip->saddr : &ip->daddr) = *addr;
		ip->check = lvs_sum_move(ip->check, delta.addr, false);
	} else {
		struct ipv6hdr *ip = (struct ipv6hdr *)(skb->data + pkt->l3);

		memcpy(source ? &ip->saddr : &ip->daddr, addr, sizeof(ip->saddr));
	}
	if (l4)
		lvs_rewrite_l4(skb, pkt, port, delta, source);
	return true;
}

/* ----------------------------------------------------------------- sending -- */

static __always_inline void lvs_untrack_here(struct sk_buff *skb, const struct lvs_conn *cp)
{
	/* What tracking has found invalid stays that for the rules behind us. */
	if (!skb_nfct(skb) || (cp && READ_ONCE(cp->flags) & IP_VS_CONN_F_NFCT))
		return;
	nf_reset_ct(skb);
	nf_ct_set(skb, NULL, IP_CT_UNTRACKED);
}

void lvs_untrack(struct sk_buff *skb, const struct lvs_conn *cp)
{
	lvs_untrack_here(skb, cp);
}

static struct net_device *lvs_some_dev(struct lvs_ctx *x)
{
	return x->skb->dev ?: skb_dst(x->skb)->dev;
}

#if IS_ENABLED(CONFIG_IPV6)
static void lvs_icmp6(struct lvs_ctx *x, u8 type, u8 code, u32 info)
{
	if (!x->skb->dev)
		x->skb->dev = lvs_some_dev(x);
	icmpv6_send(x->skb, type, code, info);
}
#endif

void lvs_icmp_unreach(struct lvs_ctx *x)
{
	if (x->pkt.af == AF_INET)
		icmp_send(x->skb, ICMP_DEST_UNREACH, ICMP_PORT_UNREACH, 0);
#if IS_ENABLED(CONFIG_IPV6)
	else
		lvs_icmp6(x, ICMPV6_DEST_UNREACH, ICMPV6_PORT_UNREACH, 0);
#endif
}

static noinline void lvs_no_hop_left(struct lvs_ctx *x)
{
	if (x->pkt.af == AF_INET)
		icmp_send(x->skb, ICMP_TIME_EXCEEDED, ICMP_EXC_TTL, 0);
#if IS_ENABLED(CONFIG_IPV6)
	else
		lvs_icmp6(x, ICMPV6_TIME_EXCEED, ICMPV6_EXC_HOPLIMIT, 0);
#endif
}

static __always_inline bool lvs_take_hop_here(struct lvs_ctx *x)
{
	struct sk_buff *skb = x->skb;

	if (unlikely(x->pkt.ttl <= 1)) {
		lvs_no_hop_left(x);
		return false;
	}
	if (x->pkt.af == AF_INET) {
		/* To the end of the header, options included. */
		if (unlikely(!lvs_writable(skb, x->pkt.l4)))
			return false;
		ip_decrease_ttl((struct iphdr *)(skb->data + x->pkt.l3));
		/* The stack has filled options in and left the sum for later. */
		if (unlikely(x->pkt.flags & LVS_PKT_OPTIONS))
			ip_send_check((struct iphdr *)(skb->data + x->pkt.l3));
	} else {
		if (unlikely(!lvs_writable(skb, x->pkt.l3 + sizeof(struct ipv6hdr))))
			return false;
		((struct ipv6hdr *)(skb->data + x->pkt.l3))->hop_limit--;
	}
	return true;
}

bool lvs_take_hop(struct lvs_ctx *x)
{
	return lvs_take_hop_here(x);
}

static bool lvs_fits(const struct sk_buff *skb, u8 af, u32 mtu)
{
	u32 piece;

	if (likely(skb->len <= mtu))
		return true;
	/* It came in pieces and goes out in pieces of the same size. */
	piece = af == AF_INET ? IPCB(skb)->frag_max_size : IP6CB(skb)->frag_max_size;
	if (piece)
		return piece <= mtu;
	return skb_is_gso(skb) && skb_gso_validate_network_len(skb, mtu);
}

bool lvs_too_big_slow(struct lvs_ctx *x, u32 mtu, bool df_matters)
{
	struct sk_buff *skb = x->skb;
	const struct iphdr *ip;

	if (likely(lvs_fits(skb, x->pkt.af, mtu)))
		return false;
	if (x->pkt.af == AF_INET) {
		ip = (const struct iphdr *)(skb->data + x->pkt.l3);
		if (!df_matters || !(ip->frag_off & htons(IP_DF)))
			return false;
		icmp_send(skb, ICMP_DEST_UNREACH, ICMP_FRAG_NEEDED, htonl(mtu));
		return true;
	}
#if IS_ENABLED(CONFIG_IPV6)
	lvs_icmp6(x, ICMPV6_PKT_TOOBIG, 0, mtu);
#endif
	return true;
}

/* Out through @dst: LOCAL_OUT for others (we are marked), then the stack. */
unsigned int lvs_send(struct lvs_ctx *x, struct dst_entry *dst)
{
	struct sk_buff *skb = x->skb;

	skb_dst_drop(skb);
	skb_dst_set_noref(skb, dst);
	skb->ipvs_property = 1;
	if (x->hook == NF_INET_LOCAL_IN) {
		/* A socket found by early demux is not this packet's. */
		skb_orphan(skb);
		skb_clear_tstamp(skb);
	}
	skb_forward_csum(skb);
	/* Two calls, for with a constant family there is a branch patched out. */
	if (x->pkt.af == AF_INET)
		NF_HOOK(NFPROTO_IPV4, NF_INET_LOCAL_OUT, x->ns->net, NULL, skb, NULL, dst->dev,
			dst_output);
	else
		NF_HOOK(NFPROTO_IPV6, NF_INET_LOCAL_OUT, x->ns->net, NULL, skb, NULL, dst->dev,
			dst_output);
	return NF_STOLEN;
}

/* Loopback addresses stay inside the host, in both directions. */
static bool lvs_crosses_boundary(const struct lvs_ctx *x, const struct lvs_conn *cp, bool local)
{
	const __be32 *real = lvs_conn_addr(cp, LVS_REAL);

	if (x->pkt.af == AF_INET) {
		if (local)
			return x->hook == NF_INET_LOCAL_IN && ipv4_is_loopback(*real) &&
			       !ipv4_is_loopback(x->pkt.saddr.ip);
		return ipv4_is_loopback(x->pkt.saddr.ip);
	}
	if (local)
		return x->hook == NF_INET_LOCAL_IN &&
		       ipv6_addr_loopback((const struct in6_addr *)real) &&
		       !ipv6_addr_loopback(&x->pkt.saddr.in6);
	return ipv6_addr_loopback(&x->pkt.saddr.in6);
}

/* The server is this host: up the stack, or out through loopback. */
static unsigned int lvs_deliver_local(struct lvs_ctx *x, struct lvs_conn *cp,
				      struct dst_entry *dst)
{
	struct sk_buff *skb = x->skb;

	if (lvs_conn_fwd(cp) == IP_VS_CONN_F_MASQ) {
		if (lvs_crosses_boundary(x, cp, true))
			return NF_DROP;
		if (!lvs_rewrite_skb(skb, &x->pkt, lvs_conn_addr(cp, LVS_REAL), cp->dport,
				     cp->in, false))
			return NF_DROP;
		if (x->hook == NF_INET_LOCAL_OUT) {
			skb_dst_drop(skb);
			skb_dst_set(skb, dst_clone(dst));
		} else {
			/* Early demux looked the virtual address up. */
			skb_orphan(skb);
		}
		lvs_nfct_alter(skb, cp);
	}
	skb->ipvs_property = 1;
	lvs_untrack(skb, cp);
	return NF_ACCEPT;
}

static __always_inline unsigned int lvs_xmit_routed(struct lvs_ctx *x, struct lvs_conn *cp,
						    struct dst_entry *dst)
{
	bool masq = lvs_conn_fwd(cp) == IP_VS_CONN_F_MASQ;

	if (lvs_dst_is_local(dst, x->pkt.af))
		return lvs_deliver_local(x, cp, dst);
	if (masq && unlikely(lvs_crosses_boundary(x, cp, false)))
		return NF_DROP;
	if (unlikely(!lvs_take_hop_here(x)))
		return NF_DROP;
	if (unlikely(lvs_too_big(x, dst_mtu(dst), true)))
		return NF_DROP;
	if (masq && !lvs_rewrite_skb(x->skb, &x->pkt, lvs_conn_addr(cp, LVS_REAL), cp->dport,
				     cp->in, false))
		return NF_DROP;
	if (unlikely(skb_cow_head(x->skb, LL_RESERVED_SPACE(dst->dev))))
		return NF_DROP;
	if (masq)
		lvs_nfct_alter(x->skb, cp);
	/* lvs_too_big() has decided.  What came in pieces that had DF has it now. */
	x->skb->ignore_df = 1;
	lvs_untrack_here(x->skb, cp);
	return lvs_send(x, dst);
}

static unsigned int lvs_xmit_bypass(struct lvs_ctx *x, struct lvs_conn *cp)
{
	struct dst_entry *dst = lvs_route_to(x->ns->net, x->pkt.af, &x->pkt.daddr, NULL);
	unsigned int verdict;

	if (!dst)
		return lvs_no_route(x);
	/* What is ours has nowhere to be passed on to. */
	verdict = lvs_dst_is_local(dst, x->pkt.af) ? NF_DROP : lvs_xmit_routed(x, cp, dst);
	/* lvs_send() borrowed it under RCU. */
	dst_release(dst);
	return verdict;
}

/* By no route of a server, or by one with a header around it. */
static noinline unsigned int lvs_xmit_other(struct lvs_ctx *x, struct lvs_conn *cp)
{
	switch (lvs_conn_fwd(cp)) {
	case IP_VS_CONN_F_LOCALNODE:
		x->skb->ipvs_property = 1;
		lvs_untrack(x->skb, cp);
		return NF_ACCEPT;
	case IP_VS_CONN_F_TUNNEL:
		return lvs_xmit_tunnel(x, cp);
	case IP_VS_CONN_F_MASQ:
	case IP_VS_CONN_F_DROUTE:
	case IP_VS_CONN_F_BYPASS:
		return lvs_xmit_bypass(x, cp);
	default:
		/* A number that is no method: nobody sends it on. */
		return NF_ACCEPT;
	}
}

/* As for any packet whose next hop cannot be had. */
noinline unsigned int lvs_no_route(struct lvs_ctx *x)
{
	if (x->pkt.af == AF_INET)
		icmp_send(x->skb, ICMP_DEST_UNREACH, ICMP_HOST_UNREACH, 0);
#if IS_ENABLED(CONFIG_IPV6)
	else
		lvs_icmp6(x, ICMPV6_DEST_UNREACH, ICMPV6_ADDR_UNREACH, 0);
#endif
	return NF_DROP;
}

unsigned int lvs_xmit(struct lvs_ctx *x, struct lvs_conn *cp)
{
	u32 fwd = lvs_conn_fwd(cp);
	struct dst_entry *dst;

	if ((fwd != IP_VS_CONN_F_MASQ && fwd != IP_VS_CONN_F_DROUTE) || unlikely(!cp->dest))
		return lvs_xmit_other(x, cp);
	dst = lvs_route_dest(cp->dest, NULL);
	if (unlikely(!dst))
		return lvs_no_route(x);
	return lvs_xmit_routed(x, cp, dst);
}

/* ---------------------------------------------------------------- the reply -- */

/*
 * The packet's source is now the virtual address, and rules may send that
 * another way.  Without rules, routes do not depend on the source.
 */
bool lvs_reroute(struct lvs_ctx *x)
{
	struct net *net = x->ns->net;
	bool local = x->hook == NF_INET_LOCAL_OUT;

	if (x->hook == NF_INET_LOCAL_IN)
		return true;
	if (x->pkt.af == AF_INET) {
#ifdef CONFIG_IP_MULTIPLE_TABLES
		/* What record-route writes is read from the route. */
		if (!local && !net->ipv4.fib_has_custom_rules &&
		    !(x->pkt.flags & LVS_PKT_OPTIONS))
			return true;
#endif
		if (!READ_ONCE(x->ns->sysctl.snat_reroute) && !local)
			return true;
		return !ip_route_me_harder(net, x->skb->sk, x->skb, RTN_LOCAL);
	}
#if IS_ENABLED(CONFIG_IPV6)
	if (!local && !fib6_has_custom_rules(net))
		return true;
	if (!READ_ONCE(x->ns->sysctl.snat_reroute) && !local)
		return true;
	return !ip6_route_me_harder(net, x->skb->sk, x->skb);
#else
	return false;
#endif
}

unsigned int lvs_reply(struct lvs_ctx *x, struct lvs_conn *cp)
{
	struct sk_buff *skb = x->skb;

	lvs_count_out(cp->dest, skb->len);
	if (lvs_conn_fwd(cp) != IP_VS_CONN_F_MASQ) {
		lvs_conn_packet(x, cp, LVS_DIR_OUT);
		skb->ipvs_property = 1;
		lvs_untrack(skb, cp);
		return NF_ACCEPT;
	}
	if (!lvs_rewrite_skb(skb, &x->pkt, lvs_conn_addr(cp, LVS_VIRTUAL), cp->vport,
			     lvs_delta_invert(cp->in), true))
		return NF_DROP;
	lvs_conn_packet(x, cp, LVS_DIR_OUT);
	if (unlikely(!lvs_reroute(x)))
		return NF_DROP;
	lvs_untrack(skb, cp);
	skb->ipvs_property = 1;
	return NF_ACCEPT;
}
