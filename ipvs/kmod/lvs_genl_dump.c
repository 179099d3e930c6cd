// SPDX-License-Identifier: GPL-2.0
/*
 * Objects as messages, in the order and encoding of the kernel's own IPVS.  A
 * listing goes on behind the id it stopped at, so whatever was there from its
 * beginning to its end is in it exactly once.
 */
#include <net/genetlink.h>

#include "lvs_core.h"
#include "lvs_genl.h"

static int lvs_fill_stats(struct sk_buff *skb, int attr, const struct lvs_stats *s)
{
	const struct lvs_counts *c = &s->counts;
	const struct lvs_rates *r = &s->rates;
	struct nlattr *nest = nla_nest_start_noflag(skb, attr);

	if (!nest)
		return -EMSGSIZE;
	if (nla_put_u32(skb, IPVS_STATS_ATTR_CONNS, (u32)c->conns) ||
	    nla_put_u32(skb, IPVS_STATS_ATTR_INPKTS, (u32)c->inpkts) ||
	    nla_put_u32(skb, IPVS_STATS_ATTR_OUTPKTS, (u32)c->outpkts) ||
	    nla_put_u64_64bit(skb, IPVS_STATS_ATTR_INBYTES, c->inbytes, IPVS_STATS_ATTR_PAD) ||
	    nla_put_u64_64bit(skb, IPVS_STATS_ATTR_OUTBYTES, c->outbytes, IPVS_STATS_ATTR_PAD) ||
	    nla_put_u32(skb, IPVS_STATS_ATTR_CPS, (u32)r->cps) ||
	    nla_put_u32(skb, IPVS_STATS_ATTR_INPPS, (u32)r->inpps) ||
	    nla_put_u32(skb, IPVS_STATS_ATTR_OUTPPS, (u32)r->outpps) ||
	    nla_put_u32(skb, IPVS_STATS_ATTR_INBPS, (u32)r->inbps) ||
	    nla_put_u32(skb, IPVS_STATS_ATTR_OUTBPS, (u32)r->outbps))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int lvs_fill_stats64(struct sk_buff *skb, int attr, const struct lvs_stats *s)
{
	const u64 values[] = {
		s->counts.conns, s->counts.inpkts, s->counts.outpkts, s->counts.inbytes,
		s->counts.outbytes, s->rates.cps, s->rates.inpps, s->rates.outpps,
		s->rates.inbps, s->rates.outbps,
	};
	struct nlattr *nest = nla_nest_start_noflag(skb, attr);
	unsigned int i;

	if (!nest)
		return -EMSGSIZE;
	for (i = 0; i < ARRAY_SIZE(values); i++)
		if (nla_put_u64_64bit(skb, IPVS_STATS_ATTR_CONNS + i, values[i],
				      IPVS_STATS_ATTR_PAD))
			return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

int lvs_fill_key(struct sk_buff *skb, const struct lvs_svc_key *key)
{
	if (nla_put_u16(skb, IPVS_SVC_ATTR_AF, key->af))
		return -EMSGSIZE;
	if (key->fwmark)
		return nla_put_u32(skb, IPVS_SVC_ATTR_FWMARK, key->fwmark);
	if (nla_put_u16(skb, IPVS_SVC_ATTR_PROTOCOL, key->proto) ||
	    nla_put(skb, IPVS_SVC_ATTR_ADDR, sizeof(key->addr), &key->addr) ||
	    nla_put_be16(skb, IPVS_SVC_ATTR_PORT, key->port))
		return -EMSGSIZE;
	return 0;
}

static int lvs_fill_svc_cfg(struct sk_buff *skb, const struct lvs_service *svc)
{
	struct ip_vs_flags flags = { .flags = svc->flags, .mask = ~0 };

	if (nla_put_string(skb, IPVS_SVC_ATTR_SCHED_NAME, lvs_sched_name(&svc->pool)) ||
	    nla_put(skb, IPVS_SVC_ATTR_FLAGS, sizeof(flags), &flags) ||
	    nla_put_u32(skb, IPVS_SVC_ATTR_TIMEOUT, svc->timeout / HZ) ||
	    nla_put_u32(skb, IPVS_SVC_ATTR_NETMASK, svc->netmask))
		return -EMSGSIZE;
	return 0;
}

int lvs_fill_service(struct sk_buff *skb, int attr, struct lvs_service *svc, bool stats)
{
	struct nlattr *nest = nla_nest_start_noflag(skb, attr);
	struct lvs_stats s;

	if (!nest || lvs_fill_key(skb, &svc->key) || lvs_fill_svc_cfg(skb, svc))
		return -EMSGSIZE;
	if (stats) {
		lvs_service_stats(svc, &s);
		if (lvs_fill_stats(skb, IPVS_SVC_ATTR_STATS, &s) ||
		    lvs_fill_stats64(skb, IPVS_SVC_ATTR_STATS64, &s))
			return -EMSGSIZE;
	}
	nla_nest_end(skb, nest);
	return 0;
}

static int lvs_fill_dest_cfg(struct sk_buff *skb, const struct lvs_dest *d)
{
	const struct lvs_server *s = &d->server;

	if (nla_put(skb, IPVS_DEST_ATTR_ADDR, sizeof(s->addr), &s->addr) ||
	    nla_put_be16(skb, IPVS_DEST_ATTR_PORT, s->port) ||
	    nla_put_u32(skb, IPVS_DEST_ATTR_FWD_METHOD, d->conn_flags & IP_VS_CONN_F_FWD_MASK) ||
	    nla_put_u32(skb, IPVS_DEST_ATTR_WEIGHT, (u32)s->weight) ||
	    nla_put_u8(skb, IPVS_DEST_ATTR_TUN_TYPE, d->tun_type) ||
	    nla_put_be16(skb, IPVS_DEST_ATTR_TUN_PORT, d->tun_port) ||
	    nla_put_u16(skb, IPVS_DEST_ATTR_TUN_FLAGS, d->tun_flags) ||
	    nla_put_u32(skb, IPVS_DEST_ATTR_U_THRESH, d->u_threshold) ||
	    nla_put_u32(skb, IPVS_DEST_ATTR_L_THRESH, d->l_threshold))
		return -EMSGSIZE;
	return 0;
}

static int lvs_fill_dest_conns(struct sk_buff *skb, const struct lvs_dest *d)
{
	const struct lvs_server *s = &d->server;

	if (nla_put_u32(skb, IPVS_DEST_ATTR_ACTIVE_CONNS, (u32)atomic_read(&s->active)) ||
	    nla_put_u32(skb, IPVS_DEST_ATTR_INACT_CONNS, (u32)max(lvs_server_inactive(s), 0)) ||
	    nla_put_u32(skb, IPVS_DEST_ATTR_PERSIST_CONNS, (u32)atomic_read(&d->persistent)))
		return -EMSGSIZE;
	return 0;
}

int lvs_fill_dest(struct sk_buff *skb, int attr, struct lvs_dest *dest, bool stats)
{
	struct nlattr *nest = nla_nest_start_noflag(skb, attr);
	struct lvs_stats s;

	if (!nest || lvs_fill_dest_cfg(skb, dest) || (stats && lvs_fill_dest_conns(skb, dest)) ||
	    nla_put_u16(skb, IPVS_DEST_ATTR_ADDR_FAMILY, dest->server.af))
		return -EMSGSIZE;
	if (stats) {
		lvs_dest_stats(dest, &s);
		if (lvs_fill_stats(skb, IPVS_DEST_ATTR_STATS, &s) ||
		    lvs_fill_stats64(skb, IPVS_DEST_ATTR_STATS64, &s))
			return -EMSGSIZE;
	}
	nla_nest_end(skb, nest);
	return 0;
}

/* --------------------------------------------------------------- one service */

int lvs_genl_get_service(struct sk_buff *skb, struct genl_info *info)
{
	struct lvs_netns *ns = lvs_netns(genl_info_net(info));
	struct lvs_service *svc;
	struct lvs_svc_key key;
	struct sk_buff *reply;
	int err = -ENOMEM;
	void *hdr;

	reply = nlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!reply)
		return err;
	hdr = genlmsg_put_reply(reply, info, &lvs_genl_family, 0, IPVS_CMD_NEW_SERVICE);
	if (!hdr)
		goto free;
	mutex_lock(&ns->lock);
	err = lvs_parse_service(info->attrs[IPVS_CMD_ATTR_SERVICE], &key, NULL);
	if (!err) {
		svc = lvs_service_find(ns, &key);
		err = svc ? lvs_fill_service(reply, IPVS_CMD_ATTR_SERVICE, svc, true) : -ESRCH;
	}
	mutex_unlock(&ns->lock);
	if (err)
		goto free;
	genlmsg_end(reply, hdr);
	return genlmsg_reply(reply, info);
free:
	nlmsg_free(reply);
	return err;
}

/* ------------------------------------------------------------------ listings */

static void *lvs_dump_begin(struct sk_buff *skb, struct netlink_callback *cb, u8 cmd)
{
	return genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq,
			   &lvs_genl_family, NLM_F_MULTI, cmd);
}

