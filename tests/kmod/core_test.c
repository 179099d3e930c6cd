// SPDX-License-Identifier: GPL-2.0
/* The pure core against slow references, under ASan and UBSan:
 *   gcc -fsanitize=address,undefined -pthread core_test.c && ./a.out */
#include "lvs_internal.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>

#include "../../ipvs/kmod/lvs_parse.c"
#include "../../ipvs/kmod/lvs_rate.c"
#include "../../ipvs/kmod/lvs_rewrite.c"
#include "../../ipvs/kmod/lvs_state.c"
#include "../../ipvs/kmod/lvs_tab.c"
#include "../../ipvs/kmod/lvs_hash.h"

int lvs_fail_alloc;
unsigned long lvs_steps;
void (*lvs_test_grace)(void);

#define CHECK(c)                                                                         \
	do {                                                                             \
		if (!(c)) {                                                              \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #c);          \
			exit(1);                                                         \
		}                                                                        \
	} while (0)

/* ------------------------------------------------------------------ hashing -- */

/* SipHash-1-3 once more, written from the paper for any number of words. */
static u64 slow_siphash13(u64 k0, u64 k1, const u64 *w, unsigned int n)
{
	u64 v[4] = { k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d,
		     k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573 };
	unsigned int i, r;

	for (i = 0; i <= n + 1; i++) {
		u64 m = i < n ? w[i] : (u64)(n * 8) << 56;

		if (i <= n)
			v[3] ^= m;
		else
			v[2] ^= 0xff;
		for (r = 0; r < (i <= n ? 1 : 3); r++) {
			v[0] += v[1]; v[1] = v[1] << 13 | v[1] >> 51; v[1] ^= v[0];
			v[0] = v[0] << 32 | v[0] >> 32;
			v[2] += v[3]; v[3] = v[3] << 16 | v[3] >> 48; v[3] ^= v[2];
			v[0] += v[3]; v[3] = v[3] << 21 | v[3] >> 43; v[3] ^= v[0];
			v[2] += v[1]; v[1] = v[1] << 17 | v[1] >> 47; v[1] ^= v[2];
			v[2] = v[2] << 32 | v[2] >> 32;
		}
		if (i <= n)
			v[0] ^= m;
	}
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static void test_hash(void)
{
	const struct lvs_hash_key key = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };
	u64 w[3] = { 0x0706050403020100, 1, 2 }, h;
	unsigned int n;

	for (n = 1; n <= 3; n++) {
		h = slow_siphash13(key.k0, key.k1, w, n);
		CHECK(lvs_hash_words(&key, w, n) == (u32)(h ^ (h >> 32)));
	}
}

/* -------------------------------------------------------------------- table -- */

struct item {
	struct lvs_node node;
	u32 key;
	bool in;
};

static bool same_key(const struct lvs_node *n, const void *key)
{
	return container_of(n, struct item, node)->key == *(const u32 *)key;
}

static struct item *find(struct lvs_tab *t, u32 key, u32 hash)
{
	const struct lvs_buckets *b;
	struct lvs_node *n;

	for (n = lvs_tab_first(t, hash, &b); n; n = lvs_tab_next(n, hash, &b))
		if (same_key(n, &key))
			return container_of(n, struct item, node);
	return NULL;
}

enum { ITEMS = 3000 };

/* Few hashes on purpose: chains. */
static u32 weak_hash(u32 key)
{
	return (key % 700) * 2654435761u;
}

static u32 count_walk(struct lvs_tab *t)
{
	struct lvs_tab_cursor at = {};
	u32 n = 0;

	while (lvs_tab_walk(t, &at))
		n++;
	return n;
}

static void test_tab_random(void)
{
	struct item *items = calloc(ITEMS, sizeof(*items));
	struct lvs_tab t;
	u32 i, in = 0, k;

	CHECK(!lvs_tab_init(&t, 3, 20));
	for (i = 0; i < 200000; i++) {
		k = (u32)random() % ITEMS;
		CHECK(find(&t, k, weak_hash(k)) == (items[k].in ? &items[k] : NULL));
		if (items[k].in) {
			CHECK(lvs_tab_remove(&t, &items[k].node));
			CHECK(!lvs_tab_remove(&t, &items[k].node));
			in--;
		} else {
			items[k].key = k;
			CHECK(!lvs_tab_insert(&t, &items[k].node, weak_hash(k), same_key, &k));
			in++;
		}
		items[k].in = !items[k].in;
		if (!(i % 97) && lvs_tab_wants_resize(&t))
			CHECK(!lvs_tab_resize(&t));
	}
	CHECK(count_walk(&t) == in && (u32)atomic_read(&t.count) == in);
	for (k = 0; k < ITEMS; k++)
		if (items[k].in)
			CHECK(lvs_tab_remove(&t, &items[k].node));
	while (lvs_tab_wants_resize(&t))
		CHECK(!lvs_tab_resize(&t));
	CHECK(rcu_dereference(t.cur)->mask == 7);
	lvs_tab_free(&t);
	free(items);
}

