// SPDX-License-Identifier: GPL-2.0
/*
 * Where packets come in.  One function per hook and family looks both ways
 * round: a packet is either a request of a connection, or a reply of one, or
 * perhaps the beginning of a new one.  The positions are stock's; where stock
 * has a reply hook directly in front of a request hook, ours is at the first.
 */
#include <linux/netfilter_ipv4.h>
#include <linux/netfilter_ipv6.h>
#include <net/inet_sock.h>
#include <net/ip.h>
#include <net/netfilter/ipv6/nf_defrag_ipv6.h>

#include "lvs_private.h"

static __always_inline bool lvs_skip(const struct sk_buff *skb, unsigned int hook)
{
	const struct sock *sk;

	if (skb->ipvs_property || !skb_dst(skb))
		return true;
	if (hook != NF_INET_LOCAL_OUT)
		return skb->pkt_type != PACKET_HOST;
	/* A raw socket that asked for its fragments to be left alone. */
	sk = skb_to_full_sk(skb);
	return sk && sk->sk_family == PF_INET && lvs_sock_nodefrag(sk);
}

static bool lvs_is_icmp(const struct lvs_pkt *pkt)
{
	return pkt->proto == (pkt->af == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6);
}

/* A packet that begins a connection, as far as re-use is concerned. */
static bool lvs_is_opening(const struct lvs_ctx *x)
{
	enum lvs_sctp_event ev;
	int flags;

	if (x->pkt.proto == IPPROTO_TCP) {
		flags = lvs_tcp_flags(x->skb, x->pkt.l4);
		return flags >= 0 && flags & LVS_TCP_SYN;
	}
	return x->pkt.proto == IPPROTO_SCTP && lvs_sctp_opening(x->skb, x->pkt.l4, &ev) &&
	       ev == LVS_SCTP_EV_INIT;
}

/* conn_reuse_mode: is the old connection over, so that the port is free? */
static bool lvs_is_reusable(const struct lvs_conn *cp, int mode)
{
	u8 state = READ_ONCE(cp->state);

	if (!mode || cp->control)
		return false;
	if (cp->proto == IPPROTO_SCTP)
		return state == LVS_SCTP_CLOSED;
	return state == LVS_TCP_TIME_WAIT || state == LVS_TCP_CLOSE ||
	       (mode & 2 && state == LVS_TCP_FIN_WAIT &&
		READ_ONCE(cp->flags) & IP_VS_CONN_F_NOOUTPUT);
}

enum lvs_keep { LVS_KEEP, LVS_RENEW, LVS_DROP };

/* What becomes of a connection that was found: used, made anew, or dropped. */
static enum lvs_keep lvs_consider(struct lvs_ctx *x, struct lvs_conn *cp)
{
	const struct lvs_sysctl *c = &x->ns->sysctl;
	struct lvs_dest *dest = cp->dest;
	bool gone = dest && !(READ_ONCE(dest->server.flags) & LVS_SERVER_AVAILABLE);

	if (unlikely(gone)) {
		if (!READ_ONCE(c->expire_nodest_conn))
			return LVS_DROP;
	} else if (likely(!lvs_is_opening(x))) {
		return LVS_KEEP;
	} else if (!(dest && READ_ONCE(c->expire_nodest_conn) &&
		     !READ_ONCE(dest->server.weight)) &&
		   !lvs_is_reusable(cp, READ_ONCE(c->conn_reuse_mode))) {
		return LVS_KEEP;
	}
	/* With a confirmed conntrack entry the client must come again, or the
	 * new flow would run on the old one's translation. */
	if (lvs_nfct_is_old(x->skb, cp)) {
		if (!atomic_read(&cp->n_control))
			lvs_conn_kill(cp);
		return LVS_DROP;
	}
	if (lvs_conn_kill(cp))
		return LVS_RENEW;
	/* Somebody else takes it down, or it has others under it. */
	return READ_ONCE(cp->flags) & LVS_CONN_DEAD ? LVS_RENEW : LVS_KEEP;
}

static unsigned int lvs_forward(struct lvs_ctx *x, struct lvs_conn *cp)
{
	unsigned int verdict;

	lvs_count_in(cp->dest, x->skb->len);
	if (unlikely(READ_ONCE(cp->flags) & IP_VS_CONN_F_ONE_PACKET)) {
		verdict = lvs_xmit(x, cp);
		lvs_conn_discard(cp);
		return verdict;
	}
	if (likely(!x->begun))
		lvs_conn_packet(x, cp, LVS_DIR_IN);
	return lvs_xmit(x, cp);
}

