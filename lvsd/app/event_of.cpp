// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/app/event_of.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "lvsd/app/convert.hpp"
#include "lvsd/base/messages.hpp"

namespace lvs::app {
namespace {

using events::Event;
using events::Subject;

std::string text(std::string_view view) {
    return std::string(view);
}

Event make(const EventId& id, Level level, Subject subject, std::string object, std::string message) {
    Event out;
    out.id = &id;
    out.level = level;
    out.subject = subject;
    out.object = std::move(object);
    out.message = std::move(message);
    return out;
}

Event table_event(const EventId& id, Level level, std::string message) {
    return make(id, level, Subject::table, "", std::move(message));
}

std::string word(Family family) {
    return family == Family::ipv4 ? "ipv4" : "ipv6";
}

Event router_state(const vrrp::Event& event) {
    auto out = make(ev::vrrp_state, Level::notice, Subject::router, event.router,
                    fmt::format("{} is {}", event.router, vrrp::to_string(event.to)));
    out.from = vrrp::to_string(event.from);
    out.to = vrrp::to_string(event.to);
    return out;
}

Event router_waiting(const vrrp::Event& event) {
    auto out = make(ev::vrrp_state, Level::notice, Subject::router, event.router,
                    fmt::format("{}: {}", event.router, describe(event)));
    if (event.waiting != vrrp::Waiting::none) out.to = "waiting";
    return out;
}

}  // namespace

Event event_of(const engine::ServerChanged& change) {
    const auto address = to_string(change.server);
    auto out = make(ev::server_state, change.to == engine::ServerState::down ? Level::warning : Level::notice,
                    Subject::server, change.service + " " + address,
                    fmt::format("{} is {}", address, engine::to_string(change.to)));
    out.from = engine::to_string(change.from);
    out.to = engine::to_string(change.to);
    out.reason = change.reason;
    out.details = {{"service", change.service}, {"server", address}};
    if (change.is_sorry) out.details.emplace_back("sorry", "true");
    return out;
}

Event event_of(const engine::ServiceChanged& change) {
    auto out = make(ev::service_state, change.to == engine::ServiceState::down ? Level::error : Level::notice,
                    Subject::service, change.service,
                    fmt::format("service {} is {}", change.service, engine::to_string(change.to)));
    out.from = engine::to_string(change.from);
    out.to = engine::to_string(change.to);
    out.reason = change.reason;
    out.details = {{"service", change.service}};
    return out;
}

Event event_of(const engine::QuorumChanged& change) {
    auto out = make(ev::service_quorum, change.held ? Level::notice : Level::warning, Subject::service,
                    change.service,
                    fmt::format("service {} {} its quorum", change.service, change.held ? "has" : "lost"));
    out.to = change.held ? "held" : "lost";
    out.reason = change.reason;
    out.details = {{"service", change.service}};
    return out;
}

Event event_of(const engine::PanicChanged& change) {
    auto out = make(
        ev::service_panic, change.panics ? Level::error : Level::notice, Subject::service, change.service,
        change.panics
            ? fmt::format("service {}: too few servers are healthy, using all of them", change.service)
            : fmt::format("service {}: enough servers are healthy again", change.service));
    out.to = change.panics ? "panic" : "normal";
    out.reason = change.reason;
    out.details = {{"service", change.service}};
    return out;
}

Event override_event(const engine::ServerId& which, const std::string& action, const std::string& reason) {
    const auto& [service, server] = which;
    const auto address = to_string(server);
    auto out = make(ev::override_changed, Level::notice, Subject::server, service + " " + address,
                    fmt::format("{}: {}", address, action));
    out.reason = reason;
    out.details = {{"service", service}, {"server", address}, {"override", action}};
    return out;
}

Event event_of(const engine::OverrideEnded& change) {
    const auto& [service, server] = change.server;
    const auto address = to_string(server);
    auto out = make(ev::override_changed, Level::notice, Subject::server, service + " " + address,
                    fmt::format("{}: the override of {} has run out", address, change.what));
    out.details = {{"service", service}, {"server", address}, {"override", change.what}};
    return out;
}

Event event_of(const vrrp::Event& event) {
    Event out;
    switch (event.kind) {
        case vrrp::Event::Kind::state:
            out = router_state(event);
            break;
        case vrrp::Event::Kind::waiting:
            out = router_waiting(event);
            break;
        case vrrp::Event::Kind::trouble:
            out = make(ev::vrrp_trouble, Level::warning, Subject::router, event.router, describe(event));
            break;
    }
    out.reason = describe(event);
    out.details = {{"router", event.router}, {"family", word(event.family)}};
    return out;
}

Event router_trouble(const Error& error) {
    return make(ev::vrrp_trouble, Level::error, Subject::router, "", to_string(error));
}

Event router_order(const std::string& router, const std::string& action) {
    auto out = make(ev::override_changed, Level::notice, Subject::router, router, fmt::format("{}: {}", router, action));
    out.details = {{"router", router}, {"override", action}};
    return out;
}

Event event_of(const ipvs::Applied& applied) {
    auto out = table_event(ev::ipvs_applied, Level::info, "table written to the kernel");
    out.details = {{"commands", fmt::format("{}", applied.commands)}, {"took", to_string(applied.took)}};
    return out;
}

std::vector<Event> events_of(const ipvs::Drifted& drifted, const WayOf& way_of) {
    constexpr std::size_t kMost = 20;  // of a table that was flushed nobody wants to read every line
    std::vector<Event> out;
    const auto& repairs = drifted.repairs;
    for (std::size_t i = 0; i < std::min(repairs.size(), kMost); ++i) {
        const auto text = ipvs::to_string(repairs[i]);
        out.push_back(table_event(ev::ipvs_drift, Level::warning,
                                  "somebody else changed the table, repairing: " + text));
        out.back().details = {{"repair", text}};
        if (const auto* way = way_of ? way_of(repairs[i].service) : nullptr)
            out.back().details.emplace_back("for", *way);
    }
    if (repairs.size() <= kMost) return out;
    out.push_back(table_event(ev::ipvs_drift, Level::warning,
                              fmt::format("somebody else changed the table, repairing: {} more, {} in all",
                                          repairs.size() - kMost, repairs.size())));
    out.back().details = {{"repairs", fmt::format("{}", repairs.size())}};
    return out;
}

Event event_of(const ipvs::Recovered& /*recovered*/) {
    return table_event(ev::ipvs_applied, Level::notice, "the kernel's table is as desired again");
}

Event event_of(const ipvs::NotStored& unstored) {
    return table_event(ev::ipvs_failed, Level::warning,
                       to_string(unstored.error) + ", ignoring: after a crash entries may be left behind");
}

Event event_of(const ipvs::SettingKept& kept) {
    auto out = table_event(ev::ipvs_setting, kept.error ? Level::warning : Level::notice, describe(kept));
    out.details = {{"setting", "net.ipv4.vs." + text(kept.name)}, {"was", kept.was}, {"wanted", kept.is}};
    return out;
}

std::string describe(const ipvs::Troubled& troubled) {
    if (troubled.error) return to_string(*troubled.error);
    if (!troubled.errors.empty()) return to_string(troubled.errors.front().error);
    return "the kernel's table is not as desired";
}

std::vector<Event> events_of(const ipvs::Troubled& troubled) {
    std::vector<Event> out;
    out.push_back(table_event(ev::ipvs_failed, Level::error, describe(troubled)));
    out.back().details = {{"refused", fmt::format("{}", troubled.errors.size())},
                          {"retry_in", to_string(troubled.retry_after)}};
    for (const auto& refused : troubled.errors) {
        out.push_back(table_event(ev::ipvs_failed, Level::error, to_string(refused.error)));
        out.back().details = {{"command", ipvs::to_string(refused.command)}};
    }
    return out;
}

Event worker_event(bool up, const std::string& reason) {
    if (up) return daemon_event(ev::worker_ready, Level::info, "the checker runs");
    auto out = daemon_event(ev::worker_lost, Level::warning,
                            "the checker is gone, the last known health stands, restarting it");
    out.reason = reason;
    return out;
}

Event runner_event(bool up, const std::string& reason) {
    if (up) return daemon_event(ev::worker_ready, Level::info, "the runner of check scripts and files runs");
    auto out = daemon_event(
        ev::worker_lost, Level::warning,
        "the runner of check scripts and files is gone, the last known health stands, restarting it");
    out.reason = reason;
    return out;
}

Event check_event(const std::string& kind, const std::string& target, std::string_view from,
                  std::string_view to, const std::string& reason) {
    const auto object = kind + " " + target;
    auto out = make(ev::check_state, from.empty() ? Level::debug : Level::info, Subject::check, object,
                    fmt::format("check {} is {}", object, to));
    out.from = text(from);
    out.to = text(to);
    out.reason = reason;
    out.details = {{"kind", kind}, {"target", target}};
    return out;
}

Event daemon_event(const EventId& id, Level level, std::string message, events::Details details) {
    auto out = make(id, level, Subject::daemon, "", std::move(message));
    out.details = std::move(details);
    return out;
}

}  // namespace lvs::app
