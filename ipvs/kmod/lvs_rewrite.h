/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The ready-made rewrite of a NAT'ed connection: which end of the packet is
 * replaced by what, and by how much every checksum moves.  Computed once when
 * the connection is made, applied to header bytes from any hook, in either
 * direction (the way back moves the sums by the complement).
 */
#ifndef LVS_REWRITE_H
#define LVS_REWRITE_H

#include "lvs_internal.h"

struct lvs_delta {
	__sum16 addr;		/* addresses only: the IPv4 header's sum */
	__sum16 l4;		/* addresses and port: the transport's */
};

/* From (@oa, @op) to (@na, @np). */
struct lvs_delta lvs_delta_make(int af, const __be32 *oa, __be16 op,
				const __be32 *na, __be16 np);
struct lvs_delta lvs_delta_invert(struct lvs_delta d);
/* A checksum field moved by a delta.  @udp: a result of 0 is sent as 0xffff. */
__sum16 lvs_sum_move(__sum16 sum, __sum16 delta, bool udp);

#endif