static unsigned int lvs_both_ways(struct lvs_ctx *x)
{
	struct lvs_pkt *p = &x->pkt;
	struct lvs_conn *cp;
	unsigned int verdict;

	cp = lvs_conn_find_hash(x->ns, p->af, p->proto, p->saddr.ip6, p->sport, p->daddr.ip6,
				p->dport, &x->hash);
	if (likely(cp)) {
		switch (lvs_consider(x, cp)) {
		case LVS_KEEP:
			return lvs_forward(x, cp);
		case LVS_DROP:
			return NF_DROP;
		case LVS_RENEW:
			break;
		}
	} else {
		cp = lvs_conn_find_out(x->ns, p->af, p->proto, p->saddr.ip6, p->sport,
				       p->daddr.ip6, p->dport);
		if (cp)
			return lvs_reply(x, cp);
	}
	cp = lvs_schedule(x, &verdict);
	return cp ? lvs_forward(x, cp) : verdict;
}

/* A packet that wants no answer: RST, or SCTP's ABORT. */
static bool lvs_is_ending(const struct lvs_ctx *x)
{
	enum lvs_sctp_event ev;
	int flags;

	if (x->pkt.proto == IPPROTO_TCP) {
		flags = lvs_tcp_flags(x->skb, x->pkt.l4);
		return flags >= 0 && flags & LVS_TCP_RST;
	}
	return x->pkt.proto == IPPROTO_SCTP && lvs_sctp_opening(x->skb, x->pkt.l4, &ev) &&
	       ev == LVS_SCTP_EV_ABORT;
}

/* An answer from a server of ours to nobody we know. */
static bool lvs_is_stray(struct lvs_ctx *x)
{
	struct lvs_pkt *p = &x->pkt;

	if (likely(!READ_ONCE(x->ns->sysctl.nat_icmp_send)) || lvs_is_ending(x))
		return false;
	return p->flags & LVS_PKT_PORTS &&
	       lvs_real_exists(x->ns, p->af, p->proto, p->saddr.ip6, p->sport);
}

static unsigned int lvs_only_reply(struct lvs_ctx *x)
{
	struct lvs_pkt *p = &x->pkt;
	struct lvs_conn *cp;

	cp = lvs_conn_find_out(x->ns, p->af, p->proto, p->saddr.ip6, p->sport, p->daddr.ip6,
			       p->dport);
	if (cp)
		return lvs_reply(x, cp);
	if (unlikely(lvs_is_stray(x))) {
		lvs_icmp_unreach(x);
		return NF_DROP;
	}
	return NF_ACCEPT;
}

/* Replies in pieces are put together before they are looked up.  NF_STOLEN: it
 * waits for the others. */
static unsigned int lvs_gather(struct lvs_ctx *x)
{
	u32 user = x->hook == NF_INET_FORWARD ? IP_DEFRAG_VS_FWD : IP_DEFRAG_VS_OUT;
	int err;

	if (x->pkt.af != AF_INET || x->hook == NF_INET_LOCAL_IN ||
	    !(x->pkt.flags & (LVS_PKT_FRAG | LVS_PKT_FIRST_FRAG)))
		return NF_ACCEPT;
	local_bh_disable();
	err = ip_defrag(x->ns->net, x->skb, user);
	local_bh_enable();
	if (err)
		return NF_STOLEN;
	/* Pieces that had DF give a whole that has it, and leave as they came. */
	x->skb->ignore_df = 1;
	ip_send_check(ip_hdr(x->skb));
	return lvs_parse_ip(x->skb, 0, AF_INET, &x->pkt) ? NF_DROP : NF_ACCEPT;
}

static unsigned int lvs_flow(struct lvs_ctx *x)
{
	return x->hook == NF_INET_FORWARD ? lvs_only_reply(x) : lvs_both_ways(x);
}

/* Options, extensions, pieces, no ports, or broken. */
static noinline unsigned int lvs_unusual(struct lvs_ctx *x, u32 off, u8 af)
{
	unsigned int verdict;

	if (unlikely(lvs_parse_ip(x->skb, off, af, &x->pkt)))
		return NF_ACCEPT;
	if (lvs_is_icmp(&x->pkt))
		return lvs_icmp(x);
	if (!lvs_proto_has_ports(x->pkt.proto))
		return lvs_other_proto(x);
	verdict = lvs_gather(x);
	if (unlikely(verdict != NF_ACCEPT))
		return verdict;
	if (likely(lvs_parse_ports(x->skb, &x->pkt)))
		return lvs_flow(x);
	/* Too short for ports and not a later fragment: nobody can use it. */
	return x->pkt.flags & LVS_PKT_FRAG || x->hook == NF_INET_FORWARD ? NF_ACCEPT : NF_DROP;
}

