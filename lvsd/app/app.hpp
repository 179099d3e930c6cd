// SPDX-License-Identifier: GPL-2.0-or-later
//
// lvs_app: the wiring of the daemon. No protocol and no policy: every decision is made by a machine of another
// folder; here their inputs and effects are carried to each other.
//
//   signals, timers ─┐
//   checker worker  ─┼─► App (main thread, one io_context) ─► engine ─► reconciler ─► kernel
//   VRRP events     ─┘                                     └► snapshot ─► D-Bus, private socket, status line
//
// Order of starting: checker, IPVS, VRRP. The routers are held back until the table is in the kernel and every server
// has had a first verdict, so that a director that comes back never takes an address it cannot serve; at the latest
// kRouterHold after the start they go ahead.
// Order of stopping: VRRP first (the peer takes over at once), then the IPVS entries, then the rest.
//
// Files: app.cpp (start, stop, reload, events), convert.cpp (configuration to what the parts want), snapshot.cpp
// (what the parts know to what is shown).
#pragma once

#include <string>

#include "lvsd/config/config.hpp"

namespace lvs::app {

struct Options {
    std::string config_path = "/etc/lvsd/lvsd.toml";
    std::string socket_path = "/run/lvsd/lvsd.sock";
    std::string state_dir = "/var/lib/lvsd";
    std::string checker_path;
    std::string runner_path;  // the program that runs scripts
};

inline constexpr Duration kRouterHold = std::chrono::seconds(10);

// What `lvsd --check` reports and what a reload does are this one function.
[[nodiscard]] config::Loaded load(const std::string& path);

// Runs until SIGTERM or SIGINT; the exit status of the process.
[[nodiscard]] int run(const Options& options, config::Config config);

// Removes the virtual addresses that a killed lvsd left in this network namespace, with all that belongs to
// them. Nothing is done while one runs: 1, as after any failure.
[[nodiscard]] int clean_up();

}  // namespace lvs::app
