/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A module that does nothing but be there and need ip_vs: the schedulers are
 * built into ip_vs.ko, and whoever asks for one by name must not get stock's.
 */
#include <linux/module.h>

extern int lvs_module_present;	/* in ip_vs */

static int __init lvs_stub_init(void)
{
	return lvs_module_present ? 0 : -ENODEV;
}

static void __exit lvs_stub_exit(void)
{
}

module_init(lvs_stub_init);
module_exit(lvs_stub_exit);
MODULE_LICENSE("GPL");
MODULE_VERSION("lvsd-0.1.0");
MODULE_DESCRIPTION("IPVS scheduler " LVS_STUB " (built into ip_vs)");
