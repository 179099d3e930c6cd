// SPDX-License-Identifier: GPL-2.0
/*
 * The generic netlink family IPVS, as every existing client speaks it.  Checks
 * come in the order of the kernel's own IPVS, because clients tell errors apart.
 *
 * There is no synchronisation daemon yet: it is never running (GET_DAEMON lists
 * none, DEL_DAEMON answers ESRCH), and NEW_DAEMON, when nothing else is wrong
 * with the request, answers EOPNOTSUPP.
 */
#include <linux/in.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <net/addrconf.h>
#include <net/genetlink.h>

#include "lvs_core.h"
#include "lvs_genl.h"

enum { LVS_TOLD_VERSION = 0x010201 };

bool lvs_ipv6_enabled(void)
{
	return IS_ENABLED(CONFIG_IPV6) && ipv6_mod_enabled();
}

int lvs_ctl_service_add(struct lvs_netns *ns, const struct lvs_svc_key *key,
			const struct lvs_svc_cfg *cfg, struct lvs_service **out)
{
	int err;

	/* Given back when lvs_event_changed hears of its end. */
	if (!try_module_get(THIS_MODULE))
		return -ENOPROTOOPT;
	err = lvs_service_add(ns, key, cfg, out);
	if (err)
		module_put(THIS_MODULE);
	return err;
}

/* ------------------------------------------------------------------- daemons */

static bool lvs_any_mixed(struct lvs_netns *ns)
{
	struct lvs_service *svc;
	struct lvs_server *s;
	unsigned long id;

	xa_for_each(&ns->service_ids, id, svc)
		list_for_each_entry(s, &svc->pool.servers, list)
			if (s->af != svc->key.af)
				return true;
	return false;
}

static bool lvs_is_multicast(const struct lvs_daemon *d)
{
	return d->group_af == AF_INET ? ipv4_is_multicast(d->group.ip) :
					ipv6_addr_is_multicast(&d->group.in6);
}

static int lvs_new_daemon(struct lvs_netns *ns, const struct lvs_daemon *d)
{
	struct net_device *dev;
	bool mixed;

	if (!d->have_ifname || !d->have_id)
		return -EINVAL;
	if (d->group_af == AF_INET6 && !lvs_ipv6_enabled())
		return -EAFNOSUPPORT;
	if (d->group_af && !lvs_is_multicast(d))
		return -EINVAL;
	mutex_lock(&ns->lock);
	mixed = lvs_any_mixed(ns);
	mutex_unlock(&ns->lock);
	if (mixed)
		return -EINVAL;
	if (d->state != IP_VS_STATE_MASTER && d->state != IP_VS_STATE_BACKUP)
		return -EINVAL;
	dev = dev_get_by_name(ns->net, d->ifname);
	if (!dev)
		return -ENODEV;
	dev_put(dev);
	return -EOPNOTSUPP;
}

static int lvs_genl_daemon(struct sk_buff *skb, struct genl_info *info)
{
	struct lvs_netns *ns = lvs_netns(genl_info_net(info));
	struct lvs_daemon d;
	int err = lvs_parse_daemon(info->attrs[IPVS_CMD_ATTR_DAEMON], &d);

	if (err)
		return err;
	if (info->genlhdr->cmd == IPVS_CMD_NEW_DAEMON)
		return lvs_new_daemon(ns, &d);
	return d.state == IP_VS_STATE_MASTER || d.state == IP_VS_STATE_BACKUP ? -ESRCH : -EINVAL;
}

static int lvs_genl_dump_daemons(struct sk_buff *skb, struct netlink_callback *cb)
{
	return skb->len;
}

/* ------------------------------------------------------------------ requests */

static int lvs_timeout(const struct nlattr *attr)
{
	return attr ? (int)nla_get_u32(attr) : 0;
}

