// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a caller asks lvsd to do, as one value: the methods of every object become Commands, and main answers
// them. Part of the public face of lvs_dbus.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "lvsd/base/base.hpp"

namespace lvs::dbus {

struct Command {
    enum class Verb : std::uint8_t { plan, apply, server, router };
    Verb verb = Verb::plan;
    std::string
        target;  // plan, apply: a file, empty = the one in force; server: SERVICE/SERVER; router: its name
    std::string action;  // server: "drain", "weight", ...; router: "failover", "hold", "release"
    std::string reason;
    bool force = false;        // apply: also when the guard says no
    std::uint32_t weight = 0;  // server, "weight"
    Duration timeout{};        // server, "drain" and "maintenance": connections left then are cut; 0 = never
    Duration expires{};        // server: the override ends then; 0 = never
};

struct Answer {
    std::string text;        // what the method returns: JSON
    std::string error_name;  // last part of the error's name, "InvalidConfig"; empty: done
    std::string error_text;
};

using CommandHandler = std::function<Answer(const Command&)>;

// Members of this group may change things, as root may.
inline constexpr const char* kGroup = "lvsd";

}  // namespace lvs::dbus
