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
	LVS_ICMP_BAD,		/* truncated or nonsense */
};
enum lvs_icmp_kind lvs_parse_icmp(const struct lvs_buf *buf, const struct lvs_pkt *pkt,
				  struct lvs_quote *q);
/*
 * If @q quotes a packet of one of our tunnels, step inside: q->pkt becomes the
 * inner packet.  In the UDP case the caller checks q->tun_port afterwards.
 * False: not a tunnel, and @q is as it was.
 */
bool lvs_quote_enter_tunnel(const struct lvs_buf *buf, struct lvs_quote *q);

static inline bool lvs_proto_has_ports(u8 proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP;
}

#endif
