// SPDX-License-Identifier: GPL-2.0-or-later
#include "checkers/http_request.hpp"

#include <algorithm>
#include <array>

#include "checkers/reason.hpp"

namespace lvs::checkers {

namespace {

constexpr std::array<std::string_view, 7> kOwn{"connection", "content-length",   "host", "keep-alive", "te",
                                               "upgrade",    "transfer-encoding"};

std::string in_lower_case(std::string_view text) {
    std::string out(text);
    std::transform(out.begin(), out.end(), out.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return out;
}

// RFC 9110 5.6.2
bool is_token(std::string_view text) {
    constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
    return !text.empty() && std::all_of(text.begin(), text.end(), [kMarks](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               kMarks.find(c) != std::string_view::npos;
    });
}

std::string_view trimmed(std::string_view text) {
    while (text.starts_with(' '))
        text.remove_prefix(1);
    while (text.ends_with(' '))
        text.remove_suffix(1);
    return text;
}

}  // namespace

bool is_plain(std::string_view text, bool spaces) {
    return std::all_of(text.begin(), text.end(), [spaces](char c) {
        return (c > ' ' && c != 0x7f) || (spaces && c == ' ') || (static_cast<unsigned char>(c) >= 0x80);
    });
}

std::string host_of(const Endpoint& target, std::uint16_t default_port) {
    if (target.port != default_port) return to_string(target);
    return target.address.is_v4() ? to_string(target.address) : "[" + to_string(target.address) + "]";
}

Result<HeaderFields> read_header_fields(const std::vector<std::string>& lines, bool lower) {
    HeaderFields out;
    for (const auto& line : lines) {
        const auto colon = std::min(line.find(':'), line.size());
        const auto name = std::string_view(line).substr(0, colon);
        const auto value = std::string_view(line).substr(colon);
        if (colon == line.size() || !is_token(name) || !is_plain(value, true))
            return fail(std::errc::invalid_argument,
                        "headers: expected \"Name: value\", got " + quoted(line));
        const auto small = in_lower_case(name);
        if (std::find(kOwn.begin(), kOwn.end(), small) != kOwn.end())
            return fail(std::errc::invalid_argument, "headers: " + quoted(name) + " is not for you to set" +
                                                         (small == "host" ? ", there is the key host" : ""));
        out.emplace_back(lower ? small : std::string(name), trimmed(value.substr(1)));
    }
    return out;
}

}  // namespace lvs::checkers
