// SPDX-License-Identifier: GPL-2.0-or-later
//
// lvsctl reads what somebody on the other end of a socket says. What parses must come out the same after
// being written and read again.
#include <cstdint>

#include "lvsd/state/state.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto snapshot = lvs::state::parse_json(text);
    if (!snapshot) return 0;
    const auto written = to_json(*snapshot);
    const auto again = lvs::state::parse_json(written);
    LVS_ASSERT(again.has_value());
    LVS_ASSERT(to_json(*again) == written);
    return 0;
}
