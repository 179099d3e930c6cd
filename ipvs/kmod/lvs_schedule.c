// SPDX-License-Identifier: GPL-2.0
/* A packet without a connection: is it ours, and who gets it? */
#include <net/route.h>

#include "lvs_private.h"

enum { LVS_TEMPLATE_TRIES = 3 };

/* ------------------------------------------------------ may it begin a flow -- */

/* 1: yes; 0: it is somebody else's; negative: broken, for nobody. */
static int lvs_may_begin(const struct lvs_ctx *x)
{
	const struct lvs_pkt *pkt = &x->pkt;
	enum lvs_sctp_event ev;
	const u8 *flags;
	u8 copy[20];

	if (x->quoted)
		return 1;
	switch (pkt->proto) {
	case IPPROTO_TCP:
		flags = lvs_peek(x->skb, pkt->l4, sizeof(copy), copy);
		if (!flags)
			return -EINVAL;
		flags += 13;
		return !(*flags & 0x04) &&
		       (*flags & 0x02 || READ_ONCE(x->ns->sysctl.sloppy_tcp));
	case IPPROTO_SCTP:
		if (!lvs_sctp_opening(x->skb, pkt->l4, &ev))
			return -EINVAL;
		return ev == LVS_SCTP_EV_INIT ||
		       (READ_ONCE(x->ns->sysctl.sloppy_sctp) && ev != LVS_SCTP_EV_ABORT);
	default:
		return pkt->l4 + sizeof(struct udphdr) <= x->skb->len ? 1 : -EINVAL;
	}
}

/* drop_packet: one in defense.drop_rate goes, before any work. */
static bool lvs_drop_new(struct lvs_netns *ns)
{
	u32 rate = READ_ONCE(ns->defense.drop_rate);

	return rate && (u32)(atomic_inc_return(&ns->defense.drop_count) - 1) % rate == 0;
}

/* -------------------------------------------------------- who gets it: plain -- */

static void lvs_pick_of(const struct lvs_ctx *x, struct lvs_pick *p)
{
	p->af = x->pkt.af;
	p->proto = x->pkt.proto;
	p->sport = x->pkt.sport;
	p->dport = x->pkt.dport;
	p->saddr = x->pkt.saddr;
	p->daddr = x->pkt.daddr;
	if (x->pkt.af == AF_INET) {
		memset(&p->saddr.ip6[1], 0, 12);
		memset(&p->daddr.ip6[1], 0, 12);
	}
	p->flags = x->quoted ? LVS_PICK_INVERSE : 0;
	p->now = jiffies;
}

static u32 lvs_conn_flags(const struct lvs_service *svc, const struct lvs_dest *dest, u8 proto)
{
	u32 flags = READ_ONCE(dest->conn_flags);

	if (READ_ONCE(svc->flags) & IP_VS_SVC_F_ONEPACKET && proto == IPPROTO_UDP)
		flags |= IP_VS_CONN_F_ONE_PACKET;
	return flags | lvs_nfct_wanted(svc->ns);
}

/* What the connection of @x's packet is filed under. */
static u32 lvs_hash_here(const struct lvs_ctx *x)
{
	if (likely(!x->quoted))
		return x->hash;
	return lvs_conn_hash(x->ns, x->pkt.af, x->pkt.proto, x->pkt.saddr.ip6, x->pkt.sport);
}

/* Where another CPU was faster, its connection has yet to see this packet. */
static struct lvs_conn *lvs_publish_here(struct lvs_ctx *x, struct lvs_conn *cp)
{
	struct lvs_conn *there = lvs_conn_publish(cp, lvs_hash_here(x));

	x->begun = there == cp && !x->quoted;
	return there;
}

/* The connection of @x's packet to @dest, its first state set, in the table. */
static struct lvs_conn *lvs_begin(struct lvs_ctx *x, struct lvs_service *svc,
				  struct lvs_dest *dest, __be16 dport, struct lvs_conn *control)
{
	struct lvs_conn_spec s = {
		.af = x->pkt.af, .proto = x->pkt.proto,
		.cport = x->pkt.sport, .vport = x->pkt.dport, .dport = dport,
		.caddr = x->pkt.saddr.ip6, .vaddr = x->pkt.daddr.ip6,
		.dest = dest, .flags = lvs_conn_flags(svc, dest, x->pkt.proto),
		.fwmark = svc->key.fwmark, .timeout = 3 * HZ, .control = control,
	};
	struct lvs_conn *cp;

