// SPDX-License-Identifier: GPL-2.0-or-later
//
// The inputs that are not reloads, and what is told.
#include "lvsd/engine/engine.hpp"

#include <utility>

#include "lvsd/engine/impl.hpp"

namespace lvs::engine {

std::string_view to_string(ServerState state) {
    switch (state) {
        case ServerState::starting:
            return "starting";
        case ServerState::up:
            return "up";
        case ServerState::down:
            return "down";
        case ServerState::draining:
            return "draining";
        case ServerState::maintenance:
            return "maintenance";
        case ServerState::standby:
            return "standby";
        case ServerState::sorry:
            return "sorry";
    }
    return "?";
}

std::string_view to_string(ServiceState state) {
    switch (state) {
        case ServiceState::up:
            return "up";
        case ServiceState::degraded:
            return "degraded";
        case ServiceState::sorry:
            return "sorry";
        case ServiceState::down:
            return "down";
    }
    return "?";
}

void Engine::Impl::on_verdict(Time now, CheckId id, const Verdict& verdict, Changes& out) {
    const auto found = slots.find(id);
    if (found == slots.end()) return;
    auto& slot = found->second;
    if (slot.state == CheckState::unknown) --unknown_checks;
    slot.state = verdict.up ? CheckState::up : CheckState::down;
    slot.is_assumed = verdict.is_assumed;
    slot.reason = verdict.reason;
    slot.percent = verdict.weight_percent;
    for (const auto& [user, service] : slot.users) {
        Judge(slots, desired, &touched).one(now, *service, user.second, out);
        if (service->status.config->slow_start > Duration{}) settle(now, *service);
    }
}

void Engine::Impl::on_role(Time now, std::string_view router, Family family, bool is_master, Changes& out) {
    auto& known = roles[{std::string(router), family}];
    if (std::exchange(known, is_master) == is_master) return;
    for (auto& service : services) {
        const auto& of = *service->status.config;
        if (of.active != config::Active::master || of.router != router || of.family != family) continue;
        service->status.is_active = is_master;
        Judge(slots, desired, &touched).all(now, *service, out);
    }
}

// ---- the door
// ---------------------------------------------------------------------------------------------------

Engine::Engine() : impl_(std::make_unique<Impl>()) {}
Engine::~Engine() = default;
Engine::Engine(Engine&&) noexcept = default;
Engine& Engine::operator=(Engine&&) noexcept = default;

void Engine::configure(Time now, config::Config config, Changes& out) {
    impl_->configure(now, std::move(config), out);
}
Preview Engine::preview(Time now, const config::Config& config) const {
    return impl_->preview(now, config);
}
void Engine::kernel_seen(const ipvs::Table& table) {
    impl_->seen = table;
}
void Engine::on_kernel(Time now, const ipvs::Table& table, Changes& out) {
    impl_->on_kernel(now, table, out);
}
void Engine::on_verdict(Time now, CheckId id, const Verdict& verdict, Changes& out) {
    impl_->on_verdict(now, id, verdict, out);
}
void Engine::on_role(Time now, std::string_view router, Family family, bool is_master, Changes& out) {
    impl_->on_role(now, router, family, is_master, out);
}

void Engine::set_admin(Time now, const ServerId& server, std::optional<AdminOverride> value, Changes& out) {
    const auto known = impl_->overrides.find(server);
    auto all = known == impl_->overrides.end() ? Overrides{} : known->second;
    all.admin = std::move(value);
    impl_->set_overrides(now, server, std::move(all), out);
}

void Engine::set_weight(Time now, const ServerId& server, std::optional<WeightOverride> value, Changes& out) {
    const auto known = impl_->overrides.find(server);
    auto all = known == impl_->overrides.end() ? Overrides{} : known->second;
    all.weight = std::move(value);
    impl_->set_overrides(now, server, std::move(all), out);
}

void Engine::advance(Time now, Changes& out) {
    impl_->advance(now, out);
}

std::optional<Time> Engine::deadline() const {
    std::optional<Time> due;
    if (!impl_->timers.empty()) due = impl_->timers.begin()->first.first;
    if (!impl_->expiries.empty()) due = std::min(impl_->expiries.begin()->first, due.value_or(Time::max()));
    return due;
}

const ipvs::Table& Engine::desired() const {
    return impl_->desired;
}
std::set<ipvs::ServiceKey> Engine::take_touched() {
    return std::exchange(impl_->touched, {});
}

std::set<ipvs::ServiceKey> Engine::draining() const {
    std::set<ipvs::ServiceKey> out;
    for (const auto* service : impl_->draining)
        out.insert(service->status.keys.begin(), service->status.keys.end());
    return out;
}

std::vector<CheckWanted> Engine::checks() const {
    std::vector<CheckWanted> out;
    out.reserve(impl_->slots.size());
    for (const auto& [id, slot] : impl_->slots)
        out.push_back(slot.wanted);
    return out;
}

const CheckWanted* Engine::check(CheckId id) const {
    const auto found = impl_->slots.find(id);
    return found == impl_->slots.end() ? nullptr : &found->second.wanted;
}

const std::string* Engine::way(const ipvs::ServiceKey& key) const {
    return impl_->ways.label(key);
}
std::size_t Engine::ways() const {
    return impl_->ways.size();
}

bool Engine::is_waiting_for_verdicts() const {
    return impl_->unknown_checks != 0;
}
const config::Config& Engine::config() const {
    return impl_->config;
}
const std::map<ServerId, Overrides>& Engine::overrides() const {
    return impl_->overrides;
}

std::optional<bool> Engine::has_quorum(std::string_view service) const {
    const auto found = impl_->by_name.find(service);
    return found == impl_->by_name.end() ? std::nullopt : std::optional(found->second->mode.quorum);
}

bool Engine::has_server(const ServerId& server) const {
    const auto found = impl_->by_name.find(server.first);
    return found != impl_->by_name.end() && found->second->index.contains(server.second);
}

std::vector<const ServiceStatus*> Engine::service_list() const {
    std::vector<const ServiceStatus*> out;
    out.reserve(impl_->services.size() + impl_->leaving.size());
    for (const auto& service : impl_->services)
        out.push_back(&service->status);
    for (const auto& service : impl_->leaving)
        out.push_back(&service->status);
    return out;
}

std::vector<ServiceStatus> Engine::services() const {
    std::vector<ServiceStatus> out;
    for (const auto* service : service_list())
        out.push_back(*service);
    return out;
}

}  // namespace lvs::engine
