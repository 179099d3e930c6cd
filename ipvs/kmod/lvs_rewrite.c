// SPDX-License-Identifier: GPL-2.0
#include "lvs_rewrite.h"

static u32 lvs_fold(u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + ((sum >> 16) & 0xffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (u32)sum;
}

/* One's complement sum of the 16-bit halves of @n words. */
static u64 lvs_sum_words(const __be32 *addr, unsigned int n)
{
	u64 sum = 0;

	while (n--)
		sum += (__force u32)*addr++;
	return sum;
}

/*
 * RFC 1624: HC' = ~(~HC + ~m + m').  The delta kept is ~m + m', folded; all
 * arithmetic is on the bytes as they lie, which one's complement permits.
 */
struct lvs_delta lvs_delta_make(int af, const __be32 *oa, __be16 op,
				const __be32 *na, __be16 np)
{
	unsigned int n = af == AF_INET ? 1 : 4;
	u32 from = lvs_fold(lvs_sum_words(oa, n)), to = lvs_fold(lvs_sum_words(na, n));
	u32 addr = lvs_fold((u64)(~from & 0xffff) + to);
	u32 port = (~(__force u32)op & 0xffff) + (__force u32)np;
	struct lvs_delta d;

	d.addr = (__force __sum16)addr;
	d.l4 = (__force __sum16)lvs_fold((u64)addr + port);
	return d;
}

struct lvs_delta lvs_delta_invert(struct lvs_delta d)
{
	d.addr = (__force __sum16)(~(__force u32)d.addr & 0xffff);
	d.l4 = (__force __sum16)(~(__force u32)d.l4 & 0xffff);
	return d;
}

__sum16 lvs_sum_move(__sum16 sum, __sum16 delta, bool udp)
{
	u32 s = (~(__force u32)sum & 0xffff) + (__force u32)delta;

	s = (s & 0xffff) + (s >> 16);
	s = ~s & 0xffff;
	if (udp && !s)
		s = 0xffff;
	return (__force __sum16)s;
}