	/* UDP has but one state. */
	if (x->pkt.proto == IPPROTO_UDP && !x->quoted)
		s.timeout = READ_ONCE(x->ns->timeout[LVS_ROW_UDP][LVS_UDP_NORMAL]);
	cp = lvs_conn_new(x->ns, &s);
	if (!cp) {
		if (control)
			lvs_control_put(control);
		return NULL;
	}
	if (lvs_dest_counts_packets(dest))
		lvs_stats_here(dest)->now.conns++;
	if (s.flags & IP_VS_CONN_F_ONE_PACKET)
		return cp;
	if (!x->quoted)
		lvs_conn_packet(x, cp, LVS_DIR_IN);
	return lvs_publish_here(x, cp);
}

static struct lvs_conn *lvs_schedule_plain(struct lvs_ctx *x, struct lvs_service *svc)
{
	struct lvs_server *s;
	struct lvs_pick p;

	if (!svc->key.fwmark && svc->key.port != x->pkt.dport) {
		if (!svc->key.port)
			net_err_ratelimited("IPVS: port zero works in persistent services only\n");
		return NULL;
	}
	lvs_pick_of(x, &p);
	s = lvs_sched_pick(&svc->pool, &p);
	if (!s)
		return NULL;
	return lvs_begin(x, svc, lvs_dest_of(s), s->port ?: x->pkt.dport, NULL);
}

/* --------------------------------------------------- who gets it: persistent -- */

static void lvs_mask(union nf_inet_addr *to, const union nf_inet_addr *from, u16 af, u32 netmask)
{
	memset(to, 0, sizeof(*to));
	if (af == AF_INET)
		to->ip = from->ip & (__force __be32)netmask;
#if IS_ENABLED(CONFIG_IPV6)
	else
		ipv6_addr_prefix(&to->in6, &from->in6, (int)min(netmask, 128u));
#endif
}

static bool lvs_template_usable(struct lvs_netns *ns, const struct lvs_conn *tmpl)
{
	const struct lvs_dest *dest = tmpl->dest;

	if (!dest || !(READ_ONCE(dest->server.flags) & LVS_SERVER_AVAILABLE))
		return false;
	return !READ_ONCE(ns->sysctl.expire_quiescent_template) ||
	       READ_ONCE(dest->server.weight) != 0;
}

/* What a template of @svc for @x's client is known by. */
static void lvs_template_spec(struct lvs_ctx *x, struct lvs_service *svc,
			      struct lvs_conn_spec *s, union nf_inet_addr *client,
			      union nf_inet_addr *virt)
{
	memset(s, 0, sizeof(*s));
	lvs_mask(client, &x->pkt.saddr, x->pkt.af, READ_ONCE(svc->netmask));
	*virt = x->pkt.daddr;
	s->af = x->pkt.af;
	s->caddr = client->ip6;
	s->vaddr = virt->ip6;
	s->flags = IP_VS_CONN_F_TEMPLATE;
	s->fwmark = svc->key.fwmark;
	s->timeout = READ_ONCE(svc->timeout);
	if (svc->key.fwmark) {
		memset(virt, 0, sizeof(*virt));
		virt->ip = htonl(svc->key.fwmark);
		s->proto = IPPROTO_IP;
	} else {
		s->proto = x->pkt.proto;
		/* One template for all ports: port 0 and FTP. */
		if (svc->key.port == x->pkt.dport && x->pkt.dport != htons(21))
			s->vport = x->pkt.dport;
	}
}

static struct lvs_conn *lvs_template_make(struct lvs_ctx *x, struct lvs_service *svc,
					  struct lvs_conn_spec *spec)
{
	struct lvs_conn *tmpl;
	struct lvs_server *s;
	struct lvs_pick p;

	lvs_pick_of(x, &p);
	p.flags |= LVS_PICK_TEMPLATE;
	s = lvs_sched_pick(&svc->pool, &p);
	if (!s)
		return NULL;
	spec->dest = lvs_dest_of(s);
	spec->dport = spec->vport ? s->port ?: spec->vport : 0;
	spec->flags |= READ_ONCE(spec->dest->conn_flags) & IP_VS_CONN_F_FWD_MASK;
	tmpl = lvs_conn_new(x->ns, spec);
	return tmpl ? lvs_template_publish(tmpl) : NULL;
}

/* The template of @x's client, with the new connection under its control. */
static struct lvs_conn *lvs_template_get(struct lvs_ctx *x, struct lvs_service *svc)
{
	union nf_inet_addr client, virt;
	struct lvs_conn_spec spec;
	struct lvs_conn *tmpl;
	unsigned int tries;

