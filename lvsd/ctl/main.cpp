// SPDX-License-Identifier: GPL-2.0-or-later
//
// lvsctl: asks a running lvsd. Exit codes: 0 done, 1 lvsd cannot be reached or does not answer as it should,
// 2 wrong usage.
#include <fmt/core.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "lvsd/ctl/ctl.hpp"

namespace {

using namespace lvs;

constexpr int kUnreachable = 1;
constexpr int kUsage = 2;
constexpr const char* kDefaultSocket = "/run/lvsd/lvsd.sock";

struct Options {
    ctl::Source source;
    bool json = false;
};

ctl::View view_of_terminal() {
    const char* no_color = std::getenv("NO_COLOR");  // https://no-color.org: set and not empty
    const char* terminal = std::getenv("TERM");
    const bool dumb = terminal != nullptr && std::string_view(terminal) == "dumb";
    const auto now = std::chrono::duration_cast<std::chrono::nanoseconds>(
        std::chrono::system_clock::now().time_since_epoch());
    return {::isatty(STDOUT_FILENO) == 1 && !dumb && (no_color == nullptr || *no_color == '\0'),
            state::WallTime(now)};
}

// What is printed must arrive: a full disk behind a redirection is an error.
int print(const std::string& text) {
    const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
    if (written && std::fflush(stdout) == 0) return 0;
    std::perror("lvsctl: standard output");
    return kUnreachable;
}

int complain(const Error& error) {
    fmt::print(stderr, "lvsctl: cannot reach lvsd: {}\n", ctl::printable(to_string(error)));
    if (error.code == std::errc::permission_denied)
        fmt::print(stderr,
                   "Reading needs no rights on a standard installation: check the mode of the socket.\n");
    else
        fmt::print(stderr,
                   "Is it running? Look at: systemctl status lvsd; journalctl -u lvsd. "
                   "Another socket: lvsctl --socket PATH.\n");
    return kUnreachable;
}

int run_status(const Options& options) {
    const auto json = ctl::fetch_description(options.source);
    if (!json) return complain(json.error());
    if (options.json) return print(*json + '\n');
    const auto snapshot = state::parse_json(*json);
    if (!snapshot) {
        fmt::print(stderr, "lvsctl: {}\nlvsd and lvsctl are of different versions: see lvsctl version.\n",
                   ctl::printable(to_string(snapshot.error())));
        return kUnreachable;
    }
    return print(ctl::render_status(*snapshot, view_of_terminal()));
}

// lvsctl's own version is known without lvsd; lvsd's is told when it answers.
int run_version(const Options& options) {
    auto text = fmt::format("lvsctl {}\n", LVSD_VERSION);
    const auto json = ctl::fetch_description(options.source);
    const auto snapshot = json ? state::parse_json(*json) : std::unexpected(json.error());
    text += snapshot ? fmt::format("lvsd {}\n", ctl::printable(snapshot->daemon.version))
                     : "lvsd not reachable\n";
    return print(text);
}

}  // namespace

int main(int argc, char** argv) {
    Options options;
    bool system = false;
    int result = 0;
    CLI::App app{
        "Shows what a running lvsd does.\n"
        "Exit codes: 0 done, 1 lvsd cannot be reached, 2 wrong usage."};
    app.require_subcommand(1);
    app.fallthrough();  // --socket may also follow the command
    auto* socket = app.add_option("--socket", options.source.socket, "ask on this private socket only")
                       ->type_name("PATH");
    app.add_flag("--system", system, "ask on the system bus only")->excludes(socket);
    auto* status = app.add_subcommand("status", "routers, services and servers at a glance");
    status->add_flag("--json", options.json, "the whole state as JSON, as lvsd's Describe() gives it");
    auto* version = app.add_subcommand("version", "versions of lvsctl and of the running lvsd");
    const auto choose = [&] {
        options.source.way = system ? ctl::Way::system : socket->empty() ? ctl::Way::any : ctl::Way::socket;
        if (options.source.socket.empty()) options.source.socket = kDefaultSocket;
    };
    status->final_callback([&] { choose(), result = run_status(options); });
    version->final_callback([&] { choose(), result = run_version(options); });
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : kUsage;
    }
    return result;
}
