// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/engine/plan.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace lvs::engine {
namespace {

using config::VirtualRouter;

// "key = value" of every setting that is printed for it.
std::map<std::string, std::string, std::less<>> settings_of(const VirtualRouter& router) {
    config::Config only;
    only.routers.push_back(router);
    const auto text = config::print_effective(only, {});
    std::map<std::string, std::string, std::less<>> out;
    bool inside = false;
    for (std::size_t at = 0; at < text.size();) {
        const auto end = std::min(text.find('\n', at), text.size());
        const auto line = std::string_view(text).substr(at, end - at);
        at = end + 1;
        if (line.starts_with("[")) inside = line.starts_with("[virtual_router");
        const auto equals = line.find(" = ");
        if (inside && equals != std::string_view::npos)
            out.emplace(line.substr(0, equals), line.substr(equals + 3));
    }
    return out;
}

std::vector<std::string> differences(const VirtualRouter& before, const VirtualRouter& after) {
    const auto had = settings_of(before), has = settings_of(after);
    std::vector<std::string> out;
    for (const auto& [key, value] : has) {
        const auto old = had.find(key);
        if (old == had.end())
            out.push_back(fmt::format("{}: {}", key, value));
        else if (old->second != value)
            out.push_back(fmt::format("{}: {} -> {}", key, old->second, value));
    }
    for (const auto& [key, value] : had)
        if (!has.contains(key)) out.push_back(fmt::format("{}: {} -> default", key, value));
    return out;
}

std::vector<RouterPlan> plan_routers(const config::Config& before, const config::Config& after,
                                     const config::NameChanges& changes) {
    std::map<std::string_view, const VirtualRouter*> had, has;
    for (const auto& router : before.routers)
        had.emplace(router.name, &router);
    for (const auto& router : after.routers)
        has.emplace(router.name, &router);
    std::vector<RouterPlan> out;
    for (const auto& name : changes.removed)
        out.push_back({'-', name, {}});
    for (const auto& name : changes.added)
        out.push_back({'+', name, {}});
    for (const auto& name : changes.changed)
        out.push_back({'~', name, differences(*had.at(name), *has.at(name))});
    return out;
}

// Only what the patch touches: the rest is as it was, and kept so by the reconciler.
std::vector<ipvs::Command> plan_kernel(const Patch& patch, const ipvs::Table& kernel,
                                       const ipvs::Owned& owned) {
    ipvs::Table wanted, held;
    ipvs::Owned ours;
    for (const auto& [key, service] : patch) {
        if (service) wanted.emplace_hint(wanted.end(), key, *service);
        if (const auto found = kernel.find(key); found != kernel.end()) held.emplace_hint(held.end(), *found);
        if (owned.contains(key)) ours.insert(ours.end(), key);
    }
    return ipvs::diff(wanted, held, ours);
}

char sign_of(ipvs::Verb verb) {
    switch (verb) {
        case ipvs::Verb::add_service:
        case ipvs::Verb::add_dest:
            return '+';
        case ipvs::Verb::set_service:
        case ipvs::Verb::set_dest:
            return '~';
        case ipvs::Verb::delete_service:
        case ipvs::Verb::delete_dest:
            return '-';
    }
    return '?';
}

}  // namespace

bool guards(std::uint8_t percent, std::size_t removed, std::size_t before) {
    return removed > kGuardFree && removed * 100 > std::size_t{percent} * before;
}

Plan make_plan(Time now, const Engine& engine, const config::Config& next, const ipvs::Table& kernel,
               const ipvs::Owned& owned) {
    const auto changes = config::diff(engine.config(), next);
    auto preview = engine.preview(now, next);
    Plan out;
    out.kernel = plan_kernel(preview.patch, kernel, owned);
    out.ways = std::move(preview.ways);
    out.routers = plan_routers(engine.config(), next, changes.routers);
    out.services = changes.services;
    out.global = changes.global;
    out.servers_added = std::move(preview.added);
    out.servers_removed = std::move(preview.removed);
    out.removed = preview.servers_removed;
    out.before = preview.servers_before;
    out.is_guarded = guards(engine.config().global.guard, out.removed, out.before);
    return out;
}

std::vector<std::string> lines(const Plan& plan) {
    std::vector<std::string> out;
    if (plan.global) out.emplace_back("~ global settings");
    for (const auto& router : plan.routers) {
        out.push_back(fmt::format("{} virtual router {}", router.sign, router.name));
        for (const auto& detail : router.details)
            out.push_back("    " + detail);
    }
    for (const auto& name : plan.services.removed)
        out.push_back("- virtual service " + name);
    for (const auto& name : plan.services.added)
        out.push_back("+ virtual service " + name);
    for (const auto& name : plan.services.changed)
        out.push_back("~ virtual service " + name);
    for (const auto& [service, server] : plan.servers_removed)
        out.push_back(
            fmt::format("- server {} of {}, once its connections are gone", to_string(server), service));
    for (const auto& [service, server] : plan.servers_added)
        out.push_back(fmt::format("+ server {} of {}, once its checks pass", to_string(server), service));
    for (const auto& command : plan.kernel) {
        const auto way = plan.ways.find(command.service);
        out.push_back(fmt::format("{} kernel: {}{}", sign_of(command.verb), ipvs::to_string(command),
                                  way == plan.ways.end() ? "" : ", for " + way->second));
    }
    if (plan.is_guarded)
        out.push_back(
            fmt::format("! {} of {} servers would go: this needs --force", plan.removed, plan.before));
    return out;
}

}  // namespace lvs::engine
