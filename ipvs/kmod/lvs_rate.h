/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Counters and rates of one server on one CPU.
 *
 * A packet touches one block: its server's, on its own CPU.  A service's and
 * the namespace's numbers are sums.  The rates are the averages every tool
 * expects (a quarter of the newest two seconds, three quarters of the past),
 * but nobody walks the servers to compute them: time is cut in epochs of two
 * seconds common to all CPUs, and the first packet of an epoch folds the last
 * one into the average of its own block.  The average of a sum is the sum of
 * the averages, so reading adds the blocks up, decaying those that slept.
 */
#ifndef LVS_RATE_H
#define LVS_RATE_H

#include "lvs_internal.h"

enum {
	LVS_EPOCH_SECONDS = 2,
	LVS_RATE_PKT_SHIFT = 10,	/* scale of cps and pps */
	LVS_RATE_BYTE_SHIFT = 5,	/* scale of bps */
	LVS_RATE_FORGET = 128,		/* epochs after which nothing is left */
};

struct lvs_counts {
	u64 conns, inpkts, outpkts, inbytes, outbytes;
};

/* Scaled as above; one second is the unit of time. */
struct lvs_rates {
	u64 cps, inpps, outpps, inbps, outbps;
};

struct lvs_cpu_stats {
	struct lvs_counts now;		/* since creation, never reset */
	struct lvs_counts mark;		/* @now at the beginning of @epoch */
	struct lvs_rates avg;		/* at the beginning of @epoch */
	u32 epoch;			/* serial number of the current one */
};

/* Bring @st to @epoch.  Must be called by the block's own CPU, bh disabled. */
void lvs_rate_fold(struct lvs_cpu_stats *st, u32 epoch);
/* The averages as of @epoch, without writing to @st; added to @sum. */
void lvs_rate_add(const struct lvs_cpu_stats *st, u32 epoch, struct lvs_rates *sum);

static inline void lvs_counts_add(struct lvs_counts *to, const struct lvs_counts *c)
{
	to->conns += c->conns;
	to->inpkts += c->inpkts;
	to->outpkts += c->outpkts;
	to->inbytes += c->inbytes;
	to->outbytes += c->outbytes;
}

static inline void lvs_counts_sub(struct lvs_counts *to, const struct lvs_counts *c)
{
	to->conns -= c->conns;
	to->inpkts -= c->inpkts;
	to->outpkts -= c->outpkts;
	to->inbytes -= c->inbytes;
	to->outbytes -= c->outbytes;
}

#endif
