// SPDX-License-Identifier: GPL-2.0-or-later
//
// lvs_ctl: what lvsctl is made of. lvsctl asks a running lvsd over D-Bus (lvsd/dbus/api.md) and shows the
// answer; it links no part of the daemon but the state's type and JSON.
//
//   main          the command line; tables of commands (command.hpp)
//   bus, fetch    finds lvsd (private socket, then system bus) and asks         blocks, with a deadline
//   terminal      colours, pager
//   table         rows of cells made into aligned lines                         pure
//   cells         a value of the state as a cell                                pure
//   status        a Snapshot as tables a person reads at a glance               pure
//   lists         one kind of object, filtered, as a table or JSON              pure
//   watch_line    an event as a line                                            pure
//   show, watch, config_check     the commands
//
// Texts in the state can come from strangers (a real server's answer). Whatever is printed for people passes
// printable(), so nothing can steer the terminal.
#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "lvsd/base/base.hpp"
#include "lvsd/state/state.hpp"

namespace lvs::ctl {

// ---- fetch
// --------------------------------------------------------------------------------------------------

enum class Way : std::uint8_t { any, socket, system };  // any: the socket, then the bus

struct Source {
    Way way = Way::any;
    std::string socket;  // path of the private socket
};

using Argument = std::variant<std::string, bool, std::uint32_t, std::uint64_t>;
struct Question {  // a method of the manager that answers with a string
    const char* method = "";
    std::vector<Argument> arguments = {};
    std::uint64_t deadline_us = 10'000'000;
};
// The answer. The code operation_canceled means that lvsd was reached and refused, with its reason as context.
[[nodiscard]] Result<std::string> ask(const Source& source, const Question& question);

// The JSON of Describe(). The error says what was tried and what to do.
[[nodiscard]] Result<std::string> fetch_description(const Source& source);

// ---- table
// --------------------------------------------------------------------------------------------------

enum class Tone : std::uint8_t { plain, good, warn, bad, dim, bold };

struct Cell {
    std::string text;
    Tone tone = Tone::plain;
};

struct Column {
    std::string_view title;
    bool right = false;  // numbers
};

class Table {
public:
    explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}
    void add(std::vector<Cell> row) { rows_.push_back(std::move(row)); }  // one cell per column
    // Columns are as wide as their widest cell, the last one is not padded. `color`: ANSI colours.
    [[nodiscard]] std::string render(bool color) const;

private:
    std::vector<Column> columns_;
    std::vector<std::vector<Cell>> rows_;
};

[[nodiscard]] std::string paint(std::string_view text, Tone tone, bool color);
// Control characters (also the C1 ones) become '?'.
[[nodiscard]] std::string printable(std::string_view utf8);
// Columns the text takes on a terminal: one per character.
[[nodiscard]] std::size_t display_width(std::string_view utf8);

// ---- status
// -------------------------------------------------------------------------------------------------

struct View {
    bool color = false;
    state::WallTime now;  // for "since": 3m ago
};

[[nodiscard]] std::string render_status(const state::Snapshot& snapshot, const View& view);
// A span in the two largest units: "3d4h", "12m", "0s".
[[nodiscard]] std::string short_span(Duration span);

}  // namespace lvs::ctl
