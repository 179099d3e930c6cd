// SPDX-License-Identifier: GPL-2.0
#define LVS_STUB "ovf"
#include "stub.h"
