/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The only header a pure core file includes besides the core's own.
 *
 * Pure core (lvs_tab, lvs_state, lvs_rewrite, lvs_parse, lvs_rate, lvs_hash,
 * lvs_sched and every lvs_sched_*.c) is built twice from the same text: here
 * with the kernel's headers, and in user space with tests/kmod/lvs_internal.h,
 * which has the same guard and is included first.  Whatever a core file needs
 * from the kernel is therefore in both.
 */
#ifndef LVS_INTERNAL_H
#define LVS_INTERNAL_H

#include <linux/atomic.h>
#include <linux/bit_spinlock.h>
#include <linux/bitops.h>
#include <linux/cache.h>
#include <linux/errno.h>
#include <linux/icmp.h>
#include <linux/icmpv6.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/ip_vs.h>
#include <linux/ipv6.h>
#include <linux/jiffies.h>
#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/netfilter.h>
#include <linux/random.h>
#include <linux/rbtree.h>
#include <linux/rculist.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sctp.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/tcp.h>
#include <linux/types.h>
#include <linux/udp.h>
#include <net/checksum.h>
#include <net/ipv6.h>

/* What a parser reads from; in user space a plain buffer with a length. */
#define lvs_buf sk_buff

static inline const void *lvs_peek(const struct lvs_buf *buf, u32 off, u32 len,
				   void *copy)
{
	if (unlikely(off > INT_MAX - len))
		return NULL;
	return skb_header_pointer(buf, off, len, copy);
}

static inline u32 lvs_buf_len(const struct lvs_buf *buf)
{
	return buf->len;
}

static inline u32 lvs_random_below(u32 ceil)
{
	return get_random_u32_below(ceil);
}

#endif