static bool lvs_dump_service(struct sk_buff *skb, struct netlink_callback *cb,
			     struct lvs_service *svc)
{
	void *hdr = lvs_dump_begin(skb, cb, IPVS_CMD_NEW_SERVICE);

	if (!hdr)
		return false;
	if (lvs_fill_service(skb, IPVS_CMD_ATTR_SERVICE, svc, true)) {
		genlmsg_cancel(skb, hdr);
		return false;
	}
	genlmsg_end(skb, hdr);
	return true;
}

static bool lvs_dump_dest(struct sk_buff *skb, struct netlink_callback *cb, struct lvs_dest *dest)
{
	void *hdr = lvs_dump_begin(skb, cb, IPVS_CMD_NEW_DEST);

	if (!hdr)
		return false;
	if (lvs_fill_dest(skb, IPVS_CMD_ATTR_DEST, dest, true)) {
		genlmsg_cancel(skb, hdr);
		return false;
	}
	genlmsg_end(skb, hdr);
	return true;
}

/* args[0]: the id to go on with; args[1]: one more than the id that the next
 * service got when the listing began, so that one who adds services as fast as
 * this is read does not make it endless. */
int lvs_genl_dump_services(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct lvs_netns *ns = lvs_netns(sock_net(skb->sk));
	struct lvs_service *svc;
	u32 id = (u32)cb->args[0];

	mutex_lock(&ns->lock);
	if (!cb->args[1])
		cb->args[1] = (long)ns->next_service_id + 1;
	while ((svc = lvs_service_next(ns, &id))) {
		if ((long)svc->id + 1 >= cb->args[1] || !lvs_dump_service(skb, cb, svc))
			break;
		cb->args[0] = id;
	}
	mutex_unlock(&ns->lock);
	return skb->len;
}

