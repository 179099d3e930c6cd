// SPDX-License-Identifier: GPL-2.0
/*
 * ICMP errors about packets we sent on.  Three kinds meet us:
 *  - from the client's side, quoting a reply (virtual -> client): translated
 *    and sent on to the server the connection has;
 *  - from the server's side, quoting a request (client -> real): translated
 *    back, as if the virtual address had sent it;
 *  - from the path of a tunnel, quoting our outer packet: told to the client
 *    anew, in terms of what it sent.
 */
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>
#include <net/icmp.h>
#include <net/ip6_checksum.h>
#include <net/ip6_route.h>
#include <net/route.h>

#include "lvs_private.h"

static bool lvs_icmp_sum_ok(struct lvs_ctx *x)
{
	struct sk_buff *skb = x->skb;

	if (skb->ip_summed == CHECKSUM_UNNECESSARY || skb->ip_summed == CHECKSUM_PARTIAL)
		return true;
	if (x->pkt.af == AF_INET)
		return !nf_ip_checksum(skb, x->hook, x->pkt.l4, IPPROTO_ICMP);
	return !nf_ip6_checksum(skb, x->hook, x->pkt.l4, IPPROTO_ICMPV6);
}

static void lvs_icmp_sum(struct sk_buff *skb, const struct lvs_pkt *outer)
{
	u32 len = skb->len - outer->l4;

	if (outer->af == AF_INET) {
		struct icmphdr *h = (struct icmphdr *)(skb->data + outer->l4);

		h->checksum = 0;
		h->checksum = csum_fold(skb_checksum(skb, (int)outer->l4, (int)len, 0));
	} else {
		const struct ipv6hdr *ip = (const struct ipv6hdr *)(skb->data + outer->l3);
		struct icmp6hdr *h = (struct icmp6hdr *)(skb->data + outer->l4);

		h->icmp6_cksum = 0;
		h->icmp6_cksum = csum_ipv6_magic(&ip->saddr, &ip->daddr, len, IPPROTO_ICMPV6,
						 skb_checksum(skb, (int)outer->l4, (int)len, 0));
	}
	skb->ip_summed = CHECKSUM_NONE;
}

static void lvs_put_addr(struct sk_buff *skb, const struct lvs_pkt *at, const __be32 *addr,
			 bool source)
{
	if (at->af == AF_INET) {
		struct iphdr *ip = (struct iphdr *)(skb->data + at->l3);

		*(source ? &ip->saddr : &ip->daddr) = *addr;
		ip_send_check(ip);
	} else {
		struct ipv6hdr *ip = (struct ipv6hdr *)(skb->data + at->l3);

		memcpy(source ? &ip->saddr : &ip->daddr, addr, sizeof(ip->saddr));
	}
}

/* @real: towards the server.  The outer end and the quoted one that is the
 * same host are both replaced. */
static bool lvs_icmp_rewrite(struct lvs_ctx *x, const struct lvs_quote *q,
			     const struct lvs_conn *cp, bool real)
{
	const __be32 *addr = lvs_conn_addr(cp, real ? LVS_REAL : LVS_VIRTUAL);
	bool ports = q->pkt.flags & LVS_PKT_PORTS;
	__be16 *p;

	if (skb_ensure_writable(x->skb, q->pkt.l4 + (ports ? 4 : 0)))
		return false;
	lvs_put_addr(x->skb, &x->pkt, addr, !real);
	lvs_put_addr(x->skb, &q->pkt, addr, real);
	if (ports) {
		p = (__be16 *)(x->skb->data + q->pkt.l4);
		p[real ? 0 : 1] = real ? cp->dport : cp->vport;
	}
	lvs_icmp_sum(x->skb, &x->pkt);
	return true;
}

/* ------------------------------------------------------- towards the client -- */