static int lvs_set_config(struct lvs_netns *ns, struct nlattr *const *attrs)
{
	const struct lvs_timeouts t = {
		.tcp = lvs_timeout(attrs[IPVS_CMD_ATTR_TIMEOUT_TCP]),
		.tcp_fin = lvs_timeout(attrs[IPVS_CMD_ATTR_TIMEOUT_TCP_FIN]),
		.udp = lvs_timeout(attrs[IPVS_CMD_ATTR_TIMEOUT_UDP]),
	};

	return lvs_timeouts_set(ns, &t);
}

static int lvs_dest_cmd(struct lvs_service *svc, u8 cmd, const struct nlattr *nest)
{
	struct lvs_dest_key key;
	struct lvs_dest_cfg cfg;
	int err = lvs_parse_dest(nest, svc->key.af, &key, cmd == IPVS_CMD_DEL_DEST ? NULL : &cfg);

	if (err)
		return err;
	switch (cmd) {
	case IPVS_CMD_NEW_DEST:
		return lvs_dest_add(svc, &key, &cfg);
	case IPVS_CMD_SET_DEST:
		return lvs_dest_edit(svc, &key, &cfg);
	default:
		return lvs_dest_del(svc, &key);
	}
}

static int lvs_service_cmd(struct lvs_netns *ns, u8 cmd, struct nlattr *const *attrs)
{
	bool full = cmd == IPVS_CMD_NEW_SERVICE || cmd == IPVS_CMD_SET_SERVICE;
	struct lvs_service *svc;
	struct lvs_svc_key key;
	struct lvs_svc_cfg cfg;
	int err = lvs_parse_service(attrs[IPVS_CMD_ATTR_SERVICE], &key, full ? &cfg : NULL);

	if (err)
		return err;
	if (cmd == IPVS_CMD_NEW_SERVICE)
		return lvs_ctl_service_add(ns, &key, &cfg, NULL);
	svc = lvs_service_find(ns, &key);
	if (!svc)
		return -ESRCH;
	switch (cmd) {
	case IPVS_CMD_SET_SERVICE:
		return lvs_service_edit(svc, &cfg);
	case IPVS_CMD_DEL_SERVICE:
		lvs_service_del(svc);
		return 0;
	case IPVS_CMD_ZERO:
		lvs_zero_service(svc);
		return 0;
	default:
		return lvs_dest_cmd(svc, cmd, attrs[IPVS_CMD_ATTR_DEST]);
	}
}

static int lvs_set_cmd(struct lvs_netns *ns, u8 cmd, struct nlattr *const *attrs)
{
	if (cmd == IPVS_CMD_FLUSH) {
		lvs_flush(ns);
		return 0;
	}
	if (cmd == IPVS_CMD_SET_CONFIG)
		return lvs_set_config(ns, attrs);
	if (cmd == IPVS_CMD_ZERO && !attrs[IPVS_CMD_ATTR_SERVICE]) {
		lvs_zero_all(ns);
		return 0;
	}
	return lvs_service_cmd(ns, cmd, attrs);
}

static int lvs_genl_set(struct sk_buff *skb, struct genl_info *info)
{
	struct lvs_netns *ns = lvs_netns(genl_info_net(info));
	int err;

	mutex_lock(&ns->lock);
	err = lvs_set_cmd(ns, info->genlhdr->cmd, info->attrs);
	mutex_unlock(&ns->lock);
	return err;
}

/* ------------------------------------------------------------------- replies */

static int lvs_fill_config(struct sk_buff *skb, struct lvs_netns *ns)
{
	struct lvs_timeouts t;

	mutex_lock(&ns->lock);
	lvs_timeouts_get(ns, &t);
	mutex_unlock(&ns->lock);
	if (nla_put_u32(skb, IPVS_CMD_ATTR_TIMEOUT_TCP, (u32)t.tcp) ||
	    nla_put_u32(skb, IPVS_CMD_ATTR_TIMEOUT_TCP_FIN, (u32)t.tcp_fin) ||
	    nla_put_u32(skb, IPVS_CMD_ATTR_TIMEOUT_UDP, (u32)t.udp))
		return -EMSGSIZE;
	return 0;
}

