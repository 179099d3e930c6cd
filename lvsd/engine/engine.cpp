// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/engine/engine.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "lvsd/engine/convert.hpp"

namespace lvs::engine {
namespace {

// The sorry server stands behind the others.
std::size_t server_count(const config::VirtualService& service) {
    return service.servers.size() + (service.sorry_server ? 1 : 0);
}

const config::RealServer& server_at(const config::VirtualService& service, std::size_t index) {
    return index < service.servers.size() ? service.servers[index] : *service.sorry_server;
}

bool serves(const ServerStatus& server, bool in_use) {
    return server.state == ServerState::up || (server.state == ServerState::starting && in_use);
}

}  // namespace

std::string_view to_string(ServerState state) {
    switch (state) {
        case ServerState::starting: return "starting";
        case ServerState::up: return "up";
        case ServerState::down: return "down";
        case ServerState::standby: return "standby";
        case ServerState::sorry: return "sorry";
    }
    return "?";
}

std::string_view to_string(ServiceState state) {
    switch (state) {
        case ServiceState::up: return "up";
        case ServiceState::degraded: return "degraded";
        case ServiceState::sorry: return "sorry";
        case ServiceState::down: return "down";
    }
    return "?";
}

void Engine::kernel_seen(const ipvs::Table& table) { seen_ = table; }

void Engine::configure(Time now, config::Config config, Changes& out) {
    Former former;
    for (auto& service : services_) {
        std::string name = service.status.config->name;  // before config_ goes
        former.emplace(std::move(name), std::move(service));
    }
    config_ = std::move(config);
    intern_checks();
    services_.clear();
    services_.resize(config_.services.size());
    desired_.clear();
    for (std::size_t i = 0; i < services_.size(); ++i) {
        build_service(now, i, former);
        judge(now, services_[i], out);
    }
    interned_.clear();
    seen_.clear();  // what the kernel held when we started concerns the first configuration only
}

// Checks nobody wants any more are forgotten; the others keep id and state.
void Engine::intern_checks() {
    auto former_slots = std::exchange(slots_, {});
    auto former_ids = std::exchange(ids_, {});
    interned_.clear();
    for (auto& [id, slot] : former_slots)
        slot.services.clear();
    for (std::size_t s = 0; s < config_.services.size(); ++s) {
        const auto& service = config_.services[s];
        auto& servers = interned_.emplace_back();
        for (std::size_t i = 0; i < server_count(service); ++i) {
            auto& ids = servers.emplace_back();
            const auto& server = server_at(service, i);
            for (const auto& check : server.checks) {
                const CheckKey key{{check.address.value_or(server.address.address),
                                    check.port.value_or(server.address.port)},
                                   settings_text(check)};
                const auto known = former_ids.find(key);
                if (known != former_ids.end() && !slots_.contains(known->second)) {
                    ids_.emplace(key, known->second);
                    slots_.emplace(known->second, std::move(former_slots.at(known->second)));
                }
                ids.push_back(intern(check, key.target, s));
            }
        }
    }
    unknown_checks_ = static_cast<std::size_t>(std::count_if(
        slots_.begin(), slots_.end(), [](const auto& slot) { return slot.second.state == CheckState::unknown; }));
}

CheckId Engine::intern(const config::Check& check, const Endpoint& target, std::size_t service) {
    const auto [found, is_new] = ids_.try_emplace({target, settings_text(check)}, CheckId{next_id_});
    if (is_new) ++next_id_;
    auto& slot = slots_[found->second];
    if (is_new) slot.wanted = {found->second, check, target};
    if (slot.services.empty() || slot.services.back() != service) slot.services.push_back(service);
    return found->second;
}

ServerStatus Engine::new_server(Time now, const config::RealServer& server, bool is_sorry) const {
    ServerStatus out;
    out.address = server.address;
    out.is_sorry = is_sorry;
    out.since = now;
    out.state = is_sorry ? ServerState::standby : server.checks.empty() ? ServerState::up : ServerState::starting;
    out.reason = is_sorry ? "not needed" : server.checks.empty() ? "not checked" : "no verdict yet";
    return out;
}

bool Engine::was_in_use(const ipvs::ServiceKey& key, const Endpoint& server) const {
    const auto service = seen_.find(key);
    if (service == seen_.end()) return false;
    const auto dest = service->second.dests.find({server});
    return dest != service->second.dests.end() && dest->second.settings.weight > 0;
}

void Engine::build_service(Time now, std::size_t index, const Former& former) {
    const auto& config = config_.services[index];
    auto& service = services_[index];
    const auto before = former.find(config.name);
    service.status.config = &config;
    service.status.key = service_key(config);
    service.status.since = now;
    if (before != former.end()) {
        service.status.state = before->second.status.state;
        service.status.since = before->second.status.since;
    }
    std::map<std::pair<Endpoint, bool>, std::size_t> known;
    if (before != former.end())
        for (std::size_t i = 0; i < before->second.status.servers.size(); ++i) {
            const auto& server = before->second.status.servers[i];
            known.emplace(std::pair(server.address, server.is_sorry), i);
        }
    for (std::size_t i = 0; i < server_count(config); ++i) {
        const auto& server = server_at(config, i);
        const bool is_sorry = i >= config.servers.size();
        auto status = new_server(now, server, is_sorry);
        bool in_use = was_in_use(service.status.key, server.address);
        if (const auto old = known.find({server.address, is_sorry}); old != known.end()) {
            const auto& former_status = before->second.status.servers[old->second];
            status.state = former_status.state;
            status.reason = former_status.reason;
            status.since = former_status.since;
            in_use = before->second.in_use[old->second];
        }
        status.weight = server.weight.value();
        status.forward = server.forward;
        status.checks = interned_[index][i];
        service.status.servers.push_back(std::move(status));
        service.in_use.push_back(in_use);
    }
}

void Engine::on_verdict(Time now, CheckId id, bool up, std::string_view reason, Changes& out) {
    const auto found = slots_.find(id);
    if (found == slots_.end()) return;
    auto& slot = found->second;
    if (slot.state == CheckState::unknown) --unknown_checks_;
    slot.state = up ? CheckState::up : CheckState::down;
    slot.reason = reason;
    for (const auto service : slot.services)
        judge(now, services_[service], out);
}

void Engine::judge(Time now, Service& service, Changes& out) {
    for (std::size_t i = 0; i < service.status.servers.size(); ++i)
        if (!service.status.servers[i].is_sorry) judge_server(now, service, i, out);
    judge_sorry(now, service, out);
    judge_whole(now, service, out);
    write_desired(service);
}

void Engine::judge_server(Time now, Service& service, std::size_t index, Changes& out) const {
    auto& server = service.status.servers[index];
    bool waiting = false;
    std::string reason = server.checks.empty() ? "not checked" : "";
    for (const auto id : server.checks) {
        const auto& slot = slots_.at(id);
        if (slot.state == CheckState::down) {
            set_state(now, service, server, ServerState::down,
                      fmt::format("{}: {}", slot.wanted.check.kind, slot.reason), out);
            return;
        }
        waiting = waiting || slot.state == CheckState::unknown;
        if (reason.empty()) reason = fmt::format("{}: {}", slot.wanted.check.kind, slot.reason);
    }
    if (waiting) return;  // as it was, until every check has spoken
    service.in_use[index] = false;
    set_state(now, service, server, ServerState::up, std::move(reason), out);
}

void Engine::judge_sorry(Time now, Service& service, Changes& out) const {
    auto& servers = service.status.servers;
    if (servers.empty() || !servers.back().is_sorry) return;
    bool any_serves = false;
    for (std::size_t i = 0; i + 1 < servers.size(); ++i)
        any_serves = any_serves || serves(servers[i], service.in_use[i]);
    auto& sorry = servers.back();
    for (const auto id : sorry.checks) {
        const auto& slot = slots_.at(id);
        if (slot.state != CheckState::down) continue;
        set_state(now, service, sorry, ServerState::down, fmt::format("{}: {}", slot.wanted.check.kind, slot.reason),
                  out);
        return;
    }
    if (any_serves)
        set_state(now, service, sorry, ServerState::standby, "not needed", out);
    else
        set_state(now, service, sorry, ServerState::sorry, "no other server is up", out);
}

void Engine::judge_whole(Time now, Service& service, Changes& out) const {
    auto& status = service.status;
    std::size_t plain = 0, serving = 0;
    status.servers_up = 0;
    bool sorry = false;
    for (std::size_t i = 0; i < status.servers.size(); ++i) {
        const auto& server = status.servers[i];
        sorry = sorry || server.state == ServerState::sorry;
        if (server.is_sorry) continue;
        ++plain;
        if (serves(server, service.in_use[i])) ++serving;
        if (server.state == ServerState::up) ++status.servers_up;
    }
    const auto to = serving == plain && plain != 0 ? ServiceState::up
                    : serving != 0                 ? ServiceState::degraded
                    : sorry                        ? ServiceState::sorry
                                                   : ServiceState::down;
    status.reason = fmt::format("{} of {} servers up", status.servers_up, plain);
    if (to == status.state) return;
    out.emplace_back(ServiceChanged{status.config->name, status.state, to, status.reason});
    status.state = to;
    status.since = now;
}

void Engine::set_state(Time now, const Service& service, ServerStatus& server, ServerState to, std::string reason,
                       Changes& out) const {
    server.reason = std::move(reason);
    if (server.state == to) return;
    out.emplace_back(
        ServerChanged{service.status.config->name, server.address, server.is_sorry, server.state, to, server.reason});
    server.state = to;
    server.since = now;
}

void Engine::write_desired(Service& service) {
    const auto& config = *service.status.config;
    auto& wanted = desired_[service.status.key];
    wanted.settings = service_settings(config);
    wanted.dests.clear();
    for (std::size_t i = 0; i < service.status.servers.size(); ++i) {
        auto& server = service.status.servers[i];
        const bool active = server.state == ServerState::sorry || (!server.is_sorry && serves(server, service.in_use[i]));
        server.effective_weight = active ? server.weight : 0;
        const bool stays = active || (!server.is_sorry && config.on_failure == config::OnFailure::weight0);
        // The sorry server comes last: where it is a plain server too, its word counts.
        if (stays) wanted.dests[{server.address}].settings = dest_settings(server.forward, server.effective_weight);
    }
}

std::vector<CheckWanted> Engine::checks() const {
    std::vector<CheckWanted> out;
    out.reserve(slots_.size());
    for (const auto& [id, slot] : slots_)
        out.push_back(slot.wanted);
    return out;
}

std::vector<ServiceStatus> Engine::services() const {
    std::vector<ServiceStatus> out;
    out.reserve(services_.size());
    for (const auto& service : services_)
        out.push_back(service.status);
    return out;
}

}  // namespace lvs::engine
