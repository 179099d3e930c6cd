// SPDX-License-Identifier: GPL-2.0
#include "lvs_private.h"

u32 lvs_nfct_wanted(const struct lvs_netns *ns)
{
	return 0;
}

bool lvs_nfct_is_old(const struct sk_buff *skb, const struct lvs_conn *cp)
{
	return false;
}

void lvs_nfct_forget(struct lvs_conn *cp)
{
}

void lvs_nfct_update(struct lvs_netns *ns)
{
}
