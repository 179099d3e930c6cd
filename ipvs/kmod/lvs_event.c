// SPDX-License-Identifier: GPL-2.0
/* The family LVSD_IPVS: what happened, told to whoever listens.  uapi/lvsd_ipvs.h
 * says what it looks like from outside. */
#include <linux/module.h>

#include "lvs_event.h"
#include "lvs_genl.h"

static bool lvs_events_ready __read_mostly;

static const u32 lvs_event_codes[] = {
	[LVS_EV_SERVICE_ADDED] = LVSD_IPVS_EVENT_SERVICE_ADDED,
	[LVS_EV_SERVICE_CHANGED] = LVSD_IPVS_EVENT_SERVICE_CHANGED,
	[LVS_EV_SERVICE_REMOVED] = LVSD_IPVS_EVENT_SERVICE_REMOVED,
	[LVS_EV_DEST_ADDED] = LVSD_IPVS_EVENT_SERVER_ADDED,
	[LVS_EV_DEST_CHANGED] = LVSD_IPVS_EVENT_SERVER_CHANGED,
	[LVS_EV_DEST_REMOVED] = LVSD_IPVS_EVENT_SERVER_REMOVED,
	[LVS_EV_CONFIG_CHANGED] = LVSD_IPVS_EVENT_CONFIG_CHANGED,
	[LVS_EV_ZEROED] = LVSD_IPVS_EVENT_ZEROED,
};

static int lvs_fill_event_service(struct sk_buff *skb, enum lvs_event what,
				  const struct lvs_service *svc)
{
	struct nlattr *nest;

	if (what == LVS_EV_SERVICE_ADDED || what == LVS_EV_SERVICE_CHANGED)
		return lvs_fill_service(skb, LVSD_IPVS_ATTR_SERVICE, (struct lvs_service *)svc,
					false);
	nest = nla_nest_start_noflag(skb, LVSD_IPVS_ATTR_SERVICE);
	if (!nest || lvs_fill_key(skb, &svc->key))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static int lvs_fill_event(struct sk_buff *skb, struct lvs_netns *ns, enum lvs_event what,
			  const struct lvs_service *svc, const struct lvs_dest *dest)
{
	void *hdr = genlmsg_put(skb, 0, 0, &lvs_event_family, 0, LVSD_IPVS_CMD_EVENT);

	if (!hdr ||
	    nla_put_u64_64bit(skb, LVSD_IPVS_ATTR_GENERATION, ns->genid, LVSD_IPVS_ATTR_PAD) ||
	    nla_put_u32(skb, LVSD_IPVS_ATTR_EVENT, lvs_event_codes[what]) ||
	    (svc && lvs_fill_event_service(skb, what, svc)) ||
	    (dest && lvs_fill_dest(skb, LVSD_IPVS_ATTR_SERVER, (struct lvs_dest *)dest, false)))
		return -EMSGSIZE;
	genlmsg_end(skb, hdr);
	return 0;
}

/* Whoever listens must learn that it missed something. */
static void lvs_event_lost(struct lvs_netns *ns)
{
	genl_set_err(&lvs_event_family, ns->net, 0, 0, ENOBUFS);
}

static void lvs_event_make(struct lvs_netns *ns, enum lvs_event what,
			   const struct lvs_service *svc, const struct lvs_dest *dest)
{
	struct lvs_held_events *held = ns->genl_priv;
	struct sk_buff *skb = nlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);

	if (skb && lvs_fill_event(skb, ns, what, svc, dest)) {
		nlmsg_free(skb);
		skb = NULL;
	}
	if (skb && held)
		__skb_queue_tail(&held->queue, skb);
	else if (skb)
		genlmsg_multicast_netns(&lvs_event_family, ns->net, skb, 0, 0, GFP_KERNEL);
	else if (held)
		held->lost = true;
	else
		lvs_event_lost(ns);
}

void lvs_event_changed(struct lvs_netns *ns, enum lvs_event what,
		       const struct lvs_service *svc, const struct lvs_dest *dest)
{
	/* What lvs_ctl_service_add took. */
	if (what == LVS_EV_SERVICE_REMOVED)
		module_put(THIS_MODULE);
	if (READ_ONCE(lvs_events_ready) && !ns->dying &&
	    genl_has_listeners(&lvs_event_family, ns->net, 0))
		lvs_event_make(ns, what, svc, dest);
}

