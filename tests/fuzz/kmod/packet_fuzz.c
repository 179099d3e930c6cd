// SPDX-License-Identifier: GPL-2.0-or-later
/* Whatever comes in: IP headers, extension chains, ports, SCTP chunks, and what
 * ICMP errors quote, tunnels included. The first byte says which family. */
#include "../../kmod/lvs_internal.h"

#include "../../../ipvs/kmod/lvs_parse.c"
#include "../../../ipvs/kmod/lvs_state.c"

int lvs_fail_alloc;
unsigned long lvs_steps;
void (*lvs_test_grace)(void);

static void want(bool ok)
{
	if (!ok)
		abort();
}

static void whole(const struct lvs_buf *b, const struct lvs_pkt *p)
{
	want(p->l3 < p->l4 && p->l4 <= p->end && p->end <= b->len);
}

static bool same(const struct lvs_pkt *a, const struct lvs_pkt *b)
{
	size_t n = a->af == AF_INET ? 4 : 16;

	return a->af == b->af && a->proto == b->proto && a->flags == b->flags && a->ttl == b->ttl &&
	       a->l3 == b->l3 && a->l4 == b->l4 && a->end == b->end && a->sport == b->sport &&
	       a->dport == b->dport && !memcmp(&a->saddr, &b->saddr, n) &&
	       !memcmp(&a->daddr, &b->daddr, n);
}

static void errors(const struct lvs_buf *b, const struct lvs_pkt *p)
{
	struct lvs_quote q, before;

	memset(&q, 0, sizeof(q));
	if (lvs_parse_icmp(b, p, &q) != LVS_ICMP_ERROR)
		return;
	want(q.icmp == p->l4 && q.icmp < q.pkt.l3 && !q.tun_af);
	whole(b, &q.pkt);
	before = q;
	if (!lvs_quote_enter_tunnel(b, &q)) {
		want(!memcmp(&q, &before, sizeof(q)));
		return;
	}
	whole(b, &q.pkt);
	want(q.outer_l3 == before.pkt.l3 && q.pkt.l3 > before.pkt.l3);
	want(!lvs_quote_enter_tunnel(b, &q));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	u8 af = size && data[0] & 1 ? AF_INET6 : AF_INET;
	struct lvs_buf b = { data + 1, (u32)(size - 1) };
	u32 off = size && data[0] & 2 ? 4 : 0;
	enum lvs_sctp_event event;
	struct lvs_pkt p, quick;
	bool usual;

	if (!size)
		return 0;
	memset(&p, 0, sizeof(p));
	memset(&quick, 0, sizeof(quick));
	usual = lvs_parse_usual(&b, off, af, &quick);
	if (lvs_parse_ip(&b, off, af, &p)) {
		want(!usual);
		return 0;
	}
	whole(&b, &p);
	if (usual) {
		want(lvs_parse_ports(&b, &p));
		want(same(&p, &quick));
	}
	if (lvs_sctp_event(&b, p.l4, &event))
		want(event < LVS_SCTP_EVENTS);
	errors(&b, &p);
	return 0;
}
