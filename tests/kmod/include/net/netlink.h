/* SPDX-License-Identifier: GPL-2.0 */
/* Netlink attributes for user space: what lvs_genl_parse.c needs of them, with
 * the kernel's liberal rules.  Every access is checked: the sanitizers see a
 * reader that goes beyond an attribute because tests put each into memory of
 * exactly its size. */
#ifndef LVS_TEST_NETLINK_H
#define LVS_TEST_NETLINK_H

#include <linux/netlink.h>

struct netlink_ext_ack;
enum { NLA_UNSPEC, NLA_U8, NLA_U16, NLA_U32, NLA_U64, NLA_NESTED, NLA_BINARY, NLA_NUL_STRING };
struct nla_policy {
	u8 type;
	u16 len;
};

static inline int nla_len(const struct nlattr *a) { return a->nla_len - NLA_HDRLEN; }
static inline void *nla_data(const struct nlattr *a) { return (char *)a + NLA_HDRLEN; }
static inline int nla_type(const struct nlattr *a) { return a->nla_type & NLA_TYPE_MASK; }

#define LVS_TEST_GET(name, type)                                                         \
	static inline type nla_get_##name(const struct nlattr *a)                        \
	{                                                                                \
		type v;                                                                  \
		memcpy(&v, nla_data(a), sizeof(v));                                      \
		return v;                                                                \
	}
LVS_TEST_GET(u8, u8)
LVS_TEST_GET(u16, u16)
LVS_TEST_GET(be16, __be16)
LVS_TEST_GET(u32, u32)

static inline int nla_memcpy(void *to, const struct nlattr *a, int n)
{
	int len = nla_len(a) < n ? nla_len(a) : n;

	memcpy(to, nla_data(a), len);
	memset((char *)to + len, 0, n - len);
	return len;
}

static inline ssize_t nla_strscpy(char *to, const struct nlattr *a, size_t n)
{
	size_t len = strnlen(nla_data(a), nla_len(a));

	if (len >= n)
		len = n - 1;
	memset(to, 0, n);
	memcpy(to, nla_data(a), len);
	return (ssize_t)len;
}

static inline bool lvs_test_valid(const struct nlattr *a, const struct nla_policy *p)
{
	static const u8 min[] = { [NLA_U8] = 1, [NLA_U16] = 2, [NLA_U32] = 4, [NLA_U64] = 8 };
	int len = nla_len(a);

	switch (p->type) {
	case NLA_UNSPEC:
		return len >= p->len;
	case NLA_NESTED:
		return !len || len >= NLA_HDRLEN;
	case NLA_BINARY:
		return len <= p->len;
	case NLA_NUL_STRING:
		if (!memchr(nla_data(a), 0, len < p->len + 1 ? len : p->len + 1))
			return false;
		return len - !((char *)nla_data(a))[len - 1] <= p->len;
	default:
		return len >= min[p->type];
	}
}

static inline bool nla_ok(const struct nlattr *a, int left)
{
	return left >= NLA_HDRLEN && a->nla_len >= NLA_HDRLEN && a->nla_len <= left;
}

static inline struct nlattr *nla_next(const struct nlattr *a, int *left)
{
	int step = NLA_ALIGN(a->nla_len);

	*left -= step;
	return (struct nlattr *)((char *)a + step);
}

#define nla_for_each_attr(pos, head, len, rem)                                           \
	for (pos = head, rem = len; nla_ok(pos, rem); pos = nla_next(pos, &(rem)))

static inline int nla_parse_nested_deprecated(struct nlattr **tb, int max, const struct nlattr *nest,
					      const struct nla_policy *policy,
					      struct netlink_ext_ack *extack)
{
	const char *at = nla_data(nest);
	int left = nla_len(nest);

	(void)extack;
	memset(tb, 0, sizeof(*tb) * (max + 1));
	while (left >= NLA_HDRLEN) {
		struct nlattr *a = (struct nlattr *)at;
		int step = NLA_ALIGN(a->nla_len);

		if (a->nla_len < NLA_HDRLEN || a->nla_len > left)
			break;
		if (nla_type(a) && nla_type(a) <= max) {
			if (!lvs_test_valid(a, &policy[nla_type(a)]))
				return -EINVAL;
			tb[nla_type(a)] = a;
		}
		at += step;
		left -= step;
	}
	return 0;
}

#endif
