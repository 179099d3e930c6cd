/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the data plane's own files call each other for.  The control plane
 * (lvs_genl, lvs_proc, lvs_sysctl, lvs_event) and the schedulers need none of it.
 * The groups [config], [rcu], [packet] are those of lvs_core.h.
 */
#ifndef LVS_PRIVATE_H
#define LVS_PRIVATE_H

#include "lvs_core.h"

/* -------- lvs_netns.c */
int lvs_netns_register(void);
void lvs_netns_unregister(void);
extern struct workqueue_struct *lvs_wq;

/* -------- lvs_hooks.c; [config] */
int lvs_hooks_get(struct lvs_netns *ns, enum lvs_family family);
void lvs_hooks_put(struct lvs_netns *ns, enum lvs_family family);

/* -------- lvs_service.c */
struct lvs_service *lvs_service_for(struct lvs_netns *ns, u16 af, u32 fwmark, u16 proto,
				    const __be32 *addr, __be16 port);	/* [packet] */

/* -------- lvs_dest.c */
int lvs_dest_tables_init(struct lvs_netns *ns);
void lvs_dest_tables_free(struct lvs_netns *ns);
/* [config] Out of @svc, into the trash; the scheduler is told if @tell. */
void lvs_dest_unlink(struct lvs_service *svc, struct lvs_dest *dest, bool tell);
void lvs_trash_run(struct work_struct *work);
void lvs_trash_flush(struct lvs_netns *ns);	/* when no connection is left */
/* [rcu] Is (addr, port) a NAT'ed server of ours? */
bool lvs_real_exists(struct lvs_netns *ns, u16 af, u8 proto, const __be32 *addr, __be16 port);
/* [packet] After total or active of @dest moved: thresholds and scheduler. */
void lvs_dest_counts(struct lvs_dest *dest, bool active, bool total);

/* -------- lvs_route.c */
void lvs_dest_forget_route(struct lvs_dest *dest);

/* -------- lvs_stats.c */
static inline u32 lvs_epoch(void)
{
	return (u32)(jiffies / (LVS_EPOCH_SECONDS * HZ));
}
void lvs_raw_dest(const struct lvs_dest *dest, struct lvs_counts *sum);
void lvs_raw_service(const struct lvs_service *svc, struct lvs_counts *sum);

/* -------- lvs_conn.c */
int lvs_conn_caches_init(void);
void lvs_conn_caches_exit(void);
int lvs_conn_net_init(struct lvs_netns *ns);
void lvs_conn_net_exit(struct lvs_netns *ns);

#endif
