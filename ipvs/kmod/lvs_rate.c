// SPDX-License-Identifier: GPL-2.0
#include "lvs_rate.h"

/* One epoch's count in the scale of the averages, per second. */
static __always_inline u64 lvs_epoch_rate(u64 now, u64 mark, unsigned int shift)
{
	return (now - mark) * ((1U << shift) / LVS_EPOCH_SECONDS);
}

/* A quarter of the sample; towards zero from both sides. */
static __always_inline u64 lvs_blend(u64 avg, u64 sample)
{
	if (sample >= avg)
		return avg + ((sample - avg) >> 2);
	return avg - ((avg - sample + 3) >> 2);
}

/* What one epoch after the other leaves of an average: (3/4)^k in units of 2^-32,
 * from k = 1 on.  A server of thousands is met again after long, and its packet
 * should not pay for every epoch it slept. */
static const u32 lvs_leaves[32] = {
	0xc0000000, 0x90000000, 0x6c000000, 0x51000000, 0x3cc00000, 0x2d900000, 0x222c0000, 0x19a10000,
	0x1338c000, 0x0e6a9000, 0x0acfec00, 0x081bf100, 0x0614f4c0, 0x048fb790, 0x036bc9ac, 0x0290d741,
	0x01eca170, 0x01717914, 0x01151acf, 0x00cfd41b, 0x009bdf14, 0x0074e74f, 0x0057ad7b, 0x0041c21c,
	0x00315195, 0x0024fd30, 0x001bbde4, 0x0014ce6b, 0x000f9ad0, 0x000bb41c, 0x0008c715, 0x0006954f,
};

/* @r after @idle epochs of nothing. */
static __always_inline void lvs_sleep(struct lvs_rates *r, u32 idle)
{
	u32 n;

	for (; idle; idle -= n) {
		u32 leaves;

		n = min_t(u32, idle, ARRAY_SIZE(lvs_leaves));
		leaves = lvs_leaves[n - 1];
		r->cps = mul_u64_u32_shr(r->cps, leaves, 32);
		r->inpps = mul_u64_u32_shr(r->inpps, leaves, 32);
		r->inbps = mul_u64_u32_shr(r->inbps, leaves, 32);
		if (likely(!(r->outpps | r->outbps)))
			continue;
		r->outpps = mul_u64_u32_shr(r->outpps, leaves, 32);
		r->outbps = mul_u64_u32_shr(r->outbps, leaves, 32);
	}
}

/* @r may be the average of @st itself. */
static __always_inline void lvs_rate_at(const struct lvs_cpu_stats *st, u32 epoch,
					struct lvs_rates *r)
{
	const struct lvs_counts *n = &st->now, *m = &st->mark;
	const struct lvs_rates *avg = &st->avg;
	u32 age = epoch - st->epoch;

	if (!age) {
		*r = *avg;
		return;
	}
	if (age > LVS_RATE_FORGET) {
		memset(r, 0, sizeof(*r));
		return;
	}
	r->cps = lvs_blend(avg->cps, lvs_epoch_rate(n->conns, m->conns, LVS_RATE_PKT_SHIFT));
	r->inpps = lvs_blend(avg->inpps, lvs_epoch_rate(n->inpkts, m->inpkts, LVS_RATE_PKT_SHIFT));
	r->inbps = lvs_blend(avg->inbps,
			     lvs_epoch_rate(n->inbytes, m->inbytes, LVS_RATE_BYTE_SHIFT));
	/* Nothing comes back of what is routed directly. */
	if (n->outpkts != m->outpkts || avg->outpps | avg->outbps) {
		r->outpps = lvs_blend(avg->outpps,
				      lvs_epoch_rate(n->outpkts, m->outpkts, LVS_RATE_PKT_SHIFT));
		r->outbps = lvs_blend(avg->outbps,
				      lvs_epoch_rate(n->outbytes, m->outbytes, LVS_RATE_BYTE_SHIFT));
	} else {
		r->outpps = r->outbps = 0;
	}
	lvs_sleep(r, age - 1);
}

void lvs_rate_fold(struct lvs_cpu_stats *st, u32 epoch)
{
	lvs_rate_at(st, epoch, &st->avg);
	st->mark = st->now;
	st->epoch = epoch;
}

void lvs_rate_add(const struct lvs_cpu_stats *st, u32 epoch, struct lvs_rates *sum)
{
	struct lvs_rates r;

	lvs_rate_at(st, epoch, &r);
	sum->cps += r.cps;
	sum->inpps += r.inpps;
	sum->outpps += r.outpps;
	sum->inbps += r.inbps;
	sum->outbps += r.outbps;
}
