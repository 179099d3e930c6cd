// SPDX-License-Identifier: GPL-2.0
#include "lvs_private.h"

unsigned int lvs_icmp(struct lvs_ctx *x)
{
	return NF_ACCEPT;
}

unsigned int lvs_other_proto(struct lvs_ctx *x)
{
	return NF_ACCEPT;
}
