// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include <ctime>

#include "lvsd/ctl/patterns.hpp"
#include "lvsd/ctl/watch.hpp"

namespace lvs::ctl {
namespace {

std::string local_time(state::WallTime time) {
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
    const std::time_t seconds = ms / 1000;
    std::tm parts{};
    ::localtime_r(&seconds, &parts);
    return fmt::format("{:04}-{:02}-{:02} {:02}:{:02}:{:02}.{:03}", parts.tm_year + 1900, parts.tm_mon + 1,
                       parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, ms % 1000);
}

Tone tone_of(Level level) {
    switch (level) {
        case Level::error:
            return Tone::bad;
        case Level::warning:
            return Tone::warn;
        case Level::notice:
            return Tone::bold;
        case Level::info:
            return Tone::plain;
        case Level::debug:
            return Tone::dim;
    }
    return Tone::plain;
}

}  // namespace

bool passes(const WatchFilter& filter, const WatchedEvent& watched) {
    return matches(filter.events, watched.name) && matches(filter.objects, watched.event.object);
}

std::string watch_line(const WatchedEvent& watched, const View& view) {
    const auto& event = watched.event;
    std::string extra;
    const auto add = [&extra](std::string_view key, std::string_view value) {
        if (!value.empty()) extra += fmt::format(" {}={}", printable(key), printable(value));
    };
    add("from", event.from);
    for (const auto& [key, value] : event.details)
        add(key, value);
    add("reason", event.reason);
    return fmt::format("{}  {:>5}  {:<7}  {:<15}  {}{}\n", local_time(event.time), event.sequence,
                       to_string(event.level), printable(watched.name),
                       paint(printable(event.message), tone_of(event.level), view.color),
                       paint(extra, Tone::dim, view.color));
}

std::string watch_json(const WatchedEvent& watched) {
    const EventId id{watched.name, ""};
    auto event = watched.event;
    event.id = &id;
    return events::to_json(event) + '\n';
}

}  // namespace lvs::ctl
