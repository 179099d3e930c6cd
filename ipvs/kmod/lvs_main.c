// SPDX-License-Identifier: GPL-2.0
#include <linux/module.h>

#include "lvs_private.h"

/* What the scheduler stubs and xt_ipvs refer to, so that they need us. */
int lvs_module_present = 1;
EXPORT_SYMBOL_GPL(lvs_module_present);

unsigned int lvs_conn_tab_bits = LVS_CONN_TAB_BITS_DEFAULT;
module_param_named(conn_tab_bits, lvs_conn_tab_bits, uint, 0444);
MODULE_PARM_DESC(conn_tab_bits, "Size told to clients; the table itself grows and shrinks");

struct workqueue_struct *lvs_wq;

static int __init lvs_init(void)
{
	int err = -ENOMEM;

	lvs_conn_tab_bits = clamp_t(unsigned int, lvs_conn_tab_bits, LVS_CONN_TAB_BITS_MIN,
				    LVS_CONN_TAB_BITS_MAX);
	lvs_wq = alloc_workqueue("ip_vs", WQ_UNBOUND, 0);
	if (!lvs_wq)
		return err;
	err = lvs_conn_caches_init();
	if (err)
		goto free_wq;
	err = lvs_dest_cache_init();
	if (err)
		goto free_caches;
	err = lvs_netns_register();
	if (err)
		goto free_dests;
	err = lvs_route_init();
	if (err)
		goto free_netns;
	/* Last: from here on somebody may ask for something. */
	err = lvs_genl_init();
	if (err)
		goto free_route;
	err = lvs_event_init();
	if (err)
		goto free_genl;
	pr_info("IPVS %s: ready\n", LVS_VERSION);
	return 0;
free_genl:
	lvs_genl_exit();
free_route:
	lvs_route_exit();
free_netns:
	lvs_netns_unregister();
	rcu_barrier();
free_dests:
	lvs_dest_cache_exit();
free_caches:
	lvs_conn_caches_exit();
free_wq:
	destroy_workqueue(lvs_wq);
	return err;
}

static void __exit lvs_exit(void)
{
	lvs_event_exit();
	lvs_genl_exit();
	lvs_route_exit();
	lvs_netns_unregister();
	/* Services end in work queued by RCU, conns and dests in RCU itself. */
	rcu_barrier();
	destroy_workqueue(lvs_wq);
	rcu_barrier();
	lvs_dest_cache_exit();
	lvs_conn_caches_exit();
}

module_init(lvs_init);
module_exit(lvs_exit);
MODULE_LICENSE("GPL");
MODULE_VERSION(LVS_VERSION);
MODULE_DESCRIPTION("IP Virtual Server of lvsd");
MODULE_ALIAS("net-pf-16-proto-16-family-IPVS");
