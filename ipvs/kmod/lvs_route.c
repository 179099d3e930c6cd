// SPDX-License-Identifier: GPL-2.0
#include "lvs_private.h"

static void lvs_route_free(struct rcu_head *head)
{
	struct lvs_route *rt = container_of(head, struct lvs_route, rcu);

	dst_release(rt->dst);
	kfree(rt);
}

void lvs_dest_forget_route(struct lvs_dest *dest)
{
	struct lvs_route *old;

	spin_lock_bh(&dest->route_lock);
	old = rcu_dereference_protected(dest->route, lockdep_is_held(&dest->route_lock));
	RCU_INIT_POINTER(dest->route, NULL);
	spin_unlock_bh(&dest->route_lock);
	if (old)
		call_rcu(&old->rcu, lvs_route_free);
}
