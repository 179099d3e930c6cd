// SPDX-License-Identifier: GPL-2.0
/*
 * /proc/net/ip_vs*.  A reader goes on with the record it stopped at by the
 * object's id (or the table's cursor), not by counting from the beginning, so
 * a file of any length is read in time linear in it, whatever changes meanwhile.
 */
#include <linux/proc_fs.h>
#include <linux/seq_file.h>

#include "lvs_core.h"
#include "lvs_proc_format.h"

static void lvs_puts(struct seq_file *m, const char *line)
{
	seq_puts(m, line);
	seq_putc(m, '\n');
}

/* ------------------------------------------------------- services and servers */

struct lvs_table_iter {
	struct seq_net_private p;
	struct lvs_service *svc;	/* valid from start to stop only */
	struct lvs_dest *dest;		/* NULL: the record is the service itself */
	u32 svc_id, dest_id;		/* of the record; what lasts longer */
	u32 end;			/* services from here on came later */
	loff_t at;			/* its number; 0 is the head */
};

static struct lvs_netns *lvs_seq_ns(struct seq_file *m)
{
	return lvs_netns(seq_file_net(m));
}

/* The first service with an id of at least @id. */
static void *lvs_table_service(struct seq_file *m, u32 id)
{
	struct lvs_table_iter *it = m->private;

	it->dest = NULL;
	it->svc = lvs_service_next(lvs_seq_ns(m), &id);
	if (it->svc && it->svc->id >= it->end)
		it->svc = NULL;
	if (!it->svc)
		return NULL;
	it->svc_id = it->svc->id;
	return it;
}

static void *lvs_table_dest(struct lvs_table_iter *it, struct lvs_dest *dest)
{
	it->dest = dest;
	it->dest_id = dest->server.id;
	return it;
}

static void *lvs_table_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct lvs_table_iter *it = m->private;
	struct list_head *at;

	it->at = ++*pos;
	if (v == SEQ_START_TOKEN) {
		it->end = lvs_seq_ns(m)->next_service_id;
		return lvs_table_service(m, 0);
	}
	at = it->dest ? it->dest->server.list.next : it->svc->pool.servers.next;
	if (at != &it->svc->pool.servers)
		return lvs_table_dest(it, lvs_dest_of(list_entry(at, struct lvs_server, list)));
	return lvs_table_service(m, it->svc_id + 1);
}

/* The record that was next, or what came after it if it is gone. */
static void *lvs_table_again(struct seq_file *m)
{
	struct lvs_table_iter *it = m->private;
	bool in_dests = it->dest;
	u32 svc_id = it->svc_id, id = it->dest_id + 1;
	struct lvs_dest *dest;

	if (!lvs_table_service(m, svc_id) || !in_dests || it->svc_id != svc_id)
		return it->svc ? it : NULL;
	dest = lvs_dest_next(it->svc, &id);
	return dest ? lvs_table_dest(it, dest) : lvs_table_service(m, svc_id + 1);
}

static void *lvs_table_start(struct seq_file *m, loff_t *pos)
{
	struct lvs_table_iter *it = m->private;
	void *v = SEQ_START_TOKEN;
	loff_t n = 0;

	mutex_lock(&lvs_seq_ns(m)->lock);
	if (*pos && *pos == it->at)
		return it->svc ? lvs_table_again(m) : NULL;
	it->at = 0;
	while (v && n < *pos)
		v = lvs_table_next(m, v, &n);
	return v;
}

static void lvs_table_stop(struct seq_file *m, void *v)
{
	mutex_unlock(&lvs_seq_ns(m)->lock);
}

static void lvs_show_dest(char *line, const struct lvs_dest *d)
{
	const struct lvs_server *s = &d->server;
	const struct lvs_proc_dest p = {
		.end = { .af = s->af, .port = s->port, .addr = s->addr },
		.fwd = d->conn_flags,
		.weight = s->weight,
		.active = atomic_read(&s->active),
		.inactive = max(lvs_server_inactive(s), 0),
	};

	lvs_proc_dest(line, &p);
}

static void lvs_show_service(char *line, const struct lvs_service *svc)
{
	const struct lvs_proc_service p = {
		.key = &svc->key,
		.sched = lvs_sched_name(&svc->pool),
		.flags = svc->flags,
		.timeout = svc->timeout,
		.netmask = svc->netmask,
	};

	lvs_proc_service(line, &p);
}

