// SPDX-License-Identifier: GPL-2.0
#define LVS_STUB "mh"
#include "stub.h"
