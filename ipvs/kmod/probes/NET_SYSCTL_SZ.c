// SPDX-License-Identifier: GPL-2.0
#include <net/net_namespace.h>
#include <linux/sysctl.h>
void *probe(struct net *net, struct ctl_table *t);
void *probe(struct net *net, struct ctl_table *t)
{
	return register_net_sysctl_sz(net, "a", t, 1);
}
