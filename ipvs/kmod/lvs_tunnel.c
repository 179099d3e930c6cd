// SPDX-License-Identifier: GPL-2.0
#include "lvs_private.h"

unsigned int lvs_xmit_tunnel(struct lvs_ctx *x, struct lvs_conn *cp)
{
	return NF_DROP;
}
