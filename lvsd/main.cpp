// SPDX-License-Identifier: GPL-2.0-or-later
//
// lvsd: reads the command line and the configuration, then hands over to App (app/app.hpp).
#include <fmt/core.h>
#include <malloc.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>

#include "checkers/checkers.hpp"
#include "lvsd/app/app.hpp"
#include "lvsd/base/log.hpp"
#include "lvsd/config/config.hpp"
#include "lvsd/dbus/dbus.hpp"
#include "lvsd/runtime/runtime.hpp"
#include "lvsd/state/state.hpp"

namespace {

constexpr int kUsage = 2;  // the exit status, as lvsctl's

struct Arguments {
    lvs::app::Options options;
    bool check = false;
    bool print_effective = false;
    bool print_schema = false;
    bool print_manual = false;
    bool clean_up = false;
    std::string print_interface;
    bool json = false;
    std::string log_level = "info";
};

// Our other programs lie beside us in a build tree, and in libexec once installed.
std::string find_program(const std::string& name) {
    std::error_code error;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
    const auto sibling = self.parent_path() / name;
    if (!error && std::filesystem::exists(sibling, error)) return sibling;
    return LVSD_LIBEXECDIR "/" + name;
}

lvs::Level parse_level(const std::string& name) {
    if (name == "error") return lvs::Level::error;
    if (name == "warning") return lvs::Level::warning;
    if (name == "notice") return lvs::Level::notice;
    return name == "debug" ? lvs::Level::debug : lvs::Level::info;
}

void declare(CLI::App& cli, Arguments& arguments) {
    auto& options = arguments.options;
    cli.add_option("--config", options.config_path, "configuration file")->capture_default_str();
    auto* check = cli.add_flag("--check", arguments.check, "check the configuration and exit: 0 valid, 1 not");
    cli.add_flag("--json", arguments.json, "with --check: the result as JSON on standard output")->needs(check);
    cli.add_flag("--print-effective", arguments.print_effective,
                 "print the configuration with every default written out and exit");
    cli.add_flag("--print-schema", arguments.print_schema, "print the JSON schema of the configuration and exit");
    cli.add_flag("--print-manual", arguments.print_manual, "print lvsd.toml(5) in roff and exit");
    cli.add_option("--print-dbus-interface", arguments.print_interface,
                   "print the introspection XML of one of lvsd's D-Bus interfaces and exit")
        ->type_name("NAME");
    cli.add_flag("--clean-up", arguments.clean_up,
                 "remove the virtual addresses that a killed lvsd left and exit");
    cli.add_option("--socket", options.socket_path, "private socket for lvsctl")->capture_default_str();
    cli.add_option("--state-dir", options.state_dir, "where lvsd remembers what is its own")->capture_default_str();
    cli.add_option("--checker", options.checker_path, "the program that runs the checks")->capture_default_str();
    cli.add_option("--log-level", arguments.log_level, "least important lines to log")
        ->check(CLI::IsMember({"error", "warning", "notice", "info", "debug"}))
        ->capture_default_str();
    cli.set_version_flag("--version", "lvsd " LVSD_VERSION);
}

void print_diagnostics(const lvs::config::Loaded& loaded) {
    for (const auto& diagnostic : loaded.diagnostics)
        fmt::print(stderr, "{}\n", lvs::config::to_string(diagnostic));
}

// For programs: whether the file is valid, and what is wrong with it.
void print_check(const std::string& path, const lvs::config::Loaded& loaded) {
    std::string list;
    for (const auto& problem : loaded.diagnostics)
        list += fmt::format("{}{{\"file\":{},\"line\":{},\"column\":{},\"message\":{}}}", list.empty() ? "" : ",",
                            lvs::state::json_text(problem.file), problem.line, problem.column,
                            lvs::state::json_text(problem.message));
    fmt::print("{{\"file\":{},\"valid\":{},\"routers\":{},\"services\":{},\"diagnostics\":[{}]}}\n",
               lvs::state::json_text(path), loaded.config.has_value(),
               loaded.config ? loaded.config->routers.size() : 0, loaded.config ? loaded.config->services.size() : 0,
               list);
}

int run_daemon(const Arguments& arguments, lvs::config::Config config) {
    if (lvs::journal_is_attached()) lvs::use_journal_log();
    lvs::set_log_level(parse_level(arguments.log_level));
    return lvs::app::run(arguments.options, std::move(config));
}

int print_interface(const std::string& name) {
    const auto xml = lvs::dbus::introspection(name);
    if (xml.empty()) fmt::print(stderr, "lvsd: there is no D-Bus interface {}; lvsd/dbus/api.md lists them\n", name);
    fmt::print("{}", xml);
    return xml.empty() ? 1 : 0;
}

int run(const Arguments& arguments) {
    if (arguments.print_schema) {
        fmt::print("{}\n", lvs::config::json_schema(lvs::checkers::kinds()));
        return 0;
    }
    if (arguments.print_manual) {
        fmt::print("{}", lvs::config::manual(lvs::checkers::kinds()));
        return 0;
    }
    if (!arguments.print_interface.empty()) return print_interface(arguments.print_interface);
    if (arguments.clean_up) return lvs::app::clean_up();
    auto loaded = lvs::app::load(arguments.options.config_path);
    if (arguments.check && arguments.json) {
        print_check(arguments.options.config_path, loaded);
        return loaded.config ? 0 : 1;
    }
    if (!loaded.config) {
        print_diagnostics(loaded);
        return 1;
    }
    if (arguments.print_effective) {
        fmt::print("{}", lvs::config::print_effective(*loaded.config, lvs::checkers::kinds()));
        return 0;
    }
    if (arguments.check) {
        fmt::print("{}: valid; virtual routers: {}, virtual services: {}\n", arguments.options.config_path,
                   loaded.config->routers.size(), loaded.config->services.size());
        return 0;
    }
    return run_daemon(arguments, std::move(*loaded.config));
}

// A large table takes and gives back a hundred megabytes while it is read. Memory that is kept, and taken in pieces
// that the kernel can make of huge pages, is not faulted in again and again, four kilobytes at a time.
void tune_memory() {
    constexpr int kMiB = 1024 * 1024;
    ::mallopt(M_MMAP_THRESHOLD, 32 * kMiB);
    ::mallopt(M_TRIM_THRESHOLD, 64 * kMiB);
    ::mallopt(M_TOP_PAD, 8 * kMiB);
}

}  // namespace

int main(int argc, char** argv) {
    tune_memory();
    lvs::use_stderr_log();
    Arguments arguments;
    arguments.options.checker_path = find_program("lvsd-checker");
    arguments.options.runner_path = find_program("lvsd-runner");
    CLI::App cli("lvsd: keeps virtual IPs alive and spreads their traffic over healthy real servers");
    declare(cli, arguments);
    try {
        cli.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return cli.exit(error) == 0 ? 0 : kUsage;
    }
    return run(arguments);
}
