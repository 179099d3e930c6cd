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

/* @avg after one epoch with @sample and then @idle epochs of nothing. */
static u64 lvs_decay(u64 avg, u64 sample, u32 idle)
{
	avg = lvs_blend(avg, sample);
	while (idle-- && avg)
		avg = lvs_blend(avg, 0);
	return avg;
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
