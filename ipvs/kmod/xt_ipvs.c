// SPDX-License-Identifier: GPL-2.0
/* The iptables match "ipvs"; the placeholder needs ip_vs and does nothing. */
#include <linux/module.h>

extern int lvs_module_present;	/* in ip_vs */

static int __init lvs_xt_init(void)
{
	return lvs_module_present ? 0 : -ENODEV;
}

static void __exit lvs_xt_exit(void)
{
}

module_init(lvs_xt_init);
module_exit(lvs_xt_exit);
MODULE_LICENSE("GPL");
MODULE_VERSION("lvsd-0.1.0");
MODULE_DESCRIPTION("Match packets of IPVS connections");
MODULE_ALIAS("ipt_ipvs");
MODULE_ALIAS("ip6t_ipvs");
