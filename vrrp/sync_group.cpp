// SPDX-License-Identifier: GPL-2.0-or-later
//
// A group is master when every member would be, and backup as soon as one must be. Members that merely have
// not made up their mind (a router that a reload just added) hold nobody up and pull nobody down.
#include <algorithm>

#include "vrrp/vrrp.hpp"

namespace lvs::vrrp {

Decision decide(std::span<const Member> members) {
    const auto is_master = [](const Member& m) { return m.state == State::master; };
    const auto holds_back = [](const Member& m) { return !m.running || m.follows; };
    const auto is_willing = [](const Member& m) { return m.ready || m.state == State::master; };
    if (std::any_of(members.begin(), members.end(), holds_back))
        return std::any_of(members.begin(), members.end(), is_master) ? Decision::demote : Decision::none;
    const bool all_willing = std::all_of(members.begin(), members.end(), is_willing);
    const bool one_ready =
        std::any_of(members.begin(), members.end(), [](const Member& m) { return m.ready; });
    return all_willing && one_ready ? Decision::promote : Decision::none;
}

}  // namespace lvs::vrrp
