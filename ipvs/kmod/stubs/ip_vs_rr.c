// SPDX-License-Identifier: GPL-2.0
#define LVS_STUB "rr"
#include "stub.h"
