// SPDX-License-Identifier: GPL-2.0-or-later
//
// Makes the sockets a worker may not make itself: with a mark, bound to a device, for ICMP. The daemon does
// so when a worker asks, for one run each; nothing here waits. What needs no privilege (the source address,
// connecting) is left to the worker, which also sets the ICMP filter: until then such a socket takes nothing
// in.
#pragma once

#include "checkers/checkers.hpp"
#include "checkers/fd.hpp"

namespace lvs::checkers {

// The address packets to `target` come from, as the routing table says; an address of this host is its own.
[[nodiscard]] std::optional<IpAddress> source_towards(const IpAddress& target);

[[nodiscard]] Result<Fd> make_socket(const CheckSpec& spec, Transport transport);

}  // namespace lvs::checkers
