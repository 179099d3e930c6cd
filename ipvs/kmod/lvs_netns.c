// SPDX-License-Identifier: GPL-2.0
/* A namespace's share of the module, from its first moment to its last. */
#include "lvs_private.h"

unsigned int lvs_netns_id __read_mostly;

static void lvs_resize_run(struct work_struct *work)
{
	struct lvs_netns *ns = container_of(to_delayed_work(work), struct lvs_netns, resize_work);

	/* Only this work resizes the connection table. */
	if (lvs_tab_wants_resize(&ns->conns))
		lvs_tab_resize(&ns->conns);
}

static void lvs_set_default_timeouts(struct lvs_netns *ns)
{
	unsigned int row, state;

	for (row = 0; row < LVS_ROWS; row++)
		for (state = 0; state < lvs_proto_states(row); state++)
			ns->timeout[row][state] = lvs_default_timeout(row, (u8)state) * HZ;
}

void lvs_expect(struct lvs_netns *ns, u32 services, u32 dests, u32 nat)
{
	lvs_tab_expect(&ns->services, services);
	lvs_tab_expect(&ns->dests, dests);
	lvs_tab_expect(&ns->real, nat);
}

static int lvs_netns_tables_init(struct lvs_netns *ns)
{
	int err;

	err = lvs_tab_init(&ns->services, 4, 20);
	if (err)
		return err;
	err = lvs_dest_tables_init(ns);
	if (err)
		goto free_services;
	err = lvs_conn_net_init(ns);
	if (!err)
		return 0;
	lvs_dest_tables_free(ns);
free_services:
	lvs_tab_free(&ns->services);
	return err;
}

static void lvs_netns_tables_free(struct lvs_netns *ns)
{
	lvs_tab_free(&ns->conns);
	lvs_dest_tables_free(ns);
	lvs_tab_free(&ns->services);
	xa_destroy(&ns->service_ids);
}

static int __net_init lvs_net_init(struct net *net)
{
	struct lvs_netns *ns = lvs_netns(net);
	int err;

	ns->net = net;
	mutex_init(&ns->lock);
	get_random_bytes(&ns->key, sizeof(ns->key));
	xa_init(&ns->service_ids);
	INIT_DELAYED_WORK(&ns->trash_work, lvs_trash_run);
	INIT_DELAYED_WORK(&ns->resize_work, lvs_resize_run);
	INIT_DELAYED_WORK(&ns->nodest_work, lvs_nodest_run);
	INIT_DELAYED_WORK(&ns->second_work, lvs_second_run);
	lvs_set_default_timeouts(ns);
	err = lvs_netns_tables_init(ns);
	if (err)
		return err;
	err = lvs_sysctl_net_init(ns);
	if (err)
		goto free_tables;
	err = lvs_proc_net_init(ns);
	if (!err)
		return 0;
	lvs_sysctl_net_exit(ns);
free_tables:
	lvs_netns_tables_free(ns);
	return err;
}

/* Configuration ends and the hooks go; a grace period follows before exit. */
static void __net_exit lvs_net_pre_exit(struct net *net)
{
	struct lvs_netns *ns = lvs_netns(net);

	lvs_proc_net_exit(ns);
	lvs_sysctl_net_exit(ns);
	mutex_lock(&ns->lock);
	ns->dying = true;
	lvs_flush(ns);
	mutex_unlock(&ns->lock);
}

static void __net_exit lvs_net_exit(struct net *net)
{
	struct lvs_netns *ns = lvs_netns(net);

	cancel_delayed_work_sync(&ns->trash_work);
	cancel_delayed_work_sync(&ns->resize_work);
	cancel_delayed_work_sync(&ns->nodest_work);
	cancel_delayed_work_sync(&ns->second_work);
	lvs_conn_net_exit(ns);
	mutex_lock(&ns->lock);
	lvs_trash_flush(ns);
	mutex_unlock(&ns->lock);
	/* A timer may still be in the callback that took the last connection
	 * down; services are freed by work that RCU queues. */
	synchronize_rcu();
	rcu_barrier();
	flush_workqueue(lvs_wq);
	lvs_netns_tables_free(ns);
}

static struct pernet_operations lvs_net_ops = {
	.init = lvs_net_init,
	.pre_exit = lvs_net_pre_exit,
	.exit = lvs_net_exit,
	.id = &lvs_netns_id,
	.size = sizeof(struct lvs_netns),
};

int lvs_netns_register(void)
{
	return register_pernet_subsys(&lvs_net_ops);
}

void lvs_netns_unregister(void)
{
	unregister_pernet_subsys(&lvs_net_ops);
}
