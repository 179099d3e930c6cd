/* SPDX-License-Identifier: GPL-2.0 */
/* What clients name services and servers by, and what they ask of them: values
 * only, shared by the parsers (also built in user space) and the objects. */
#ifndef LVS_KEYS_H
#define LVS_KEYS_H

#include "lvs_internal.h"

/* fwmark != 0: (af, fwmark) is the key and the rest is 0; otherwise the rest. */
struct lvs_svc_key {
	u16 af;
	u16 proto;
	__be16 port;
	u32 fwmark;
	union nf_inet_addr addr;	/* unused bytes zero */
};

struct lvs_svc_cfg {
	u32 flags, flags_mask;		/* as in the FLAGS attribute */
	u32 timeout;			/* seconds */
	u32 netmask;			/* raw: be32 mask (IPv4), prefix length (IPv6) */
	char sched[IP_VS_SCHEDNAME_MAXLEN];	/* "none": none */
	char pe[IP_VS_PENAME_MAXLEN + 1];	/* none known: -ENOENT unless "" */
};

struct lvs_dest_key {
	u16 af;				/* 0: the service's */
	__be16 port;
	union nf_inet_addr addr;	/* unused bytes zero */
};

struct lvs_dest_cfg {
	u32 fwd;			/* FWD_METHOD; masked by & 7 inside */
	int weight;
	u32 u_threshold, l_threshold;
	u8 tun_type;
	__be16 tun_port;
	u16 tun_flags;
};

#endif
