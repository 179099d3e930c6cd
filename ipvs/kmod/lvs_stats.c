// SPDX-License-Identifier: GPL-2.0
/*
 * Reading the counters.  Packets count in their dest's block alone; a service
 * is the sum of its dests and of what dests that left had counted, and the
 * namespace the sum of its services.  ZERO remembers where the count stood.
 */
#include "lvs_private.h"

/* 64-bit loads: a counter is never seen torn.  (32-bit hosts could; IPVS there
 * is not supported by this module.) */
static void lvs_read_cpu(const struct lvs_cpu_stats *st, struct lvs_counts *c)
{
	c->conns = READ_ONCE(st->now.conns);
	c->inpkts = READ_ONCE(st->now.inpkts);
	c->outpkts = READ_ONCE(st->now.outpkts);
	c->inbytes = READ_ONCE(st->now.inbytes);
	c->outbytes = READ_ONCE(st->now.outbytes);
}

void lvs_raw_dest(const struct lvs_dest *dest, struct lvs_counts *sum)
{
	struct lvs_counts c;
	int cpu;

	for_each_possible_cpu(cpu) {
		lvs_read_cpu(per_cpu_ptr(dest->stats, cpu), &c);
		lvs_counts_add(sum, &c);
	}
}

static void lvs_rates_dest(const struct lvs_dest *dest, struct lvs_rates *sum)
{
	struct lvs_cpu_stats copy;
	int cpu;

	for_each_possible_cpu(cpu) {
		/* A fold on the other CPU in the middle of this copy costs one
		 * reading one sample of accuracy. */
		copy = *per_cpu_ptr(dest->stats, cpu);
		lvs_rate_add(&copy, lvs_epoch(), sum);
	}
}

static void lvs_rates_round(struct lvs_netns *ns, struct lvs_rates *r)
{
	if (!READ_ONCE(ns->sysctl.run_estimation)) {
		memset(r, 0, sizeof(*r));
		return;
	}
	r->cps = (r->cps + 0x1FF) >> LVS_RATE_PKT_SHIFT;
	r->inpps = (r->inpps + 0x1FF) >> LVS_RATE_PKT_SHIFT;
	r->outpps = (r->outpps + 0x1FF) >> LVS_RATE_PKT_SHIFT;
	r->inbps = (r->inbps + 0xF) >> LVS_RATE_BYTE_SHIFT;
	r->outbps = (r->outbps + 0xF) >> LVS_RATE_BYTE_SHIFT;
}

void lvs_raw_service(const struct lvs_service *svc, struct lvs_counts *sum)
{
	struct lvs_server *s;

	lvs_counts_add(sum, &svc->retained);
	list_for_each_entry(s, &svc->pool.servers, list)
		lvs_raw_dest(lvs_dest_of(s), sum);
}

static void lvs_rates_service(const struct lvs_service *svc, struct lvs_rates *sum)
{
	struct lvs_server *s;

	list_for_each_entry(s, &svc->pool.servers, list)
		lvs_rates_dest(lvs_dest_of(s), sum);
}

void lvs_dest_stats(struct lvs_dest *dest, struct lvs_stats *out)
{
	memset(out, 0, sizeof(*out));
	lvs_raw_dest(dest, &out->counts);
	lvs_counts_sub(&out->counts, &dest->zero);
	lvs_rates_dest(dest, &out->rates);
	lvs_rates_round(dest->ns, &out->rates);
}

void lvs_service_stats(struct lvs_service *svc, struct lvs_stats *out)
{
	memset(out, 0, sizeof(*out));
	lvs_raw_service(svc, &out->counts);
	lvs_counts_sub(&out->counts, &svc->zero);
	lvs_rates_service(svc, &out->rates);
	lvs_rates_round(svc->ns, &out->rates);
}

static void lvs_raw_netns(struct lvs_netns *ns, struct lvs_counts *sum)
{
	struct lvs_service *svc;
	unsigned long id;

	lvs_counts_add(sum, &ns->retained);
	xa_for_each(&ns->service_ids, id, svc) {
		lvs_raw_service(svc, sum);
		cond_resched();
	}
}

void lvs_netns_stats(struct lvs_netns *ns, struct lvs_stats *out)
{
	struct lvs_service *svc;
	unsigned long id;

	memset(out, 0, sizeof(*out));
	lvs_raw_netns(ns, &out->counts);
	lvs_counts_sub(&out->counts, &ns->zero);
	xa_for_each(&ns->service_ids, id, svc) {
		lvs_rates_service(svc, &out->rates);
		cond_resched();
	}
	lvs_rates_round(ns, &out->rates);
}

void lvs_netns_cpu_counts(struct lvs_netns *ns, int cpu, struct lvs_counts *out)
{
	struct lvs_service *svc;
	struct lvs_counts c;
	struct lvs_server *s;
	unsigned long id;

	memset(out, 0, sizeof(*out));
	xa_for_each(&ns->service_ids, id, svc) {
		list_for_each_entry(s, &svc->pool.servers, list) {
			lvs_read_cpu(per_cpu_ptr(lvs_dest_of(s)->stats, cpu), &c);
			lvs_counts_add(out, &c);
		}
		cond_resched();
	}
	/* What is gone belongs to no CPU any more; it is told with the first,
	 * so that the lines still add up and never go back. */
	if (cpu == cpumask_first(cpu_possible_mask)) {
		lvs_counts_add(out, &ns->retained);
		xa_for_each(&ns->service_ids, id, svc)
			lvs_counts_add(out, &svc->retained);
	}
}

/* Rates start over with the counters. */
static void lvs_zero_dest(struct lvs_dest *dest)
{
	int cpu;

	memset(&dest->zero, 0, sizeof(dest->zero));
	lvs_raw_dest(dest, &dest->zero);
	for_each_possible_cpu(cpu) {
		struct lvs_cpu_stats *st = per_cpu_ptr(dest->stats, cpu);

		memset(&st->avg, 0, sizeof(st->avg));
		st->mark = st->now;
	}
}

static void lvs_zero_one(struct lvs_service *svc)
{
	struct lvs_server *s;

	list_for_each_entry(s, &svc->pool.servers, list)
		lvs_zero_dest(lvs_dest_of(s));
	memset(&svc->zero, 0, sizeof(svc->zero));
	lvs_raw_service(svc, &svc->zero);
}

void lvs_zero_service(struct lvs_service *svc)
{
	lvs_zero_one(svc);
	svc->ns->genid++;
	lvs_event_changed(svc->ns, LVS_EV_ZEROED, svc, NULL);
}

void lvs_zero_all(struct lvs_netns *ns)
{
	struct lvs_service *svc;
	unsigned long id;

	xa_for_each(&ns->service_ids, id, svc) {
		lvs_zero_one(svc);
		cond_resched();
	}
	memset(&ns->zero, 0, sizeof(ns->zero));
	lvs_raw_netns(ns, &ns->zero);
	ns->genid++;
	lvs_event_changed(ns, LVS_EV_ZEROED, NULL, NULL);
}
