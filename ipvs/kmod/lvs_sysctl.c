// SPDX-License-Identifier: GPL-2.0
#include <linux/swap.h>

#include "lvs_core.h"

/* Placeholder: the defaults alone. */
int lvs_sysctl_net_init(struct lvs_netns *ns)
{
	struct lvs_sysctl *c = &ns->sysctl;

	c->amemthresh = 1024;
	c->am_droprate = 10;
	c->snat_reroute = 1;
	c->sync_version = 1;
	c->sync_ports = 1;
	c->sync_qlen_max = nr_free_buffer_pages() / 32;
	c->sync_threshold[0] = 3;
	c->sync_threshold[1] = 50;
	c->pmtu_disc = 1;
	c->conn_reuse_mode = 1;
	c->run_estimation = 1;
	c->sched.lblc_expiration = 24 * 60 * 60 * HZ;
	c->sched.lblcr_expiration = 24 * 60 * 60 * HZ;
	return 0;
}

void lvs_sysctl_net_exit(struct lvs_netns *ns)
{
}
