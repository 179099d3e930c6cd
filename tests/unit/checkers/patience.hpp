// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include "lvsd/base/base.hpp"

namespace lvs::checkers {

// The machine may be busy; what is waited for comes much sooner.
inline constexpr Duration kPatience = std::chrono::seconds(30);

}  // namespace lvs::checkers
