// SPDX-License-Identifier: GPL-2.0
#include "lvs_private.h"

int lvs_conn_caches_init(void)
{
	return 0;
}

void lvs_conn_caches_exit(void)
{
}

int lvs_conn_net_init(struct lvs_netns *ns)
{
	return lvs_tab_init(&ns->conns, 8, LVS_CONN_TAB_BITS_MAX);
}

void lvs_conn_net_exit(struct lvs_netns *ns)
{
}

u16 lvs_conn_end(const struct lvs_conn *cp, enum lvs_end end, union nf_inet_addr *addr)
{
	return 0;
}

u32 lvs_conn_expires(const struct lvs_conn *cp)
{
	return 0;
}

struct lvs_conn *lvs_conn_walk(struct lvs_netns *ns, struct lvs_tab_cursor *at)
{
	return NULL;
}
