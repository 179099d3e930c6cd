// SPDX-License-Identifier: GPL-2.0
/* Does this kernel's IPVS let the administrator place its estimators? */
#include <net/ip_vs.h>
int probe(struct netns_ipvs *ipvs);
int probe(struct netns_ipvs *ipvs)
{
	return sysctl_est_nice(ipvs);
}
