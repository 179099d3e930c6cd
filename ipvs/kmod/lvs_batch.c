// SPDX-License-Identifier: GPL-2.0
#include "lvs_batch.h"

int lvs_batch_fail(struct lvs_batch *b, const struct nlattr *attr, u32 step, u32 want, int err)
{
	b->bad = attr;
	b->bad_step = step;
	b->bad_want = want;
	return err;
}

static bool lvs_is_step(int kind)
{
	return kind >= LVSD_IPVS_ATTR_SERVICE_SET && kind <= LVSD_IPVS_ATTR_SERVICE_DEL;
}

static int lvs_batch_alloc(struct lvs_batch *b, const struct nlattr *head, int len)
{
	u32 steps = 0, wants = 0;
	const struct nlattr *a;
	int rem;

	nla_for_each_attr(a, head, len, rem) {
		steps += lvs_is_step(nla_type(a));
		wants += nla_type(a) == LVSD_IPVS_ATTR_SERVER;
	}
	b->steps = kvcalloc(steps + 1, sizeof(*b->steps), GFP_KERNEL);
	b->wants = kvcalloc(wants + 1, sizeof(*b->wants), GFP_KERNEL);
	b->by_key = kvcalloc(steps + 1, sizeof(*b->by_key), GFP_KERNEL);
	b->sorted = kvcalloc(wants + 1, sizeof(*b->sorted), GFP_KERNEL);
	return b->steps && b->wants && b->by_key && b->sorted ? 0 : -ENOMEM;
}

void lvs_batch_free(struct lvs_batch *b)
{
	kvfree(b->steps);
	kvfree(b->wants);
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
	struct lvs_want *w = &b->wants[b->n_wants];
	struct lvs_step *s;
	int err;

	if (!b->n_steps)
		return lvs_batch_fail(b, a, 0, 0, -EINVAL);
	s = &b->steps[b->n_steps - 1];
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

static int lvs_batch_parse(struct lvs_batch *b, const struct nlattr *head, int len)
{
	const struct nlattr *a;
	int rem, err = 0;

	nla_for_each_attr(a, head, len, rem) {
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

int lvs_cmp_wants(const void *x, const void *y)
{
	const struct lvs_want *a = *(const struct lvs_want *const *)x;
	const struct lvs_want *b = *(const struct lvs_want *const *)y;

	return memcmp(&a->key, &b->key, sizeof(a->key));
}

static int lvs_unique_servers(struct lvs_batch *b, u32 n)
{
	const struct lvs_step *s = &b->steps[n];
	const struct lvs_want **w = b->sorted + s->first;
	u32 i;

	sort(w, s->count, sizeof(*w), lvs_cmp_wants, NULL);
	for (i = 1; i < s->count; i++) {
		const struct lvs_want *late = max(w[i - 1], w[i]);

		if (!lvs_cmp_wants(&w[i - 1], &w[i]))
			return lvs_batch_fail(b, late->attr, n,
					      (u32)(late - b->wants) - s->first, -EINVAL);
	}
	return 0;
}

/* Nothing twice; the later of two is at fault. */
static int lvs_batch_unique(struct lvs_batch *b)
{
	int err = 0;
	u32 i, n;

	sort(b->by_key, b->n_steps, sizeof(*b->by_key), lvs_cmp_steps, NULL);
	for (i = 1; i < b->n_steps; i++) {
		const struct lvs_step *s = max(b->by_key[i - 1], b->by_key[i]);

		if (!lvs_cmp_steps(&b->by_key[i - 1], &b->by_key[i]))
			return lvs_batch_fail(b, s->attr, (u32)(s - b->steps), U32_MAX, -EINVAL);
	}
	for (n = 0; !err && n < b->n_steps; n++)
		err = lvs_unique_servers(b, n);
	return err;
}

int lvs_batch_read(struct lvs_batch *b, const struct nlattr *head, int len)
{
	int err = lvs_batch_alloc(b, head, len);

	if (!err)
		err = lvs_batch_parse(b, head, len);
	return err ?: lvs_batch_unique(b);
}