static unsigned int lvs_icmp_back(struct lvs_ctx *x, const struct lvs_quote *q,
				  struct lvs_conn *cp)
{
	if (lvs_conn_fwd(cp) == IP_VS_CONN_F_MASQ) {
		if (!lvs_icmp_sum_ok(x))
			return NF_DROP;
		if (!lvs_icmp_rewrite(x, q, cp, false))
			return NF_DROP;
	}
	lvs_count_out(cp->dest, x->skb->len);
	if (lvs_conn_fwd(cp) == IP_VS_CONN_F_MASQ && !lvs_reroute(x))
		return NF_DROP;
	x->skb->ipvs_property = 1;
	lvs_untrack(x->skb, cp);
	return NF_ACCEPT;
}

/* ------------------------------------------------------- towards the server -- */

static unsigned int lvs_icmp_on(struct lvs_ctx *x, const struct lvs_quote *q,
				struct lvs_conn *cp)
{
	struct dst_entry *dst;

	if (lvs_conn_fwd(cp) != IP_VS_CONN_F_MASQ || !cp->dest) {
		lvs_count_in(cp->dest, x->skb->len);
		return lvs_xmit(x, cp);
	}
	if (!lvs_icmp_sum_ok(x))
		return NF_DROP;
	lvs_count_in(cp->dest, x->skb->len);
	dst = lvs_route_dest(cp->dest, NULL);
	if (!dst)
		return NF_DROP;
	if (lvs_dst_is_local(dst, x->pkt.af)) {
		if (!lvs_icmp_rewrite(x, q, cp, true))
			return NF_DROP;
		x->skb->ipvs_property = 1;
		lvs_untrack(x->skb, cp);
		return NF_ACCEPT;
	}
	if (!lvs_take_hop(x) || lvs_too_big(x, dst_mtu(dst), true) ||
	    !lvs_icmp_rewrite(x, q, cp, true) ||
	    skb_cow_head(x->skb, LL_RESERVED_SPACE(dst->dev)))
		return NF_DROP;
	lvs_untrack(x->skb, cp);
	x->skb->ignore_df = 1;
	return lvs_send(x, dst);
}

/* ------------------------------------------------------- the path of a tunnel -- */

static u32 lvs_quoted_mtu(struct lvs_ctx *x, const struct lvs_quote *q)
{
	u8 copy[8];
	const u8 *h = lvs_peek(x->skb, q->icmp, sizeof(copy), copy);

	if (!h)
		return 0;
	if (x->pkt.af == AF_INET)
		return (u32)h[6] << 8 | h[7];
	return (u32)h[4] << 24 | (u32)h[5] << 16 | (u32)h[6] << 8 | h[7];
}

static bool lvs_is_too_big_error(const struct lvs_ctx *x, const struct lvs_quote *q)
{
	if (x->pkt.af == AF_INET)
		return q->type == ICMP_DEST_UNREACH && q->code == ICMP_FRAG_NEEDED;
	return q->type == ICMPV6_PKT_TOOBIG;
}

/* The stack learns the path's MTU; returned is what it makes of it. */
static u32 lvs_learn_mtu(struct lvs_ctx *x, const struct lvs_quote *q, struct lvs_conn *cp,
			 u32 mtu)
{
	struct net *net = x->ns->net;
	struct sk_buff *skb = x->skb;
	struct dst_entry *dst;
	bool v4 = x->pkt.af == AF_INET;
	u32 header = v4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);

	if (!pskb_may_pull(skb, q->outer_l3 + header))
		return mtu;
	/* The stack reads where the packet was going from what is at skb->data. */
	__skb_pull(skb, q->outer_l3);
	if (v4)
		ipv4_update_pmtu(skb, net, mtu, 0, 0);
#if IS_ENABLED(CONFIG_IPV6)
	else
		ip6_update_pmtu(skb, net, htonl(mtu), 0, 0, sock_net_uid(net, NULL));
#endif
	__skb_push(skb, q->outer_l3);
	lvs_dest_forget_route(cp->dest);
	dst = lvs_route_dest(cp->dest, NULL);
	return dst ? dst_mtu(dst) : mtu;
}

