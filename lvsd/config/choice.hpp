// SPDX-License-Identifier: GPL-2.0-or-later
//
// Fields of an object as the types of the model: one of a few words, or a value that may be missing.
#pragma once

#include <algorithm>
#include <array>
#include <optional>

#include "lvsd/config/value.hpp"

namespace lvs::config {

template <class E, std::size_t N>
E enum_of(std::string_view text, const std::array<E, N>& values) {
    const auto found = std::ranges::find_if(values, [text](E value) { return to_string(value) == text; });
    LVS_ASSERT(found != values.end());  // the key table's choices and to_string() differ
    return *found;
}

template <class E, std::size_t N>
E choice(const Fields& fields, std::string_view key, E otherwise, const std::array<E, N>& values) {
    const auto* text = fields.get<std::string>(key);
    return text ? enum_of(*text, values) : otherwise;
}

template <class T>
std::optional<T> maybe(const Fields& fields, std::string_view key) {
    const auto* found = fields.get<T>(key);
    return found ? std::optional<T>(*found) : std::nullopt;
}

}  // namespace lvs::config
