// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/engine/engine.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

namespace lvs::engine {
namespace {

Endpoint target_of(const config::Check& check, const Endpoint& server) {
    return {check.address.value_or(server.address), check.port.value_or(server.port)};
}

// Everything that makes two checks different. Where a check looks is in its target.
struct CheckOrder {
    static auto key(const CheckWanted& w) {
        const auto& c = w.check;
        return std::tie(w.target, c.kind, c.interval, c.timeout, c.rise, c.fall, c.params);
    }
    bool operator()(const CheckWanted& a, const CheckWanted& b) const { return key(a) < key(b); }
};

bool serves(ServerState state) {
    return state == ServerState::up || state == ServerState::sorry;
}

}  // namespace

class Engine::Impl {
public:
    void on_kernel(Time now, const ipvs::Table& table, Effects& out);
    void configure(Time now, const config::Config& config, Effects& out);
    void on_verdict(Time now, const Verdict& verdict, Effects& out);

    ipvs::Table desired;
    std::map<CheckId, CheckStatus> checks;
    std::vector<ServiceStatus> services;

private:
    using Index = std::size_t;  // into services
    struct Opinion {
        Health health = Health::up;
        std::string reason;
    };
    using FormerServers = std::map<std::tuple<ipvs::ServiceKey, ipvs::DestKey, bool>, ServerStatus>;
    using FormerServices = std::map<ipvs::ServiceKey, ServiceStatus>;

    ServiceStatus make_service(Time now, const config::VirtualService& config);
    ServerStatus make_server(Time now, const config::RealServer& config, bool is_sorry);
    CheckId want_check(Time now, const config::Check& check, const Endpoint& server);
    void drop_unwanted_checks(const std::set<CheckId>& before, Effects& out);
    static void inherit(ServiceStatus& service, const FormerServices& services, const FormerServers& servers);
    void hold_up(ServiceStatus& service, const ipvs::Table& table) const;
    void evaluate(Time now, ServiceStatus& service, Effects& out);
    void evaluate_servers(Time now, ServiceStatus& service, Effects& out);
    void evaluate_sorry(Time now, ServiceStatus& service, Effects& out);
    static void rest_sorry(Time now, const ServiceStatus& service, ServerStatus& sorry, std::string missing,
                           Effects& out);
    void evaluate_service(Time now, ServiceStatus& service, Effects& out) const;
    [[nodiscard]] Opinion opinion(const ServerStatus& server) const;
    static void become(Time now, const ServiceStatus& service, ServerStatus& server, ServerState state,
                       std::string reason, Effects& out);
    static ipvs::Service build(ServiceStatus& service);
    void update_table(ServiceStatus& service, bool& changed);

