// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/app/app.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "lvsd/app/convert.hpp"
#include "lvsd/app/daemon.hpp"
#include "lvsd/base/log.hpp"
#include "lvsd/base/messages.hpp"
#include "lvsd/runtime/runtime.hpp"

namespace lvs::app {
namespace {

bool has_checks(const config::Config& config) {
    const auto checked = [](const config::RealServer& server) { return !server.checks.empty(); };
    return std::ranges::any_of(config.services, [&checked](const config::VirtualService& service) {
        return std::ranges::any_of(service.servers, checked) || (service.sorry_server && checked(*service.sorry_server));
    });
}

// What only the checkers can tell about a check with its target; the keys of its kind were seen by the parser.
void validate_checks(const config::Config& config, const std::string& path, std::vector<config::Diagnostic>& out) {
    if (!has_checks(config)) return;
    engine::Engine engine;
    engine::Changes changes;
    engine.configure(Time{}, config, changes);
    for (const auto& wanted : engine.checks())
        if (const auto valid = checkers::validate_settings(check_spec(wanted)); !valid)
            out.push_back({path, 0, 0, fmt::format("check of {}: {}", to_string(wanted.target), to_string(valid.error()))});
}

}  // namespace

config::Loaded load(const std::string& path) {
    auto loaded = config::load(path, checkers::kinds(), do_both);
    if (!loaded.config) return loaded;
    validate_checks(*loaded.config, path, loaded.diagnostics);
    if (!loaded.diagnostics.empty()) loaded.config.reset();
    return loaded;
}

int run(const Options& options, config::Config config) {
    asio::io_context loop(1);
    Daemon daemon(loop, options);
    if (const auto started = daemon.start(std::move(config)); !started) {
        log(Level::error, ev::start, to_string(started.error()));
        return 1;
    }
    loop.run();
    return 0;
}

int clean_up() {
    const auto cleared = vrrp::clear_leftovers();
    if (!cleared) log(Level::error, ev::start, to_string(cleared.error()));
    return cleared ? 0 : 1;
}

}  // namespace lvs::app
