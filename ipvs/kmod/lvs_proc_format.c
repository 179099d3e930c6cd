// SPDX-License-Identifier: GPL-2.0
#include "lvs_proc_format.h"

enum { LVS_ADDR_TEXT = 40, LVS_PROTO_TEXT = 12 };

/* A service can be of any protocol, and of numbers that are none. */
static void lvs_proto_text(char *text, u16 proto)
{
	static const struct {
		u16 proto;
		const char *name;
	} known[] = {
		{ IPPROTO_IP, "IP" }, { IPPROTO_TCP, "TCP" }, { IPPROTO_UDP, "UDP" },
		{ IPPROTO_SCTP, "SCTP" }, { IPPROTO_ICMP, "ICMP" }, { IPPROTO_ICMPV6, "ICMPv6" },
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(known); i++) {
		if (known[i].proto == proto) {
			snprintf(text, LVS_PROTO_TEXT, "%s", known[i].name);
			return;
		}
	}
	snprintf(text, LVS_PROTO_TEXT, "IP_%u", proto);
}

/* IPv4 as one number, IPv6 in full. */
static void lvs_addr_text(char *text, u16 af, const union nf_inet_addr *addr)
{
	unsigned int i;

	if (af == AF_INET) {
		snprintf(text, LVS_ADDR_TEXT, "%08X", ntohl(addr->ip));
		return;
	}
	for (i = 0; i < 4; i++) {
		u32 word = ntohl(addr->ip6[i]);

		snprintf(text + 10 * i, 11, "%04x:%04x%s", word >> 16, word & 0xffff,
			 i < 3 ? ":" : "");
	}
}

/* Address and port where an IPv6 address wants brackets. */
static int lvs_end_text(char *line, u16 af, const union nf_inet_addr *addr, __be16 port)
{
	char text[LVS_ADDR_TEXT];

	lvs_addr_text(text, af, addr);
	return snprintf(line, LVS_LINE, af == AF_INET6 ? "[%s]:%04X" : "%s:%04X", text,
			ntohs(port));
}

int lvs_proc_service(char *line, const struct lvs_proc_service *s)
{
	const char *ops = s->flags & IP_VS_SVC_F_ONEPACKET ? "ops " : "";
	const struct lvs_svc_key *k = s->key;
	char proto[LVS_PROTO_TEXT];
	int n;

	if (k->fwmark) {
		n = snprintf(line, LVS_LINE, "FWM  %08X %s %s", k->fwmark, s->sched, ops);
	} else {
		lvs_proto_text(proto, k->proto);
		n = snprintf(line, LVS_LINE, "%s  ", proto);
		n += lvs_end_text(line + n, k->af, &k->addr, k->port);
		if (k->af == AF_INET6)
			n += snprintf(line + n, LVS_LINE - n, " %s ", s->sched);
		else
			n += snprintf(line + n, LVS_LINE - n, " %s %s ", s->sched, ops);
	}
	if (s->flags & IP_VS_SVC_F_PERSISTENT)
		n += snprintf(line + n, LVS_LINE - n, "persistent %d %08X", (int)s->timeout,
			      ntohl((__force __be32)s->netmask));
	return n;
}

static const char *lvs_fwd_name(u32 fwd)
{
	switch (fwd & IP_VS_CONN_F_FWD_MASK) {
	case IP_VS_CONN_F_LOCALNODE:
		return "Local";
	case IP_VS_CONN_F_TUNNEL:
		return "Tunnel";
	case IP_VS_CONN_F_DROUTE:
		return "Route";
	default:
		/* Bypass has no name of its own here. */
		return "Masq";
	}
}

int lvs_proc_dest(char *line, const struct lvs_proc_dest *d)
{
	int n = snprintf(line, LVS_LINE, "  -> ");

	n += lvs_end_text(line + n, d->end.af, &d->end.addr, d->end.port);
	return n + snprintf(line + n, LVS_LINE - n, "      %-7s %-6d %-10d %-10d",
			    lvs_fwd_name(d->fwd), d->weight, d->active, d->inactive);
}

static int lvs_proc_ends(char *line, const struct lvs_proc_conn *c)
{
	char client[LVS_ADDR_TEXT], virtual[LVS_ADDR_TEXT], real[LVS_ADDR_TEXT];
	char proto[LVS_PROTO_TEXT];

	lvs_proto_text(proto, c->proto);
	lvs_addr_text(client, c->client.af, &c->client.addr);
	lvs_addr_text(virtual, c->virtual.af, &c->virtual.addr);
	lvs_addr_text(real, c->real.af, &c->real.addr);
	return snprintf(line, LVS_LINE, "%-3s %s %04X %s %04X %s %04X", proto, client,
			ntohs(c->client.port), virtual, ntohs(c->virtual.port), real,
			ntohs(c->real.port));
}

int lvs_proc_conn(char *line, const struct lvs_proc_conn *c)
{
	int n = lvs_proc_ends(line, c);

	return n + snprintf(line + n, LVS_LINE - n, " %-11s %7u", c->state, c->expires);
}

int lvs_proc_conn_sync(char *line, const struct lvs_proc_conn *c)
{
	int n = lvs_proc_ends(line, c);

	return n + snprintf(line + n, LVS_LINE - n, " %-11s %-6s %7u", c->state, "LOCAL",
			    c->expires);
}

int lvs_proc_counts(char *line, const char *head, const struct lvs_counts *c)
{
	return snprintf(line, LVS_LINE, "%s%8llX %8llX %8llX %16llX %16llX", head,
			(unsigned long long)c->conns, (unsigned long long)c->inpkts,
			(unsigned long long)c->outpkts, (unsigned long long)c->inbytes,
			(unsigned long long)c->outbytes);
}