    std::map<CheckWanted, CheckId, CheckOrder> ids_;
    std::map<CheckId, std::vector<Index>> users_;  // services to look at when a check changes
    ipvs::Table seen_;                             // until the first configuration
    bool configured_ = false;
    CheckId next_id_ = 1;
};

// ---- configuration --------------------------------------------------------------------------------------

void Engine::Impl::configure(Time now, const config::Config& config, Effects& out) {
    FormerServices former;
    FormerServers former_servers;
    for (auto& service : services) {
        for (const auto& server : service.servers)
            former_servers.emplace(
                std::tuple{service.key, ipvs::DestKey{server.config.address}, server.is_sorry}, server);
        former.emplace(service.key, std::move(service));
    }
    std::set<CheckId> checks_before;
    for (const auto& [id, check] : checks)
        checks_before.insert(id);
    services.clear();
    users_.clear();
    for (const auto& service : config.services) {
        services.push_back(make_service(now, service));
        inherit(services.back(), former, former_servers);
        if (!configured_) hold_up(services.back(), seen_);
    }
    configured_ = true;
    seen_.clear();
    drop_unwanted_checks(checks_before, out);
    const auto table_before = std::exchange(desired, {});
    for (auto& service : services) {
        evaluate(now, service, out);
        desired[service.key] = build(service);
    }
    if (!ipvs::same_settings(table_before, desired)) out.emplace_back(TableChanged{});
}

ServiceStatus Engine::Impl::make_service(Time now, const config::VirtualService& config) {
    ServiceStatus out;
    out.config = config;
    out.key = service_key(config);
    out.since = now;
    for (const auto& server : config.servers)
        out.servers.push_back(make_server(now, server, false));
    if (config.sorry_server) out.servers.push_back(make_server(now, *config.sorry_server, true));
    return out;
}

ServerStatus Engine::Impl::make_server(Time now, const config::RealServer& config, bool is_sorry) {
    ServerStatus out;
    out.config = config;
    out.is_sorry = is_sorry;
    out.since = now;
    out.state = is_sorry ? ServerState::standby : ServerState::starting;
    for (const auto& check : config.checks) {
        out.checks.push_back(want_check(now, check, config.address));
        auto& users = users_[out.checks.back()];
        const auto index = services.size();  // of the service under construction
        if (users.empty() || users.back() != index) users.push_back(index);
    }
    return out;
}

CheckId Engine::Impl::want_check(Time now, const config::Check& check, const Endpoint& server) {
    CheckWanted wanted{next_id_, check, target_of(check, server)};
    const auto [found, is_new] = ids_.emplace(wanted, next_id_);
    if (!is_new) return found->second;
    checks.emplace(next_id_, CheckStatus{std::move(wanted), Health::unknown, "not checked yet", now});
    return next_id_++;
}

void Engine::Impl::drop_unwanted_checks(const std::set<CheckId>& before, Effects& out) {
    std::erase_if(checks, [this](const auto& entry) { return !users_.contains(entry.first); });
    std::erase_if(ids_, [this](const auto& entry) { return !users_.contains(entry.second); });
    const auto same = [](CheckId id, const auto& entry) { return id == entry.first; };
    if (!std::equal(before.begin(), before.end(), checks.begin(), checks.end(), same))
        out.emplace_back(ChecksChanged{});
}

// What stays under the same address keeps its state, however it is called now.
void Engine::Impl::inherit(ServiceStatus& service, const FormerServices& services,
                           const FormerServers& servers) {
    const auto former = services.find(service.key);
    if (former == services.end()) return;
    service.state = former->second.state;
    service.reason = former->second.reason;
    service.since = former->second.since;
    for (auto& server : service.servers) {
        const auto found = servers.find({service.key, ipvs::DestKey{server.config.address}, server.is_sorry});
        if (found == servers.end()) continue;
        server.state = found->second.state;
        server.reason = found->second.reason;
        server.since = found->second.since;
        server.held_up = serves(server.state) || found->second.held_up;
    }
}

void Engine::Impl::hold_up(ServiceStatus& service, const ipvs::Table& table) const {
    const auto found = table.find(service.key);
    if (found == table.end()) return;
    for (auto& server : service.servers) {
        const auto dest = found->second.dests.find({server.config.address});
        if (dest != found->second.dests.end() && dest->second.settings.weight > 0) server.held_up = true;
    }
}

// ---- events ---------------------------------------------------------------------------------------------

void Engine::Impl::on_kernel(Time now, const ipvs::Table& table, Effects& out) {
    if (!configured_) {
        seen_ = table;
        return;
    }
    bool changed = false;
    for (auto& service : services) {
        hold_up(service, table);
        evaluate(now, service, out);
        update_table(service, changed);
    }
    if (changed) out.emplace_back(TableChanged{});
}

void Engine::Impl::on_verdict(Time now, const Verdict& verdict, Effects& out) {
    const auto found = checks.find(verdict.check);
    if (found == checks.end()) return;
    auto& check = found->second;
    const auto health = verdict.up ? Health::up : Health::down;
    check.reason = verdict.reason;
    if (check.health == health) return;
    check.health = health;
    check.since = now;
    bool changed = false;
    for (const auto index : users_[verdict.check]) {
        auto& service = services[index];
        evaluate(now, service, out);
        update_table(service, changed);
    }
    if (changed) out.emplace_back(TableChanged{});
}

// ---- evaluation -----------------------------------------------------------------------------------------

void Engine::Impl::evaluate(Time now, ServiceStatus& service, Effects& out) {
    evaluate_servers(now, service, out);
    evaluate_sorry(now, service, out);
    evaluate_service(now, service, out);
}

// The worst of its checks, unknown being worse than up.
Engine::Impl::Opinion Engine::Impl::opinion(const ServerStatus& server) const {
    if (server.checks.empty()) return {Health::up, "not checked"};
    Opinion out{Health::up, ""};
    for (const auto id : server.checks) {
        const auto& check = checks.at(id);
        if (check.health == Health::down) return {Health::down, check.reason};
        if (check.health == Health::unknown) out = {Health::unknown, check.reason};
        if (out.health == Health::up) out.reason = check.reason;
    }
    return out;
}

void Engine::Impl::evaluate_servers(Time now, ServiceStatus& service, Effects& out) {
    for (auto& server : service.servers) {
        auto [health, reason] = opinion(server);
        if (health != Health::unknown) server.held_up = false;
        if (server.is_sorry) continue;
        const bool is_up = health == Health::up || server.held_up;
        if (server.held_up) reason = "was up before, not checked yet";
        const auto state = is_up                       ? ServerState::up
                           : health == Health::unknown ? ServerState::starting
                                                       : ServerState::down;
        become(now, service, server, state, std::move(reason), out);
    }
}

void Engine::Impl::evaluate_sorry(Time now, ServiceStatus& service, Effects& out) {
    if (!service.config.sorry_server) return;
    auto& sorry = service.servers.back();
    // A sorry server at work is only relieved by one that is up; one at rest also waits for those that start.
    const bool at_work = sorry.state == ServerState::sorry || sorry.held_up;
    const auto relieves = [at_work](const ServerStatus& server) {
        const bool starts = server.state == ServerState::starting && !at_work;
        return !server.is_sorry && (server.state == ServerState::up || starts);
    };
    const bool needed = std::none_of(service.servers.begin(), service.servers.end(), relieves);
    auto [health, reason] = opinion(sorry);
    const bool able = health == Health::up || sorry.held_up;
    if (health == Health::down)
        become(now, service, sorry, ServerState::down, std::move(reason), out);
    else if (needed && able)
        become(now, service, sorry, ServerState::sorry, "no other server is up", out);
    else
        rest_sorry(now, service, sorry, needed ? std::move(reason) : std::string(), out);
}

// `missing`: why it cannot serve though it is needed; empty = it is not needed.
void Engine::Impl::rest_sorry(Time now, const ServiceStatus& service, ServerStatus& sorry,
                              std::string missing, Effects& out) {
    sorry.held_up = false;  // once relieved, it has to pass its checks to serve again
    if (missing.empty())
        become(now, service, sorry, ServerState::standby, "not needed", out);
    else
        become(now, service, sorry, ServerState::starting, std::move(missing), out);
}

void Engine::Impl::evaluate_service(Time now, ServiceStatus& service, Effects& out) const {
    std::size_t up = 0, total = 0;
    bool sorry = false;
    for (const auto& server : service.servers) {
        total += server.is_sorry ? 0 : 1;
        up += server.state == ServerState::up ? 1 : 0;
        sorry = sorry || server.state == ServerState::sorry;
    }
    const auto state = up > 0 && up == total ? ServiceState::up
                       : up > 0              ? ServiceState::degraded
                       : sorry               ? ServiceState::sorry
                                             : ServiceState::down;
    service.reason = fmt::format("{} of {} servers up", up, total);
    if (state == service.state) return;
    service.since = now;
    out.emplace_back(
        ServiceChanged{service.config.name, std::exchange(service.state, state), state, service.reason});
}

void Engine::Impl::become(Time now, const ServiceStatus& service, ServerStatus& server, ServerState state,
                          std::string reason, Effects& out) {
    server.reason = std::move(reason);
    if (server.state == state) return;
    server.since = now;
    out.emplace_back(ServerChanged{service.config.name, server.config.address, server.is_sorry,
                                   std::exchange(server.state, state), state, server.reason});
}

// ---- the table ------------------------------------------------------------------------------------------

// Also notes the effective weights. The sorry server comes last: where it has the address of a plain server,
// the one that serves is in the table.
ipvs::Service Engine::Impl::build(ServiceStatus& service) {
    ipvs::Service out;
    out.settings = service_settings(service.config);
    const bool keep = service.config.on_failure == config::OnFailure::weight0;
    for (auto& server : service.servers) {
        const bool in_use = serves(server.state);
        server.effective_weight = in_use ? server.config.weight.value() : 0;
        if (!in_use && !keep) continue;
        const ipvs::DestKey key{server.config.address};
        if (!in_use && out.dests.contains(key)) continue;
        out.dests[key].settings = dest_settings(server.config, server.effective_weight);
    }
    return out;
}

void Engine::Impl::update_table(ServiceStatus& service, bool& changed) {
    auto built = build(service);
    auto& entry = desired[service.key];
    const auto same = [](const auto& a, const auto& b) {
        return a.first == b.first && a.second.settings == b.second.settings;
    };
    if (std::equal(built.dests.begin(), built.dests.end(), entry.dests.begin(), entry.dests.end(), same))
        return;
    entry = std::move(built);
    changed = true;
}

// ---- the outside ----------------------------------------------------------------------------------------

Engine::Engine() : impl_(std::make_unique<Impl>()) {}
Engine::Engine(Engine&&) noexcept = default;
Engine& Engine::operator=(Engine&&) noexcept = default;
Engine::~Engine() = default;

void Engine::on_kernel(Time now, const ipvs::Table& table, Effects& out) {
    impl_->on_kernel(now, table, out);
}
void Engine::configure(Time now, const config::Config& config, Effects& out) {
    impl_->configure(now, config, out);
}
void Engine::on_verdict(Time now, const Verdict& verdict, Effects& out) {
    impl_->on_verdict(now, verdict, out);
}

const ipvs::Table& Engine::desired() const {
    return impl_->desired;
}

std::vector<CheckWanted> Engine::checks() const {
    std::vector<CheckWanted> out;
    for (const auto& [id, check] : impl_->checks)
        out.push_back(check.wanted);
    return out;
}

const CheckStatus* Engine::check(CheckId id) const {
    const auto found = impl_->checks.find(id);
    return found == impl_->checks.end() ? nullptr : &found->second;
}

const std::vector<ServiceStatus>& Engine::services() const {
    return impl_->services;
}

}  // namespace lvs::engine
