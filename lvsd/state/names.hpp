// SPDX-License-Identifier: GPL-2.0-or-later
//
// Names of enum values, both ways. Private to lvs_state.
#pragma once

#include "lvsd/state/state.hpp"

namespace lvs::state {

// The word the JSON and D-Bus use: to_string(Family) of lvs_base is the one for people.
[[nodiscard]] inline std::string_view word(Family family) {
    return family == Family::ipv4 ? "ipv4" : "ipv6";
}
template <class E>
[[nodiscard]] std::string_view word(E value) {
    return to_string(value);
}

// Every enum here is counted from 0 without gaps (Family: 4 and 6), so a search over small numbers finds all.
template <class E>
[[nodiscard]] std::optional<E> from_word(std::string_view text) {
    for (std::uint8_t i = 0; i < 16; ++i) {
        const auto value = static_cast<E>(i);
        if (std::same_as<E, Family> && i != 4 && i != 6) continue;
        if (!text.empty() && word(value) == text) return value;
    }
    return std::nullopt;
}

}  // namespace lvs::state