/* Has the client of the quoted packet asked to be told? */
static bool lvs_wants_mtu(const struct lvs_ctx *x, const struct lvs_quote *q)
{
	u8 copy;
	const u8 *frag = lvs_peek(x->skb, q->pkt.l3 + 6, 1, &copy);

	return q->pkt.af == AF_INET6 || (frag && *frag & 0x40);
}

/* Strip everything in front of the client's own packet and answer that. */
static void lvs_tell_client(struct lvs_ctx *x, const struct lvs_quote *q, bool too_big, u32 mtu)
{
	struct sk_buff *skb = x->skb;
	__be32 copy, rest = 0;
	const __be32 *h = lvs_peek(skb, q->icmp + 4, sizeof(copy), &copy);

	if (h)
		rest = *h;
	if (!pskb_pull(skb, q->pkt.l3))
		return;
	skb_reset_network_header(skb);
	if (q->pkt.af == AF_INET) {
		memset(IPCB(skb), 0, sizeof(*IPCB(skb)));
		skb->protocol = htons(ETH_P_IP);
		if (!pskb_may_pull(skb, sizeof(struct iphdr)) ||
		    !pskb_may_pull(skb, ip_hdrlen(skb)))
			return;
		skb_set_transport_header(skb, (int)ip_hdrlen(skb));
		icmp_send(skb, q->type, q->code, too_big ? htonl(mtu) : rest);
		return;
	}
#if IS_ENABLED(CONFIG_IPV6)
	memset(IP6CB(skb), 0, sizeof(*IP6CB(skb)));
	skb->protocol = htons(ETH_P_IPV6);
	if (!pskb_may_pull(skb, sizeof(struct ipv6hdr)))
		return;
	if (too_big)
		icmpv6_send(skb, ICMPV6_PKT_TOOBIG, 0, mtu);
	else
		icmpv6_send(skb, ICMPV6_DEST_UNREACH, ICMPV6_ADDR_UNREACH, 0);
#endif
}

static bool lvs_is_our_tunnel(const struct lvs_quote *q, const struct lvs_conn *cp)
{
	const struct lvs_dest *d = cp->dest;

	if (lvs_conn_fwd(cp) != IP_VS_CONN_F_TUNNEL || !d || d->server.af != q->tun_af)
		return false;
	if (q->tun_proto == IPPROTO_UDP && q->tun_port != READ_ONCE(d->tun_port))
		return false;
	if (q->tun_af == AF_INET)
		return d->server.addr.ip == q->tun_daddr.ip;
	return !memcmp(&d->server.addr, &q->tun_daddr, sizeof(q->tun_daddr));
}

static unsigned int lvs_icmp_tunnel(struct lvs_ctx *x, struct lvs_quote *q)
{
	struct lvs_pkt *p = &q->pkt;
	struct lvs_conn *cp;
	bool too_big;
	u32 mtu = 0;

	if (x->hook != NF_INET_LOCAL_IN || !lvs_quote_enter_tunnel(x->skb, q) ||
	    !(p->flags & LVS_PKT_PORTS))
		return NF_ACCEPT;
	cp = lvs_conn_find_in(x->ns, p->af, p->proto, p->saddr.ip6, p->sport, p->daddr.ip6,
			      p->dport);
	if (!cp || !lvs_is_our_tunnel(q, cp))
		return NF_ACCEPT;
	if (!lvs_icmp_sum_ok(x))
		return NF_DROP;
	too_big = lvs_is_too_big_error(x, q);
	/* The path of an IPv6 tunnel is a matter between its ends but for its MTU. */
	if (!too_big && x->pkt.af == AF_INET6)
		return NF_DROP;
	if (too_big) {
		mtu = lvs_learn_mtu(x, q, cp, lvs_quoted_mtu(x, q));
		if (!lvs_wants_mtu(x, q))
			return NF_DROP;
		mtu = lvs_tunnel_mtu(cp->dest, mtu);
		if (mtu < (p->af == AF_INET ? 68 : IPV6_MIN_MTU))
			return NF_DROP;
	}
	/* What the client is told counts as it leaves, and what it is about here. */
	lvs_count_out(cp->dest, x->skb->len - q->pkt.l3);
	lvs_tell_client(x, q, too_big, mtu);
	return NF_DROP;
}

