// SPDX-License-Identifier: GPL-2.0
/*
 * BATCH of LVSD_IPVS: all steps or none.  First everything is parsed, then all
 * that can fail is done (services and servers added and changed) with a record
 * of how to undo it, and last what cannot fail: removals.  So undoing never has
 * to bring anything back that is gone, with its counters and connections.
 */
#include <linux/bsearch.h>
#include <linux/delay.h>
#include <linux/sort.h>

#include "lvs_event.h"
#include "lvs_genl.h"

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

static int lvs_batch_fail(struct lvs_batch *b, const struct nlattr *attr, u32 step, u32 want,
			  int err)
{
	b->bad = attr;
	b->bad_step = step;
	b->bad_want = want;
	return err;
}

/* ------------------------------------------------------------------- parsing */

static bool lvs_is_step(int kind)
{
	return kind >= LVSD_IPVS_ATTR_SERVICE_SET && kind <= LVSD_IPVS_ATTR_SERVICE_DEL;
}

static bool lvs_has_servers(const struct lvs_step *s)
{
	return s->kind == LVSD_IPVS_ATTR_SERVICE_REPLACE ||
	       s->kind == LVSD_IPVS_ATTR_SERVICE_SERVERS;
}

static bool lvs_is_full(const struct lvs_step *s)
{
	return s->kind == LVSD_IPVS_ATTR_SERVICE_SET || s->kind == LVSD_IPVS_ATTR_SERVICE_REPLACE;
}

static int lvs_batch_alloc(struct lvs_batch *b, const struct nlmsghdr *nlh)
{
	u32 steps = 0, wants = 0;
	const struct nlattr *a;
	int rem;

	nlmsg_for_each_attr(a, nlh, GENL_HDRLEN, rem) {
		steps += lvs_is_step(nla_type(a));
		wants += nla_type(a) == LVSD_IPVS_ATTR_SERVER;
	}
	b->steps = kvcalloc(steps + 1, sizeof(*b->steps), GFP_KERNEL);
	b->wants = kvcalloc(wants + 1, sizeof(*b->wants), GFP_KERNEL);
	b->undo = kvcalloc(steps + wants + 1, sizeof(*b->undo), GFP_KERNEL);
	b->by_key = kvcalloc(steps + 1, sizeof(*b->by_key), GFP_KERNEL);
	b->sorted = kvcalloc(wants + 1, sizeof(*b->sorted), GFP_KERNEL);
	return b->steps && b->wants && b->undo && b->by_key && b->sorted ? 0 : -ENOMEM;
}

static void lvs_batch_free(struct lvs_batch *b)
{
	kvfree(b->steps);
	kvfree(b->wants);
	kvfree(b->undo);
	kvfree(b->by_key);
	kvfree(b->sorted);
}

static int lvs_batch_step(struct lvs_batch *b, const struct nlattr *a)
{
	u32 i = b->n_steps++;
	struct lvs_step *s = &b->steps[i];
	int err;

	s->attr = a;
	s->kind = nla_type(a);
	s->first = b->n_wants;
	b->by_key[i] = s;
	err = lvs_parse_service(a, &s->key, lvs_is_full(s) ? &s->cfg : NULL);
	return err ? lvs_batch_fail(b, a, i, U32_MAX, err) : 0;
}

static int lvs_batch_want(struct lvs_batch *b, const struct nlattr *a)
{
	struct lvs_step *s = &b->steps[b->n_steps - 1];
	struct lvs_want *w = &b->wants[b->n_wants];
	int err;

	if (!b->n_steps)
		return lvs_batch_fail(b, a, 0, 0, -EINVAL);
	if (!lvs_has_servers(s))
		return lvs_batch_fail(b, a, b->n_steps - 1, 0, -EINVAL);
	w->attr = a;
	err = lvs_parse_dest(a, s->key.af, &w->key, &w->cfg);
	if (err)
		return lvs_batch_fail(b, a, b->n_steps - 1, s->count, err);
	b->sorted[b->n_wants++] = w;
	s->count++;
	return 0;
}

