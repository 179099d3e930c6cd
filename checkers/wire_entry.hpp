// SPDX-License-Identifier: GPL-2.0-or-later
//
// One entry of a list message; private to wire*.cpp.
#pragma once

#include <concepts>
#include <optional>

#include "checkers/wire.hpp"
#include "checkers/wire_bytes.hpp"

namespace lvs::checkers::wire {

[[nodiscard]] inline CheckId get_id(Reader& in) {
    const auto id = in.number<std::uint32_t>();
    if (id >= kMaxChecks) in.refuse();
    return CheckId{id};
}

template <std::unsigned_integral T>
void put_optional(Writer& out, const std::optional<T>& value) {
    out.boolean(value.has_value());
    if (value) out.number(*value);
}
template <std::unsigned_integral T>
[[nodiscard]] std::optional<T> get_optional(Reader& in) {
    if (!in.boolean()) return std::nullopt;
    return in.number<T>();
}

void put_entry(Writer& out, const CheckSpec& spec);
void get_entry(Reader& in, CheckSpec& spec);

}  // namespace lvs::checkers::wire
