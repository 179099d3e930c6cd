// SPDX-License-Identifier: GPL-2.0
/* The iptables match "ipvs", revision 0; ip_vs.ko answers. */
#include <linux/module.h>
#include <linux/netfilter/x_tables.h>
#include <linux/netfilter/xt_ipvs.h>

#include "lvs_core.h"

static bool lvs_mt(const struct sk_buff *skb, struct xt_action_param *par)
{
	u8 af = xt_family(par) == NFPROTO_IPV6 ? AF_INET6 : AF_INET;

	return lvs_match(xt_net(par), skb, af, par->matchinfo);
}

static int lvs_mt_check(const struct xt_mtchk_param *par)
{
	return par->family == NFPROTO_IPV4 || par->family == NFPROTO_IPV6 ? 0 : -EINVAL;
}

static struct xt_match lvs_mt_reg __read_mostly = {
	.name = "ipvs",
	.revision = 0,
	.family = NFPROTO_UNSPEC,
	.match = lvs_mt,
	.checkentry = lvs_mt_check,
	.matchsize = XT_ALIGN(sizeof(struct xt_ipvs_mtinfo)),
	.me = THIS_MODULE,
};

static int __init lvs_mt_init(void)
{
	return xt_register_match(&lvs_mt_reg);
}

static void __exit lvs_mt_exit(void)
{
	xt_unregister_match(&lvs_mt_reg);
}

module_init(lvs_mt_init);
module_exit(lvs_mt_exit);
MODULE_LICENSE("GPL");
MODULE_VERSION(LVS_VERSION);
MODULE_DESCRIPTION("Match packets of IPVS connections");
MODULE_ALIAS("ipt_ipvs");
MODULE_ALIAS("ip6t_ipvs");
