/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Forced in front of every file.  All that differs between kernels is here and
 * asks what lvs_config.h found by trying, never what version this is: Debian's
 * kernels carry so many backports that the number says little.
 */
#ifndef LVS_COMPAT_H
#define LVS_COMPAT_H

#include "lvs_config.h"

#include <linux/random.h>
#include <linux/sysctl.h>
#include <linux/timer.h>

#ifndef LVS_HAVE_TIMER_DELETE
#define timer_delete_sync(t) del_timer_sync(t)
#define timer_delete(t) del_timer(t)
#endif

#ifndef LVS_HAVE_RANDOM_BELOW
static inline u32 get_random_u32_below(u32 ceil)
{
	return (u32)(((u64)get_random_u32() * ceil) >> 32);
}
#endif

#ifdef LVS_HAVE_CONST_CTL_TABLE
#define lvs_ctl_const const
#else
#define lvs_ctl_const
#endif

/* @n entries, then one empty one for the kernels that want it. */
#ifdef LVS_HAVE_NET_SYSCTL_SZ
#define lvs_register_net_sysctl(net, path, table, n) \
	register_net_sysctl_sz(net, path, table, n)
#else
#define lvs_register_net_sysctl(net, path, table, n) \
	register_net_sysctl(net, path, table)
#endif

/* Where skb_gso_validate_network_len() went. */
#ifdef LVS_HAVE_NET_GSO_H
#include <net/gso.h>
#endif

#ifdef LVS_HAVE_INET_TEST_BIT
#define lvs_sock_nodefrag(sk) inet_test_bit(NODEFRAG, sk)
#else
#define lvs_sock_nodefrag(sk) (inet_sk(sk)->nodefrag)
#endif

#endif
