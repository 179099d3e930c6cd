// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a configuration says about a request, made fit for the wire: nothing of it may end a line or hide a
// second request.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "checkers/http_exchange.hpp"
#include "lvsd/base/base.hpp"

namespace lvs::checkers {

// No control characters and, unless `spaces`, no spaces.
[[nodiscard]] bool is_plain(std::string_view text, bool spaces);
// For the Host header; without the port when that is the default one.
[[nodiscard]] std::string host_of(const Endpoint& target, std::uint16_t default_port);
// Lines "Name: value". `lower`: names in lower case, as HTTP/2 has them. Fields that the exchange sets itself
// are refused.
[[nodiscard]] Result<HeaderFields> read_header_fields(const std::vector<std::string>& lines, bool lower);

}  // namespace lvs::checkers
