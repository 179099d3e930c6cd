// SPDX-License-Identifier: GPL-2.0
/*
 * BATCH of LVSD_IPVS: all steps or none.  First everything is parsed (lvs_batch.c)
 * and checked, then all that can still fail, for want of memory, is done (services
 * and servers added and changed) with a record of how to undo it, and last what
 * cannot fail: removals.  So a wrong batch is never seen by a packet, undoing
 * never has to bring anything back that is gone, with its counters and
 * connections, and a service whose servers are replaced has at every moment the
 * old ones, or the new ones, or for an instant both: never none.
 */
#include <linux/bsearch.h>
#include <linux/delay.h>

#include "lvs_batch.h"
#include "lvs_event.h"
#include "lvs_genl.h"

enum lvs_undo_op { LVS_UNDO_SVC_ADD, LVS_UNDO_SVC_EDIT, LVS_UNDO_DEST_ADD, LVS_UNDO_DEST_EDIT };

struct lvs_undo {
	enum lvs_undo_op op;
	struct lvs_service *svc;
	struct lvs_dest_key dest;
	union {
		struct lvs_svc_cfg svc_cfg;
		struct lvs_dest_cfg dest_cfg;
	};
};

/* ----------------------------------------- what is there, and what is wrong */

static void lvs_svc_cfg_of(const struct lvs_service *svc, struct lvs_svc_cfg *cfg)
{
	memset(cfg, 0, sizeof(*cfg));
	cfg->flags = svc->flags;
	cfg->flags_mask = ~0U;
	cfg->timeout = svc->timeout / HZ;
	cfg->netmask = svc->netmask;
	strscpy(cfg->sched, lvs_sched_name(&svc->pool), sizeof(cfg->sched));
}

static bool lvs_svc_is_so(const struct lvs_service *svc, const struct lvs_svc_cfg *cfg)
{
	u32 flags = (svc->flags & ~cfg->flags_mask) | (cfg->flags & cfg->flags_mask);

	return (flags | IP_VS_SVC_F_HASHED) == svc->flags && cfg->netmask == svc->netmask &&
	       cfg->timeout == svc->timeout / HZ && !cfg->pe[0] &&
	       !strcmp(cfg->sched, lvs_sched_name(&svc->pool));
}

static void lvs_dest_cfg_of(const struct lvs_dest *d, struct lvs_dest_cfg *cfg)
{
	memset(cfg, 0, sizeof(*cfg));
	cfg->fwd = d->conn_flags & IP_VS_CONN_F_FWD_MASK;
	cfg->weight = d->server.weight;
	cfg->u_threshold = d->u_threshold;
	cfg->l_threshold = d->l_threshold;
	cfg->tun_type = d->tun_type;
	cfg->tun_port = d->tun_port;
	cfg->tun_flags = d->tun_flags;
}

static bool lvs_dest_is_so(const struct lvs_dest_cfg *a, const struct lvs_dest_cfg *b)
{
	return (a->fwd & IP_VS_CONN_F_FWD_MASK) == (b->fwd & IP_VS_CONN_F_FWD_MASK) &&
	       a->weight == b->weight && a->u_threshold == b->u_threshold &&
	       a->l_threshold == b->l_threshold && a->tun_type == b->tun_type &&
	       a->tun_port == b->tun_port && a->tun_flags == b->tun_flags;
}

static int lvs_check_service(struct lvs_batch *b, struct lvs_step *s)
{
	s->svc = lvs_service_find(b->ns, &s->key);
	if (lvs_is_full(s))
		return lvs_service_would(s->key.af, &s->cfg);
	return s->svc ? 0 : -ESRCH;
}

/* Whatever does not depend on memory. */
static int lvs_batch_check(struct lvs_batch *b)
{
	u32 n, i;
	int err;

	for (n = 0; n < b->n_steps; n++) {
		struct lvs_step *s = &b->steps[n];

		err = lvs_check_service(b, s);
		if (err)
			return lvs_batch_fail(b, s->attr, n, U32_MAX, err);
		for (i = 0; i < s->count; i++) {
			const struct lvs_want *w = &b->wants[s->first + i];

			err = lvs_dest_would(b->ns, s->svc, s->key.af, &w->key, &w->cfg);
			if (err)
				return lvs_batch_fail(b, w->attr, n, i, err);
		}
		cond_resched();
	}
	return 0;
}

