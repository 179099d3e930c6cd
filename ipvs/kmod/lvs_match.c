// SPDX-License-Identifier: GPL-2.0
/* What the iptables match "ipvs" asks: whose packet is this? */
#include <linux/module.h>
#include <linux/netfilter/xt_ipvs.h>
#include <net/netfilter/nf_conntrack.h>

#include "lvs_private.h"

/* Rules are about what goes to a server, as it leaves for there: a packet that
 * would be answered by one of the connection.  Replies match no rule, as ever. */
static struct lvs_conn *lvs_conn_of(struct lvs_netns *ns, const struct lvs_pkt *p)
{
	return lvs_conn_find_out(ns, p->af, p->proto, p->daddr.ip6, p->dport, p->saddr.ip6,
				 p->sport);
}

static bool lvs_vaddr_is(const struct lvs_conn *cp, const struct xt_ipvs_mtinfo *m)
{
	const __be32 *v = lvs_conn_addr(cp, LVS_VIRTUAL);
	unsigned int i, n = cp->af == AF_INET ? 1 : 4;

	for (i = 0; i < n; i++)
		if ((v[i] ^ m->vaddr.ip6[i]) & m->vmask.ip6[i])
			return false;
	return true;
}

static bool lvs_is_reply(const struct sk_buff *skb, bool *known)
{
	enum ip_conntrack_info info;

	*known = nf_ct_get(skb, &info) != NULL;
	return *known && info >= IP_CT_IS_REPLY;
}

/* One question: asked at all, and answered the other way round than wanted? */
static bool lvs_differs(const struct xt_ipvs_mtinfo *m, u8 bit, bool is)
{
	return m->bitmask & bit && is == !!(m->invert & bit);
}

static bool lvs_conn_matches(const struct lvs_conn *cp, const struct sk_buff *skb,
			     const struct xt_ipvs_mtinfo *m)
{
	bool known = true, reply = false;

	if (m->bitmask & XT_IPVS_DIR) {
		reply = lvs_is_reply(skb, &known);
		/* Original direction is what is asked for; inverted, replies. */
		if (!known || reply != !!(m->invert & XT_IPVS_DIR))
			return false;
	}
	return !lvs_differs(m, XT_IPVS_VPORT, cp->vport == m->vport) &&
	       !lvs_differs(m, XT_IPVS_VPORTCTL,
			    cp->control && cp->control->vport == m->vportctl) &&
	       !lvs_differs(m, XT_IPVS_METHOD, lvs_conn_fwd(cp) == m->fwd_method) &&
	       !lvs_differs(m, XT_IPVS_VADDR, lvs_vaddr_is(cp, m));
}

bool lvs_match(struct net *net, const struct sk_buff *skb, u8 af, const void *info)
{
	const struct xt_ipvs_mtinfo *m = info;
	struct lvs_netns *ns = lvs_netns(net);
	struct lvs_conn *cp;
	struct lvs_pkt pkt;

	if (m->bitmask == XT_IPVS_IPVS_PROPERTY)
		return skb->ipvs_property ^ !!(m->invert & XT_IPVS_IPVS_PROPERTY);
	/* All other questions are about packets of ours. */
	if (!skb->ipvs_property)
		return false;
	if (lvs_parse_ip(skb, (u32)skb_network_offset(skb), af, &pkt) ||
	    !lvs_parse_ports(skb, &pkt))
		return false;
	if (lvs_differs(m, XT_IPVS_PROTO, pkt.proto == m->l4proto))
		return false;
	cp = lvs_conn_of(ns, &pkt);
	return cp && lvs_conn_matches(cp, skb, m);
}
EXPORT_SYMBOL_GPL(lvs_match);
