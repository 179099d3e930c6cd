// SPDX-License-Identifier: GPL-2.0
/*
 * net.ipv4.vs.*, a table for each namespace from its first moment.  A namespace
 * that belongs to a user namespace gets what it gets from the kernel at hand:
 * nothing at all where IPVS has no est_* entries, elsewhere everything with the
 * entries that reach beyond the namespace read-only.
 */
#include <linux/cpumask.h>
#include <linux/log2.h>
#include <linux/swap.h>
#include <linux/user_namespace.h>

#include "lvs_core.h"

struct lvs_sysctl_priv {
	struct ctl_table_header *header;
	cpumask_var_t est_cpus;		/* under ns->lock */
	struct ctl_table table[];
};

struct lvs_knob {
	const char *name;
	u16 offset;			/* in struct lvs_sysctl */
	u16 size;
	bool shared;			/* read-only for those who own only a part */
	proc_handler *handler;
	int min, max;			/* of lvs_do_range and lvs_do_defense */
};

static const struct lvs_knob *lvs_knob_of(const struct ctl_table *t)
{
	return t->extra2;
}

static struct lvs_netns *lvs_knob_ns(const struct ctl_table *t)
{
	return t->extra1;
}

/* One int, checked against the knob's range before it is stored. */
static int lvs_do_range(lvs_ctl_const struct ctl_table *t, int write, void *buf, size_t *len,
			loff_t *pos)
{
	const struct lvs_knob *k = lvs_knob_of(t);
	int *data = t->data, value = READ_ONCE(*data);
	const struct ctl_table tmp = { .data = &value, .maxlen = sizeof(value), .mode = t->mode };
	int err = proc_dointvec((lvs_ctl_const struct ctl_table *)&tmp, write, buf, len, pos);

	if (err || !write)
		return err;
	if (value < k->min || value > k->max)
		return -EINVAL;
	WRITE_ONCE(*data, value);
	return 0;
}

static int lvs_do_ports(lvs_ctl_const struct ctl_table *t, int write, void *buf, size_t *len,
			loff_t *pos)
{
	int *data = t->data, value = READ_ONCE(*data);
	const struct ctl_table tmp = { .data = &value, .maxlen = sizeof(value), .mode = t->mode };
	int err = proc_dointvec((lvs_ctl_const struct ctl_table *)&tmp, write, buf, len, pos);

	if (err || !write)
		return err;
	if (value <= 0 || !is_power_of_2((unsigned long)value))
		return -EINVAL;
	WRITE_ONCE(*data, value);
	return 0;
}

/* How many packets before the first message, and between two. */
static int lvs_do_threshold(lvs_ctl_const struct ctl_table *t, int write, void *buf,
			    size_t *len, loff_t *pos)
{
	struct lvs_netns *ns = lvs_knob_ns(t);
	int *data = t->data, value[2], err;
	const struct ctl_table tmp = { .data = value, .maxlen = sizeof(value), .mode = t->mode };

	mutex_lock(&ns->lock);
	memcpy(value, data, sizeof(value));
	err = proc_dointvec((lvs_ctl_const struct ctl_table *)&tmp, write, buf, len, pos);
	if (!err && write) {
		if (value[0] < 0 || value[1] < 0 || (value[1] && value[0] >= value[1])) {
			err = -EINVAL;
		} else {
			WRITE_ONCE(data[0], value[0]);
			WRITE_ONCE(data[1], value[1]);
		}
	}
	mutex_unlock(&ns->lock);
	return err;
}

static int lvs_do_defense(lvs_ctl_const struct ctl_table *t, int write, void *buf, size_t *len,
			  loff_t *pos)
{
	struct lvs_netns *ns = lvs_knob_ns(t);
	int err = lvs_do_range(t, write, buf, len, pos);

	if (err || !write)
		return err;
	mutex_lock(&ns->lock);
	lvs_defense_update(ns);
	mutex_unlock(&ns->lock);
	return 0;
}