static void test_tab_insert_twice(void)
{
	struct item a = { .key = 5 }, b = { .key = 5 };
	struct lvs_tab t;
	u32 key = 5;

	CHECK(!lvs_tab_init(&t, 3, 20));
	CHECK(!lvs_tab_insert(&t, &a.node, 9, same_key, &key));
	CHECK(lvs_tab_insert(&t, &b.node, 9, same_key, &key) == &a.node);
	CHECK(atomic_read(&t.count) == 1);
	lvs_tab_free(&t);
}

/* Room for what is about to come, kept while it comes, and not for longer. */
static void test_tab_expect(void)
{
	static struct item items[3];
	struct lvs_tab t;
	u32 i;

	CHECK(!lvs_tab_init(&t, 3, 20));
	lvs_tab_expect(&t, 1000);
	CHECK(rcu_dereference(t.cur)->mask >= 999);
	for (i = 0; i < 3; i++) {
		items[i].key = i;
		lvs_tab_insert(&t, &items[i].node, i * 77, NULL, NULL);
		CHECK(!lvs_tab_wants_resize(&t));
	}
	lvs_tab_expect(&t, 0);
	CHECK(lvs_tab_wants_resize(&t));
	CHECK(!lvs_tab_resize(&t));
	CHECK(rcu_dereference(t.cur)->mask == 7);
	lvs_fail_alloc = 1;
	lvs_tab_expect(&t, 1000);
	lvs_fail_alloc = 0;
	CHECK(rcu_dereference(t.cur)->mask == 7);
	for (i = 0; i < 3; i++)
		CHECK(find(&t, i, i * 77) == &items[i]);
	lvs_tab_free(&t);
}

static void test_tab_no_memory(void)
{
	static struct item items[64];
	struct lvs_tab t;
	u32 i;

	lvs_fail_alloc = 1;
	CHECK(lvs_tab_init(&t, 3, 20) == -ENOMEM);
	CHECK(!lvs_tab_init(&t, 3, 20));
	for (i = 0; i < 64; i++) {
		items[i].key = i;
		lvs_tab_insert(&t, &items[i].node, i * 77, NULL, NULL);
	}
	lvs_fail_alloc = 1;
	CHECK(lvs_tab_resize(&t) == -ENOMEM);
	lvs_fail_alloc = 0;
	for (i = 0; i < 64; i++)
		CHECK(find(&t, i, i * 77) == &items[i]);
	lvs_tab_free(&t);
}

static void fit(struct lvs_tab *t)
{
	while (lvs_tab_wants_resize(t))
		CHECK(!lvs_tab_resize(t));
}

/* lvs_tab_resize() in steps, to any size, for a walk to be in the middle of it. */
struct mover {
	struct lvs_tab *tab;
	u32 next;
	bool at_work;
};

static void mover_step(struct mover *m)
{
	struct lvs_buckets *old = m->tab->cur;
	u32 n = 1 + (u32)random() % (old->mask + 1);

	if (!m->at_work) {
		old->future = lvs_buckets_alloc(3 + (u8)(random() % 6), old->nth + 1);
		m->next = 0;
		m->at_work = true;
		return;
	}
	for (; n && m->next <= old->mask; n--, m->next++) {
		lvs_lock_slot(&old->head[m->next]);
		while (lvs_move_last(&old->head[m->next], old->future))
			;
		lvs_unlock_slot(&old->head[m->next]);
	}
	if (m->next <= old->mask)
		return;
	m->tab->cur = old->future;
	m->at_work = false;
	free(old);
}

/* A walk sees everything that is there all the time, however often the table is
 * resized between its steps and whoever else comes, and it ends. */
