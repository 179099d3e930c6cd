// SPDX-License-Identifier: GPL-2.0
/* Defence against floods, once a second while it is on: what little memory is
 * left decides for modes 1 and 2, the administrator for 0 and 3. */
#include <linux/mm.h>

#include "lvs_private.h"

enum {
	LVS_MODE_OFF, LVS_MODE_AUTO, LVS_MODE_AUTO_ON, LVS_MODE_ALWAYS,
	LVS_BUCKET_SHARE = 32,		/* one in so many buckets per second */
	LVS_IDLE_SECONDS = 60,
	LVS_FEW_PACKETS = 8,
	LVS_TICK_SECONDS = 60,
};

/* Whether the defence with @mode is on; modes 1 and 2 turn into each other. */
static bool lvs_mode_on(int *mode, bool short_of_memory)
{
	switch (READ_ONCE(*mode)) {
	case LVS_MODE_AUTO:
	case LVS_MODE_AUTO_ON:
		WRITE_ONCE(*mode, short_of_memory ? LVS_MODE_AUTO_ON : LVS_MODE_AUTO);
		return short_of_memory;
	case LVS_MODE_ALWAYS:
		return true;
	default:
		return false;
	}
}

static u32 lvs_drop_rate(const struct lvs_sysctl *c, long missing)
{
	if (c->drop_packet == LVS_MODE_ALWAYS)
		return (u32)max(c->am_droprate, 0);
	return missing > 0 ? (u32)max(c->amemthresh / missing, 1L) : 1;
}

static bool lvs_defense_active(const struct lvs_sysctl *c)
{
	return READ_ONCE(c->drop_entry) || READ_ONCE(c->drop_packet) ||
	       READ_ONCE(c->secure_tcp);
}

static void lvs_defense_apply(struct lvs_netns *ns)
{
	struct lvs_sysctl *c = &ns->sysctl;
	struct sysinfo si;
	long missing;
	bool low;

	si_meminfo(&si);
	missing = (long)c->amemthresh - (long)(si.freeram + si.bufferram);
	low = missing > 0;
	WRITE_ONCE(ns->defense.drop_entry, lvs_mode_on(&c->drop_entry, low));
	WRITE_ONCE(ns->defense.drop_rate,
		   lvs_mode_on(&c->drop_packet, low) ? lvs_drop_rate(c, missing) : 0);
	WRITE_ONCE(ns->defense.secure_tcp, lvs_mode_on(&c->secure_tcp, low));
}

void lvs_defense_update(struct lvs_netns *ns)
{
	lvs_defense_apply(ns);
	if (lvs_defense_active(&ns->sysctl) && !ns->dying)
		mod_delayed_work(lvs_wq, &ns->second_work, HZ);
}

/* Connections nobody would miss.  The busier one was, the likelier it stays. */
static bool lvs_is_droppable(const struct lvs_conn *cp)
{
	u32 idle = (u32)jiffies - READ_ONCE(cp->lastuse);
	u8 state = READ_ONCE(cp->state);
	u32 packets = READ_ONCE(cp->packets) + 1;

	if (READ_ONCE(cp->flags) & IP_VS_CONN_F_TEMPLATE)
		return state != LVS_TEMPLATE_ASSURED && !atomic_read(&cp->n_control);
	if (cp->proto == IPPROTO_TCP && (state == LVS_TCP_SYN_RECV || state == LVS_TCP_SYNACK))
		return true;
	if (cp->proto == IPPROTO_SCTP && (state == LVS_SCTP_INIT1 || state == LVS_SCTP_INIT))
		return true;
	if (cp->proto == IPPROTO_TCP && state != LVS_TCP_ESTABLISHED)
		return false;
	if (cp->proto == IPPROTO_SCTP && state != LVS_SCTP_ESTABLISHED)
		return false;
	return idle >= LVS_IDLE_SECONDS * HZ && packets <= LVS_FEW_PACKETS &&
	       !get_random_u32_below(packets);
}

/* In one go: what is taken down still leads to its neighbour. */
static void lvs_drop_bucket(struct lvs_netns *ns, u32 bucket)
{
	const struct lvs_buckets *b;
	struct lvs_conn *cp;
	struct lvs_node *n;

	local_bh_disable();
	rcu_read_lock();
	b = rcu_dereference(ns->conns.cur);
	n = bucket <= b->mask ? lvs_head(&b->head[bucket]) : NULL;
	for (; n; n = rcu_dereference(n->next)) {
		cp = container_of(n, struct lvs_conn, node);
		if (lvs_is_droppable(cp))
			lvs_conn_kill(cp);
	}
	rcu_read_unlock();
	local_bh_enable();
}

static void lvs_drop_entries(struct lvs_netns *ns)
{
	u32 buckets, i;

	rcu_read_lock();
	buckets = rcu_dereference(ns->conns.cur)->mask + 1;
	rcu_read_unlock();
	for (i = 0; i < buckets / LVS_BUCKET_SHARE; i++) {
		lvs_drop_bucket(ns, get_random_u32_below(buckets));
		cond_resched();
	}
}

static void lvs_tick(struct lvs_netns *ns)
{
	struct lvs_service *svc;
	unsigned long id;

	if (time_before(jiffies, ns->next_tick))
		return;
	ns->next_tick = jiffies + LVS_TICK_SECONDS * HZ;
	xa_for_each(&ns->service_ids, id, svc)
		lvs_sched_tick(&svc->pool, jiffies);
}

void lvs_second_run(struct work_struct *work)
{
	struct lvs_netns *ns = container_of(to_delayed_work(work), struct lvs_netns, second_work);
	bool active;

	mutex_lock(&ns->lock);
	lvs_defense_apply(ns);
	lvs_tick(ns);
	active = lvs_defense_active(&ns->sysctl);
	if (!ns->dying && (active || !xa_empty(&ns->service_ids)))
		queue_delayed_work(lvs_wq, &ns->second_work,
				   (active ? 1 : LVS_TICK_SECONDS) * HZ);
	mutex_unlock(&ns->lock);
	if (READ_ONCE(ns->defense.drop_entry))
		lvs_drop_entries(ns);
}
