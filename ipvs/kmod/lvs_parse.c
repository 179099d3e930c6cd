// SPDX-License-Identifier: GPL-2.0
#include "lvs_parse.h"
