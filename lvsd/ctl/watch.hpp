// SPDX-License-Identifier: GPL-2.0-or-later
//
// What lvsctl watch shows: an event read from D-Bus, and its line. Private to lvs_ctl.
#pragma once

#include <string>
#include <vector>

#include "lvsd/ctl/ctl.hpp"
#include "lvsd/events/events.hpp"

namespace lvs::ctl {

struct WatchedEvent {
    events::Event event;  // without id: the name is known to lvsd, perhaps not to this lvsctl
    std::string name;
};

struct WatchFilter {  // patterns of the shell; what is empty lets everything through
    std::vector<std::string> events;
    std::vector<std::string> objects;
};

[[nodiscard]] bool passes(const WatchFilter& filter, const WatchedEvent& watched);
// "2026-11-22 15:04:05.123  42  warning  server-state  10.0.0.7:80 is down (up, connection refused)
// service=web"
[[nodiscard]] std::string watch_line(const WatchedEvent& watched, const View& view);
[[nodiscard]] std::string watch_json(const WatchedEvent& watched);

}  // namespace lvs::ctl
