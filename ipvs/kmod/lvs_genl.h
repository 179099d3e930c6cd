/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of the control plane share: requests in, objects out. */
#ifndef LVS_GENL_H
#define LVS_GENL_H

#include "lvs_keys.h"

#include <net/netlink.h>

struct lvs_netns;
struct lvs_service;
struct lvs_dest;
struct genl_info;
struct netlink_callback;

/* -------- lvs_genl_parse.c: pure, also built in user space */

/* The top level of a request; also what the family announces. */
extern const struct nla_policy lvs_cmd_policy[IPVS_CMD_ATTR_MAX + 1];

/* -EINVAL or -EAFNOSUPPORT.  @cfg NULL: the key is all that is wanted. */
int lvs_parse_service(const struct nlattr *nest, struct lvs_svc_key *key,
		      struct lvs_svc_cfg *cfg);
/* @af is the service's; key->af is never 0 afterwards. */
int lvs_parse_dest(const struct nlattr *nest, u16 af, struct lvs_dest_key *key,
		   struct lvs_dest_cfg *cfg);

struct lvs_daemon {
	u32 state;
	char ifname[IP_VS_IFNAME_MAXLEN];
	bool have_ifname, have_id;
	u16 group_af;			/* 0: none given */
	union nf_inet_addr group;
};
int lvs_parse_daemon(const struct nlattr *nest, struct lvs_daemon *d);
/* Is IPv6 there?  The kernel answers, or the test. */
bool lvs_ipv6_enabled(void);

#ifdef __KERNEL__
/* -------- lvs_genl.c */
/* A service holds the module; -ENOPROTOOPT when that is going away.  [config] */
int lvs_ctl_service_add(struct lvs_netns *ns, const struct lvs_svc_key *key,
			const struct lvs_svc_cfg *cfg, struct lvs_service **out);
extern struct genl_family lvs_genl_family;

/* -------- lvs_genl_dump.c; the fillers are [config], -EMSGSIZE when full */
int lvs_fill_key(struct sk_buff *skb, const struct lvs_svc_key *key);
int lvs_fill_service(struct sk_buff *skb, int attr, struct lvs_service *svc, bool stats);
int lvs_fill_dest(struct sk_buff *skb, int attr, struct lvs_dest *dest, bool stats);
int lvs_genl_get_service(struct sk_buff *skb, struct genl_info *info);
int lvs_genl_dump_services(struct sk_buff *skb, struct netlink_callback *cb);
int lvs_genl_dump_dests(struct sk_buff *skb, struct netlink_callback *cb);

#endif

#endif
