// SPDX-License-Identifier: GPL-2.0-or-later
/* Nests of the family IPVS: the first byte says which, the rest is its inside. */
#include "../../kmod/lvs_internal.h"

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

static void family(u16 af, const union nf_inet_addr *addr)
{
	want(af == AF_INET || af == AF_INET6);
	/* What an IPv4 address does not need is zero. */
	want(af == AF_INET6 || !(addr->all[1] | addr->all[2] | addr->all[3]));
}

static void service(const struct nlattr *nest)
{
	struct lvs_svc_key key, again;
	struct lvs_svc_cfg cfg;

	if (lvs_parse_service(nest, &key, &cfg))
		return;
	family(key.af, &key.addr);
	want(memchr(cfg.sched, 0, sizeof(cfg.sched)) && memchr(cfg.pe, 0, sizeof(cfg.pe)));
	want(!lvs_parse_service(nest, &again, NULL) && !memcmp(&key, &again, sizeof(key)));
}

static void dest(const struct nlattr *nest)
{
	struct lvs_dest_key key;
	struct lvs_dest_cfg cfg;

	if (!lvs_parse_dest(nest, AF_INET, &key, &cfg))
		family(key.af, &key.addr);
}

static void daemon_nest(const struct nlattr *nest)
{
	struct lvs_daemon d;

	if (!lvs_parse_daemon(nest, &d))
		want(memchr(d.ifname, 0, sizeof(d.ifname)));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct nlattr *nest;

	if (!size || size > 4096)
		return 0;
	nest = malloc(NLA_HDRLEN + size - 1);
	nest->nla_len = (u16)(NLA_HDRLEN + size - 1);
	nest->nla_type = 1;
	memcpy((char *)nest + NLA_HDRLEN, data + 1, size - 1);
	switch (data[0] % 3) {
	case 0:
		service(nest);
		break;
	case 1:
		dest(nest);
		break;
	default:
		daemon_nest(nest);
	}
	free(nest);
	return 0;
}
