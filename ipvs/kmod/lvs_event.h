/* SPDX-License-Identifier: GPL-2.0 */
/* Between lvs_event.c and lvs_event_batch.c. */
#ifndef LVS_EVENT_H
#define LVS_EVENT_H

#include <linux/skbuff.h>
#include <net/genetlink.h>

#include "lvs_core.h"
#include "uapi/lvsd_ipvs.h"

/* Events of a batch wait here, in ns->genl_priv, until it is known to succeed. */
struct lvs_held_events {
	struct sk_buff_head queue;
	u64 genid;			/* before it began */
	bool lost;			/* no memory for one of them */
};

extern struct genl_family lvs_event_family;

/* [config] */
void lvs_events_hold(struct lvs_netns *ns, struct lvs_held_events *held);
void lvs_events_release(struct lvs_netns *ns, bool send);

int lvs_event_batch(struct sk_buff *skb, struct genl_info *info);

#endif
