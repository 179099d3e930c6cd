// SPDX-License-Identifier: GPL-2.0
#include "lvs_parse.h"

enum {
	LVS_IP6_HEADER = 40,
	LVS_IP6_CHAIN_MAX = 16,		/* extension headers followed */
	LVS_FRAG_OFFSET = 0x1fff,
	LVS_FRAG_MORE = 0x2000,
	LVS_FRAG6_OFFSET = 0xfff8,
	LVS_FRAG6_MORE = 0x0001,
	LVS_ICMP_HEADER = 8,
	LVS_ICMP6_INFORMATIONAL = 0x80,
	LVS_GUE_VERSION_CONTROL = 0xe0,
	LVS_GUE_HLEN = 0x1f,
};

static u32 lvs_clamp_end(const struct lvs_buf *buf, u32 off, u32 len)
{
	u32 have = lvs_buf_len(buf);

	return len && len < have - off ? off + len : have;
}

static int lvs_parse_ip4(const struct lvs_buf *buf, u32 off, struct lvs_pkt *pkt)
{
	struct iphdr copy;
	const struct iphdr *ip = lvs_peek(buf, off, sizeof(copy), &copy);
	u16 frag;

	if (unlikely(!ip || ip->version != 4 || ip->ihl < 5))
		return -EINVAL;
	pkt->l4 = off + ip->ihl * 4u;
	if (unlikely(pkt->l4 > lvs_buf_len(buf)))
		return -EINVAL;
	pkt->l3 = off;
	pkt->end = lvs_clamp_end(buf, off, ntohs(ip->tot_len));
	if (unlikely(pkt->end < pkt->l4))
		return -EINVAL;
	pkt->af = AF_INET;
	pkt->proto = ip->protocol;
	pkt->ttl = ip->ttl;
	pkt->flags = ip->ihl > 5 ? LVS_PKT_OPTIONS : 0;
	frag = ntohs(ip->frag_off);
	if (unlikely(frag & (LVS_FRAG_OFFSET | LVS_FRAG_MORE)))
		pkt->flags |= frag & LVS_FRAG_OFFSET ? LVS_PKT_FRAG : LVS_PKT_FIRST_FRAG;
	pkt->saddr.ip = ip->saddr;
	pkt->daddr.ip = ip->daddr;
	return 0;
}

/* One extension header behind pkt->l4; false: it is not one, or the end. */
static bool lvs_skip_ext(const struct lvs_buf *buf, struct lvs_pkt *pkt, int *err)
{
	u8 copy[8];
	const u8 *h;
	u32 len;
	u16 frag;

	switch (pkt->proto) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
	case IPPROTO_FRAGMENT:
	case IPPROTO_AH:
		break;
	default:
		return false;
	}
	h = lvs_peek(buf, pkt->l4, sizeof(copy), copy);
	if (!h) {
		*err = -EINVAL;
		return false;
	}
	len = sizeof(copy);
	if (pkt->proto == IPPROTO_FRAGMENT) {
		frag = (u16)(h[2] << 8 | h[3]);
		if (frag & LVS_FRAG6_OFFSET)
			pkt->flags |= LVS_PKT_FRAG;
		else if (frag & LVS_FRAG6_MORE)
			pkt->flags |= LVS_PKT_FIRST_FRAG;
	} else if (pkt->proto == IPPROTO_AH) {
		len = (h[1] + 2u) * 4;
	} else {
		len = (h[1] + 1u) * 8;
	}
	if (len > pkt->end - pkt->l4) {
		*err = -EINVAL;
		return false;
	}
	pkt->proto = h[0];
	pkt->l4 += len;
	pkt->flags |= LVS_PKT_OPTIONS;
	/* Behind a fragment header with an offset there is no header at all. */
	return !(pkt->flags & LVS_PKT_FRAG);
}

static int lvs_parse_ip6(const struct lvs_buf *buf, u32 off, struct lvs_pkt *pkt)
{
	struct ipv6hdr copy;
	const struct ipv6hdr *ip = lvs_peek(buf, off, sizeof(copy), &copy);
	unsigned int hops = 0;
	int err = 0;
	u32 len;

	if (unlikely(!ip || ip->version != 6))
		return -EINVAL;
	len = ntohs(ip->payload_len);
	pkt->l3 = off;
	pkt->l4 = off + LVS_IP6_HEADER;
	/* A payload length of 0 is a jumbogram or a bigger packet of GRO. */
	pkt->end = lvs_clamp_end(buf, off, len ? len + LVS_IP6_HEADER : 0);
	pkt->af = AF_INET6;
	pkt->proto = ip->nexthdr;
	pkt->ttl = ip->hop_limit;
	pkt->flags = 0;
	memcpy(&pkt->saddr, &ip->saddr, sizeof(pkt->saddr));
	memcpy(&pkt->daddr, &ip->daddr, sizeof(pkt->daddr));
	while (lvs_skip_ext(buf, pkt, &err))
		if (++hops > LVS_IP6_CHAIN_MAX)
			return -EINVAL;
	return err;
}

