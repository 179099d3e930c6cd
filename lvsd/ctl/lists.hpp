// SPDX-License-Identifier: GPL-2.0-or-later
//
// One table per kind of object, for a state too large to be read as a whole: what a filter lets through, as
// text for people or as JSON. Pure. Private to lvs_ctl.
//
// A JSON list has one object per row: the members of Describe() (lvsd/dbus/api.md), without those that are
// rows of another list, and before them what the row belongs to: `service`, `server`, `router`.
#pragma once

#include <string>
#include <vector>

#include "lvsd/ctl/ctl.hpp"

namespace lvs::ctl {

// What is empty lets everything through. Patterns are those of the shell: web-*, 10.0.0.?:80.
struct Filter {
    std::vector<std::string> services = {};
    std::vector<std::string> servers = {};
    std::vector<std::string> routers = {};
    std::vector<std::string> states = {};
    bool down = false;        // only what does not work as it should
    bool overridden = false;  // only servers an operator has said something about
    bool history = false;     // of checks, in tables: changes before, and what a script wrote; JSON has it always
    std::size_t limit = 0;    // rows at most; 0: all
};

[[nodiscard]] std::string services_table(const state::Snapshot& snapshot, const Filter& filter,
                                         const View& view);
[[nodiscard]] std::string servers_table(const state::Snapshot& snapshot, const Filter& filter,
                                        const View& view);
[[nodiscard]] std::string routers_table(const state::Snapshot& snapshot, const Filter& filter,
                                        const View& view);
[[nodiscard]] std::string checks_table(const state::Snapshot& snapshot, const Filter& filter,
                                       const View& view);

[[nodiscard]] std::string services_json(const state::Snapshot& snapshot, const Filter& filter);
[[nodiscard]] std::string servers_json(const state::Snapshot& snapshot, const Filter& filter);
[[nodiscard]] std::string routers_json(const state::Snapshot& snapshot, const Filter& filter);
[[nodiscard]] std::string checks_json(const state::Snapshot& snapshot, const Filter& filter);

}  // namespace lvs::ctl
