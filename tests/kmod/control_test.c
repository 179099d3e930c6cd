// SPDX-License-Identifier: GPL-2.0
/* Requests of the family IPVS and lines of /proc/net, in user space. */
#include "lvs_internal.h"

#include <stdio.h>

#include "../../ipvs/kmod/lvs_genl_parse.c"
#include "../../ipvs/kmod/lvs_proc_format.c"

int lvs_fail_alloc;
void (*lvs_test_grace)(void);
static bool ipv6 = true;

bool lvs_ipv6_enabled(void)
{
	return ipv6;
}

#define CHECK(c)                                                                         \
	do {                                                                             \
		if (!(c)) {                                                              \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #c);          \
			exit(1);                                                         \
		}                                                                        \
	} while (0)

static struct {
	struct nlattr head;
	u8 body[1024];
} msg;

static void begin(void)
{
	msg.head.nla_len = NLA_HDRLEN;
}

static void put(int type, const void *data, int len)
{
	struct nlattr *a = (struct nlattr *)((char *)&msg + NLA_ALIGN(msg.head.nla_len));

	a->nla_type = type;
	a->nla_len = NLA_HDRLEN + len;
	memcpy(nla_data(a), data, len);
	msg.head.nla_len = NLA_ALIGN(msg.head.nla_len) + NLA_ALIGN(a->nla_len);
}

static void put16(int type, u16 v) { put(type, &v, 2); }
static void put32(int type, u32 v) { put(type, &v, 4); }

/* In memory of exactly its size. */
static int parse_service(struct lvs_svc_key *key, struct lvs_svc_cfg *cfg)
{
	struct nlattr *exact = malloc(msg.head.nla_len);
	int err;

	memcpy(exact, &msg, msg.head.nla_len);
	err = lvs_parse_service(exact, key, cfg);
	free(exact);
	return err;
}

static int parse_dest(u16 af, struct lvs_dest_key *key, struct lvs_dest_cfg *cfg)
{
	struct nlattr *exact = malloc(msg.head.nla_len);
	int err;

	memcpy(exact, &msg, msg.head.nla_len);
	err = lvs_parse_dest(exact, af, key, cfg);
	free(exact);
	return err;
}

enum { NO_SCHED = 1, NO_FLAGS = 2, NO_TIMEOUT = 4, NO_NETMASK = 8, NO_PORT = 16 };

static void service(u16 af, const char *sched, int sched_len, unsigned int without)
{
	const u32 flags[2] = { IP_VS_SVC_F_PERSISTENT, ~0U };

	begin();
	put16(IPVS_SVC_ATTR_AF, af);
	put16(IPVS_SVC_ATTR_PROTOCOL, IPPROTO_TCP);
	put(IPVS_SVC_ATTR_ADDR, "\xc0\0\2\1\7\7\7\7\7\7\7\7\7\7\7\7", 16);
	if (!(without & NO_PORT))
		put16(IPVS_SVC_ATTR_PORT, htons(80));
	if (!(without & NO_SCHED))
		put(IPVS_SVC_ATTR_SCHED_NAME, sched, sched_len);
	if (!(without & NO_FLAGS))
		put(IPVS_SVC_ATTR_FLAGS, flags, sizeof(flags));
	if (!(without & NO_TIMEOUT))
		put32(IPVS_SVC_ATTR_TIMEOUT, 300);
	if (!(without & NO_NETMASK))
		put32(IPVS_SVC_ATTR_NETMASK, ~0U);
}

static void test_service(void)
{
	struct lvs_svc_key key;
	struct lvs_svc_cfg cfg;
	unsigned int bit;

	service(AF_INET, "rr", 3, 0);
	CHECK(!parse_service(&key, &cfg));
	CHECK(key.af == AF_INET && key.proto == IPPROTO_TCP && key.port == htons(80) && !key.fwmark);
	/* What an IPv4 address does not need was not looked at. */
	CHECK(key.addr.all[0] == htonl(0xc0000201) && !key.addr.all[1] && !key.addr.all[3]);
	CHECK(!strcmp(cfg.sched, "rr") && cfg.flags == IP_VS_SVC_F_PERSISTENT &&
	      cfg.flags_mask == ~0U && cfg.timeout == 300 && cfg.netmask == ~0U && !cfg.pe[0]);
	for (bit = NO_SCHED; bit <= NO_PORT; bit <<= 1) {
		service(AF_INET, "rr", 3, bit);
		CHECK(parse_service(&key, &cfg) == -EINVAL);
		CHECK(parse_service(&key, NULL) == (bit == NO_PORT ? -EINVAL : 0));
	}
	service(AF_INET6, "rr", 3, 0);
	CHECK(!parse_service(&key, &cfg) && key.addr.all[3] == 0x07070707);
	ipv6 = false;
	CHECK(parse_service(&key, &cfg) == -EAFNOSUPPORT);
	ipv6 = true;
	service(3, "rr", 3, NO_SCHED);
	CHECK(parse_service(&key, &cfg) == -EAFNOSUPPORT);
	CHECK(lvs_parse_service(NULL, &key, NULL) == -EINVAL);
}

