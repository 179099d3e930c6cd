// SPDX-License-Identifier: GPL-2.0
/* Sending a packet on inside another: IPIP, GUE and GRE over IPv4 and IPv6,
 * carrying either. */
#include <net/gre.h>
#include <net/gue.h>
#include <net/inet_ecn.h>
#include <net/ip.h>
#include <net/ip6_checksum.h>
#include <net/ip6_route.h>
#include <net/ip_tunnels.h>
#include <net/netfilter/nf_conntrack_core.h>
#include <net/udp.h>

#include "lvs_private.h"

enum {
	LVS_MTU_MIN4 = 68,
	LVS_MTU_MIN6 = IPV6_MIN_MTU,
	LVS_GRE_BASE = 4,
	LVS_GRE_CSUM_LEN = 4,
	LVS_GRE_CSUM_FLAG = 0x8000,
};

struct lvs_outer {
	u16 af;
	u8 type;		/* IP_VS_CONN_F_TUNNEL_TYPE_* */
	bool csum;
	u8 inner_proto;		/* IPPROTO_IPIP or IPPROTO_IPV6 */
	u8 tos, ttl;
	__be16 df;
	__be16 port, src_port;	/* GUE */
	union nf_inet_addr saddr, daddr;
};

static u32 lvs_tunnel_header(const struct lvs_outer *o)
{
	switch (o->type) {
	case IP_VS_CONN_F_TUNNEL_TYPE_GUE:
		return sizeof(struct udphdr) + sizeof(struct guehdr);
	case IP_VS_CONN_F_TUNNEL_TYPE_GRE:
		return LVS_GRE_BASE + (o->csum ? LVS_GRE_CSUM_LEN : 0);
	default:
		return 0;
	}
}

static u32 lvs_tunnel_overhead(const struct lvs_outer *o)
{
	return lvs_tunnel_header(o) +
	       (o->af == AF_INET ? sizeof(struct iphdr) : sizeof(struct ipv6hdr));
}

/* GUE's remote checksum offload covers what an outer sum would; a packet whose
 * sum is complete has nothing to leave to the other end, and the sum stays. */
static bool lvs_tunnel_sums(const struct lvs_dest *dest)
{
	u16 flags = READ_ONCE(dest->tun_flags);

	if (flags & IP_VS_TUNNEL_ENCAP_FLAG_REMCSUM &&
	    READ_ONCE(dest->tun_type) == IP_VS_CONN_F_TUNNEL_TYPE_GUE)
		return true;
	return flags & IP_VS_TUNNEL_ENCAP_FLAG_CSUM;
}

u32 lvs_tunnel_mtu(const struct lvs_dest *dest, u32 path_mtu)
{
	struct lvs_outer o = { .af = dest->server.af, .type = READ_ONCE(dest->tun_type),
			       .csum = lvs_tunnel_sums(dest) };
	u32 overhead = lvs_tunnel_overhead(&o);

	return path_mtu > overhead ? path_mtu - overhead : 0;
}

static int lvs_gso_type(const struct lvs_outer *o)
{
	int inside = o->af == AF_INET ? SKB_GSO_IPXIP4 : SKB_GSO_IPXIP6;

	switch (o->type) {
	case IP_VS_CONN_F_TUNNEL_TYPE_GUE:
		/* A packet inside a packet, to those who cut what UDP carries. */
		return inside | (o->csum ? SKB_GSO_UDP_TUNNEL_CSUM : SKB_GSO_UDP_TUNNEL);
	case IP_VS_CONN_F_TUNNEL_TYPE_GRE:
		return o->csum ? SKB_GSO_GRE_CSUM : SKB_GSO_GRE;
	default:
		return inside;
	}
}

/* What of the inner header shows outside; read after the hop was taken. */
static void lvs_outer_from_inner(struct lvs_ctx *x, struct lvs_outer *o)
{
	struct sk_buff *skb = x->skb;
	u8 tos;

	if (x->pkt.af == AF_INET) {
		const struct iphdr *ip = (const struct iphdr *)(skb->data + x->pkt.l3);

		tos = ip->tos;
		o->ttl = ip->ttl;
		o->inner_proto = IPPROTO_IPIP;
		if (READ_ONCE(x->ns->sysctl.pmtu_disc))
			o->df = ip->frag_off & htons(IP_DF);
	} else {
		const struct ipv6hdr *ip = (const struct ipv6hdr *)(skb->data + x->pkt.l3);

		tos = ipv6_get_dsfield(ip);
		o->ttl = ip->hop_limit;
		o->inner_proto = IPPROTO_IPV6;
	}
	o->tos = INET_ECN_encapsulate(tos, tos);
}