/* ---------------------------------------------- what can fail for want of memory */

static int lvs_apply_service(struct lvs_batch *b, struct lvs_step *s)
{
	struct lvs_undo *undo = &b->undo[b->n_undo];
	int err;

	if (!lvs_is_full(s))
		return 0;
	if (!s->svc) {
		undo->op = LVS_UNDO_SVC_ADD;
		err = lvs_ctl_service_add(b->ns, &s->key, &s->cfg, &s->svc);
	} else if (!lvs_svc_is_so(s->svc, &s->cfg)) {
		undo->op = LVS_UNDO_SVC_EDIT;
		lvs_svc_cfg_of(s->svc, &undo->svc_cfg);
		err = lvs_service_edit(s->svc, &s->cfg);
	} else {
		return 0;
	}
	if (err)
		return err;
	undo->svc = s->svc;
	b->n_undo++;
	return 0;
}

static int lvs_apply_server(struct lvs_batch *b, struct lvs_service *svc, const struct lvs_want *w)
{
	struct lvs_undo *undo = &b->undo[b->n_undo];
	struct lvs_dest *dest = lvs_dest_find(svc, &w->key);
	int err;

	if (!dest) {
		undo->op = LVS_UNDO_DEST_ADD;
		err = lvs_dest_add_new(svc, &w->key, &w->cfg);
	} else {
		undo->op = LVS_UNDO_DEST_EDIT;
		lvs_dest_cfg_of(dest, &undo->dest_cfg);
		if (lvs_dest_is_so(&undo->dest_cfg, &w->cfg))
			return 0;
		err = lvs_dest_edit(svc, &w->key, &w->cfg);
	}
	if (err)
		return err;
	undo->svc = svc;
	undo->dest = w->key;
	b->n_undo++;
	return 0;
}

static void lvs_batch_expect(struct lvs_batch *b)
{
	u32 i, nat = 0;

	for (i = 0; i < b->n_wants; i++)
		nat += (b->wants[i].cfg.fwd & IP_VS_CONN_F_FWD_MASK) == IP_VS_CONN_F_MASQ;
	lvs_expect(b->ns, b->n_steps, b->n_wants, nat);
}

static int lvs_apply_servers(struct lvs_batch *b, const struct lvs_step *s)
{
	int err = 0;
	u32 i;

	if (list_empty(&s->svc->pool.servers))
		lvs_dests_coming(s->svc, s->count);
	for (i = 0; !err && i < s->count; i++) {
		const struct lvs_want *w = &b->wants[s->first + i];

		err = lvs_apply_server(b, s->svc, w);
		if (err)
			lvs_batch_fail(b, w->attr, (u32)(s - b->steps), i, err);
	}
	lvs_dests_coming(s->svc, 0);
	return err;
}

static int lvs_batch_apply(struct lvs_batch *b)
{
	u32 n;
	int err;

	for (n = 0; n < b->n_steps; n++) {
		struct lvs_step *s = &b->steps[n];

		err = lvs_apply_service(b, s);
		if (err)
			return lvs_batch_fail(b, s->attr, n, U32_MAX, err);
		err = lvs_apply_servers(b, s);
		if (err)
			return err;
		cond_resched();
	}
	return 0;
}

/* ------------------------------------------------------- what cannot fail any more */

static void lvs_drop_others(struct lvs_batch *b, const struct lvs_step *s)
{
	const struct lvs_want **sorted = b->sorted + s->first;
	struct lvs_server *srv, *next;

	list_for_each_entry_safe(srv, next, &s->svc->pool.servers, list) {
		struct lvs_want w = { .key = { .af = srv->af, .port = srv->port,
					       .addr = srv->addr } };
		const struct lvs_want *wp = &w;

		if (!bsearch(&wp, sorted, s->count, sizeof(*sorted), lvs_cmp_wants))
			lvs_dest_del(s->svc, &w.key);
	}
}

static void lvs_batch_remove(struct lvs_batch *b)
{
	u32 n;

	for (n = 0; n < b->n_steps; n++) {
		const struct lvs_step *s = &b->steps[n];

		if (s->kind == LVSD_IPVS_ATTR_SERVICE_DEL)
			lvs_service_del(s->svc);
		else if (lvs_has_servers(s))
			lvs_drop_others(b, s);
		cond_resched();
	}
}

/* Going back to another scheduler takes memory; there is no other way than to
 * wait for it, and it was there a moment ago. */
