// SPDX-License-Identifier: GPL-2.0-or-later
//
// From what one part says to what another understands. Part of lvs_app: only the wiring knows two parts at once.
#pragma once

#include <optional>
#include <vector>

#include "checkers/checkers.hpp"
#include "lvsd/config/model.hpp"
#include "lvsd/engine/engine.hpp"
#include "vrrp/io.hpp"

namespace lvs::app {

[[nodiscard]] std::vector<vrrp::RouterSpec> router_specs(const config::Config& config);  // convert_router.cpp
[[nodiscard]] std::vector<vrrp::TrackerSpec> tracker_specs(const config::Config& config);
[[nodiscard]] checkers::CheckSpec check_spec(const engine::CheckWanted& wanted);

// A line for the log and the status: "master-down", "interface eth0 is missing".
[[nodiscard]] std::string describe(const vrrp::Event& event);

}  // namespace lvs::app