static void lvs_push_gre(struct sk_buff *skb, const struct lvs_outer *o)
{
	u32 len = lvs_tunnel_header(o);
	__be16 *h = skb_push(skb, len);

	skb_reset_transport_header(skb);
	memset(h, 0, len);
	h[1] = htons(o->inner_proto == IPPROTO_IPIP ? ETH_P_IP : ETH_P_IPV6);
	skb_set_inner_protocol(skb, h[1]);
	if (!o->csum)
		return;
	h[0] = htons(LVS_GRE_CSUM_FLAG);
	/* The sums of a GSO packet are made when it is cut. */
	if (skb_is_gso(skb))
		return;
	if (skb->ip_summed == CHECKSUM_PARTIAL)
		*(__sum16 *)&h[2] = csum_fold(lco_csum(skb));
	else
		*(__sum16 *)&h[2] = csum_fold(skb_checksum(skb, 0, (int)skb->len, 0));
}

static void lvs_push_gue(struct sk_buff *skb, const struct lvs_outer *o)
{
	struct guehdr *gue = skb_push(skb, sizeof(*gue));
	struct udphdr *udp;

	memset(gue, 0, sizeof(*gue));
	gue->proto_ctype = o->inner_proto;
	skb_set_inner_ipproto(skb, o->inner_proto);
	udp = skb_push(skb, sizeof(*udp));
	skb_reset_transport_header(skb);
	udp->source = o->src_port;
	udp->dest = o->port;
	udp->len = htons((u16)skb->len);
	udp->check = 0;
	if (o->af == AF_INET)
		udp_set_csum(!o->csum, skb, o->saddr.ip, o->daddr.ip, (int)skb->len);
#if IS_ENABLED(CONFIG_IPV6)
	else
		udp6_set_csum(!o->csum, skb, &o->saddr.in6, &o->daddr.in6, (int)skb->len);
#endif
}

static u8 lvs_push_tunnel(struct sk_buff *skb, const struct lvs_outer *o)
{
	switch (o->type) {
	case IP_VS_CONN_F_TUNNEL_TYPE_GUE:
		lvs_push_gue(skb, o);
		return IPPROTO_UDP;
	case IP_VS_CONN_F_TUNNEL_TYPE_GRE:
		lvs_push_gre(skb, o);
		return IPPROTO_GRE;
	default:
		skb_set_inner_ipproto(skb, o->inner_proto);
		skb->transport_header = skb->network_header;
		return o->inner_proto;
	}
}

static void lvs_push_ip4(struct net *net, struct sk_buff *skb, const struct lvs_outer *o, u8 proto)
{
	struct iphdr *ip = skb_push(skb, sizeof(*ip));
	u16 pieces;

	skb_reset_network_header(skb);
	skb->protocol = htons(ETH_P_IP);
	/* What came in pieces goes in pieces. */
	pieces = o->inner_proto == IPPROTO_IPIP ? IPCB(skb)->frag_max_size : 0;
	memset(IPCB(skb), 0, sizeof(*IPCB(skb)));
	IPCB(skb)->frag_max_size = pieces;
	memset(ip, 0, sizeof(*ip));
	ip->version = 4;
	ip->ihl = 5;
	ip->tos = o->tos;
	ip->frag_off = o->df;
	ip->ttl = o->ttl;
	ip->protocol = proto;
	ip->saddr = o->saddr.ip;
	ip->daddr = o->daddr.ip;
	/* With the sender's DF there is nothing to identify. */
	ip_select_ident(net, skb, NULL);
	skb->ignore_df = 1;
	ip_local_out(net, NULL, skb);
}