static int lvs_do_conntrack(lvs_ctl_const struct ctl_table *t, int write, void *buf,
			    size_t *len, loff_t *pos)
{
	struct lvs_netns *ns = lvs_knob_ns(t);
	int err = proc_dointvec(t, write, buf, len, pos);

	if (err || !write)
		return err;
	mutex_lock(&ns->lock);
	lvs_nfct_update(ns);
	mutex_unlock(&ns->lock);
	return 0;
}

#ifdef LVS_HAVE_IPVS_EST_SYSCTL
/* Kept for whoever sets it: rates here cost no thread that could be placed. */
static int lvs_do_cpulist(lvs_ctl_const struct ctl_table *t, int write, void *buf, size_t *len,
			  loff_t *pos)
{
	struct lvs_netns *ns = lvs_knob_ns(t);
	struct lvs_sysctl_priv *priv = ns->sysctl_priv;
	cpumask_var_t cpus;
	char text[256];
	struct ctl_table tmp = { .data = text, .maxlen = sizeof(text), .mode = t->mode };
	int err;

	if (!zalloc_cpumask_var(&cpus, GFP_KERNEL))
		return -ENOMEM;
	mutex_lock(&ns->lock);
	snprintf(text, sizeof(text), "%*pbl", cpumask_pr_args(priv->est_cpus));
	if (write)
		text[0] = '\0';
	err = proc_dostring(&tmp, write, buf, len, pos);
	if (!err && write)
		err = *strim(text) ? cpulist_parse(strim(text), cpus) : 0;
	if (!err && write)
		cpumask_copy(priv->est_cpus, cpumask_empty(cpus) ? cpu_possible_mask : cpus);
	mutex_unlock(&ns->lock);
	free_cpumask_var(cpus);
	return err;
}
#endif

#define LVS_KNOB(n, h, ...)                                                             \
	{ .name = #n, .offset = offsetof(struct lvs_sysctl, n),                         \
	  .size = sizeof_field(struct lvs_sysctl, n), .handler = h, __VA_ARGS__ }
#define LVS_ANY(n) LVS_KNOB(n, proc_dointvec)
#define LVS_RANGE(n, lo, hi) LVS_KNOB(n, lvs_do_range, .min = lo, .max = hi)
#define LVS_DEFENSE(n, lo, hi) LVS_KNOB(n, lvs_do_defense, .min = lo, .max = hi)
#define LVS_NAMED(text, field, h)                                                       \
	{ .name = text, .offset = offsetof(struct lvs_sysctl, field),                   \
	  .size = sizeof_field(struct lvs_sysctl, field), .handler = h }

static const struct lvs_knob lvs_knobs[] = {
	LVS_DEFENSE(amemthresh, INT_MIN, INT_MAX),
	LVS_DEFENSE(am_droprate, INT_MIN, INT_MAX),
	LVS_DEFENSE(drop_entry, 0, 3),
	LVS_DEFENSE(drop_packet, 0, 3),
	LVS_KNOB(conntrack, lvs_do_conntrack),
	LVS_DEFENSE(secure_tcp, 0, 3),
	LVS_ANY(snat_reroute),
	LVS_RANGE(sync_version, 0, 1),
	LVS_KNOB(sync_ports, lvs_do_ports),
	LVS_ANY(sync_persist_mode),
	LVS_KNOB(sync_qlen_max, proc_doulongvec_minmax, .shared = true),
	LVS_KNOB(sync_sock_size, proc_dointvec, .shared = true),
	LVS_ANY(cache_bypass),
	LVS_ANY(expire_nodest_conn),
	LVS_ANY(sloppy_tcp),
	LVS_ANY(sloppy_sctp),
	LVS_ANY(expire_quiescent_template),
	LVS_KNOB(sync_threshold, lvs_do_threshold),
	LVS_KNOB(sync_refresh_period, proc_dointvec_jiffies),
	LVS_RANGE(sync_retries, 0, 3),
	LVS_ANY(nat_icmp_send),
	LVS_ANY(pmtu_disc),
	LVS_ANY(backup_only),
	LVS_ANY(conn_reuse_mode),
	LVS_ANY(schedule_icmp),
	LVS_ANY(ignore_tunneled),
	LVS_ANY(run_estimation),
	LVS_NAMED("lblc_expiration", sched.lblc_expiration, proc_dointvec_jiffies),
	LVS_NAMED("lblcr_expiration", sched.lblcr_expiration, proc_dointvec_jiffies),
#ifdef LVS_HAVE_IPVS_EST_SYSCTL
	LVS_KNOB(est_nice, lvs_do_range, .shared = true, .min = -20, .max = 19),
	{ .name = "est_cpulist", .handler = lvs_do_cpulist, .shared = true },
#endif
};