/* schedule_icmp: the quoted reply, turned round, may begin a connection. */
static struct lvs_conn *lvs_icmp_schedule(struct lvs_ctx *x, const struct lvs_pkt *p,
					  unsigned int *verdict)
{
	struct lvs_ctx turned = { .ns = x->ns, .skb = x->skb, .hook = x->hook, .quoted = true };

	*verdict = NF_ACCEPT;
	if (!READ_ONCE(x->ns->sysctl.schedule_icmp) || x->hook == NF_INET_FORWARD)
		return NULL;
	turned.pkt = *p;
	turned.pkt.saddr = p->daddr;
	turned.pkt.daddr = p->saddr;
	turned.pkt.sport = p->dport;
	turned.pkt.dport = p->sport;
	return lvs_schedule(&turned, verdict);
}

unsigned int lvs_icmp(struct lvs_ctx *x)
{
	struct lvs_conn *cp = NULL;
	unsigned int verdict;
	struct lvs_pkt *p;
	struct lvs_quote q;

	switch (lvs_parse_icmp(x->skb, &x->pkt, &q)) {
	case LVS_ICMP_ERROR:
		break;
	case LVS_ICMP_SHORT:
		return NF_DROP;
	default:
		return NF_ACCEPT;
	}
	p = &q.pkt;
	if (!(p->flags & LVS_PKT_PORTS))
		return lvs_icmp_tunnel(x, &q);
	cp = lvs_conn_find_out(x->ns, p->af, p->proto, p->daddr.ip6, p->dport, p->saddr.ip6,
			       p->sport);
	if (cp)
		return lvs_icmp_back(x, &q, cp);
	cp = lvs_conn_find_in(x->ns, p->af, p->proto, p->daddr.ip6, p->dport, p->saddr.ip6,
			      p->sport);
	if (!cp) {
		cp = lvs_icmp_schedule(x, p, &verdict);
		if (!cp && verdict != NF_ACCEPT)
			return verdict;
	}
	if (!cp)
		return lvs_icmp_tunnel(x, &q);
	verdict = lvs_icmp_on(x, &q, cp);
	if (READ_ONCE(cp->flags) & IP_VS_CONN_F_ONE_PACKET)
		lvs_conn_discard(cp);
	return verdict;
}

/* ----------------------------------------------------------- AH, ESP, others -- */

enum { LVS_ISAKMP = 500 };

static unsigned int lvs_follow_isakmp(struct lvs_ctx *x)
{
	const __be16 port = htons(LVS_ISAKMP);
	struct lvs_pkt *p = &x->pkt;
	struct lvs_conn *cp;

	if (x->hook != NF_INET_FORWARD) {
		cp = lvs_conn_find_in(x->ns, p->af, IPPROTO_UDP, p->saddr.ip6, port,
				      p->daddr.ip6, port);
		if (cp) {
			lvs_count_in(cp->dest, x->skb->len);
			return lvs_xmit(x, cp);
		}
	}
	cp = lvs_conn_find_out(x->ns, p->af, IPPROTO_UDP, p->saddr.ip6, port, p->daddr.ip6, port);
	return cp ? lvs_reply(x, cp) : NF_ACCEPT;
}

unsigned int lvs_other_proto(struct lvs_ctx *x)
{
	if (x->pkt.proto == IPPROTO_AH || x->pkt.proto == IPPROTO_ESP)
		return lvs_follow_isakmp(x);
	/* What is inside a tunnel that ends here is not for us either. */
	if (READ_ONCE(x->ns->sysctl.ignore_tunneled))
		x->skb->ipvs_property = 1;
	return NF_ACCEPT;
}
