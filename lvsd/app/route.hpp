// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the routing table of IPv4 says about an address, and whether answers from it are let in. Private to
// lvs_app.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "lvsd/base/base.hpp"

namespace lvs::app {

struct Route {
    bool is_local = false;  // an address of this host
    std::vector<std::string>
        interfaces;  // those packets may leave by; of a local address: the one that has it
    friend bool operator==(const Route&, const Route&) = default;
};

// Absent: there is no route to it, or the kernel does not say.
[[nodiscard]] std::optional<Route> route_to(const IpAddress& address);

// Whether packets from an address of this host may come in by the interface.
enum class Accepting { already, now, no };
// Sees to it that they may.
[[nodiscard]] Accepting accept_local(const std::string& interface);
// Whether packets come in by it from those addresses only that a route leads to by it.
[[nodiscard]] bool is_strict(const std::string& interface);

}  // namespace lvs::app
