// SPDX-License-Identifier: GPL-2.0-or-later
//
// From configuration to the words of ipvs(4). Part of lvs_engine.
#pragma once

#include <string>
#include <vector>

#include "ipvs/ipvs.hpp"
#include "lvsd/config/model.hpp"

namespace lvs::engine {

// One for each address, the first first.
[[nodiscard]] std::vector<ipvs::ServiceKey> service_keys(const config::VirtualService& service);
[[nodiscard]] ipvs::ServiceSettings service_settings(const config::VirtualService& service);
[[nodiscard]] ipvs::DestSettings dest_settings(const config::RealServer& server, std::int32_t weight);

// Every setting of a check as one text: equal texts, equal checks.
[[nodiscard]] std::string settings_text(const config::Check& check);

}  // namespace lvs::engine
