/* SPDX-License-Identifier: GPL-2.0 */
/* The lines of the files under /proc/net: pure, also built in user space. */
#ifndef LVS_PROC_FORMAT_H
#define LVS_PROC_FORMAT_H

#include "lvs_keys.h"
#include "lvs_rate.h"

enum { LVS_LINE = 256 };	/* room for any of them */

struct lvs_proc_service {
	const struct lvs_svc_key *key;
	const char *sched;
	u32 flags;		/* IP_VS_SVC_F_* */
	u32 timeout;		/* jiffies: this file never spoke of seconds */
	u32 netmask;
};

struct lvs_proc_end {
	u16 af;
	__be16 port;
	union nf_inet_addr addr;
};

struct lvs_proc_dest {
	struct lvs_proc_end end;
	u32 fwd;
	int weight, active, inactive;
};

struct lvs_proc_conn {
	u16 proto;
	const char *state;
	struct lvs_proc_end client, virtual, real;
	u32 expires;
};

/* Each writes one line without its end and returns its length. */
int lvs_proc_service(char *line, const struct lvs_proc_service *s);
int lvs_proc_dest(char *line, const struct lvs_proc_dest *d);
int lvs_proc_conn(char *line, const struct lvs_proc_conn *c);
/* With where it came from: always this director, there is no other yet. */
int lvs_proc_conn_sync(char *line, const struct lvs_proc_conn *c);
/* Five numbers; @head is put in front. */
int lvs_proc_counts(char *line, const char *head, const struct lvs_counts *c);

#endif