static void test_tab_walk(void)
{
	enum { THERE = 150, LATER = 100, WALKS = 3000 };
	static struct item items[THERE + LATER];
	u32 i, k, walk, steps, seen, hash;
	struct mover mover;
	struct lvs_node *n;
	struct lvs_tab t;

	for (walk = 0; walk < WALKS; walk++) {
		struct lvs_tab_cursor at = {};
		u32 turns = walk % 10, came = 0;

		memset(items, 0, sizeof(items));
		CHECK(!lvs_tab_init(&t, 3 + random() % 6, 20));
		mover = (struct mover){ .tab = &t };
		for (i = 0; i < THERE; i++) {
			hash = walk & 1 ? weak_hash(i) : i * 2654435761u;
			lvs_tab_insert(&t, &items[i].node, hash, NULL, NULL);
		}
		for (steps = seen = 0; (n = lvs_tab_walk(&t, &at)); steps++) {
			i = (u32)(container_of(n, struct item, node) - items);
			seen += i < THERE && !items[i].in;
			items[i].in = true;
			CHECK(steps < 40 * (THERE + LATER));
			if (random() % 40 == 0)
				for (k = 0; k < turns; k++)
					mover_step(&mover);
			if (random() % 4 == 0 && came < LATER) {
				i = THERE + came++;
				lvs_tab_insert(&t, &items[i].node, (u32)random(), NULL, NULL);
			}
			if (steps > 20 * (THERE + LATER))
				turns = 0;
		}
		CHECK(seen == THERE);
		if (mover.at_work)
			free(t.cur->future);
		lvs_tab_free(&t);
	}
}

/* Most leave in the middle of a walk and the table shrinks: who stayed is seen. */
static void test_tab_walk_shrink(void)
{
	enum { BEFORE = 4000, AFTER = 200 };
	struct item *items = calloc(BEFORE, sizeof(*items));
	struct lvs_tab_cursor at = {};
	u32 i, steps = 0, seen = 0;
	struct lvs_node *n;
	struct lvs_tab t;

	CHECK(!lvs_tab_init(&t, 3, 20));
	for (i = 0; i < BEFORE; i++)
		lvs_tab_insert(&t, &items[i].node, (i + 1) * 2654435761u, NULL, NULL);
	fit(&t);
	while ((n = lvs_tab_walk(&t, &at))) {
		i = (u32)(container_of(n, struct item, node) - items);
		seen += i < AFTER && !items[i].in;
		items[i].in = true;
		if (++steps != BEFORE / 2)
			continue;
		for (i = AFTER; i < BEFORE; i++)
			lvs_tab_remove(&t, &items[i].node);
		fit(&t);
	}
	CHECK(seen == AFTER && steps <= BEFORE / 2 + AFTER);
	lvs_tab_free(&t);
	free(items);
}

/* Readers never miss an entry that is there all the time, while others come and
 * go and the table grows and shrinks around it. */
enum { READERS = 2, FIXED = 512, MOVING = 4096, ROUNDS = 6 };

struct reader {
	pthread_t thread;
	unsigned long passes, missed;	/* passes: between lookups, holds nothing */
};

static struct lvs_tab shared;
static struct reader readers[READERS];
static bool stop;

static void *read_on(void *arg)
{
	struct reader *r = arg;
	u32 i;

	while (!READ_ONCE(stop))
		for (i = 0; i < FIXED; i++) {
			r->missed += !find(&shared, i, weak_hash(i));
			__atomic_add_fetch(&r->passes, 1, __ATOMIC_SEQ_CST);
		}
	return NULL;
}

static void wait_for_readers(void)
{
	unsigned int i;

	for (i = 0; i < READERS; i++) {
		unsigned long at = __atomic_load_n(&readers[i].passes, __ATOMIC_SEQ_CST);

		while (__atomic_load_n(&readers[i].passes, __ATOMIC_SEQ_CST) - at < 2)
			sched_yield();
	}
}

