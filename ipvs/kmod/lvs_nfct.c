// SPDX-License-Identifier: GPL-2.0
/*
 * Living with connection tracking.  With net.ipv4.vs.conntrack off our packets
 * carry no entry at all; with it on the entry of a NAT'ed connection is told,
 * before it is confirmed, that the answers will come from the server.
 */
#include <net/netfilter/nf_conntrack.h>
#include <net/netfilter/nf_conntrack_core.h>
#include <net/netfilter/nf_conntrack_zones.h>

#include "lvs_private.h"

static const u8 lvs_nfproto[LVS_FAMILIES] = { NFPROTO_IPV4, NFPROTO_IPV6 };

u32 lvs_nfct_wanted(const struct lvs_netns *ns)
{
	return READ_ONCE(ns->sysctl.conntrack) ? IP_VS_CONN_F_NFCT : 0;
}

bool lvs_nfct_is_old(const struct sk_buff *skb, const struct lvs_conn *cp)
{
	enum ip_conntrack_info info;
	struct nf_conn *ct;

	if (!(READ_ONCE(cp->flags) & IP_VS_CONN_F_NFCT))
		return false;
	ct = nf_ct_get(skb, &info);
	return ct && nf_ct_is_confirmed(ct);
}

void lvs_nfct_alter(struct sk_buff *skb, const struct lvs_conn *cp)
{
	struct nf_conntrack_tuple reply;
	enum ip_conntrack_info info;
	struct nf_conn *ct;

	if (!(READ_ONCE(cp->flags) & IP_VS_CONN_F_NFCT))
		return;
	ct = nf_ct_get(skb, &info);
	if (!ct || nf_ct_is_confirmed(ct) || nf_ct_is_dying(ct) ||
	    CTINFO2DIR(info) != IP_CT_DIR_ORIGINAL)
		return;
	reply = ct->tuplehash[IP_CT_DIR_REPLY].tuple;
	lvs_conn_end(cp, LVS_REAL, &reply.src.u3);
	if (lvs_proto_has_ports(reply.dst.protonum))
		reply.src.u.tcp.port = cp->dport;
	nf_conntrack_alter_reply(ct, &reply);
}

/* The next flow on these ports must not find the old translation. */
void lvs_nfct_forget(struct lvs_conn *cp)
{
	struct nf_conntrack_tuple tuple = {};
	struct nf_conntrack_tuple_hash *h;
	struct nf_conn *ct;

	if (!(cp->flags & IP_VS_CONN_F_NFCT) || cp->flags & IP_VS_CONN_F_TEMPLATE ||
	    READ_ONCE(cp->ns->dying))
		return;
	tuple.src.l3num = cp->af;
	tuple.dst.protonum = cp->proto;
	tuple.dst.dir = IP_CT_DIR_ORIGINAL;
	lvs_conn_end(cp, LVS_CLIENT, &tuple.src.u3);
	lvs_conn_end(cp, LVS_VIRTUAL, &tuple.dst.u3);
	tuple.src.u.tcp.port = cp->cport;
	tuple.dst.u.tcp.port = cp->vport;
	h = nf_conntrack_find_get(cp->ns->net, &nf_ct_zone_dflt, &tuple);
	if (!h)
		return;
	ct = nf_ct_tuplehash_to_ctrack(h);
	nf_ct_kill(ct);
	nf_ct_put(ct);
}

/* Tracking is held on for a family while it has services and the sysctl says so. */
void lvs_nfct_update(struct lvs_netns *ns)
{
	enum lvs_family f;
	bool want;

	for (f = LVS_V4; f < LVS_FAMILIES; f++) {
		want = READ_ONCE(ns->sysctl.conntrack) && ns->n_services[f] && !ns->dying;
		if (want == ns->nfct[f])
			continue;
		if (!want)
			nf_ct_netns_put(ns->net, lvs_nfproto[f]);
		else if (nf_ct_netns_get(ns->net, lvs_nfproto[f]))
			continue;
		ns->nfct[f] = want;
	}
}
