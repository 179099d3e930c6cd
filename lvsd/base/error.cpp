// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/core.h>

#include <charconv>
#include <cstdio>
#include <cstdlib>

#include "lvsd/base/base.hpp"

namespace lvs {

std::unexpected<Error> fail(std::errc code, std::string context) {
    return std::unexpected(Error{std::make_error_code(code), std::move(context)});
}

std::unexpected<Error> fail_errno(int error_number, std::string context) {
    return std::unexpected(Error{std::error_code(error_number, std::generic_category()), std::move(context)});
}

std::unexpected<Error> fail_in(std::string_view context, const Error& inner) {
    return std::unexpected(Error{inner.code, fmt::format("{}: {}", context, inner.context)});
}

std::string to_string(const Error& error) {
    if (!error.code) return error.context;
    return fmt::format("{}: {}", error.context, error.code.message());
}

void assertion_failed(const char* expression, const char* file, int line) {
    std::fprintf(stderr, "%s:%d: assertion failed: %s\n", file, line, expression);
    std::abort();
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return std::nullopt;
    return value;
}

}  // namespace lvs