static void test_names(void)
{
	struct lvs_svc_key key;
	struct lvs_svc_cfg cfg;

	service(AF_INET, "rr", 2, 0);
	CHECK(parse_service(&key, &cfg) == -EINVAL);	/* not terminated */
	service(AF_INET, "abcdefghijklmno", 16, 0);
	CHECK(!parse_service(&key, &cfg) && strlen(cfg.sched) == 15);
	service(AF_INET, "abcdefghijklmnop", 17, 0);
	CHECK(parse_service(&key, &cfg) == -EINVAL);
	service(AF_INET, "r\0r", 4, 0);
	CHECK(!parse_service(&key, &cfg) && !strcmp(cfg.sched, "r"));
	service(AF_INET, "rr", 3, 0);
	put(IPVS_SVC_ATTR_PE_NAME, "abcdefghijklmnop", 17);
	CHECK(!parse_service(&key, &cfg) && strlen(cfg.pe) == 16);
	service(AF_INET, "rr", 3, 0);
	put(IPVS_SVC_ATTR_PE_NAME, "abcdefghijklmnopq", 18);
	CHECK(parse_service(&key, &cfg) == -EINVAL);
}

static void test_mark(void)
{
	struct lvs_svc_key key;

	begin();
	put16(IPVS_SVC_ATTR_AF, AF_INET6);
	put32(IPVS_SVC_ATTR_FWMARK, 7);
	put16(IPVS_SVC_ATTR_PORT, 80);
	CHECK(!parse_service(&key, NULL) && key.fwmark == 7 && !key.port && !key.proto);
	begin();
	put16(IPVS_SVC_ATTR_AF, AF_INET);
	put32(IPVS_SVC_ATTR_FWMARK, 0);
	CHECK(!parse_service(&key, NULL) && !key.fwmark && key.proto == IPPROTO_TCP);
}

static void test_dest(void)
{
	struct lvs_dest_key key;
	struct lvs_dest_cfg cfg;

	begin();
	put(IPVS_DEST_ATTR_ADDR, "\12\0\0\1", 4);
	put16(IPVS_DEST_ATTR_PORT, htons(8080));
	CHECK(!parse_dest(AF_INET, &key, NULL) && key.af == AF_INET && key.port == htons(8080));
	CHECK(key.addr.ip == htonl(0x0a000001) && !key.addr.all[1]);
	CHECK(parse_dest(AF_INET, &key, &cfg) == -EINVAL);
	put32(IPVS_DEST_ATTR_FWD_METHOD, 2);
	put32(IPVS_DEST_ATTR_WEIGHT, (u32)-1);
	put32(IPVS_DEST_ATTR_U_THRESH, 10);
	CHECK(parse_dest(AF_INET, &key, &cfg) == -EINVAL);
	put32(IPVS_DEST_ATTR_L_THRESH, 5);
	CHECK(!parse_dest(AF_INET, &key, &cfg));
	CHECK(cfg.fwd == 2 && cfg.weight == -1 && cfg.u_threshold == 10 && cfg.l_threshold == 5 &&
	      !cfg.tun_type && !cfg.tun_port && !cfg.tun_flags);
	put16(IPVS_DEST_ATTR_ADDR_FAMILY, AF_INET6);
	CHECK(!parse_dest(AF_INET, &key, NULL) && key.af == AF_INET6);
	put16(IPVS_DEST_ATTR_ADDR_FAMILY, 5);
	CHECK(parse_dest(AF_INET, &key, NULL) == -EAFNOSUPPORT);
}