static int lvs_batch_parse(struct lvs_batch *b, const struct nlmsghdr *nlh)
{
	const struct nlattr *a;
	int rem, err = 0;

	nlmsg_for_each_attr(a, nlh, GENL_HDRLEN, rem) {
		if (lvs_is_step(nla_type(a)))
			err = lvs_batch_step(b, a);
		else if (nla_type(a) == LVSD_IPVS_ATTR_SERVER)
			err = lvs_batch_want(b, a);
		if (err)
			return err;
	}
	return 0;
}

static int lvs_cmp_steps(const void *x, const void *y)
{
	const struct lvs_step *a = *(const struct lvs_step *const *)x;
	const struct lvs_step *b = *(const struct lvs_step *const *)y;

	return memcmp(&a->key, &b->key, sizeof(a->key));
}

static int lvs_cmp_wants(const void *x, const void *y)
{
	const struct lvs_want *a = *(const struct lvs_want *const *)x;
	const struct lvs_want *b = *(const struct lvs_want *const *)y;

	return memcmp(&a->key, &b->key, sizeof(a->key));
}

/* Nothing twice; the later of two is at fault. */
static int lvs_batch_unique(struct lvs_batch *b)
{
	u32 i, n;

	sort(b->by_key, b->n_steps, sizeof(*b->by_key), lvs_cmp_steps, NULL);
	for (i = 1; i < b->n_steps; i++) {
		const struct lvs_step *s = max(b->by_key[i - 1], b->by_key[i]);

		if (!lvs_cmp_steps(&b->by_key[i - 1], &b->by_key[i]))
			return lvs_batch_fail(b, s->attr, s - b->steps, U32_MAX, -EINVAL);
	}
	for (n = 0; n < b->n_steps; n++) {
		const struct lvs_step *s = &b->steps[n];
		const struct lvs_want **w = b->sorted + s->first;

		sort(w, s->count, sizeof(*w), lvs_cmp_wants, NULL);
		for (i = 1; i < s->count; i++) {
			const struct lvs_want *late = max(w[i - 1], w[i]);

			if (!lvs_cmp_wants(&w[i - 1], &w[i]))
				return lvs_batch_fail(b, late->attr, n,
						      late - b->wants - s->first, -EINVAL);
		}
	}
	return 0;
}

/* ------------------------------------------------------- what can still fail */

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

static int lvs_apply_service(struct lvs_batch *b, struct lvs_step *s)
{
	struct lvs_undo *undo = &b->undo[b->n_undo];
	int err;

	s->svc = lvs_service_find(b->ns, &s->key);
	if (!lvs_is_full(s))
		return s->svc ? 0 : -ESRCH;
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
		err = lvs_dest_add(svc, &w->key, &w->cfg);
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

static int lvs_batch_apply(struct lvs_batch *b)
{
	u32 n, i;
	int err;

	for (n = 0; n < b->n_steps; n++) {
		struct lvs_step *s = &b->steps[n];

		err = lvs_apply_service(b, s);
		if (err)
			return lvs_batch_fail(b, s->attr, n, U32_MAX, err);
		for (i = 0; i < s->count; i++) {
			const struct lvs_want *w = &b->wants[s->first + i];

			err = lvs_apply_server(b, s->svc, w);
			if (err)
				return lvs_batch_fail(b, w->attr, n, i, err);
		}
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
	lvs_events_hold(b->ns, &held);
	err = lvs_batch_apply(b);
	if (err)
		lvs_batch_undo(b);
	else
		lvs_batch_remove(b);
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

	err = lvs_batch_alloc(&b, info->nlhdr);
	if (!err)
		err = lvs_batch_parse(&b, info->nlhdr);
	if (!err)
		err = lvs_batch_unique(&b);
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
	lvs_batch_free(&b);
	return err;
}