static void lvs_undo_svc_edit(struct lvs_service *svc, const struct lvs_svc_cfg *cfg)
{
	unsigned int tries;
	int err = -ENOMEM;

	for (tries = 0; err && tries < 100; tries++) {
		if (tries)
			msleep(20);
		err = lvs_service_edit(svc, cfg);
	}
	if (err)
		pr_err("IPVS: no memory to take a change of scheduler back\n");
}

static void lvs_batch_undo(struct lvs_batch *b)
{
	while (b->n_undo) {
		const struct lvs_undo *u = &b->undo[--b->n_undo];

		switch (u->op) {
		case LVS_UNDO_SVC_ADD:
			lvs_service_del(u->svc);
			break;
		case LVS_UNDO_SVC_EDIT:
			lvs_undo_svc_edit(u->svc, &u->svc_cfg);
			break;
		case LVS_UNDO_DEST_ADD:
			lvs_dest_del(u->svc, &u->dest);
			break;
		case LVS_UNDO_DEST_EDIT:
			lvs_dest_edit(u->svc, &u->dest, &u->dest_cfg);
			break;
		}
	}
}

/* --------------------------------------------------------------- the command */

static int lvs_batch_run(struct lvs_batch *b, const struct nlattr *expect)
{
	struct lvs_held_events held;
	int err;

	if (expect && nla_get_u64(expect) != b->ns->genid)
		return -ESTALE;
	err = lvs_batch_check(b);
	if (err)
		return err;
	lvs_events_hold(b->ns, &held);
	lvs_batch_expect(b);
	err = lvs_batch_apply(b);
	if (err)
		lvs_batch_undo(b);
	else
		lvs_batch_remove(b);
	lvs_expect(b->ns, 0, 0, 0);
	lvs_events_release(b->ns, !err);
	return err;
}

static int lvs_fill_verdict(struct sk_buff *skb, const struct lvs_batch *b, u64 genid, int err)
{
	if (!err)
		return nla_put_u64_64bit(skb, LVSD_IPVS_ATTR_GENERATION, genid,
					 LVSD_IPVS_ATTR_PAD);
	if (nla_put_u32(skb, LVSD_IPVS_ATTR_ERROR, (u32)-err) ||
	    nla_put_u32(skb, LVSD_IPVS_ATTR_STEP, b->bad_step))
		return -EMSGSIZE;
	return b->bad_want == U32_MAX ? 0 :
	       nla_put_u32(skb, LVSD_IPVS_ATTR_SERVER_INDEX, b->bad_want);
}

static int lvs_batch_answer(struct genl_info *info, const struct lvs_batch *b, u64 genid, int err)
{
	struct sk_buff *reply = nlmsg_new(NLMSG_DEFAULT_SIZE, GFP_KERNEL);
	void *hdr;

	if (!reply)
		return -ENOMEM;
	hdr = genlmsg_put_reply(reply, info, &lvs_event_family, 0, LVSD_IPVS_CMD_BATCH);
	if (!hdr || lvs_fill_verdict(reply, b, genid, err)) {
		nlmsg_free(reply);
		return -EMSGSIZE;
	}
	genlmsg_end(reply, hdr);
	return genlmsg_reply(reply, info);
}

int lvs_event_batch(struct sk_buff *skb, struct genl_info *info)
{
	struct lvs_batch b = { .ns = lvs_netns(genl_info_net(info)) };
	u64 genid = 0;
	int err;

	err = lvs_batch_read(&b, genlmsg_data(info->genlhdr), genlmsg_len(info->genlhdr));
	if (!err) {
		b.undo = kvcalloc(b.n_steps + b.n_wants + 1, sizeof(*b.undo), GFP_KERNEL);
		err = b.undo ? 0 : -ENOMEM;
	}
	if (!err) {
		mutex_lock(&b.ns->lock);
		err = lvs_batch_run(&b, info->attrs[LVSD_IPVS_ATTR_EXPECT]);
		genid = b.ns->genid;
		mutex_unlock(&b.ns->lock);
	}
	if (b.bad)
		NL_SET_BAD_ATTR(info->extack, b.bad);
	/* Done is done: an answer that cannot be sent does not make it a failure. */
	if (!err || b.bad)
		lvs_batch_answer(info, &b, genid, err);
	kvfree(b.undo);
	lvs_batch_free(&b);
	return err;
}
