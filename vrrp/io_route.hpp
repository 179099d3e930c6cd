// SPDX-License-Identifier: GPL-2.0-or-later
//
// Private to lvs_vrrp_io: routes and rules as netlink messages, and what a killed run left of them.
#pragma once

#include <vector>

#include "vrrp/io.hpp"

namespace lvs::vrrp::io {

// What adds it and what removes it again, and only it: both carry our mark.
struct RouteMessages {
    std::vector<std::uint8_t> add, remove;
    IpAddress about;  // for reports: its destination, or what a rule is from
};
// `device`: the number of the interface it leads to; 0: the kernel finds it.
[[nodiscard]] RouteMessages route_messages(const Route& route, int device);
[[nodiscard]] RouteMessages rule_messages(const Rule& rule);

// Removes every route and rule with our mark, waiting for each. At start only.
[[nodiscard]] Result<void> clear_routes();

}  // namespace lvs::vrrp::io
