// SPDX-License-Identifier: GPL-2.0-or-later
//
// The frame of lvsctl: main.cpp goes through tables of commands, so a command is added in a file of its own
// and by one line in main.cpp (kTables), and neither knows the others.
//
// A Command says its options in declare() and does its work in run(); it lives from before the command line
// is read to the end of the program. The frame adds what every command has: --socket, --system, --json,
// --no-pager.
//
// Exit statuses of every command: kDone, kFailed, kUsage; a command that has others says so in its help and
// in lvsctl(1).
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <span>
#include <string_view>

#include "lvsd/ctl/ctl.hpp"
#include "lvsd/ctl/terminal.hpp"

namespace lvs::ctl {

inline constexpr int kDone = 0;
inline constexpr int kFailed = 1;  // lvsd cannot be reached, or what was asked for failed
inline constexpr int kUsage = 2;

// What the frame read from the command line.
struct Context {
    Source source;
    bool json = false;
    bool use_pager = true;
};

class Command {
public:
    Command() = default;
    Command(const Command&) = delete;
    Command& operator=(const Command&) = delete;
    virtual ~Command() = default;
    virtual void declare(CLI::App& app) = 0;
    virtual int run(const Context& context) = 0;
};

struct CommandRow {
    std::string_view name;  // "status"; "config check": a command in a group
    std::string_view summary;
    std::unique_ptr<Command> (*make)();
};

template <class T>
std::unique_ptr<Command> make_command() {
    return std::make_unique<T>();
}

// The tables, each in the file that implements its commands.
[[nodiscard]] std::span<const CommandRow> show_commands();    // show.cpp
[[nodiscard]] std::span<const CommandRow> watch_commands();   // watch.cpp
[[nodiscard]] std::span<const CommandRow> change_commands();  // change.cpp
[[nodiscard]] std::span<const CommandRow> config_commands();  // config_check.cpp

// ---- what commands share

// The whole state. An error is complained about on standard error already; the value is absent then.
[[nodiscard]] std::optional<state::Snapshot> fetch_snapshot(const Context& context);
// Says on standard error that lvsd cannot be reached, and what to do. Returns kFailed.
int complain(const Error& error);

}  // namespace lvs::ctl