static void test_tab_readers(void)
{
	struct item *fixed = calloc(FIXED, sizeof(*fixed));
	struct item *moving = calloc(MOVING, sizeof(*moving));
	u32 i, round;

	CHECK(!lvs_tab_init(&shared, 3, 20));
	for (i = 0; i < FIXED; i++) {
		fixed[i].key = i;
		lvs_tab_insert(&shared, &fixed[i].node, weak_hash(i), NULL, NULL);
	}
	lvs_test_grace = wait_for_readers;
	for (i = 0; i < READERS; i++)
		pthread_create(&readers[i].thread, NULL, read_on, &readers[i]);
	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < MOVING; i++) {
			moving[i].key = 100000 + i;
			lvs_tab_insert(&shared, &moving[i].node, i * 2654435761u, NULL, NULL);
		}
		fit(&shared);
		CHECK(rcu_dereference(shared.cur)->mask >= MOVING / 2);
		for (i = 0; i < MOVING; i++)
			CHECK(lvs_tab_remove(&shared, &moving[i].node));
		fit(&shared);
		wait_for_readers();
	}
	WRITE_ONCE(stop, true);
	for (i = 0; i < READERS; i++) {
		pthread_join(readers[i].thread, NULL);
		CHECK(!readers[i].missed && readers[i].passes);
	}
	lvs_test_grace = NULL;
	lvs_tab_free(&shared);
	free(fixed);
	free(moving);
}

/* -------------------------------------------------------------- state tables -- */

static void test_tcp(void)
{
	/* The life of a connection seen both ways, and seen one way only. */
	u8 s = LVS_TCP_NONE;

	s = lvs_tcp_next(LVS_DIR_IN, lvs_tcp_event(0x02), s, false);
	CHECK(s == LVS_TCP_SYN_RECV && lvs_state_active(IPPROTO_TCP, s));
	s = lvs_tcp_next(LVS_DIR_OUT, lvs_tcp_event(0x12), s, false);
	CHECK(s == LVS_TCP_SYN_RECV);
	s = lvs_tcp_next(LVS_DIR_IN, lvs_tcp_event(0x10), s, false);
	CHECK(s == LVS_TCP_ESTABLISHED);
	s = lvs_tcp_next(LVS_DIR_OUT, lvs_tcp_event(0x11), s, false);
	CHECK(s == LVS_TCP_FIN_WAIT && !lvs_state_active(IPPROTO_TCP, s));
	s = lvs_tcp_next(LVS_DIR_IN, lvs_tcp_event(0x11), s, false);
	CHECK(s == LVS_TCP_TIME_WAIT);
	CHECK(lvs_tcp_next(LVS_DIR_IN_ONLY, LVS_TCP_EV_FIN, LVS_TCP_ESTABLISHED, false) ==
	      LVS_TCP_FIN_WAIT);
	CHECK(lvs_tcp_next(LVS_DIR_IN, LVS_TCP_EV_ACK, LVS_TCP_SYN_RECV, true) ==
	      LVS_TCP_SYN_RECV);
	CHECK(lvs_tcp_next(LVS_DIR_IN_ONLY, LVS_TCP_EV_SYN, LVS_TCP_NONE, true) ==
	      LVS_TCP_SYNACK);
	CHECK(lvs_tcp_next(LVS_DIR_IN, lvs_tcp_event(0), LVS_TCP_ESTABLISHED, false) ==
	      LVS_TCP_CLOSE);
	CHECK(lvs_tcp_event(0x17) == LVS_TCP_EV_RST && lvs_tcp_event(0x13) == LVS_TCP_EV_SYN);
}

static void test_sctp(void)
{
	u8 p[40] = { 0 };
	struct lvs_buf b = { p, 20 };
	enum lvs_sctp_event ev;
	u8 s = LVS_SCTP_NONE;

	p[12] = 10;		/* COOKIE-ECHO of 4 bytes, then an ABORT */
	p[15] = 4;
	p[16] = 6;
	CHECK(lvs_sctp_event(&b, 0, &ev) && ev == LVS_SCTP_EV_ABORT);
	/* Whether it begins something is told by the first chunk alone. */
	CHECK(lvs_sctp_opening(&b, 0, &ev) && ev == LVS_SCTP_EV_COOKIE_ECHO);
	p[16] = 0;
	CHECK(lvs_sctp_event(&b, 0, &ev) && ev == LVS_SCTP_EV_COOKIE_ECHO);
	b.len = 15;
	CHECK(!lvs_sctp_event(&b, 0, &ev) && !lvs_sctp_opening(&b, 0, &ev));
	s = lvs_sctp_next(LVS_DIR_IN, LVS_SCTP_EV_INIT, s);
	CHECK(s == LVS_SCTP_INIT1);
	s = lvs_sctp_next(LVS_DIR_OUT, LVS_SCTP_EV_INIT_ACK, s);
	CHECK(s == LVS_SCTP_COOKIE_SENT);
	s = lvs_sctp_next(LVS_DIR_IN, LVS_SCTP_EV_COOKIE_ECHO, s);
	CHECK(s == LVS_SCTP_COOKIE_REPLIED);
	s = lvs_sctp_next(LVS_DIR_OUT, LVS_SCTP_EV_COOKIE_ACK, s);
	CHECK(s == LVS_SCTP_ESTABLISHED && lvs_state_active(IPPROTO_SCTP, s));
	/* With only one side to be seen, an echoed cookie stays that until it is acknowledged. */
	CHECK(lvs_sctp_next(LVS_DIR_IN_ONLY, LVS_SCTP_EV_COOKIE_ECHO, LVS_SCTP_COOKIE_ECHOED) ==
	      LVS_SCTP_COOKIE_ECHOED);
	CHECK(lvs_sctp_next(LVS_DIR_IN_ONLY, LVS_SCTP_EV_ERROR, LVS_SCTP_COOKIE_ECHOED) ==
	      LVS_SCTP_COOKIE_ECHOED);
}

