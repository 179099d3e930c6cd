/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Reading packets: IP headers with their extension chains, ports, and what is
 * quoted inside ICMP errors, tunnels included.  Every offset that is handed on
 * was bounded against the packet; nothing points into it, so that nothing goes
 * stale when the packet's head is reallocated.
 */
#ifndef LVS_PARSE_H
#define LVS_PARSE_H

#include "lvs_internal.h"

enum {
	LVS_PKT_FRAG = 1U << 0,		/* a fragment but the first: no ports */
	LVS_PKT_FIRST_FRAG = 1U << 1,	/* the first of several */
	LVS_PKT_PORTS = 1U << 2,	/* sport and dport are valid */
	LVS_PKT_OPTIONS = 1U << 3,	/* IPv4 options or IPv6 extensions */
};

struct lvs_pkt {
	u8 af;
	u8 proto;		/* of what is at @l4 */
	u8 flags;		/* LVS_PKT_* */
	u8 ttl;
	u32 l3;			/* offset of the IP header */
	u32 l4;			/* offset behind all IP headers */
	u32 end;		/* offset behind the last byte, by the IP header */
	__be16 sport, dport;
	union nf_inet_addr saddr, daddr;
};

/* What an ICMP error quotes. */
struct lvs_quote {
	struct lvs_pkt pkt;	/* the quoted packet (innermost) */
	u8 type, code;
	u32 icmp;		/* offset of the ICMP header */
	u32 outer_l3;		/* a quoted tunnel header: its offset, else 0 */
	u8 tun_af;		/* and its family, else 0 */
	u8 tun_proto;		/* IPPROTO_IPIP, _IPV6, _GRE, _UDP */
	__be16 tun_port;	/* GUE: UDP destination port */
	union nf_inet_addr tun_daddr;
};

/* 0, or -EINVAL for what is no whole header of @af at @off. */
int lvs_parse_ip(const struct lvs_buf *buf, u32 off, u8 af, struct lvs_pkt *pkt);
/* Ports of TCP, UDP and SCTP; false when there are none. */
bool lvs_parse_ports(const struct lvs_buf *buf, struct lvs_pkt *pkt);

enum lvs_icmp_kind {
	LVS_ICMP_OTHER,		/* not an error, or not one IPVS follows */
	LVS_ICMP_ERROR,		/* @q is filled in; ports too if quoted */
	LVS_ICMP_BAD,		/* what it quotes is truncated or nonsense */
	LVS_ICMP_SHORT,		/* not even a whole header */
};
enum lvs_icmp_kind lvs_parse_icmp(const struct lvs_buf *buf, const struct lvs_pkt *pkt,
				  struct lvs_quote *q);
/*
 * If @q quotes a packet of one of our tunnels, step inside: q->pkt becomes the
 * inner packet.  In the UDP case the caller checks q->tun_port afterwards.
 * False: not a tunnel, and @q is as it was.
 */
bool lvs_quote_enter_tunnel(const struct lvs_buf *buf, struct lvs_quote *q);

static __always_inline bool lvs_proto_has_ports(u8 proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP;
}

/* What nearly every packet begins with. */
struct lvs_usual4 {
	struct iphdr ip;
	__be16 port[2];
};

struct lvs_usual6 {
	struct ipv6hdr ip;
	__be16 port[2];
};

enum {
	LVS_USUAL4 = 0x45,		/* version 4, no options */
	LVS_FRAG4_BITS = 0x3fff,	/* more to come, or an offset */
};

static __always_inline bool lvs_parse_usual4(const struct lvs_buf *buf, u32 off,
					     struct lvs_pkt *pkt)
{
	struct lvs_usual4 copy;
	const struct lvs_usual4 *h = lvs_peek(buf, off, sizeof(copy), &copy);
	u32 len;

	if (unlikely(!h || *(const u8 *)h != LVS_USUAL4 ||
		     h->ip.frag_off & htons(LVS_FRAG4_BITS) ||
		     !lvs_proto_has_ports(h->ip.protocol)))
		return false;
	len = ntohs(h->ip.tot_len);
	if (unlikely(len < sizeof(copy) || len > lvs_buf_len(buf) - off))
		return false;
	pkt->af = AF_INET;
	pkt->proto = h->ip.protocol;
	pkt->flags = LVS_PKT_PORTS;
	pkt->ttl = h->ip.ttl;
	pkt->l3 = off;
	pkt->l4 = off + sizeof(h->ip);
	pkt->end = off + len;
	pkt->sport = h->port[0];
	pkt->dport = h->port[1];
	pkt->saddr.ip = h->ip.saddr;
	pkt->daddr.ip = h->ip.daddr;
	return true;
}

static __always_inline bool lvs_parse_usual6(const struct lvs_buf *buf, u32 off,
					     struct lvs_pkt *pkt)
{
	struct lvs_usual6 copy;
	const struct lvs_usual6 *h = lvs_peek(buf, off, sizeof(copy), &copy);
	u32 len;

	if (unlikely(!h || *(const u8 *)h >> 4 != 6 || !lvs_proto_has_ports(h->ip.nexthdr)))
		return false;
	len = ntohs(h->ip.payload_len) + (u32)sizeof(h->ip);
	if (unlikely(len < sizeof(copy) || len > lvs_buf_len(buf) - off))
		return false;
	pkt->af = AF_INET6;
	pkt->proto = h->ip.nexthdr;
	pkt->flags = LVS_PKT_PORTS;
	pkt->ttl = h->ip.hop_limit;
	pkt->l3 = off;
	pkt->l4 = off + sizeof(h->ip);
	pkt->end = off + len;
	pkt->sport = h->port[0];
	pkt->dport = h->port[1];
	memcpy(&pkt->saddr, &h->ip.saddr, sizeof(pkt->saddr));
	memcpy(&pkt->daddr, &h->ip.daddr, sizeof(pkt->daddr));
	return true;
}

/* The packet everybody sends: no options or extensions, in one piece, with
 * ports.  The result is that of lvs_parse_ip() and lvs_parse_ports(); false
 * says nothing but that these must be asked. */
static __always_inline bool lvs_parse_usual(const struct lvs_buf *buf, u32 off, u8 af,
					    struct lvs_pkt *pkt)
{
	return af == AF_INET ? lvs_parse_usual4(buf, off, pkt) : lvs_parse_usual6(buf, off, pkt);
}

#endif
