// SPDX-License-Identifier: GPL-2.0
/* Connections as listings show them. */
#include "lvs_private.h"

u16 lvs_conn_end(const struct lvs_conn *cp, enum lvs_end end, union nf_inet_addr *addr)
{
	memset(addr, 0, sizeof(*addr));
	if (end == LVS_REAL && cp->daf != cp->af) {
		*addr = cp->dest->server.addr;
		return cp->daf;
	}
	memcpy(addr, lvs_conn_addr(cp, end),
	       cp->af == AF_INET ? sizeof(__be32) : sizeof(struct in6_addr));
	return cp->af;
}

u32 lvs_conn_expires(const struct lvs_conn *cp)
{
	s32 left = (s32)(READ_ONCE(cp->timeout) - ((u32)jiffies - READ_ONCE(cp->lastuse)));

	return left > 0 ? (u32)left / HZ : 0;
}

struct lvs_conn *lvs_conn_walk(struct lvs_netns *ns, struct lvs_tab_cursor *at)
{
	struct lvs_node *n = lvs_tab_walk(&ns->conns, at);

	return n ? container_of(n, struct lvs_conn, node) : NULL;
}
