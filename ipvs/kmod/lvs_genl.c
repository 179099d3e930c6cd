// SPDX-License-Identifier: GPL-2.0
#include "lvs_core.h"

int lvs_genl_init(void)
{
	return 0;
}

void lvs_genl_exit(void)
{
}
