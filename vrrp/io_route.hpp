// SPDX-License-Identifier: GPL-2.0-or-later
//
// Private to lvs_vrrp_io: routes and rules as netlink messages, what a killed run left of them, and what
// others remove.
#pragma once

#include <vector>

#include "vrrp/io.hpp"
#include "vrrp/io_fd.hpp"

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

// Hears when somebody else removes a route or rule with our mark; all other changes stay in the kernel. What
// goes silently, with an interface or an address, is not heard of here. Speaker thread only.
class RouteWatch {
public:
    // `ours`: the netlink port that our own removals come from.
    [[nodiscard]] Result<void> open(std::uint32_t ours);
    [[nodiscard]] int fd() const { return fd_.get(); }
    struct Gone {
        bool ipv4 = false, ipv6 = false;
        [[nodiscard]] bool of(Family family) const { return family == Family::ipv4 ? ipv4 : ipv6; }
    };
    // Reads what is waiting. After an overrun it may be anything, and once more when all that waited is read:
    // the kernel keeps nothing until then.
    [[nodiscard]] Gone read();

private:
    Fd fd_;
    std::uint32_t ours_ = 0;
    bool missed_ = false;  // and what waited is not read yet
    std::vector<std::uint8_t> buffer_;
};

}  // namespace lvs::vrrp::io
