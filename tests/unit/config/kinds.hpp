// SPDX-License-Identifier: GPL-2.0-or-later
//
// Checker kinds for the tests: together they use every type a kind's key can have.
#pragma once

#include <array>

#include "lvsd/config/config.hpp"

namespace lvs::config::test {

inline constexpr std::array<std::string_view, 3> kMethods{"GET", "HEAD", "OPTIONS"};

inline constexpr std::array kHttpKeys{
    KeySpec{.key = "path",
            .type = ValueType::string,
            .fallback = "/",
            .min = 1,
            .max = 1024,
            .doc = "What to get."},
    KeySpec{.key = "host", .type = ValueType::string, .doc = "The Host header."},
    KeySpec{.key = "status",
            .type = ValueType::ranges,
            .fallback = "200-299, 304",
            .min = 100,
            .max = 599,
            .doc = "Good statuses."},
    KeySpec{.key = "body", .type = ValueType::string, .doc = "What the body holds."},
    KeySpec{
        .key = "method", .type = ValueType::choice, .fallback = "GET", .choices = kMethods, .doc = "Method."},
    KeySpec{.key = "limit",
            .type = ValueType::integer,
            .fallback = "-1",
            .min = -1,
            .max = 65536,
            .doc = "Bytes."},
    KeySpec{.key = "follow", .type = ValueType::boolean, .fallback = "false", .doc = "Follow redirects."},
    KeySpec{.key = "headers", .type = ValueType::strings, .min = 0, .max = 4, .doc = "More headers."},
};

inline constexpr std::array kDnsKeys{
    KeySpec{.key = "name",
            .type = ValueType::string,
            .required = true,
            .min = 1,
            .max = 255,
            .doc = "The query."},
    KeySpec{
        .key = "retry", .type = ValueType::duration, .fallback = "250ms", .doc = "Send again after this."},
    KeySpec{.key = "expect", .type = ValueType::address, .doc = "The answer."},
    KeySpec{.key = "server", .type = ValueType::endpoint, .doc = "Ask this one."},
    KeySpec{.key = "relay", .type = ValueType::host, .doc = "Through this one."},
    KeySpec{.key = "subnet", .type = ValueType::prefix, .doc = "Client subnet."},
    KeySpec{.key = "allowed",
            .type = ValueType::prefixes,
            .fallback = "10.0.0.0/8, ::/0",
            .doc = "Good answers."},
};

// What a key table cannot say.
inline Result<void> validate_http(const Params& params) {
    if (param<std::string>(params, "path")->starts_with('?'))
        return fail(std::errc::invalid_argument, "path must not begin with `?`");
    return {};
}

inline constexpr std::array kKinds{
    KindSpec{.kind = "tcp",
             .doc = "Connects.",
             .keys = {},
             .speaks = [](const Params&) -> std::string_view { return "tcp"; }},
    KindSpec{"http", "Gets a page.", kHttpKeys, true, validate_http},
    KindSpec{"dns", "Asks for a name.", kDnsKeys},
    KindSpec{"ping", "Sends an echo request.", {}, false},
};

// All diagnostics as lines, without the file name.
inline std::string errors_of(std::string_view text) {
    std::string out;
    const auto loaded = parse(text, "f", kKinds);
    for (const auto& diagnostic : loaded.diagnostics)
        out += to_string(diagnostic).substr(2) + "\n";
    return out;
}

}  // namespace lvs::config::test
