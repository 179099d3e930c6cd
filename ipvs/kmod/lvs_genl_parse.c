// SPDX-License-Identifier: GPL-2.0
/*
 * Requests of the family IPVS, as liberal as clients have come to expect: what
 * is unknown is passed over, integers may be longer than need be, addresses
 * shorter, and no nest has to say that it is one.
 */
#include "lvs_genl.h"

const struct nla_policy lvs_cmd_policy[IPVS_CMD_ATTR_MAX + 1] = {
	[IPVS_CMD_ATTR_SERVICE] = { .type = NLA_NESTED },
	[IPVS_CMD_ATTR_DEST] = { .type = NLA_NESTED },
	[IPVS_CMD_ATTR_DAEMON] = { .type = NLA_NESTED },
	[IPVS_CMD_ATTR_TIMEOUT_TCP] = { .type = NLA_U32 },
	[IPVS_CMD_ATTR_TIMEOUT_TCP_FIN] = { .type = NLA_U32 },
	[IPVS_CMD_ATTR_TIMEOUT_UDP] = { .type = NLA_U32 },
};

static const struct nla_policy lvs_svc_policy[IPVS_SVC_ATTR_MAX + 1] = {
	[IPVS_SVC_ATTR_AF] = { .type = NLA_U16 },
	[IPVS_SVC_ATTR_PROTOCOL] = { .type = NLA_U16 },
	[IPVS_SVC_ATTR_ADDR] = { .type = NLA_BINARY, .len = sizeof(union nf_inet_addr) },
	[IPVS_SVC_ATTR_PORT] = { .type = NLA_U16 },
	[IPVS_SVC_ATTR_FWMARK] = { .type = NLA_U32 },
	[IPVS_SVC_ATTR_SCHED_NAME] = { .type = NLA_NUL_STRING,
				       .len = IP_VS_SCHEDNAME_MAXLEN - 1 },
	[IPVS_SVC_ATTR_FLAGS] = { .type = NLA_BINARY, .len = sizeof(struct ip_vs_flags) },
	[IPVS_SVC_ATTR_TIMEOUT] = { .type = NLA_U32 },
	[IPVS_SVC_ATTR_NETMASK] = { .type = NLA_U32 },
	[IPVS_SVC_ATTR_STATS] = { .type = NLA_NESTED },
	[IPVS_SVC_ATTR_PE_NAME] = { .type = NLA_NUL_STRING, .len = IP_VS_PENAME_MAXLEN },
};

static const struct nla_policy lvs_dest_policy[IPVS_DEST_ATTR_MAX + 1] = {
	[IPVS_DEST_ATTR_ADDR] = { .type = NLA_BINARY, .len = sizeof(union nf_inet_addr) },
	[IPVS_DEST_ATTR_PORT] = { .type = NLA_U16 },
	[IPVS_DEST_ATTR_FWD_METHOD] = { .type = NLA_U32 },
	[IPVS_DEST_ATTR_WEIGHT] = { .type = NLA_U32 },
	[IPVS_DEST_ATTR_U_THRESH] = { .type = NLA_U32 },
	[IPVS_DEST_ATTR_L_THRESH] = { .type = NLA_U32 },
	[IPVS_DEST_ATTR_ACTIVE_CONNS] = { .type = NLA_U32 },
	[IPVS_DEST_ATTR_INACT_CONNS] = { .type = NLA_U32 },
	[IPVS_DEST_ATTR_PERSIST_CONNS] = { .type = NLA_U32 },
	[IPVS_DEST_ATTR_STATS] = { .type = NLA_NESTED },
	[IPVS_DEST_ATTR_ADDR_FAMILY] = { .type = NLA_U16 },
	[IPVS_DEST_ATTR_TUN_TYPE] = { .type = NLA_U8 },
	[IPVS_DEST_ATTR_TUN_PORT] = { .type = NLA_U16 },
	[IPVS_DEST_ATTR_TUN_FLAGS] = { .type = NLA_U16 },
};