/* Every cell is a state of its protocol, for all inputs. */
static void test_state_ranges(void)
{
	unsigned int d, e, s;

	for (d = 0; d < LVS_DIRS; d++)
		for (s = 0; s < 256; s++) {
			for (e = 0; e < LVS_TCP_EVENTS; e++) {
				CHECK(lvs_tcp_next(d, e, (u8)s, false) < LVS_TCP_STATES);
				CHECK(lvs_tcp_next(d, e, (u8)s, true) < LVS_TCP_STATES);
			}
			for (e = 0; e < LVS_SCTP_EVENTS; e++)
				CHECK(lvs_sctp_next(d, e, (u8)s) < LVS_SCTP_STATES);
		}
	for (s = 0; s < 256; s++)
		CHECK(lvs_state_name(IPPROTO_TCP, (u8)s, false) != NULL);
	CHECK(lvs_default_timeout(LVS_ROW_TCP, LVS_TCP_CLOSE) == 10);
	CHECK(lvs_default_timeout(LVS_ROW_SCTP, LVS_SCTP_CLOSED) == 61);
}

/* ------------------------------------------------------------------ checksums -- */

static u16 slow_sum(const u8 *p, size_t n)
{
	u32 s = 0;
	size_t i;

	for (i = 0; i + 1 < n; i += 2) {
		u16 w;

		memcpy(&w, p + i, 2);
		s += w;
	}
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (u16)~s;
}

/* A header of addresses, ports and payload: moved sum == sum made anew. */
static void test_delta(void)
{
	unsigned int i, k, words;
	u8 p[64];

	for (i = 0; i < 200000; i++) {
		__be32 na[4];
		__be16 np = (__be16)random();
		struct lvs_delta d;
		u16 before, after;

		words = i & 1 ? 4 : 1;
		for (k = 0; k < sizeof(p); k++)
			p[k] = random() % 5 ? (u8)random() : (random() & 1 ? 0xff : 0);
		for (k = 0; k < 4; k++)
			na[k] = random() % 5 ? (u32)random() * 2u : 0xffffffff;
		before = slow_sum(p, sizeof(p));
		d = lvs_delta_make(words == 1 ? AF_INET : AF_INET6, (__be32 *)p,
				   *(__be16 *)(p + 32), na, np);
		memcpy(p, na, words * 4);
		memcpy(p + 32, &np, 2);
		after = slow_sum(p, sizeof(p));
		/* Two zeros in one's complement: 0 and 0xffff are equal. */
		CHECK(lvs_sum_move(before, d.l4, false) % 0xffff == after % 0xffff);
		CHECK(lvs_sum_move(after, lvs_delta_invert(d).l4, false) % 0xffff ==
		      before % 0xffff);
	}
	CHECK(lvs_sum_move(0xfffe, 0xfffe, true) != 0);
}

/* --------------------------------------------------------------------- parsing -- */

static u32 put4(u8 *p, u8 proto, u16 len)
{
	memset(p, 0, 20);
	p[0] = 0x45;
	p[2] = (u8)(len >> 8);
	p[3] = (u8)len;
	p[8] = 64;
	p[9] = proto;
	p[12] = 192; p[14] = 2; p[15] = 1;
	p[16] = 198; p[17] = 51; p[18] = 100; p[19] = 1;
	return 20;
}