static int lvs_fill_info(struct sk_buff *skb)
{
	if (nla_put_u32(skb, IPVS_INFO_ATTR_VERSION, LVS_TOLD_VERSION) ||
	    nla_put_u32(skb, IPVS_INFO_ATTR_CONN_TAB_SIZE, 1U << lvs_conn_tab_bits))
		return -EMSGSIZE;
	return 0;
}

static int lvs_genl_get(struct sk_buff *skb, struct genl_info *info)
{
	bool config = info->genlhdr->cmd == IPVS_CMD_GET_CONFIG;
	struct sk_buff *reply = nlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	int err = -EMSGSIZE;
	void *hdr;

	if (!reply)
		return -ENOMEM;
	hdr = genlmsg_put_reply(reply, info, &lvs_genl_family, 0,
				config ? IPVS_CMD_SET_CONFIG : IPVS_CMD_SET_INFO);
	if (hdr)
		err = config ? lvs_fill_config(reply, lvs_netns(genl_info_net(info))) :
			       lvs_fill_info(reply);
	if (err) {
		nlmsg_free(reply);
		return err;
	}
	genlmsg_end(reply, hdr);
	return genlmsg_reply(reply, info);
}

/* ---------------------------------------------------------------- the family */

#define LVS_OP(c, ...)                                                                  \
	{ .cmd = IPVS_CMD_##c, .flags = GENL_ADMIN_PERM,                                \
	  .validate = GENL_DONT_VALIDATE_STRICT | GENL_DONT_VALIDATE_DUMP, __VA_ARGS__ }

static const struct genl_small_ops lvs_genl_ops[] = {
	LVS_OP(NEW_SERVICE, .doit = lvs_genl_set),
	LVS_OP(SET_SERVICE, .doit = lvs_genl_set),
	LVS_OP(DEL_SERVICE, .doit = lvs_genl_set),
	LVS_OP(GET_SERVICE, .doit = lvs_genl_get_service, .dumpit = lvs_genl_dump_services),
	LVS_OP(NEW_DEST, .doit = lvs_genl_set),
	LVS_OP(SET_DEST, .doit = lvs_genl_set),
	LVS_OP(DEL_DEST, .doit = lvs_genl_set),
	LVS_OP(GET_DEST, .dumpit = lvs_genl_dump_dests),
	LVS_OP(NEW_DAEMON, .doit = lvs_genl_daemon),
	LVS_OP(DEL_DAEMON, .doit = lvs_genl_daemon),
	LVS_OP(GET_DAEMON, .dumpit = lvs_genl_dump_daemons),
	LVS_OP(SET_CONFIG, .doit = lvs_genl_set),
	LVS_OP(GET_CONFIG, .doit = lvs_genl_get),
	LVS_OP(GET_INFO, .doit = lvs_genl_get),
	LVS_OP(ZERO, .doit = lvs_genl_set),
	LVS_OP(FLUSH, .doit = lvs_genl_set),
};

struct genl_family lvs_genl_family __ro_after_init = {
	.name = IPVS_GENL_NAME,
	.version = IPVS_GENL_VERSION,
	.maxattr = IPVS_CMD_ATTR_MAX,
	.policy = lvs_cmd_policy,
	.netnsok = true,
	/* The namespace's mutex is all that a request waits for. */
	.parallel_ops = true,
	.module = THIS_MODULE,
	.small_ops = lvs_genl_ops,
	.n_small_ops = ARRAY_SIZE(lvs_genl_ops),
	.resv_start_op = IPVS_CMD_FLUSH + 1,
};

int lvs_genl_init(void)
{
	return genl_register_family(&lvs_genl_family);
}

void lvs_genl_exit(void)
{
	genl_unregister_family(&lvs_genl_family);
}