static struct lvs_service *lvs_dump_whose(struct lvs_netns *ns, struct netlink_callback *cb)
{
	struct nlattr *attrs[IPVS_CMD_ATTR_MAX + 1];
	struct lvs_svc_key key;

	if (nlmsg_parse_deprecated(cb->nlh, GENL_HDRLEN, attrs, IPVS_CMD_ATTR_MAX, lvs_cmd_policy,
				   cb->extack) ||
	    lvs_parse_service(attrs[IPVS_CMD_ATTR_SERVICE], &key, NULL))
		return NULL;
	return lvs_service_find(ns, &key);
}

/* args[0]: 0 at the beginning, then the id that was told last; args[1]: one
 * more than the id of the service, which another may have replaced since. */
int lvs_genl_dump_dests(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct lvs_netns *ns = lvs_netns(sock_net(skb->sk));
	u32 id = cb->args[0] ? (u32)cb->args[0] : U32_MAX;
	struct lvs_service *svc;
	struct lvs_dest *dest;
	struct lvs_server *s;

	mutex_lock(&ns->lock);
	svc = lvs_dump_whose(ns, cb);
	if (!svc || (cb->args[1] && cb->args[1] != (long)svc->id + 1))
		goto out;
	cb->args[1] = (long)svc->id + 1;
	dest = lvs_dest_next(svc, &id);
	if (!dest)
		goto out;
	/* The mutex is held: no need to look for the next from the beginning. */
	s = &dest->server;
	list_for_each_entry_from(s, &svc->pool.servers, list) {
		if (!lvs_dump_dest(skb, cb, lvs_dest_of(s)))
			break;
		cb->args[0] = s->id;
	}
out:
	mutex_unlock(&ns->lock);
	return skb->len;
}
