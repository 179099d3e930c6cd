// SPDX-License-Identifier: GPL-2.0-or-later
//
// A plan: what putting a configuration into force would change, before anything does. Made of the engine's
// preview and the kernel's table as it is, so it also tells what somebody else changed. Pure. Part of
// lvs_engine.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "lvsd/config/config.hpp"
#include "lvsd/engine/engine.hpp"

namespace lvs::engine {

struct RouterPlan {
    char sign = '~';  // '+' comes, '-' goes, '~' changes
    std::string name;
    std::vector<std::string> details;  // "priority: 100 -> 150"
};

struct Plan {
    std::vector<ipvs::Command> kernel;             // in the order in which they would be carried out
    std::map<ipvs::ServiceKey, std::string> ways;  // what of it is for checks through their service
    std::vector<RouterPlan> routers;
    config::NameChanges services;  // also those that differ in ways the kernel does not see: checks, quorum
    bool global = false;
    std::vector<ServerId> servers_added, servers_removed;  // of services that stay
    std::size_t removed = 0, before = 0;                   // servers, with those of services that go
    bool is_guarded = false;                               // needs to be forced
    [[nodiscard]] bool empty() const {
        return kernel.empty() && routers.empty() && services.empty() && !global;
    }
};

// `kernel`: as last read; `owned`: what is ours in it.
[[nodiscard]] Plan make_plan(Time now, const Engine& engine, const config::Config& next,
                             const ipvs::Table& kernel, const ipvs::Owned& owned);

// Whether a reload that removes so many of so many servers has to be forced.
inline constexpr std::size_t kGuardFree = 3;  // so few may always go
[[nodiscard]] bool guards(std::uint8_t percent, std::size_t removed, std::size_t before);

// One line per change: "+ add server ...".
[[nodiscard]] std::vector<std::string> lines(const Plan& plan);

}  // namespace lvs::engine
