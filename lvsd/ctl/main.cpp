// SPDX-License-Identifier: GPL-2.0-or-later
//
// lvsctl: asks a running lvsd. The command line is made from tables of commands (command.hpp).
#include <map>
#include <vector>

#include "lvsd/ctl/command.hpp"

namespace {

using namespace lvs;

constexpr const char* kDefaultSocket = "/run/lvsd/lvsd.sock";

constexpr std::span<const ctl::CommandRow> (*kTables[])() = {ctl::show_commands, ctl::watch_commands, ctl::change_commands,
                                                             ctl::config_commands};

struct Frame {
    CLI::App app{
        "Asks a running lvsd and tells it what to do.\n"
        "Exit statuses: 0 done, 1 lvsd cannot be reached or what was asked for failed, 2 wrong usage."};
    ctl::Context context;
    bool system = false;
    bool no_pager = false;
    std::map<std::string, CLI::App*> groups;
    std::vector<std::unique_ptr<ctl::Command>> commands;
    ctl::Command* chosen = nullptr;
};

void declare_common(Frame& frame) {
    frame.app.require_subcommand(1);
    frame.app.fallthrough();  // --socket may also follow the command
    auto* socket =
        frame.app.add_option("--socket", frame.context.source.socket, "ask on this private socket only")
            ->type_name("PATH");
    frame.app.add_flag("--system", frame.system, "ask on the system bus only")->excludes(socket);
    frame.app.add_flag("--no-pager", frame.no_pager, "do not use a pager");
}

// "config check" goes into the group "config", which is made when it is first needed.
CLI::App* place_of(Frame& frame, std::string_view name, std::string_view summary) {
    const auto space = name.find(' ');
    if (space == std::string_view::npos)
        return frame.app.add_subcommand(std::string(name), std::string(summary));
    const std::string group(name.substr(0, space));
    auto*& parent = frame.groups[group];
    if (parent == nullptr) {
        parent = frame.app.add_subcommand(group, "commands about the " + group);
        parent->require_subcommand(1)->fallthrough();
    }
    return parent->add_subcommand(std::string(name.substr(space + 1)), std::string(summary));
}

void declare_commands(Frame& frame) {
    for (const auto table : kTables)
        for (const auto& row : table()) {
            auto* app = place_of(frame, row.name, row.summary);
            auto* command = frame.commands.emplace_back(row.make()).get();
            app->add_flag("--json", frame.context.json, "as JSON, for programs");
            command->declare(*app);
            app->final_callback([&frame, command] { frame.chosen = command; });
        }
}

int run(Frame& frame) {
    auto& source = frame.context.source;
    source.way = frame.system ? ctl::Way::system : source.socket.empty() ? ctl::Way::any : ctl::Way::socket;
    if (source.socket.empty()) source.socket = kDefaultSocket;
    frame.context.use_pager = !frame.no_pager;
    return frame.chosen->run(frame.context);
}

}  // namespace

int main(int argc, char** argv) {
    Frame frame;
    declare_common(frame);
    declare_commands(frame);
    try {
        frame.app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return frame.app.exit(error) == 0 ? ctl::kDone : ctl::kUsage;
    }
    return run(frame);
}
