// SPDX-License-Identifier: GPL-2.0-or-later
//
// What happens to servers with time: drains that end, weights that rise.
#include <fmt/format.h>

#include <algorithm>

#include "lvsd/engine/impl.hpp"

namespace lvs::engine {
namespace {

void sooner(std::optional<Time>& due, Time time) {
    due = due ? std::min(*due, time) : time;
}

// TCP and SCTP: connections the kernel calls inactive are closing ones, they need nobody any more.
bool is_connection_oriented(const Service& service) {
    const auto* key = std::get_if<ipvs::AddressKey>(&service.status.key);
    return key != nullptr && key->protocol != ipvs::Protocol::udp;
}

struct Count {
    std::uint32_t active = 0, all = 0;
    bool is_quiet = true;  // takes no new ones: weight 0, or not in the table
};

void add_count(Count& count, const ipvs::Table& table, const ipvs::ServiceKey& key,
               const ServerStatus& server) {
    const auto service = table.find(key);
    if (service == table.end()) return;
    const auto dest = service->second.dests.find(dest_key(key, server));
    if (dest == service->second.dests.end()) return;
    count.active += dest->second.active_connections;
    count.all += dest->second.active_connections + dest->second.inactive_connections;
    count.is_quiet = count.is_quiet && dest->second.settings.weight == 0;
}

}  // namespace

ipvs::DestKey dest_key(const ipvs::ServiceKey& key, const ServerStatus& server) {
    ipvs::DestKey out{server.address};
    if (const auto* of = std::get_if<ipvs::AddressKey>(&key); of != nullptr && server.follows_port)
        out.address.port = of->address.port;
    return out;
}

void begin_drain(Time now, ServerStatus& status, Server& server, std::optional<Time> deadline) {
    status.drain = DrainStatus{now, deadline, std::nullopt};
    server.drained = false;
    server.quiet_since.reset();
}

void end_drain(ServerStatus& status, Server& server) {
    status.drain.reset();
    server.drained = false;
    server.quiet_since.reset();
}

bool is_draining(const ServerStatus& status, const Server& server) {
    return status.drain && !server.drained;
}

bool drain_is_over(Time now, const ServerStatus& status, const Server& server) {
    if (!is_draining(status, server)) return false;
    if (status.drain->deadline && now >= *status.drain->deadline) return true;
    if (status.drain->connections == 0U) return true;
    return server.quiet_since && now - *server.quiet_since >= kQuietTime;
}

std::string connections_left(const ServerStatus& status) {
    if (!status.drain || !status.drain->connections) return "";
    return fmt::format(", {} connections left", *status.drain->connections);
}

std::int32_t wanted_weight(const ServerStatus& status) {
    return status.overrides.weight ? status.overrides.weight->weight.value() : status.weight;
}

std::int32_t ramped(Time now, const Server& server, Duration over, std::int32_t weight) {
    if (!server.ramp_since || weight <= 1) return weight;
    const auto step = (now - *server.ramp_since) * kRampSteps / over;
    if (step >= kRampSteps) return weight;
    return static_cast<std::int32_t>(
        std::max<std::int64_t>(1, std::int64_t{weight} * std::max<std::int64_t>(step, 1) / kRampSteps));
}

std::optional<Time> next_due(Time now, const Service& service) {
    std::optional<Time> due;
    for (std::size_t i = 0; i < service.servers.size(); ++i) {
        const auto& status = service.status.servers[i];
        const auto& server = service.servers[i];
        if (is_draining(status, server)) {
            if (status.drain->deadline) sooner(due, *status.drain->deadline);
            if (server.quiet_since) sooner(due, *server.quiet_since + kQuietTime);
        }
        if (!server.ramp_since) continue;
        const auto over = service.status.config->slow_start;
        if (over <= Duration{}) continue;
        const auto step = (now - *server.ramp_since) * kRampSteps / over;
        if (step < kRampSteps) sooner(due, *server.ramp_since + over * (step + 1) / kRampSteps + Duration(1));
    }
    return due;
}

// ---- the kernel's view of those that drain
// ----------------------------------------------------------------------

void Engine::Impl::on_kernel(Time now, const ipvs::Table& table, Changes& out) {
    const std::vector<Service*> services_now(draining.begin(), draining.end());
    for (auto* service : services_now) {
        for (std::size_t i = 0; i < service->servers.size(); ++i) {
            auto& status = service->status.servers[i];
            auto& server = service->servers[i];
            if (!is_draining(status, server)) continue;
            Count count;
            for (const auto& key : service->status.keys)
                add_count(count, table, key, status);
            if (!count.is_quiet) continue;  // read before the weight was written
            status.drain->connections = count.all;
            const bool quiet = is_connection_oriented(*service) && count.active == 0;
            if (!quiet) server.quiet_since.reset();
            if (quiet && !server.quiet_since) server.quiet_since = now;
        }
        judge_again(now, *service, out);
    }
}

// ---- time
// -------------------------------------------------------------------------------------------------------

void Engine::Impl::advance(Time now, Changes& out) {
    expire_overrides(now, out);
    while (!timers.empty() && timers.begin()->first.first <= now)
        judge_again(now, *timers.begin()->second, out);
}

// After this the service may be gone.
void Engine::Impl::judge_again(Time now, Service& service, Changes& out) {
    finish_drains(now, service, out);
    Judge(slots, desired, &touched).all(now, service, out);
    settle(now, service);
    if (!service.status.is_leaving || !service.servers.empty()) return;
    for (const auto& key : service.status.keys)
        Judge(slots, desired, &touched).remove(key);
    forget(service);
    std::erase_if(leaving, [&service](const auto& each) { return each.get() == &service; });
}

// Drained servers that left the configuration are forgotten. They stand last, so no index changes.
void Engine::Impl::finish_drains(Time now, Service& service, Changes& out) {
    auto& statuses = service.status.servers;
    for (std::size_t i = service.servers.size(); i-- > 0;) {
        if (!drain_is_over(now, statuses[i], service.servers[i])) continue;
        service.servers[i].drained = true;
        if (!statuses[i].is_leaving) continue;
        out.emplace_back(ServerChanged{service.status.config->name, statuses[i].address, false,
                                       ServerState::draining, ServerState::down,
                                       "removed from the configuration" + connections_left(statuses[i])});
        service.servers.erase(service.servers.begin() + static_cast<std::ptrdiff_t>(i));
        statuses.erase(statuses.begin() + static_cast<std::ptrdiff_t>(i));
    }
}

void Engine::Impl::settle(Time now, Service& service) {
    if (service.due) timers.erase({*service.due, service.serial});
    service.due = next_due(now, service);
    if (service.due) timers.emplace(std::pair(*service.due, service.serial), &service);
    bool any = false;
    for (std::size_t i = 0; i < service.servers.size(); ++i)
        any = any || is_draining(service.status.servers[i], service.servers[i]);
    any ? (void)draining.insert(&service) : (void)draining.erase(&service);
}

void Engine::Impl::forget(Service& service) {
    if (service.due) timers.erase({*service.due, service.serial});
    service.due.reset();
    draining.erase(&service);
}

}  // namespace lvs::engine
