// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the operator said, as a file in the state directory: it survives restarts, of lvsd and of the machine.
// Replaced as a whole: after a crash or on a full disk it is the old one or the new one. Part of lvs_app.
#pragma once

#include <map>
#include <set>
#include <string>

#include "lvsd/engine/engine.hpp"

namespace lvs::app {

using OverrideMap = std::map<engine::ServerId, engine::Overrides>;

struct Orders {
    OverrideMap servers;
    std::set<std::string> held;  // virtual routers that are not to be master here
};

// Times are written as wall-clock times; `offset` is wall clock minus monotonic, in nanoseconds.
[[nodiscard]] std::string encode_overrides(const OverrideMap& servers, const std::set<std::string>& held,
                                           std::int64_t offset);
[[nodiscard]] Result<Orders> parse_overrides(std::string_view text, std::int64_t offset);

}  // namespace lvs::app
