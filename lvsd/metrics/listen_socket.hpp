// SPDX-License-Identifier: GPL-2.0-or-later
//
// A listening socket of either kind. Private to lvs_metrics_io.
#pragma once

#include <string>

#include "lvsd/base/base.hpp"
#include "lvsd/runtime/runtime.hpp"

namespace lvs::metrics {

[[nodiscard]] Result<UniqueFd> listen_on(const Endpoint& endpoint);
// A socket nobody answers on is taken over; any other file there is an error.
[[nodiscard]] Result<UniqueFd> listen_on(const std::string& path);

}  // namespace lvs::metrics