enum { LVS_KNOBS = ARRAY_SIZE(lvs_knobs) };

static void lvs_sysctl_defaults(struct lvs_sysctl *c)
{
	c->amemthresh = 1024;
	c->am_droprate = 10;
	c->snat_reroute = 1;
	c->sync_version = 1;
	c->sync_ports = 1;
	c->sync_qlen_max = nr_free_buffer_pages() / 32;
	c->sync_threshold[0] = 3;
	c->sync_threshold[1] = 50;
	c->pmtu_disc = 1;
	c->conn_reuse_mode = 1;
	c->run_estimation = 1;
	c->sched.lblc_expiration = 24 * 60 * 60 * HZ;
	c->sched.lblcr_expiration = 24 * 60 * 60 * HZ;
}

static void lvs_sysctl_entry(struct lvs_netns *ns, const struct lvs_knob *k, bool owned,
			     struct ctl_table *t)
{
	t->procname = k->name;
	t->data = (char *)&ns->sysctl + k->offset;
	t->maxlen = k->size;
	t->mode = owned && k->shared ? 0444 : 0644;
	t->proc_handler = k->handler;
	/* The kernel's own handlers take these two for limits. */
	if (k->handler == proc_doulongvec_minmax)
		return;
	t->extra1 = ns;
	t->extra2 = (void *)k;
}

static int lvs_sysctl_register(struct lvs_netns *ns, bool owned)
{
	struct lvs_sysctl_priv *priv;
	unsigned int i;

	/* One entry more than there are: empty, for kernels that look for it. */
	priv = kzalloc(struct_size(priv, table, LVS_KNOBS + 1), GFP_KERNEL_ACCOUNT);
	if (!priv)
		return -ENOMEM;
	if (!zalloc_cpumask_var(&priv->est_cpus, GFP_KERNEL_ACCOUNT)) {
		kfree(priv);
		return -ENOMEM;
	}
	cpumask_copy(priv->est_cpus, cpu_possible_mask);
	for (i = 0; i < LVS_KNOBS; i++)
		lvs_sysctl_entry(ns, &lvs_knobs[i], owned, &priv->table[i]);
	ns->sysctl_priv = priv;
	priv->header = lvs_register_net_sysctl(ns->net, "net/ipv4/vs", priv->table, LVS_KNOBS);
	if (priv->header)
		return 0;
	lvs_sysctl_net_exit(ns);
	return -ENOMEM;
}

int lvs_sysctl_net_init(struct lvs_netns *ns)
{
	bool owned = ns->net->user_ns != &init_user_ns;

	lvs_sysctl_defaults(&ns->sysctl);
	if (!IS_ENABLED(CONFIG_SYSCTL))
		return 0;
#ifndef LVS_HAVE_IPVS_EST_SYSCTL
	if (owned)
		return 0;
#endif
	return lvs_sysctl_register(ns, owned);
}

void lvs_sysctl_net_exit(struct lvs_netns *ns)
{
	struct lvs_sysctl_priv *priv = ns->sysctl_priv;

	if (!priv)
		return;
	if (priv->header)
		unregister_net_sysctl_table(priv->header);
	ns->sysctl_priv = NULL;
	free_cpumask_var(priv->est_cpus);
	kfree(priv);
}
