// SPDX-License-Identifier: GPL-2.0
#include <net/gre.h>
#include <net/ip_tunnels.h>
int probe(void);
int probe(void)
{
	IP_TUNNEL_DECLARE_FLAGS(f) = { };

	__set_bit(IP_TUNNEL_CSUM_BIT, f);
	return gre_calc_hlen(f);
}
