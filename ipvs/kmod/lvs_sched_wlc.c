// SPDX-License-Identifier: GPL-2.0
/* Weighted least connections: the least overhead per weight. */
#include "lvs_sched_best.h"

static int wlc_start(struct lvs_sched_inst *inst)
{
	return lvs_best_start(inst, lvs_load_wlc);
}

LVS_SCHED_BEST(wlc, wlc_start, true, true);