static int lvs_table_show(struct seq_file *m, void *v)
{
	const struct lvs_table_iter *it = v;
	char line[LVS_LINE];

	if (v == SEQ_START_TOKEN) {
		seq_printf(m, "IP Virtual Server version 1.2.1 (size=%u)\n",
			   1U << lvs_conn_tab_bits);
		seq_puts(m, "Prot LocalAddress:Port Scheduler Flags\n");
		seq_puts(m, "  -> RemoteAddress:Port Forward Weight ActiveConn InActConn\n");
		return 0;
	}
	if (it->dest)
		lvs_show_dest(line, it->dest);
	else
		lvs_show_service(line, it->svc);
	lvs_puts(m, line);
	return 0;
}

static const struct seq_operations lvs_table_ops = {
	.start = lvs_table_start,
	.next = lvs_table_next,
	.stop = lvs_table_stop,
	.show = lvs_table_show,
};

/* ---------------------------------------------------------------- connections */

struct lvs_conn_iter {
	struct seq_net_private p;
	struct lvs_tab_cursor before, after;	/* of the record */
	loff_t at;
};

static void *lvs_conn_step(struct seq_file *m, struct lvs_conn_iter *it)
{
	it->before = it->after;
	return lvs_conn_walk(lvs_seq_ns(m), &it->after);
}

static void *lvs_conn_seq_next(struct seq_file *m, void *v, loff_t *pos)
{
	struct lvs_conn_iter *it = m->private;

	it->at = ++*pos;
	return lvs_conn_step(m, it);
}

static void *lvs_conn_seq_start(struct seq_file *m, loff_t *pos)
	__acquires(RCU)
{
	struct lvs_conn_iter *it = m->private;
	void *v = SEQ_START_TOKEN;
	loff_t n = 0;

	rcu_read_lock();
	if (*pos && *pos == it->at) {
		it->after = it->before;
		return lvs_conn_step(m, it);
	}
	memset(&it->after, 0, sizeof(it->after));
	it->at = 0;
	while (v && n < *pos)
		v = lvs_conn_seq_next(m, v, &n);
	return v;
}

static void lvs_conn_seq_stop(struct seq_file *m, void *v)
	__releases(RCU)
{
	rcu_read_unlock();
}

static void lvs_conn_line(const struct lvs_conn *cp, struct lvs_proc_conn *c)
{
	bool template = READ_ONCE(cp->flags) & IP_VS_CONN_F_TEMPLATE;

	c->proto = cp->proto;
	c->state = lvs_state_name(cp->proto, READ_ONCE(cp->state), template);
	c->client.af = lvs_conn_end(cp, LVS_CLIENT, &c->client.addr);
	c->client.port = READ_ONCE(cp->cport);
	c->virtual.af = lvs_conn_end(cp, LVS_VIRTUAL, &c->virtual.addr);
	c->virtual.port = cp->vport;
	c->real.af = lvs_conn_end(cp, LVS_REAL, &c->real.addr);
	c->real.port = cp->dport;
	c->expires = lvs_conn_expires(cp);
}

static int lvs_conn_show(struct seq_file *m, void *v)
{
	struct lvs_proc_conn c;
	char line[LVS_LINE];

	if (v == SEQ_START_TOKEN) {
		seq_puts(m, "Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData\n");
		return 0;
	}
	lvs_conn_line(v, &c);
	lvs_proc_conn(line, &c);
	lvs_puts(m, line);
	return 0;
}

static int lvs_conn_sync_show(struct seq_file *m, void *v)
{
	struct lvs_proc_conn c;
	char line[LVS_LINE];

	if (v == SEQ_START_TOKEN) {
		seq_puts(m, "Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Origin Expires\n");
		return 0;
	}
	lvs_conn_line(v, &c);
	lvs_proc_conn_sync(line, &c);
	lvs_puts(m, line);
	return 0;
}

static const struct seq_operations lvs_conn_ops = {
	.start = lvs_conn_seq_start,
	.next = lvs_conn_seq_next,
	.stop = lvs_conn_seq_stop,
	.show = lvs_conn_show,
};

static const struct seq_operations lvs_conn_sync_ops = {
	.start = lvs_conn_seq_start,
	.next = lvs_conn_seq_next,
	.stop = lvs_conn_seq_stop,
	.show = lvs_conn_sync_show,
};