int lvs_parse_ip(const struct lvs_buf *buf, u32 off, u8 af, struct lvs_pkt *pkt)
{
	pkt->sport = 0;
	pkt->dport = 0;
	return af == AF_INET ? lvs_parse_ip4(buf, off, pkt) : lvs_parse_ip6(buf, off, pkt);
}

bool lvs_parse_ports(const struct lvs_buf *buf, struct lvs_pkt *pkt)
{
	__be16 copy[2];
	const __be16 *ports;

	if (!lvs_proto_has_ports(pkt->proto) || pkt->flags & LVS_PKT_FRAG)
		return false;
	ports = lvs_peek(buf, pkt->l4, sizeof(copy), copy);
	if (!ports)
		return false;
	pkt->sport = ports[0];
	pkt->dport = ports[1];
	pkt->flags |= LVS_PKT_PORTS;
	return true;
}

static bool lvs_icmp_is_error(u8 af, u8 type)
{
	if (af == AF_INET)
		return type == ICMP_DEST_UNREACH || type == ICMP_SOURCE_QUENCH ||
		       type == ICMP_TIME_EXCEEDED;
	return !(type & LVS_ICMP6_INFORMATIONAL);
}

enum lvs_icmp_kind lvs_parse_icmp(const struct lvs_buf *buf, const struct lvs_pkt *pkt,
				  struct lvs_quote *q)
{
	u8 copy[LVS_ICMP_HEADER];
	const u8 *h;

	if (pkt->flags & LVS_PKT_FRAG)
		return LVS_ICMP_OTHER;
	h = lvs_peek(buf, pkt->l4, sizeof(copy), copy);
	if (!h)
		return LVS_ICMP_SHORT;
	q->type = h[0];
	q->code = h[1];
	if (!lvs_icmp_is_error(pkt->af, q->type))
		return LVS_ICMP_OTHER;
	q->icmp = pkt->l4;
	q->outer_l3 = 0;
	q->tun_af = 0;
	if (lvs_parse_ip(buf, pkt->l4 + LVS_ICMP_HEADER, pkt->af, &q->pkt))
		return LVS_ICMP_BAD;
	lvs_parse_ports(buf, &q->pkt);
	return LVS_ICMP_ERROR;
}

/* Where the inner packet begins behind @q's outer one, and its family. */
static bool lvs_tunnel_inner(const struct lvs_buf *buf, const struct lvs_pkt *outer, u32 *off,
			     u8 *af)
{
	u8 copy[12];
	const u8 *h;
	u8 proto = outer->proto;
	u16 ethertype;

	*off = outer->l4;
	if (proto == IPPROTO_GRE) {
		h = lvs_peek(buf, outer->l4, 4, copy);
		/* We send no key and no sequence number. */
		if (!h || (h[0] & 0x7f) || h[1])
			return false;
		ethertype = (u16)(h[2] << 8 | h[3]);
		*off += h[0] & 0x80 ? 8 : 4;
		proto = ethertype == 0x0800 ? IPPROTO_IPIP :
			ethertype == 0x86dd ? IPPROTO_IPV6 : 0;
	} else if (proto == IPPROTO_UDP) {
		h = lvs_peek(buf, outer->l4, sizeof(copy), copy);
		if (!h || (h[8] & LVS_GUE_VERSION_CONTROL))
			return false;
		*off += 8 + 4 + (h[8] & LVS_GUE_HLEN) * 4u;
		proto = h[9];
	}
	*af = proto == IPPROTO_IPIP ? AF_INET : AF_INET6;
	return proto == IPPROTO_IPIP || proto == IPPROTO_IPV6;
}

bool lvs_quote_enter_tunnel(const struct lvs_buf *buf, struct lvs_quote *q)
{
	struct lvs_pkt outer = q->pkt, inner;
	u32 off;
	u8 af;

	if (q->tun_af || outer.flags & LVS_PKT_FRAG ||
	    !lvs_tunnel_inner(buf, &outer, &off, &af) || lvs_parse_ip(buf, off, af, &inner))
		return false;
	lvs_parse_ports(buf, &inner);
	q->pkt = inner;
	q->outer_l3 = outer.l3;
	q->tun_af = outer.af;
	q->tun_proto = outer.proto;
	q->tun_port = outer.dport;
	q->tun_daddr = outer.daddr;
	return true;
}
