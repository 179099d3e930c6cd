// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/app/overrides.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>

namespace lvs::app {
namespace {

// One line per override, fields divided by tabs:
//   service  server  weight | disabled | draining | maintenance  number  expires_us  deadline_us  reason
//   router  hold
constexpr std::string_view kHead = "lvsd overrides 1\n";
constexpr std::size_t kFields = 7;
constexpr std::string_view kHold = "\thold";
constexpr std::array kModes{engine::Admin::disabled, engine::Admin::draining, engine::Admin::maintenance};

std::string one_line(std::string text) {
    for (auto& c : text)
        if (static_cast<unsigned char>(c) < 0x20) c = ' ';
    return text;
}

std::int64_t to_wall_us(const std::optional<Time>& time, std::int64_t offset) {
    return time ? std::max<std::int64_t>(1, (time->time_since_epoch().count() + offset) / 1000) : 0;
}

std::optional<Time> from_wall_us(std::int64_t us, std::int64_t offset) {
    if (us == 0) return std::nullopt;
    return Time(Duration(us * 1000 - offset));
}

std::optional<std::int64_t> number(std::string_view text) {
    std::int64_t out = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    if (error != std::errc{} || end != text.data() + text.size() || out > INT64_MAX / 1000 || out < 0)
        return std::nullopt;
    return out;
}

std::optional<std::array<std::string_view, kFields>> split(std::string_view line) {
    std::array<std::string_view, kFields> out;
    for (std::size_t i = 0; i < kFields; ++i) {
        const auto tab = i + 1 < kFields ? line.find('\t') : line.size();
        if (tab == std::string_view::npos) return std::nullopt;
        out.at(i) = line.substr(0, tab);
        line = tab < line.size() ? line.substr(tab + 1) : std::string_view{};
    }
    return out;
}

bool read_line(std::string_view line, std::int64_t offset, Orders& out) {
    if (line.ends_with(kHold) && line.find('\t') == line.size() - kHold.size())
        return out.held.emplace(line.substr(0, line.size() - kHold.size())).second;
    const auto fields = split(line);
    if (!fields) return false;
    const auto& [service, server, kind, value, expires_text, deadline_text, reason] = *fields;
    const auto address = parse_endpoint(server);
    const auto count = number(value), expires = number(expires_text), deadline = number(deadline_text);
    if (!address || !count || !expires || !deadline) return false;
    auto& entry = out.servers[{std::string(service), *address}];
    if (kind == "weight") {
        const auto weight = Weight::make(*count);
        if (weight)
            entry.weight =
                engine::WeightOverride{*weight, std::string(reason), from_wall_us(*expires, offset)};
        return weight.has_value();
    }
    for (const auto mode : kModes)
        if (kind == engine::to_string(mode)) {
            entry.admin = engine::AdminOverride{mode, std::string(reason), from_wall_us(*expires, offset),
                                                from_wall_us(*deadline, offset)};
            return true;
        }
    return false;
}

}  // namespace

std::string encode_overrides(const OverrideMap& servers, const std::set<std::string>& held,
                             std::int64_t offset) {
    std::string out(kHead);
    for (const auto& router : held)
        out += router + std::string(kHold) + '\n';
    for (const auto& [server, value] : servers) {
        const auto who = fmt::format("{}\t{}", server.first, to_string(server.second));
        if (value.admin)
            out += fmt::format("{}\t{}\t0\t{}\t{}\t{}\n", who, engine::to_string(value.admin->mode),
                               to_wall_us(value.admin->expires, offset),
                               to_wall_us(value.admin->deadline, offset), one_line(value.admin->reason));
        if (value.weight)
            out += fmt::format("{}\tweight\t{}\t{}\t0\t{}\n", who, value.weight->weight.value(),
                               to_wall_us(value.weight->expires, offset), one_line(value.weight->reason));
    }
    return out;
}

Result<Orders> parse_overrides(std::string_view text, std::int64_t offset) {
    if (!text.starts_with(kHead)) return fail(std::errc::bad_message, "overrides: no head line");
    Orders out;
    text.remove_prefix(kHead.size());
    while (!text.empty()) {
        const auto end = text.find('\n');
        if (end == std::string_view::npos || !read_line(text.substr(0, end), offset, out))
            return fail(std::errc::bad_message, fmt::format("overrides: \"{}\"", text.substr(0, end)));
        text.remove_prefix(end + 1);
    }
    return out;
}

}  // namespace lvs::app