/* ------------------------------------------------------------------- counters */

static void lvs_put_counts(struct seq_file *m, const char *head, const struct lvs_counts *c)
{
	char line[LVS_LINE];

	lvs_proc_counts(line, head, c);
	lvs_puts(m, line);
}

static void lvs_put_rates(struct seq_file *m, const char *head, const struct lvs_rates *r)
{
	const struct lvs_counts c = { .conns = r->cps, .inpkts = r->inpps, .outpkts = r->outpps,
				      .inbytes = r->inbps, .outbytes = r->outbps };

	lvs_put_counts(m, head, &c);
}

static int lvs_stats_show(struct seq_file *m, void *v)
{
	struct lvs_netns *ns = lvs_netns(seq_file_single_net(m));
	struct lvs_stats s;

	mutex_lock(&ns->lock);
	lvs_netns_stats(ns, &s);
	mutex_unlock(&ns->lock);
	seq_puts(m, "   Total Incoming Outgoing         Incoming         Outgoing\n");
	seq_puts(m, "   Conns  Packets  Packets            Bytes            Bytes\n");
	lvs_put_counts(m, "", &s.counts);
	seq_puts(m, "\n Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s\n");
	lvs_put_rates(m, "", &s.rates);
	return 0;
}

static int lvs_stats_percpu_show(struct seq_file *m, void *v)
{
	struct lvs_netns *ns = lvs_netns(seq_file_single_net(m));
	struct lvs_counts c;
	struct lvs_stats s;
	char head[16];
	int cpu;

	seq_puts(m, "       Total Incoming Outgoing         Incoming         Outgoing\n");
	seq_puts(m, "CPU    Conns  Packets  Packets            Bytes            Bytes\n");
	mutex_lock(&ns->lock);
	for_each_possible_cpu(cpu) {
		lvs_netns_cpu_counts(ns, cpu, &c);
		snprintf(head, sizeof(head), "%3X ", cpu);
		lvs_put_counts(m, head, &c);
	}
	lvs_netns_stats(ns, &s);
	mutex_unlock(&ns->lock);
	lvs_put_counts(m, "  ~ ", &s.counts);
	seq_puts(m, "\n     Conns/s   Pkts/s   Pkts/s          Bytes/s          Bytes/s\n");
	lvs_put_rates(m, "    ", &s.rates);
	return 0;
}

/* ------------------------------------------------------------------ the files */

/* No protocol has a helper that mangles payload: the head is all there is. */
static int lvs_app_show(struct seq_file *m, void *v)
{
	seq_puts(m, "prot port    usecnt name\n");
	return 0;
}

static const char *const lvs_proc_names[] = {
	"ip_vs", "ip_vs_stats", "ip_vs_stats_percpu", "ip_vs_conn", "ip_vs_conn_sync", "ip_vs_app",
};

static bool lvs_proc_create(struct proc_dir_entry *dir)
{
	return proc_create_net("ip_vs", 0444, dir, &lvs_table_ops,
			       sizeof(struct lvs_table_iter)) &&
	       proc_create_net_single("ip_vs_stats", 0444, dir, lvs_stats_show, NULL) &&
	       proc_create_net_single("ip_vs_stats_percpu", 0444, dir, lvs_stats_percpu_show,
				      NULL) &&
	       proc_create_net("ip_vs_conn", 0444, dir, &lvs_conn_ops,
			       sizeof(struct lvs_conn_iter)) &&
	       proc_create_net("ip_vs_conn_sync", 0444, dir, &lvs_conn_sync_ops,
			       sizeof(struct lvs_conn_iter)) &&
	       proc_create_net_single("ip_vs_app", 0444, dir, lvs_app_show, NULL);
}

static void lvs_proc_remove(struct proc_dir_entry *dir)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(lvs_proc_names); i++)
		remove_proc_subtree(lvs_proc_names[i], dir);
}

int lvs_proc_net_init(struct lvs_netns *ns)
{
	if (!IS_ENABLED(CONFIG_PROC_FS) || lvs_proc_create(ns->net->proc_net))
		return 0;
	lvs_proc_net_exit(ns);
	return -ENOMEM;
}

void lvs_proc_net_exit(struct lvs_netns *ns)
{
	if (IS_ENABLED(CONFIG_PROC_FS))
		lvs_proc_remove(ns->net->proc_net);
}
