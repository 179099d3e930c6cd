// SPDX-License-Identifier: GPL-2.0
#include "lvs_rate.h"

/* One epoch's count in the scale of the averages, per second. */
static u64 lvs_epoch_rate(u64 now, u64 mark, unsigned int shift)
{
	return ((now - mark) << shift) / LVS_EPOCH_SECONDS;
}

/* A quarter of the sample; towards zero from both sides. */
static u64 lvs_blend(u64 avg, u64 sample)
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

static u64 lvs_sleep(u64 avg, u32 idle)
{
	u32 n;

	for (; idle && avg; idle -= n) {
		u64 leaves;

		n = min_t(u32, idle, ARRAY_SIZE(lvs_leaves));
		leaves = lvs_leaves[n - 1];
		avg = (avg >> 32) * leaves + (((avg & U32_MAX) * leaves) >> 32);
	}
	return avg;
}

/* @avg after one epoch with @sample and then @idle epochs of nothing. */
static u64 lvs_decay(u64 avg, u64 sample, u32 idle)
{
	return lvs_sleep(lvs_blend(avg, sample), idle);
}

static void lvs_rate_at(const struct lvs_cpu_stats *st, u32 epoch, struct lvs_rates *r)
{
	const struct lvs_counts *n = &st->now, *m = &st->mark;
	u32 age = epoch - st->epoch;
	u32 idle;

	if (!age) {
		*r = st->avg;
		return;
	}
	if (age > LVS_RATE_FORGET) {
		memset(r, 0, sizeof(*r));
		return;
	}
	idle = age - 1;
	r->cps = lvs_decay(st->avg.cps,
			   lvs_epoch_rate(n->conns, m->conns, LVS_RATE_PKT_SHIFT), idle);
	r->inpps = lvs_decay(st->avg.inpps,
			     lvs_epoch_rate(n->inpkts, m->inpkts, LVS_RATE_PKT_SHIFT), idle);
	r->outpps = lvs_decay(st->avg.outpps,
			      lvs_epoch_rate(n->outpkts, m->outpkts, LVS_RATE_PKT_SHIFT), idle);
	r->inbps = lvs_decay(st->avg.inbps,
			     lvs_epoch_rate(n->inbytes, m->inbytes, LVS_RATE_BYTE_SHIFT), idle);
	r->outbps = lvs_decay(st->avg.outbps,
			      lvs_epoch_rate(n->outbytes, m->outbytes, LVS_RATE_BYTE_SHIFT), idle);
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