#if IS_ENABLED(CONFIG_IPV6)
static void lvs_push_ip6(struct net *net, struct sk_buff *skb, const struct lvs_outer *o, u8 proto)
{
	struct ipv6hdr *ip = skb_push(skb, sizeof(*ip));
	u16 pieces;

	skb_reset_network_header(skb);
	skb->protocol = htons(ETH_P_IPV6);
	pieces = o->inner_proto == IPPROTO_IPV6 ? IP6CB(skb)->frag_max_size : 0;
	memset(IP6CB(skb), 0, sizeof(*IP6CB(skb)));
	IP6CB(skb)->frag_max_size = pieces;
	skb->ignore_df = 1;
	ip6_flow_hdr(ip, o->tos, 0);
	ip->nexthdr = proto;
	ip->hop_limit = o->ttl;
	ip->saddr = o->saddr.in6;
	ip->daddr = o->daddr.in6;
	ip6_local_out(net, NULL, skb);
}
#endif

static unsigned int lvs_encapsulate(struct lvs_ctx *x, struct dst_entry *dst, struct lvs_outer *o)
{
	struct sk_buff *skb = x->skb;
	u8 proto;

	if (skb_cow_head(skb, LL_RESERVED_SPACE(dst->dev) + lvs_tunnel_overhead(o)))
		return NF_DROP;
	if (o->type == IP_VS_CONN_F_TUNNEL_TYPE_GUE)
		o->src_port = udp_flow_src_port(x->ns->net, skb, 0, 0, false);
	skb_set_transport_header(skb, (int)x->pkt.l4);
	if (iptunnel_handle_offloads(skb, lvs_gso_type(o)))
		return NF_DROP;
	/* What cuts a large packet up measures our headers up to there. */
	skb_set_inner_mac_header(skb, skb_inner_network_offset(skb));
	proto = lvs_push_tunnel(skb, o);
	skb->ipvs_property = 1;
	if (x->hook == NF_INET_LOCAL_IN) {
		skb_orphan(skb);
		skb_clear_tstamp(skb);
	}
	skb_dst_drop(skb);
	skb_dst_set_noref(skb, dst);
	if (o->af == AF_INET)
		lvs_push_ip4(x->ns->net, skb, o, proto);
#if IS_ENABLED(CONFIG_IPV6)
	else
		lvs_push_ip6(x->ns->net, skb, o, proto);
#endif
	return NF_STOLEN;
}

/* Inner packets are kept whole as far as the sender asked for it.  Over an IPv6
 * path too narrow for the least IPv6 packet the outer one goes in pieces (RFC 2473). */
static bool lvs_tunnel_fits(struct lvs_ctx *x, u16 outer_af, u32 mtu)
{
	bool v4 = x->pkt.af == AF_INET;

	if (!v4 && outer_af == AF_INET6 && mtu)
		mtu = max_t(u32, mtu, LVS_MTU_MIN6);
	if (mtu < (v4 ? LVS_MTU_MIN4 : LVS_MTU_MIN6))
		return false;
	return !lvs_too_big(x, mtu, READ_ONCE(x->ns->sysctl.pmtu_disc));
}

unsigned int lvs_xmit_tunnel(struct lvs_ctx *x, struct lvs_conn *cp)
{
	struct lvs_dest *dest = cp->dest;
	struct lvs_outer o = {};
	struct dst_entry *dst;

	if (!dest)
		return NF_DROP;
	dst = lvs_route_dest(dest, &o.saddr);
	if (!dst)
		return lvs_no_route(x);
	if (lvs_dst_is_local(dst, dest->server.af)) {
		x->skb->ipvs_property = 1;
		lvs_untrack(x->skb, cp);
		return NF_ACCEPT;
	}
	o.af = dest->server.af;
	o.type = READ_ONCE(dest->tun_type);
	o.port = READ_ONCE(dest->tun_port);
	o.csum = lvs_tunnel_sums(dest);
	o.daddr = dest->server.addr;
	if (!lvs_take_hop(x) || !lvs_tunnel_fits(x, o.af, lvs_tunnel_mtu(dest, dst_mtu(dst))))
		return NF_DROP;
	lvs_outer_from_inner(x, &o);
	/* The outer packet is a flow of its own, tracked like any. */
	if (READ_ONCE(cp->flags) & IP_VS_CONN_F_NFCT &&
	    nf_conntrack_confirm(x->skb) != NF_ACCEPT)
		return NF_DROP;
	nf_reset_ct(x->skb);
	return lvs_encapsulate(x, dst, &o);
}
