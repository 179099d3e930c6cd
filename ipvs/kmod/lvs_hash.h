/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Keyed hashing for the tables: SipHash-1-3, the variant the kernel itself
 * recommends for hash tables, over whole 64-bit words and inlined, because an
 * IPv4 flow is exactly one word and the call would cost more than the rounds.
 * The key is random per namespace, so that nobody outside can aim at a bucket.
 */
#ifndef LVS_HASH_H
#define LVS_HASH_H

#include "lvs_internal.h"

struct lvs_hash_key {
	u64 k0, k1;
};

static inline u64 lvs_rol64(u64 v, unsigned int n)
{
	return (v << n) | (v >> (64 - n));
}

#define LVS_SIPROUND(a, b, c, d)                                              \
	do {                                                                  \
		a += b; b = lvs_rol64(b, 13); b ^= a; a = lvs_rol64(a, 32);   \
		c += d; d = lvs_rol64(d, 16); d ^= c;                         \
		a += d; d = lvs_rol64(d, 21); d ^= a;                         \
		c += b; b = lvs_rol64(b, 17); b ^= c; c = lvs_rol64(c, 32);   \
	} while (0)

/* SipHash-1-3 of @n 64-bit words; folded to the 32 bits a table keeps. */
static __always_inline u32 lvs_hash_words(const struct lvs_hash_key *key,
					  const u64 *word, unsigned int n)
{
	u64 a = 0x736f6d6570736575ULL ^ key->k0;
	u64 b = 0x646f72616e646f6dULL ^ key->k1;
	u64 c = 0x6c7967656e657261ULL ^ key->k0;
	u64 d = 0x7465646279746573ULL ^ key->k1;
	u64 tail = (u64)n << 59;
	unsigned int i;

	for (i = 0; i < n; i++) {
		d ^= word[i];
		LVS_SIPROUND(a, b, c, d);
		a ^= word[i];
	}
	d ^= tail;
	LVS_SIPROUND(a, b, c, d);
	a ^= tail;
	c ^= 0xff;
	LVS_SIPROUND(a, b, c, d);
	LVS_SIPROUND(a, b, c, d);
	LVS_SIPROUND(a, b, c, d);
	a ^= b ^ c ^ d;
	return (u32)(a ^ (a >> 32));
}

static __always_inline u64 lvs_pair64(u32 hi, u32 lo)
{
	return ((u64)hi << 32) | lo;
}

/* Hash of an address and a word of everything else that is in the key. */
static __always_inline u32 lvs_hash_addr(const struct lvs_hash_key *key, int af,
					 const u32 *addr, u32 rest)
{
	u64 w[3];

	if (af == AF_INET) {
		w[0] = lvs_pair64(addr[0], rest);
		return lvs_hash_words(key, w, 1);
	}
	w[0] = lvs_pair64(addr[0], addr[1]);
	w[1] = lvs_pair64(addr[2], addr[3]);
	w[2] = rest;
	return lvs_hash_words(key, w, 3);
}

#endif