static void test_daemon(void)
{
	struct lvs_daemon d;

	begin();
	CHECK(lvs_parse_daemon(&msg.head, &d) == -EINVAL);
	put32(IPVS_DAEMON_ATTR_STATE, 2);
	CHECK(!lvs_parse_daemon(&msg.head, &d) && d.state == 2 && !d.have_ifname && !d.have_id);
	put(IPVS_DAEMON_ATTR_MCAST_IFN, "eth0", 5);
	put32(IPVS_DAEMON_ATTR_SYNC_ID, 0);
	put(IPVS_DAEMON_ATTR_MCAST_GROUP6, "\xff\2\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16);
	CHECK(!lvs_parse_daemon(&msg.head, &d) && d.have_id && !strcmp(d.ifname, "eth0") &&
	      d.group_af == AF_INET6 && d.group.in6.s6_addr[15] == 1);
}

/* No bytes whatever are read beyond the message, and a name always ends. */
static void test_noise(void)
{
	struct lvs_svc_key key;
	struct lvs_svc_cfg cfg;
	struct lvs_dest_key dkey;
	struct lvs_dest_cfg dcfg;
	unsigned int round;
	int i, len;

	srandom(1);
	for (round = 0; round < 200000; round++) {
		service(AF_INET, "wrr", 4, 0);
		len = msg.head.nla_len - NLA_HDRLEN;
		for (i = random() % 6; i >= 0; i--)
			msg.body[random() % len] = random() % 3 ? random() % 20 : random();
		msg.head.nla_len = NLA_HDRLEN + random() % (len + 1);
		if (!parse_service(&key, &cfg))
			CHECK(strnlen(cfg.sched, sizeof(cfg.sched)) < sizeof(cfg.sched) &&
			      strnlen(cfg.pe, sizeof(cfg.pe)) < sizeof(cfg.pe));
		parse_dest(AF_INET6, &dkey, &dcfg);
	}
}

static void test_lines(void)
{
	struct lvs_svc_key key = { .af = AF_INET, .proto = IPPROTO_TCP, .port = htons(80) };
	struct lvs_proc_service s = { .key = &key, .sched = "rr", .timeout = 2500, .netmask = ~0U };
	struct lvs_proc_dest d = { .end = { .af = AF_INET, .port = htons(80) }, .weight = 1 };
	struct lvs_proc_conn c = { .proto = IPPROTO_UDP, .state = "UDP", .expires = 299 };
	const struct lvs_counts n = { 2, 5, 0, 0xa0, 0 };
	char line[LVS_LINE];

	key.addr.ip = htonl(0xcfaf2c6e);
	CHECK(lvs_proc_service(line, &s) == 23 && !strcmp(line, "TCP  CFAF2C6E:0050 rr  "));
	s.flags = IP_VS_SVC_F_PERSISTENT | IP_VS_SVC_F_ONEPACKET;
	lvs_proc_service(line, &s);
	CHECK(!strcmp(line, "TCP  CFAF2C6E:0050 rr ops  persistent 2500 FFFFFFFF"));
	key.proto = 262;
	s.flags = 0;
	lvs_proc_service(line, &s);
	CHECK(!strcmp(line, "IP_262  CFAF2C6E:0050 rr  "));
	key = (struct lvs_svc_key){ .af = AF_INET6, .proto = IPPROTO_UDP, .port = htons(0x50) };
	inet_pton(AF_INET6, "2001:db8:f::1", &key.addr);
	s.flags = IP_VS_SVC_F_PERSISTENT | IP_VS_SVC_F_ONEPACKET;
	s.netmask = 1;
	lvs_proc_service(line, &s);
	CHECK(!strcmp(line, "UDP  [2001:0db8:000f:0000:0000:0000:0000:0001]:0050 rr "
			    "persistent 2500 01000000"));
	key.fwmark = 7;
	s.flags = 0;
	lvs_proc_service(line, &s);
	CHECK(!strcmp(line, "FWM  00000007 rr "));
	d.end.addr.ip = htonl(0x0a00010b);
	lvs_proc_dest(line, &d);
	CHECK(!strcmp(line, "  -> 0A00010B:0050      Masq    1      0          0         "));
	d.end.af = AF_INET6;
	d.fwd = IP_VS_CONN_F_TUNNEL;
	inet_pton(AF_INET6, "2001:db8:1::11", &d.end.addr);
	lvs_proc_dest(line, &d);
	CHECK(!strcmp(line, "  -> [2001:0db8:0001:0000:0000:0000:0000:0011]:0050      Tunnel  1      0"
			    "          0         "));
	c.client = (struct lvs_proc_end){ .af = AF_INET, .port = htons(4000) };
	c.client.addr.ip = htonl(0x0a00000c);
	c.virtual = c.client;
	c.real = d.end;
	lvs_proc_conn(line, &c);
	CHECK(!strcmp(line, "UDP 0A00000C 0FA0 0A00000C 0FA0 2001:0db8:0001:0000:0000:0000:0000:0011 "
			    "0050 UDP             299"));
	lvs_proc_conn_sync(line, &c);
	CHECK(strstr(line, " UDP         LOCAL      299"));
	c.client = c.virtual = d.end;
	c.proto = 255;
	c.state = "ESTABLISHED";
	c.expires = ~0U;
	CHECK(lvs_proc_conn_sync(line, &c) < LVS_LINE - 1);
	lvs_proc_counts(line, "  0 ", &n);
	CHECK(!strcmp(line, "  0        2        5        0               A0                0"));
}

int main(void)
{
	test_service();
	test_names();
	test_mark();
	test_dest();
	test_daemon();
	test_noise();
	test_lines();
	puts("control: ok");
	return 0;
}
