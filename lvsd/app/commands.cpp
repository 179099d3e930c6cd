// SPDX-License-Identifier: GPL-2.0-or-later
//
// What callers ask for: plan, apply, overrides. Every answer is JSON; every refusal has a name
// (lvsd/dbus/api.md).
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>

#include "lvsd/app/daemon.hpp"
#include "lvsd/app/event_of.hpp"
#include "lvsd/app/overrides.hpp"
#include "lvsd/base/messages.hpp"
#include "lvsd/engine/plan.hpp"

namespace lvs::app {
namespace {

namespace json = boost::json;
using dbus::Answer;

Answer refuse(std::string name, std::string text) {
    return {"", std::move(name), std::move(text)};
}

std::string text_of(const std::vector<config::Diagnostic>& diagnostics) {
    constexpr std::size_t kMost = 50;  // a D-Bus error is for reading
    std::string out;
    for (std::size_t i = 0; i < std::min(diagnostics.size(), kMost); ++i)
        out += (i == 0 ? "" : "\n") + config::to_string(diagnostics[i]);
    if (diagnostics.size() > kMost) out += fmt::format("\nand {} more", diagnostics.size() - kMost);
    return out;
}

json::array names(const std::vector<std::string>& list) {
    return json::array(list.begin(), list.end());
}

json::array servers(const std::vector<engine::ServerId>& list) {
    json::array out;
    for (const auto& [service, server] : list)
        out.push_back({{"service", service}, {"server", to_string(server)}});
    return out;
}

std::string_view name_of(ipvs::Verb verb) {
    switch (verb) {
        case ipvs::Verb::add_service:
            return "add-service";
        case ipvs::Verb::set_service:
            return "set-service";
        case ipvs::Verb::delete_service:
            return "delete-service";
        case ipvs::Verb::add_dest:
            return "add-server";
        case ipvs::Verb::set_dest:
            return "set-server";
        case ipvs::Verb::delete_dest:
            return "delete-server";
    }
    return "?";
}

json::array kernel(const std::vector<ipvs::Command>& commands,
                   const std::map<ipvs::ServiceKey, std::string>& ways) {
    json::array out;
    for (const auto& command : commands) {
        json::object row{{"change", name_of(command.verb)}, {"service", ipvs::to_string(command.service)}};
        if (ipvs::is_dest_verb(command.verb)) row.emplace("server", to_string(command.dest.address));
        if (command.verb == ipvs::Verb::add_dest || command.verb == ipvs::Verb::set_dest)
            row.emplace("weight", command.dest_settings.weight);
        if (const auto way = ways.find(command.service); way != ways.end()) row.emplace("for", way->second);
        row.emplace("text", ipvs::to_string(command));
        out.push_back(std::move(row));
    }
    return out;
}

std::string to_json(const engine::Plan& plan) {
    json::array routers;
    for (const auto& router : plan.routers)
        routers.push_back({{"change", std::string(1, router.sign)},
                           {"name", router.name},
                           {"details", names(router.details)}});
    const json::object out{
        {"changes", !plan.empty()},
        {"guarded", plan.is_guarded},
        {"servers_before", plan.before},
        {"servers_removed", plan.removed},
        {"global", plan.global},
        {"routers", std::move(routers)},
        {"services",
         {{"added", names(plan.services.added)},
          {"removed", names(plan.services.removed)},
          {"changed", names(plan.services.changed)}}},
        {"servers", {{"added", servers(plan.servers_added)}, {"removed", servers(plan.servers_removed)}}},
        {"kernel", kernel(plan.kernel, plan.ways)},
        {"lines", names(engine::lines(plan))}};
    return json::serialize(out);
}

// "SERVICE/SERVER", "SERVER" (of every service that has it); a SERVER without port: whatever its port.
struct Target {
    std::string service;  // empty: all
    IpAddress address;
    std::optional<std::uint16_t> port;
};

std::optional<Target> parse_target(const std::string& text) {
    Target out;
    const auto slash = text.rfind('/');
    if (slash != std::string::npos) out.service = text.substr(0, slash);
    const auto server = slash == std::string::npos ? text : text.substr(slash + 1);
    if (const auto endpoint = parse_endpoint(server)) {
        out.address = endpoint->address;
        out.port = endpoint->port;
        return out;
    }
    const auto address = IpAddress::parse(server);
    if (!address) return std::nullopt;
    out.address = *address;
    return out;
}

}  // namespace

dbus::Answer Daemon::on_command(const dbus::Command& command) {
    if (!machines_started_ || stopping_) return refuse("NotReady", "lvsd is starting or stopping");
    if (command.verb != dbus::Command::Verb::plan) shown_at_ = {};  // who asks next sees what it did
    switch (command.verb) {
        case dbus::Command::Verb::plan:
        case dbus::Command::Verb::apply:
            return plan_or_apply(command);
        case dbus::Command::Verb::server:
            return override_servers(command);
        case dbus::Command::Verb::router:
            return command_router(command);
    }
    return refuse("NotReady", "unknown");
}

// ---- plan and apply
// ---------------------------------------------------------------------------------------------

dbus::Answer Daemon::plan_or_apply(const dbus::Command& command) {
    const bool applies = command.verb == dbus::Command::Verb::apply;
    const auto path = command.target.empty() ? options_.config_path : command.target;
    auto loaded = load(path);
    if (!loaded.config) {
        if (applies) note_refusal(loaded.diagnostics);
        return refuse("InvalidConfig", text_of(loaded.diagnostics));
    }
    const auto plan = engine::make_plan(monotonic_now(), engine_, *loaded.config, reconciler_->table(),
                                        reconciler_->owned());
    Answer answer{to_json(plan), "", ""};
    if (!applies) return answer;
    if (plan.is_guarded && !command.force) {
        const auto why =
            fmt::format("{} of {} servers would go, which is more than the guard of {}% lets pass; to do it: "
                        "lvsctl apply --force",
                        plan.removed, plan.before, engine_.config().global.guard);
        note_refusal({{path, 0, 0, why}});
        return refuse("Guarded", why);
    }
    take_over(std::move(*loaded.config));
    return answer;
}

void Daemon::note_refusal(const std::vector<config::Diagnostic>& why) {
    facts_.config.last_attempt = state::WallTime(Duration(wall_clock_ns()));
    facts_.config.last_ok = false;
    facts_.config.last_error = why.empty() ? "" : config::to_string(why.front());
    for (const auto& diagnostic : why)
        tell(daemon_event(ev::reload_refused, Level::error, config::to_string(diagnostic)));
    tell(daemon_event(ev::reload_refused, Level::error, "the configuration was refused, nothing was changed",
                      {{"errors", fmt::format("{}", why.size())}}));
    last_status_.clear();
    touch();
}

void Daemon::take_over(config::Config config) {
    const auto changes = config::to_string(config::diff(engine_.config(), config));
    put_in_force(std::move(config));
    tell(daemon_event(ev::reload, Level::notice, "configuration reloaded",
                      {{"generation", fmt::format("{}", facts_.config.generation)},
                       {"changes", changes},
                       {"routers", fmt::format("{}", engine_.config().routers.size())},
                       {"services", fmt::format("{}", engine_.config().services.size())}}));
    last_status_.clear();
    touch();
}

// ---- overrides
// --------------------------------------------------------------------------------------------------

std::vector<engine::ServerId> Daemon::servers_named(const std::string& target) const {
    std::vector<engine::ServerId> out;
    const auto wanted = parse_target(target);
    if (!wanted) return out;
    for (const auto* service : engine_.service_list()) {
        if (service->is_leaving || (!wanted->service.empty() && service->config->name != wanted->service))
            continue;
        for (const auto& server : service->servers)
            if (!server.is_leaving && server.address.address == wanted->address &&
                (!wanted->port || server.address.port == *wanted->port))
                out.emplace_back(service->config->name, server.address);
    }
    // An override whose server is gone can still be dropped.
    for (const auto& [server, value] : engine_.overrides())
        if (out.empty() && server.first == wanted->service && server.second.address == wanted->address &&
            server.second.port == wanted->port)
            out.push_back(server);
    return out;
}

dbus::Answer Daemon::override_servers(const dbus::Command& command) {
    const auto found = servers_named(command.target);
    if (found.empty()) return refuse("NoSuchServer", fmt::format("there is no server {}", command.target));
    const auto now = monotonic_now();
    const auto when = [now](Duration span) {
        return span > Duration{} ? std::optional(now + span) : std::nullopt;
    };
    const auto& action = command.action;
    const bool is_weight = action == "weight" || action == "reset-weight";
    std::optional<engine::AdminOverride> admin;
    if (action == "disable")
        admin = engine::AdminOverride{engine::Admin::disabled, command.reason, when(command.expires), {}};
    if (action == "drain" || action == "maintenance")
        admin =
            engine::AdminOverride{action == "drain" ? engine::Admin::draining : engine::Admin::maintenance,
                                  command.reason, when(command.expires), when(command.timeout)};
    const auto weight = Weight::make(command.weight);
    if (action == "weight" && !weight)
        return refuse("InvalidArgument",
                      fmt::format("a weight is from {} to {}", Weight::kMin, Weight::kMax));
    if (!admin && !is_weight && action != "enable" && action != "undrain")
        return refuse("InvalidArgument", fmt::format("there is no action {}", action));
    engine::Changes changes;
    for (const auto& server : found) {
        if (is_weight)
            engine_.set_weight(now, server,
                               action == "weight" ? std::optional(engine::WeightOverride{
                                                        *weight, command.reason, when(command.expires)})
                                                  : std::nullopt,
                               changes);
        else
            engine_.set_admin(now, server, admin, changes);
        tell(override_event(server, action, command.reason));
    }
    after_engine(changes);
    touch();
    json::object out{{"servers", servers(found)}, {"stored", store_overrides()}};
    return {json::serialize(out), "", ""};
}

bool Daemon::store_overrides() {
    const auto stored = write_file_atomically(options_.state_dir + "/overrides",
                                              encode_overrides(engine_.overrides(), held_, wall_offset_ns()));
    if (!stored)
        tell(daemon_event(ev::override_lost, Level::error,
                          to_string(stored.error()) + ", ignoring: the override holds until lvsd stops"));
    return stored.has_value();
}

void Daemon::load_overrides() {
    const auto path = options_.state_dir + "/overrides";
    const auto text = read_file(path);
    if (!text && text.error().code == std::errc::no_such_file_or_directory) return;
    auto parsed = text ? parse_overrides(*text, wall_offset_ns()) : std::unexpected(text.error());
    if (!parsed) {
        tell(daemon_event(ev::override_lost, Level::error, to_string(parsed.error()) + ", ignoring the file"));
        return;
    }
    engine::Changes changes;  // there are no servers yet: nothing changes
    const auto now = monotonic_now();
    held_ = std::move(parsed->held);
    for (auto& [server, value] : parsed->servers) {
        if (value.admin) engine_.set_admin(now, server, std::move(value.admin), changes);
        if (value.weight) engine_.set_weight(now, server, std::move(value.weight), changes);
    }
}

// ---- virtual routers
// --------------------------------------------------------------------------------------------

// The router and what moves with it: the operator's hand is on all of them.
std::set<std::string> Daemon::routers_with(const std::string& router) const {
    std::set<std::string> out{router};
    for (const auto& group : engine_.config().sync_groups)
        if (std::ranges::find(group.routers, router) != group.routers.end())
            out.insert(group.routers.begin(), group.routers.end());
    return out;
}

dbus::Answer Daemon::command_router(const dbus::Command& command) {
    const auto& [router, action] = std::tie(command.target, command.action);
    const auto& routers = engine_.config().routers;
    const bool is_known =
        std::ranges::find(routers, router, &config::VirtualRouter::name) != routers.end();
    if (!is_known && !(action == "release" && held_.contains(router)))
        return refuse("NoSuchRouter", fmt::format("there is no virtual router {}", router));
    if (!speaker_ || !routers_started_) return refuse("NotReady", "the virtual routers are not started yet");
    const auto held_before = held_;
    if (action == "hold") {
        speaker_->hold(router);
        held_.merge(routers_with(router));
    } else if (action == "release") {
        speaker_->release(router);
        for (const auto& name : routers_with(router))
            held_.erase(name);
    } else if (action == "failover") {
        speaker_->failover(router);
    } else {
        return refuse("InvalidArgument", fmt::format("there is no action {}", action));
    }
    tell(router_order(router, action));
    touch();
    const bool stored = held_ == held_before || store_overrides();
    return {json::serialize(json::object{{"router", router}, {"action", action}, {"stored", stored}}), "", ""};
}

}  // namespace lvs::app