	/* One that is just being taken down is passed over for a new one. */
	for (tries = 0; tries < LVS_TEMPLATE_TRIES; tries++) {
		lvs_template_spec(x, svc, &spec, &client, &virt);
		tmpl = lvs_template_find(x->ns, &spec);
		if (tmpl && !lvs_template_usable(x->ns, tmpl)) {
			lvs_template_invalidate(tmpl);
			tmpl = NULL;
		}
		if (!tmpl)
			tmpl = lvs_template_make(x, svc, &spec);
		if (!tmpl || lvs_control_get(tmpl, READ_ONCE(svc->timeout)))
			return tmpl;
	}
	return NULL;
}

static struct lvs_conn *lvs_schedule_persistent(struct lvs_ctx *x, struct lvs_service *svc)
{
	struct lvs_conn *tmpl = lvs_template_get(x, svc);
	struct lvs_dest *dest;
	__be16 dport;

	if (!tmpl)
		return NULL;
	dest = tmpl->dest;
	/* A template for all ports: the server's own port is not in it. */
	dport = x->pkt.dport;
	if (dport == svc->key.port && dest->server.port)
		dport = dest->server.port;
	return lvs_begin(x, svc, dest, dport, tmpl);
}

/* --------------------------------------------------------- nobody to give to -- */

static bool lvs_may_bypass(const struct lvs_ctx *x, const struct lvs_service *svc)
{
	if (!READ_ONCE(x->ns->sysctl.cache_bypass) || !svc->key.fwmark)
		return false;
	if (x->pkt.af == AF_INET)
		return inet_addr_type(x->ns->net, x->pkt.daddr.ip) == RTN_UNICAST;
	return ipv6_addr_type(&x->pkt.daddr.in6) & IPV6_ADDR_UNICAST;
}

static struct lvs_conn *lvs_begin_bypass(struct lvs_ctx *x, struct lvs_service *svc)
{
	struct lvs_conn_spec s = {
		.af = x->pkt.af, .proto = x->pkt.proto,
		.cport = x->pkt.sport, .vport = x->pkt.dport,
		.caddr = x->pkt.saddr.ip6, .vaddr = x->pkt.daddr.ip6,
		.flags = IP_VS_CONN_F_BYPASS, .fwmark = svc->key.fwmark, .timeout = 3 * HZ,
	};
	struct lvs_conn *cp;

	if (READ_ONCE(svc->flags) & IP_VS_SVC_F_ONEPACKET && x->pkt.proto == IPPROTO_UDP)
		s.flags |= IP_VS_CONN_F_ONE_PACKET;
	cp = lvs_conn_new(x->ns, &s);
	if (!cp || s.flags & IP_VS_CONN_F_ONE_PACKET)
		return cp;
	lvs_conn_packet(x, cp, LVS_DIR_IN);
	return lvs_publish_here(x, cp);
}

static struct lvs_conn *lvs_leave(struct lvs_ctx *x, struct lvs_service *svc,
				  unsigned int *verdict)
{
	*verdict = NF_DROP;
	/* No error about an error. */
	if (x->quoted)
		return NULL;
	if (lvs_may_bypass(x, svc))
		return lvs_begin_bypass(x, svc);
	/* FTP's other ports are somebody else's when no server takes them. */
	if (svc->key.port == htons(21) && x->pkt.dport != htons(21)) {
		*verdict = NF_ACCEPT;
		return NULL;
	}
	lvs_icmp_unreach(x);
	return NULL;
}

struct lvs_conn *lvs_schedule(struct lvs_ctx *x, unsigned int *verdict)
{
	struct lvs_service *svc;
	struct lvs_conn *cp;
	int may = lvs_may_begin(x);

	*verdict = may < 0 ? NF_DROP : NF_ACCEPT;
	if (may <= 0)
		return NULL;
	svc = lvs_service_for(x->ns, x->pkt.af, x->skb->mark, x->pkt.proto, x->pkt.daddr.ip6,
			      x->pkt.dport);
	if (!svc)
		return NULL;
	if (unlikely(lvs_drop_new(x->ns))) {
		*verdict = NF_DROP;
		return NULL;
	}
	/* Data connections an FTP client's server opened are never scheduled. */
	if (x->pkt.sport == htons(20) && svc->key.port == htons(21))
		return NULL;
	if (READ_ONCE(svc->flags) & IP_VS_SVC_F_PERSISTENT)
		cp = lvs_schedule_persistent(x, svc);
	else
		cp = lvs_schedule_plain(x, svc);
	return cp ?: lvs_leave(x, svc, verdict);
}