void lvs_events_hold(struct lvs_netns *ns, struct lvs_held_events *held)
{
	__skb_queue_head_init(&held->queue);
	held->genid = ns->genid;
	held->lost = false;
	ns->genl_priv = held;
}

void lvs_events_release(struct lvs_netns *ns, bool send)
{
	struct lvs_held_events *held = ns->genl_priv;
	struct sk_buff *skb;

	ns->genl_priv = NULL;
	if (!send) {
		/* Nobody saw what was done and undone. */
		ns->genid = held->genid;
		__skb_queue_purge(&held->queue);
		return;
	}
	while ((skb = __skb_dequeue(&held->queue)))
		genlmsg_multicast_netns(&lvs_event_family, ns->net, skb, 0, 0, GFP_KERNEL);
	if (held->lost)
		lvs_event_lost(ns);
}

static int lvs_event_generation(struct sk_buff *skb, struct genl_info *info)
{
	struct lvs_netns *ns = lvs_netns(genl_info_net(info));
	struct sk_buff *reply = nlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	void *hdr;
	u64 genid;

	if (!reply)
		return -ENOMEM;
	mutex_lock(&ns->lock);
	genid = ns->genid;
	mutex_unlock(&ns->lock);
	hdr = genlmsg_put_reply(reply, info, &lvs_event_family, 0, LVSD_IPVS_CMD_GET_GENERATION);
	if (!hdr ||
	    nla_put_u64_64bit(reply, LVSD_IPVS_ATTR_GENERATION, genid, LVSD_IPVS_ATTR_PAD)) {
		nlmsg_free(reply);
		return -EMSGSIZE;
	}
	genlmsg_end(reply, hdr);
	return genlmsg_reply(reply, info);
}

static const struct nla_policy lvs_event_policy[LVSD_IPVS_ATTR_END] = {
	[LVSD_IPVS_ATTR_SERVER] = { .type = NLA_NESTED },
	[LVSD_IPVS_ATTR_SERVICE_SET] = { .type = NLA_NESTED },
	[LVSD_IPVS_ATTR_SERVICE_REPLACE] = { .type = NLA_NESTED },
	[LVSD_IPVS_ATTR_SERVICE_SERVERS] = { .type = NLA_NESTED },
	[LVSD_IPVS_ATTR_SERVICE_DEL] = { .type = NLA_NESTED },
	[LVSD_IPVS_ATTR_EXPECT] = { .type = NLA_U64 },
};

/* The nests of a batch are those of IPVS and as liberal. */
static const struct genl_small_ops lvs_event_ops[] = {
	{ .cmd = LVSD_IPVS_CMD_GET_GENERATION, .flags = GENL_ADMIN_PERM,
	  .doit = lvs_event_generation },
	{ .cmd = LVSD_IPVS_CMD_BATCH, .flags = GENL_ADMIN_PERM,
	  .validate = GENL_DONT_VALIDATE_STRICT, .doit = lvs_event_batch },
};

static const struct genl_multicast_group lvs_event_groups[] = {
	{ .name = LVSD_IPVS_GROUP_EVENTS,
#ifdef GENL_MCAST_CAP_NET_ADMIN
	  .flags = GENL_MCAST_CAP_NET_ADMIN,
#endif
	},
};

struct genl_family lvs_event_family __ro_after_init = {
	.name = LVSD_IPVS_GENL_NAME,
	.version = LVSD_IPVS_GENL_VERSION,
	.maxattr = LVSD_IPVS_ATTR_END - 1,
	.policy = lvs_event_policy,
	.netnsok = true,
	.parallel_ops = true,
	.module = THIS_MODULE,
	.small_ops = lvs_event_ops,
	.n_small_ops = ARRAY_SIZE(lvs_event_ops),
	.resv_start_op = LVSD_IPVS_CMD_END,
	.mcgrps = lvs_event_groups,
	.n_mcgrps = ARRAY_SIZE(lvs_event_groups),
};

int lvs_event_init(void)
{
	int err = genl_register_family(&lvs_event_family);

	if (!err)
		WRITE_ONCE(lvs_events_ready, true);
	return err;
}

void lvs_event_exit(void)
{
	WRITE_ONCE(lvs_events_ready, false);
	genl_unregister_family(&lvs_event_family);
}