static const struct nla_policy lvs_daemon_policy[IPVS_DAEMON_ATTR_MAX + 1] = {
	[IPVS_DAEMON_ATTR_STATE] = { .type = NLA_U32 },
	[IPVS_DAEMON_ATTR_MCAST_IFN] = { .type = NLA_NUL_STRING,
					 .len = IP_VS_IFNAME_MAXLEN - 1 },
	[IPVS_DAEMON_ATTR_SYNC_ID] = { .type = NLA_U32 },
	[IPVS_DAEMON_ATTR_SYNC_MAXLEN] = { .type = NLA_U16 },
	[IPVS_DAEMON_ATTR_MCAST_GROUP] = { .type = NLA_U32 },
	[IPVS_DAEMON_ATTR_MCAST_GROUP6] = { .len = sizeof(struct in6_addr) },
	[IPVS_DAEMON_ATTR_MCAST_PORT] = { .type = NLA_U16 },
	[IPVS_DAEMON_ATTR_MCAST_TTL] = { .type = NLA_U8 },
};

static bool lvs_family_known(u16 af)
{
	return af == AF_INET || (af == AF_INET6 && lvs_ipv6_enabled());
}

/* Short ones are filled up with zeros; what an IPv4 address does not need of a
 * long one is not looked at. */
static void lvs_get_addr(const struct nlattr *attr, u16 af, union nf_inet_addr *addr)
{
	memset(addr, 0, sizeof(*addr));
	nla_memcpy(addr, attr, af == AF_INET ? sizeof(addr->ip) : sizeof(*addr));
}

static int lvs_parse_svc_cfg(struct nlattr *const *tb, struct lvs_svc_cfg *cfg)
{
	struct ip_vs_flags flags = {};

	if (!tb[IPVS_SVC_ATTR_SCHED_NAME] || !tb[IPVS_SVC_ATTR_FLAGS] ||
	    !tb[IPVS_SVC_ATTR_TIMEOUT] || !tb[IPVS_SVC_ATTR_NETMASK])
		return -EINVAL;
	memset(cfg, 0, sizeof(*cfg));
	nla_memcpy(&flags, tb[IPVS_SVC_ATTR_FLAGS], sizeof(flags));
	cfg->flags = flags.flags;
	cfg->flags_mask = flags.mask;
	cfg->timeout = nla_get_u32(tb[IPVS_SVC_ATTR_TIMEOUT]);
	cfg->netmask = nla_get_u32(tb[IPVS_SVC_ATTR_NETMASK]);
	nla_strscpy(cfg->sched, tb[IPVS_SVC_ATTR_SCHED_NAME], sizeof(cfg->sched));
	if (tb[IPVS_SVC_ATTR_PE_NAME])
		nla_strscpy(cfg->pe, tb[IPVS_SVC_ATTR_PE_NAME], sizeof(cfg->pe));
	return 0;
}

int lvs_parse_service(const struct nlattr *nest, struct lvs_svc_key *key,
		      struct lvs_svc_cfg *cfg)
{
	struct nlattr *tb[IPVS_SVC_ATTR_MAX + 1];

	if (!nest || nla_parse_nested_deprecated(tb, IPVS_SVC_ATTR_MAX, nest, lvs_svc_policy, NULL))
		return -EINVAL;
	if (!tb[IPVS_SVC_ATTR_AF])
		return -EINVAL;
	if (!tb[IPVS_SVC_ATTR_FWMARK] && (!tb[IPVS_SVC_ATTR_PORT] || !tb[IPVS_SVC_ATTR_PROTOCOL] ||
					  !tb[IPVS_SVC_ATTR_ADDR]))
		return -EINVAL;
	memset(key, 0, sizeof(*key));
	key->af = nla_get_u16(tb[IPVS_SVC_ATTR_AF]);
	if (!lvs_family_known(key->af))
		return -EAFNOSUPPORT;
	if (tb[IPVS_SVC_ATTR_FWMARK]) {
		key->fwmark = nla_get_u32(tb[IPVS_SVC_ATTR_FWMARK]);
		/* Mark 0 has always meant this: TCP, no address, port 0. */
		if (!key->fwmark)
			key->proto = IPPROTO_TCP;
	} else {
		key->proto = nla_get_u16(tb[IPVS_SVC_ATTR_PROTOCOL]);
		key->port = nla_get_be16(tb[IPVS_SVC_ATTR_PORT]);
		lvs_get_addr(tb[IPVS_SVC_ATTR_ADDR], key->af, &key->addr);
	}
	return cfg ? lvs_parse_svc_cfg(tb, cfg) : 0;
}