static __always_inline unsigned int lvs_packet(struct lvs_ctx *x, u8 af)
{
	u32 off = (u32)skb_network_offset(x->skb);

	if (likely(lvs_parse_usual(x->skb, off, af, &x->pkt)))
		return lvs_flow(x);
	return lvs_unusual(x, off, af);
}

static __always_inline unsigned int lvs_hook(void *priv, struct sk_buff *skb,
					     const struct nf_hook_state *state, u8 af)
{
	unsigned int verdict;
	struct lvs_ctx x;

	if (unlikely(lvs_skip(skb, state->hook)))
		return NF_ACCEPT;
	x.ns = priv;
	x.skb = skb;
	x.hook = state->hook;
	x.quoted = false;
	x.begun = false;
	if (likely(in_softirq()))
		return lvs_packet(&x, af);
	/* Locally made packets come in process context, and at any hook those that
	 * NFQUEUE gives back. */
	local_bh_disable();
	verdict = lvs_packet(&x, af);
	local_bh_enable();
	return verdict;
}

static unsigned int lvs_hook4(void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	return lvs_hook(priv, skb, state, AF_INET);
}

static unsigned int lvs_hook6(void *priv, struct sk_buff *skb, const struct nf_hook_state *state)
{
	return lvs_hook(priv, skb, state, AF_INET6);
}

static const struct nf_hook_ops lvs_hook_ops[LVS_FAMILIES][LVS_HOOKS] = {
	[LVS_V4] = {
		{ .hook = lvs_hook4, .pf = NFPROTO_IPV4, .hooknum = NF_INET_LOCAL_IN,
		  .priority = NF_IP_PRI_NAT_SRC - 2 },
		{ .hook = lvs_hook4, .pf = NFPROTO_IPV4, .hooknum = NF_INET_LOCAL_OUT,
		  .priority = NF_IP_PRI_NAT_DST + 1 },
		{ .hook = lvs_hook4, .pf = NFPROTO_IPV4, .hooknum = NF_INET_FORWARD,
		  .priority = 99 },
	},
	[LVS_V6] = {
		{ .hook = lvs_hook6, .pf = NFPROTO_IPV6, .hooknum = NF_INET_LOCAL_IN,
		  .priority = NF_IP6_PRI_NAT_SRC - 2 },
		{ .hook = lvs_hook6, .pf = NFPROTO_IPV6, .hooknum = NF_INET_LOCAL_OUT,
		  .priority = NF_IP6_PRI_NAT_DST + 1 },
		{ .hook = lvs_hook6, .pf = NFPROTO_IPV6, .hooknum = NF_INET_FORWARD,
		  .priority = 99 },
	},
};

static int lvs_defrag6(struct net *net, bool on)
{
#if IS_ENABLED(CONFIG_IPV6)
	if (on)
		return nf_defrag_ipv6_enable(net);
	nf_defrag_ipv6_disable(net);
#endif
	return 0;
}

int lvs_hooks_get(struct lvs_netns *ns, enum lvs_family family)
{
	struct nf_hook_ops *ops = ns->hooks[family];
	unsigned int i;
	int err;

	if (ns->n_services[family]) {
		ns->n_services[family]++;
		return 0;
	}
	BUILD_BUG_ON(sizeof(ns->hooks[0]) != sizeof(lvs_hook_ops[0]));
	memcpy(ops, lvs_hook_ops[family], sizeof(ns->hooks[0]));
	for (i = 0; i < LVS_HOOKS; i++)
		ops[i].priv = ns;
	/* IPv6 fragments are put together before anybody looks. */
	err = family == LVS_V6 ? lvs_defrag6(ns->net, true) : 0;
	if (err)
		return err;
	err = nf_register_net_hooks(ns->net, ops, LVS_HOOKS);
	if (err) {
		if (family == LVS_V6)
			lvs_defrag6(ns->net, false);
		return err;
	}
	ns->n_services[family] = 1;
	lvs_nfct_update(ns);
	queue_delayed_work(lvs_wq, &ns->second_work, HZ);
	return 0;
}

void lvs_hooks_put(struct lvs_netns *ns, enum lvs_family family)
{
	if (--ns->n_services[family])
		return;
	nf_unregister_net_hooks(ns->net, ns->hooks[family], LVS_HOOKS);
	lvs_nfct_update(ns);
	if (family == LVS_V6)
		lvs_defrag6(ns->net, false);
}
