// SPDX-License-Identifier: GPL-2.0-or-later
/* The attributes of a batch of the family LVSD_IPVS. */
#include "../../kmod/lvs_internal.h"

#include "../../../ipvs/kmod/lvs_batch.c"
#include "../../../ipvs/kmod/lvs_genl_parse.c"

int lvs_fail_alloc;
unsigned long lvs_steps;
void (*lvs_test_grace)(void);

bool lvs_ipv6_enabled(void)
{
	return true;
}

static void want(bool ok)
{
	if (!ok)
		abort();
}

/* Who is at fault lies inside the message and is one of those counted. */
static void fault(const struct lvs_batch *b, const char *data, size_t size)
{
	if (!b->bad)
		return;
	want((const char *)b->bad >= data && (const char *)b->bad < data + size);
	want(b->bad_step <= b->n_steps);
}

static void batch_is_sound(const struct lvs_batch *b)
{
	u32 n, i, servers = 0;

	for (n = 0; n < b->n_steps; n++) {
		const struct lvs_step *s = &b->steps[n];

		want(s->first == servers && (!s->count || lvs_has_servers(s)));
		for (i = 1; i < s->count; i++)
			want(lvs_cmp_wants(&b->sorted[s->first + i - 1], &b->sorted[s->first + i]) < 0);
		servers += s->count;
		want(!n || lvs_cmp_steps(&b->by_key[n - 1], &b->by_key[n]) < 0);
	}
	want(servers == b->n_wants);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct lvs_batch b = { 0 };
	char *exact = malloc(size ? size : 1);

	if (size)
		memcpy(exact, data, size);
	if (!lvs_batch_read(&b, (const struct nlattr *)exact, (int)size))
		batch_is_sound(&b);
	fault(&b, exact, size);
	lvs_batch_free(&b);
	free(exact);
	return 0;
}
