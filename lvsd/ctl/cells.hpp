// SPDX-License-Identifier: GPL-2.0-or-later
//
// How one value of the state looks in a cell of a table, the same in every table. Pure. Private to lvs_ctl.
#pragma once

#include <string>
#include <vector>

#include "lvsd/ctl/ctl.hpp"

namespace lvs::ctl {

[[nodiscard]] Tone tone_of(state::RouterState value);
[[nodiscard]] Tone tone_of(state::ServerState value);
[[nodiscard]] Tone tone_of(state::ServiceState value);
[[nodiscard]] Tone tone_of(state::CheckState value);

template <class E>
[[nodiscard]] Cell state_cell(E value) {
    return {std::string(state::to_string(value)), tone_of(value)};
}

[[nodiscard]] Cell number_cell(std::uint64_t value);  // 0 recedes
[[nodiscard]] Cell since_cell(state::WallTime since, state::WallTime now);
// "140", or "140 (150)" when what is advertised differs from the configuration.
[[nodiscard]] std::string priority_text(const state::RouterInstance& instance);
[[nodiscard]] std::string weight_text(const state::Server& server);  // the same for weights
[[nodiscard]] std::string addresses_text(const std::vector<Prefix>& addresses);
[[nodiscard]] std::string rate_text(std::uint64_t bytes_per_second);
[[nodiscard]] std::string match_text(const state::Service& service);  // "tcp 192.0.2.10:80", "fwmark 7 IPv4"
[[nodiscard]] std::string latency_text(Duration latency);             // "1.2ms"
// "maintenance", "weight 10, 55m left"
[[nodiscard]] std::string override_text(const state::Override& what, state::WallTime now);
[[nodiscard]] std::string overrides_text(const state::Server& server, state::WallTime now);

}  // namespace lvs::ctl