static void test_parse4(void)
{
	u8 p[64] = { 0 };
	struct lvs_buf b = { p, 28 };
	struct lvs_pkt k;

	put4(p, IPPROTO_UDP, 28);
	p[20] = 0x12; p[21] = 0x34; p[22] = 0; p[23] = 53;
	CHECK(!lvs_parse_ip(&b, 0, AF_INET, &k) && lvs_parse_ports(&b, &k));
	CHECK(k.sport == htons(0x1234) && k.dport == htons(53) && k.l4 == 20 && k.end == 28);
	p[0] = 0x44;
	CHECK(lvs_parse_ip(&b, 0, AF_INET, &k));
	p[0] = 0x4f;		/* options beyond the packet */
	CHECK(lvs_parse_ip(&b, 0, AF_INET, &k));
	p[0] = 0x45;
	p[7] = 1;		/* a later fragment has no ports */
	CHECK(!lvs_parse_ip(&b, 0, AF_INET, &k) && k.flags == LVS_PKT_FRAG);
	CHECK(!lvs_parse_ports(&b, &k));
	p[7] = 0;
	p[3] = 19;		/* a length shorter than the header */
	CHECK(lvs_parse_ip(&b, 0, AF_INET, &k));
	CHECK(lvs_parse_ip(&b, 9, AF_INET, &k));
}

static void test_parse6_chain(void)
{
	u8 p[512] = { 0 };
	struct lvs_buf b = { p, 40 + 16 + 8 };
	struct lvs_pkt k;
	u32 i;

	p[0] = 0x60;
	p[5] = 24;
	p[6] = IPPROTO_HOPOPTS;
	p[40] = IPPROTO_FRAGMENT;
	p[48] = IPPROTO_UDP;
	p[51] = 1;		/* the first of several */
	CHECK(!lvs_parse_ip(&b, 0, AF_INET6, &k));
	CHECK(k.proto == IPPROTO_UDP && k.l4 == 56 && k.flags & LVS_PKT_FIRST_FRAG);
	p[50] = 1;
	CHECK(!lvs_parse_ip(&b, 0, AF_INET6, &k) && k.flags & LVS_PKT_FRAG);
	p[41] = 200;		/* longer than the packet */
	CHECK(lvs_parse_ip(&b, 0, AF_INET6, &k));
	/* A chain without end is given up. */
	b.len = sizeof(p);
	p[4] = 1;
	p[5] = 0xd8;
	p[6] = IPPROTO_DSTOPTS;
	for (i = 40; i < sizeof(p); i += 8) {
		p[i] = IPPROTO_DSTOPTS;
		p[i + 1] = 0;
	}
	CHECK(lvs_parse_ip(&b, 0, AF_INET6, &k));
}

static void test_icmp_tunnel(void)
{
	u8 p[128] = { 0 };
	struct lvs_buf b = { p, 20 + 8 + 20 + 20 + 8 };
	struct lvs_quote q;
	struct lvs_pkt k;

	put4(p, IPPROTO_ICMP, 76);
	p[20] = ICMP_DEST_UNREACH;
	p[21] = ICMP_FRAG_NEEDED;
	put4(p + 28, IPPROTO_IPIP, 1500);
	put4(p + 48, IPPROTO_TCP, 1480);
	p[69] = 99;
	p[71] = 80;
	CHECK(!lvs_parse_ip(&b, 0, AF_INET, &k));
	CHECK(lvs_parse_icmp(&b, &k, &q) == LVS_ICMP_ERROR && q.pkt.proto == IPPROTO_IPIP);
	CHECK(lvs_quote_enter_tunnel(&b, &q) && q.pkt.proto == IPPROTO_TCP);
	CHECK(q.pkt.sport == htons(99) && q.pkt.dport == htons(80) && q.outer_l3 == 28);
	CHECK(!lvs_quote_enter_tunnel(&b, &q));
	p[20] = 8;
	CHECK(lvs_parse_icmp(&b, &k, &q) == LVS_ICMP_OTHER);
	p[20] = ICMP_TIME_EXCEEDED;
	b.len = 40;
	CHECK(lvs_parse_icmp(&b, &k, &q) == LVS_ICMP_BAD);
}

/* Noise, and good packets with noise in them; ASan is the judge, and no offset
 * may lead out of the packet. */
