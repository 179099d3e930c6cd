/* SPDX-License-Identifier: GPL-2.0 */
/* What a batch asks for, read and checked as far as that goes without looking
 * at a table.  Pure, also built in user space. */
#ifndef LVS_BATCH_H
#define LVS_BATCH_H

#include "lvs_genl.h"
#include "uapi/lvsd_ipvs.h"

struct lvs_undo;

struct lvs_want {
	const struct nlattr *attr;
	struct lvs_dest_key key;
	struct lvs_dest_cfg cfg;
};

struct lvs_step {
	const struct nlattr *attr;
	int kind;			/* LVSD_IPVS_ATTR_SERVICE_* */
	struct lvs_svc_key key;
	struct lvs_svc_cfg cfg;
	struct lvs_service *svc;
	u32 first, count;		/* of its servers in lvs_batch.wants */
};

struct lvs_batch {
	struct lvs_netns *ns;
	struct lvs_step *steps;
	struct lvs_want *wants;
	struct lvs_undo *undo;
	const struct lvs_step **by_key;	/* steps sorted */
	const struct lvs_want **sorted;	/* wants sorted within their step */
	u32 n_steps, n_wants, n_undo;
	const struct nlattr *bad;	/* what failed... */
	u32 bad_step, bad_want;		/* ...and where; U32_MAX: no server */
};

/*
 * The attributes of a message, @len bytes from @head on, into @b, which must be
 * zero but for ns and is to be freed whatever comes back: -ENOMEM; -EINVAL for
 * servers where none belong, a service or a server twice; what the parsers of
 * the two say.  @b points into the message.
 */
int lvs_batch_read(struct lvs_batch *b, const struct nlattr *head, int len);
void lvs_batch_free(struct lvs_batch *b);
/* Notes who is at fault and returns @err. */
int lvs_batch_fail(struct lvs_batch *b, const struct nlattr *attr, u32 step, u32 want, int err);
/* Of pointers to wants, as they are sorted. */
int lvs_cmp_wants(const void *x, const void *y);

static inline bool lvs_has_servers(const struct lvs_step *s)
{
	return s->kind == LVSD_IPVS_ATTR_SERVICE_REPLACE ||
	       s->kind == LVSD_IPVS_ATTR_SERVICE_SERVERS;
}

static inline bool lvs_is_full(const struct lvs_step *s)
{
	return s->kind == LVSD_IPVS_ATTR_SERVICE_SET || s->kind == LVSD_IPVS_ATTR_SERVICE_REPLACE;
}

#endif
