// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/ctl/cells.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace lvs::ctl {

using namespace state;  // the vocabulary shown here

Tone tone_of(RouterState value) {
    switch (value) {
        case RouterState::master:
            return Tone::good;
        case RouterState::backup:
            return Tone::plain;
        case RouterState::initialize:
            return Tone::warn;
        case RouterState::waiting:
            return Tone::bad;
        case RouterState::stopped:
            return Tone::dim;
    }
    return Tone::plain;
}

Tone tone_of(ServerState value) {
    switch (value) {
        case ServerState::up:
            return Tone::good;
        case ServerState::starting:
            return Tone::warn;
        case ServerState::down:
            return Tone::bad;
        case ServerState::draining:
            return Tone::warn;
        case ServerState::maintenance:
            return Tone::warn;
        case ServerState::standby:
            return Tone::dim;
        case ServerState::sorry:
            return Tone::bad;
    }
    return Tone::plain;
}

Tone tone_of(ServiceState value) {
    switch (value) {
        case ServiceState::up:
            return Tone::good;
        case ServiceState::degraded:
            return Tone::warn;
        case ServiceState::sorry:
            return Tone::bad;
        case ServiceState::down:
            return Tone::bad;
    }
    return Tone::plain;
}

Tone tone_of(CheckState value) {
    switch (value) {
        case CheckState::starting:
            return Tone::warn;
        case CheckState::up:
            return Tone::good;
        case CheckState::down:
            return Tone::bad;
    }
    return Tone::plain;
}

Cell number_cell(std::uint64_t value) {
    return {fmt::format("{}", value), value == 0 ? Tone::dim : Tone::plain};
}

Cell since_cell(WallTime since, WallTime now) {
    return {since == WallTime{} ? "-" : short_span(now - since), Tone::plain};
}

std::string priority_text(const RouterInstance& instance) {
    if (instance.priority == instance.effective_priority) return fmt::format("{}", instance.priority);
    return fmt::format("{} ({})", instance.effective_priority, instance.priority);
}

std::string addresses_text(const std::vector<Prefix>& addresses) {
    std::string text;
    for (const auto& address : addresses)
        text += (text.empty() ? "" : " ") + to_string(address);
    return text;
}

std::string rate_text(std::uint64_t bytes_per_second) {
    constexpr std::array kUnits{"B/s", "kB/s", "MB/s", "GB/s"};
    auto value = static_cast<double>(bytes_per_second);
    std::size_t unit = 0;
    while (value >= 1000 && unit + 1 < kUnits.size()) {
        value /= 1000;
        ++unit;
    }
    if (unit == 0) return fmt::format("{} B/s", bytes_per_second);
    return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string match_text(const Service& service) {
    if (service.address) return fmt::format("{} {}", service.protocol, to_string(*service.address));
    return fmt::format("fwmark {} {}", service.fwmark, to_string(service.family));
}

std::string weight_text(const Server& server) {
    if (server.weight == server.effective_weight) return fmt::format("{}", server.weight);
    return fmt::format("{} ({})", server.effective_weight, server.weight);
}

std::string latency_text(Duration latency) {
    const auto us = std::chrono::duration_cast<std::chrono::microseconds>(latency).count();
    if (us < 1000) return fmt::format("{}us", us);
    if (us < 1'000'000) return fmt::format("{:.1f}ms", static_cast<double>(us) / 1e3);
    return fmt::format("{:.2f}s", static_cast<double>(us) / 1e6);
}

std::string override_text(const Override& what, WallTime now) {
    std::string text(to_string(what.kind));
    if (what.kind == OverrideKind::weight) text += fmt::format(" {}", what.weight);
    if (what.expires != WallTime{}) text += fmt::format(", {} left", short_span(what.expires - now));
    return text;
}

std::string overrides_text(const Server& server, WallTime now) {
    std::string text;
    for (const auto& what : server.overrides)
        text += (text.empty() ? "" : "; ") + override_text(what, now);
    return text.empty() ? "-" : text;
}

std::string short_span(Duration span) {
    using std::chrono::duration_cast;
    auto seconds = std::max<std::int64_t>(duration_cast<std::chrono::seconds>(span).count(), 0);
    constexpr std::array<std::pair<std::int64_t, char>, 4> kUnits{
        {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}}};
    for (std::size_t i = 0; i < kUnits.size(); ++i) {
        const auto [size, letter] = kUnits[i];
        if (seconds < size) continue;
        auto text = fmt::format("{}{}", seconds / size, letter);
        const auto rest = i + 1 < kUnits.size() ? seconds % size / kUnits[i + 1].first : 0;
        return rest == 0 ? text : text + fmt::format("{}{}", rest, kUnits[i + 1].second);
    }
    return "0s";
}

}  // namespace lvs::ctl