static int lvs_parse_dest_cfg(struct nlattr *const *tb, struct lvs_dest_cfg *cfg)
{
	if (!tb[IPVS_DEST_ATTR_FWD_METHOD] || !tb[IPVS_DEST_ATTR_WEIGHT] ||
	    !tb[IPVS_DEST_ATTR_U_THRESH] || !tb[IPVS_DEST_ATTR_L_THRESH])
		return -EINVAL;
	memset(cfg, 0, sizeof(*cfg));
	cfg->fwd = nla_get_u32(tb[IPVS_DEST_ATTR_FWD_METHOD]);
	cfg->weight = (int)nla_get_u32(tb[IPVS_DEST_ATTR_WEIGHT]);
	cfg->u_threshold = nla_get_u32(tb[IPVS_DEST_ATTR_U_THRESH]);
	cfg->l_threshold = nla_get_u32(tb[IPVS_DEST_ATTR_L_THRESH]);
	if (tb[IPVS_DEST_ATTR_TUN_TYPE])
		cfg->tun_type = nla_get_u8(tb[IPVS_DEST_ATTR_TUN_TYPE]);
	if (tb[IPVS_DEST_ATTR_TUN_PORT])
		cfg->tun_port = nla_get_be16(tb[IPVS_DEST_ATTR_TUN_PORT]);
	if (tb[IPVS_DEST_ATTR_TUN_FLAGS])
		cfg->tun_flags = nla_get_u16(tb[IPVS_DEST_ATTR_TUN_FLAGS]);
	return 0;
}

int lvs_parse_dest(const struct nlattr *nest, u16 af, struct lvs_dest_key *key,
		   struct lvs_dest_cfg *cfg)
{
	struct nlattr *tb[IPVS_DEST_ATTR_MAX + 1];
	int err;

	if (!nest ||
	    nla_parse_nested_deprecated(tb, IPVS_DEST_ATTR_MAX, nest, lvs_dest_policy, NULL))
		return -EINVAL;
	if (!tb[IPVS_DEST_ATTR_ADDR] || !tb[IPVS_DEST_ATTR_PORT])
		return -EINVAL;
	memset(key, 0, sizeof(*key));
	if (tb[IPVS_DEST_ATTR_ADDR_FAMILY])
		key->af = nla_get_u16(tb[IPVS_DEST_ATTR_ADDR_FAMILY]);
	if (!key->af)
		key->af = af;
	key->port = nla_get_be16(tb[IPVS_DEST_ATTR_PORT]);
	lvs_get_addr(tb[IPVS_DEST_ATTR_ADDR], key->af, &key->addr);
	if (cfg) {
		err = lvs_parse_dest_cfg(tb, cfg);
		if (err)
			return err;
	}
	return lvs_family_known(key->af) ? 0 : -EAFNOSUPPORT;
}

int lvs_parse_daemon(const struct nlattr *nest, struct lvs_daemon *d)
{
	struct nlattr *tb[IPVS_DAEMON_ATTR_MAX + 1];

	if (!nest ||
	    nla_parse_nested_deprecated(tb, IPVS_DAEMON_ATTR_MAX, nest, lvs_daemon_policy, NULL))
		return -EINVAL;
	if (!tb[IPVS_DAEMON_ATTR_STATE])
		return -EINVAL;
	memset(d, 0, sizeof(*d));
	d->state = nla_get_u32(tb[IPVS_DAEMON_ATTR_STATE]);
	d->have_id = tb[IPVS_DAEMON_ATTR_SYNC_ID];
	if (tb[IPVS_DAEMON_ATTR_MCAST_IFN]) {
		d->have_ifname = true;
		nla_strscpy(d->ifname, tb[IPVS_DAEMON_ATTR_MCAST_IFN], sizeof(d->ifname));
	}
	if (tb[IPVS_DAEMON_ATTR_MCAST_GROUP]) {
		d->group_af = AF_INET;
		lvs_get_addr(tb[IPVS_DAEMON_ATTR_MCAST_GROUP], AF_INET, &d->group);
	} else if (tb[IPVS_DAEMON_ATTR_MCAST_GROUP6]) {
		d->group_af = AF_INET6;
		lvs_get_addr(tb[IPVS_DAEMON_ATTR_MCAST_GROUP6], AF_INET6, &d->group);
	}
	return 0;
}