static void test_parse_noise(void)
{
	u32 i, j, len;

	for (i = 0; i < 400000; i++) {
		u8 *p;
		struct lvs_buf b;
		struct lvs_quote q;
		struct lvs_pkt k;
		u8 af = i & 1 ? AF_INET : AF_INET6;

		len = (u32)random() % 160;
		p = malloc(len ? len : 1);
		for (j = 0; j < len; j++)
			p[j] = random() % 3 ? (u8)random() : 0;
		if (len >= 20 && af == AF_INET)
			p[0] = 0x45;
		if (len >= 40 && af == AF_INET6) {
			static const u8 next[] = { 0, 43, 44, 60, 58, 17 };

			p[0] = 0x60;
			p[6] = next[random() % 6];
		}
		b.data = p;
		b.len = len;
		if (!lvs_parse_ip(&b, 0, af, &k)) {
			CHECK(k.l4 <= len && k.end <= len && k.l4 <= k.end);
			lvs_parse_ports(&b, &k);
			if (lvs_parse_icmp(&b, &k, &q) == LVS_ICMP_ERROR) {
				CHECK(q.pkt.l4 <= len && q.pkt.l3 >= k.l4);
				if (lvs_quote_enter_tunnel(&b, &q))
					CHECK(q.pkt.l4 <= len && q.pkt.l3 > q.outer_l3);
			}
		}
		free(p);
	}
}

/* ----------------------------------------------------------------------- rates -- */

static void test_rates(void)
{
	struct lvs_cpu_stats st;
	struct lvs_rates r;
	u32 e;

	memset(&st, 0, sizeof(st));
	/* 100 packets a second for a minute settle at 100. */
	for (e = 1; e <= 30; e++) {
		lvs_rate_fold(&st, e);
		st.now.inpkts += 100 * LVS_EPOCH_SECONDS;
	}
	memset(&r, 0, sizeof(r));
	lvs_rate_add(&st, 31, &r);
	CHECK((r.inpps + 0x1FF) >> LVS_RATE_PKT_SHIFT == 100);
	/* Then silence: three quarters remain after each epoch, without a fold. */
	memset(&r, 0, sizeof(r));
	lvs_rate_add(&st, 32, &r);
	CHECK((r.inpps + 0x1FF) >> LVS_RATE_PKT_SHIFT == 75);
	memset(&r, 0, sizeof(r));
	lvs_rate_add(&st, 31 + LVS_RATE_FORGET, &r);
	CHECK(!r.inpps);
	memset(&r, 0, sizeof(r));
	lvs_rate_add(&st, 30 + 60, &r);
	CHECK(!((r.inpps + 0x1FF) >> LVS_RATE_PKT_SHIFT));
}

/* Sleeping through many epochs at once is what blending in nothing each time is,
 * but for what the rounding of each time took: less than four units. */
static void test_rate_sleep(void)
{
	u64 avg, step;
	u32 idle, i;

	for (avg = 1; avg < 1ULL << 55; avg = avg * 3 + 1) {
		step = avg;
		for (idle = 0; idle <= LVS_RATE_FORGET; idle++) {
			struct lvs_rates all = { avg, avg, avg, avg, avg };
			u64 at_once;

			lvs_sleep(&all, idle);
			at_once = all.cps;
			CHECK(all.inpps == at_once && all.outpps == at_once);
			CHECK(all.inbps == at_once && all.outbps == at_once);
			CHECK(at_once + 1 + (avg >> 28) >= step && at_once <= step + 4 + (avg >> 28));
			step = lvs_blend(step, 0);
		}
	}
	for (i = 1; i < ARRAY_SIZE(lvs_leaves); i++)
		CHECK(lvs_leaves[i] - (lvs_leaves[i - 1] * 3ULL) / 4 <= 1);
}

int main(void)
{
	srandom(1);
	test_hash();
	test_tab_random();
	test_tab_insert_twice();
	test_tab_expect();
	test_tab_no_memory();
	test_tab_walk();
	test_tab_walk_shrink();
	test_tab_readers();
	test_tcp();
	test_sctp();
	test_state_ranges();
	test_delta();
	test_parse4();
	test_parse6_chain();
	test_icmp_tunnel();
	test_parse_noise();
	test_rates();
	test_rate_sleep();
	puts("ok");
	return 0;
}
