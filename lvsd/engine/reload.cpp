// SPDX-License-Identifier: GPL-2.0-or-later
//
// One configuration after another. Services that are configured as before are not touched.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "lvsd/engine/convert.hpp"
#include "lvsd/engine/impl.hpp"

namespace lvs::engine {
namespace {

Endpoint check_target(const config::Check& check, const Endpoint& server) {
    return {check.address.value_or(server.address), check.port.value_or(server.port)};
}

// What stays in the table for a while after it left the configuration: what had traffic until now.
bool has_traffic(const ServerStatus& status, const Server& server) {
    return server.serves || is_draining(status, server);
}

void add_leaving(Time now, Service& service, const ServerStatus& status, const Server& server,
                 Duration timeout) {
    auto left = status;
    left.is_leaving = true;
    left.is_sorry = false;
    left.checks.clear();
    left.overrides = {};
    left.asked_percent.reset();
    auto& kept = service.servers.emplace_back(server);
    if (!is_draining(status, server)) begin_drain(now, left, kept, now + timeout);
    if (!left.drain->deadline) left.drain->deadline = now + timeout;
    kept.serves = false;
    kept.ramp_since.reset();
    service.status.servers.push_back(std::move(left));
}

}  // namespace

const config::RealServer& server_at(const config::VirtualService& service, std::size_t index) {
    return index < service.servers.size() ? service.servers[index] : *service.sorry_server;
}

std::set<ipvs::ServiceKey> keys_of(const config::Config& config) {
    std::set<ipvs::ServiceKey> out;
    for (const auto& service : config.services)
        for (auto& key : service_keys(service))
            out.insert(out.end(), key);  // often they are in order
    return out;
}

// Marks are no setting of a service, but its checks may have some.
bool is_unchanged(const config::VirtualService& before, const config::VirtualService& after,
                  bool same_marks) {
    return before == after && (same_marks || !has_ways(after));
}

// ---- finding what was
// ---------------------------------------------------------------------------------------------

Engine::Impl::Former Engine::Impl::former(const config::Config& next) const {
    if (services.empty()) return {};
    std::set<std::string_view> names;
    for (const auto& service : next.services)
        names.insert(service.name);
    Former out;
    for (std::size_t i = 0; i < services.size(); ++i) {
        const auto& status = services[i]->status;
        if (names.contains(status.config->name))
            out.by_name.emplace(status.config->name, i);
        else
            for (const auto& key : status.keys)
                out.by_key.emplace(key, i);
    }
    return out;
}

// By name; a service that only changed its name is found by its key.
std::optional<std::size_t> Engine::Impl::find_former(const Former& former,
                                                     const config::VirtualService& of) const {
    if (const auto found = former.by_name.find(of.name); found != former.by_name.end()) return found->second;
    const auto found = former.by_key.find(service_keys(of).front());
    return found == former.by_key.end() ? std::nullopt : std::optional(found->second);
}

bool Engine::Impl::is_active(const config::VirtualService& of) const {
    if (of.active == config::Active::always) return true;
    const auto role = roles.find({of.router, of.family});
    return role != roles.end() && role->second;
}

bool Engine::Impl::was_in_use(const ipvs::ServiceKey& key, const Endpoint& server) const {
    const auto service = seen.find(key);
    if (service == seen.end()) return false;
    const auto dest = service->second.dests.find({server});
    return dest != service->second.dests.end() && dest->second.settings.weight > 0;
}

// ---- building a service
// -------------------------------------------------------------------------------------------

void Engine::Impl::add_server(Time now, Service& service, const config::RealServer& of, bool is_sorry) const {
    ServerStatus status;
    status.address = of.address;
    status.is_sorry = is_sorry;
    status.tier = of.tier;
    status.since = now;
    status.weight = of.weight.value();
    status.forward = of.forward;
    status.follows_port = of.follows_port;
    status.state = is_sorry            ? ServerState::standby
                   : of.checks.empty() ? ServerState::up
                                       : ServerState::starting;
    Server server;
    server.dest = dest_settings(of, 0);
    server.needs_any = of.require == config::Require::any;
    server.is_first = is_first;
    server.in_use = !is_sorry && was_in_use(service.status.key, of.address);
    const auto position = service.servers.size();
    service.index.emplace(of.address, position);
    service.servers.push_back(std::move(server));
    service.status.servers.push_back(std::move(status));
    if (is_sorry) service.sorry = position;
    const auto given = overrides.find({service.status.config->name, of.address});
    if (given != overrides.end())
        take_overrides(now, service.status.servers.back(), service.servers.back(), given->second);
}

std::unique_ptr<Service> Engine::Impl::build(Time now, const config::VirtualService& of,
                                             const Service* before) const {
    auto service = std::make_unique<Service>();
    service->status.config = &of;
    service->status.keys = service_keys(of);
    service->status.key = service->status.keys.front();
    service->status.since = now;
    service->status.is_active = is_active(of);
    service->configured = of.servers.size();
    const auto all = of.servers.size() + (of.sorry_server ? 1 : 0);
    service->servers.reserve(all);
    service->status.servers.reserve(all);
    for (const auto& server : of.servers)
        add_server(now, *service, server, false);
    if (of.sorry_server) add_server(now, *service, *of.sorry_server, true);
    if (before != nullptr) take_over(now, *service, *before);
    return service;
}

void Engine::Impl::take_over(Time now, Service& service, const Service& before) const {
    const auto timeout = service.status.config->drain_timeout;
    service.status.state = before.status.state;
    service.status.since = before.status.since;
    service.mode = before.mode;
    service.revived = before.revived;
    const bool same_key = service.status.key == before.status.key;
    for (std::size_t i = 0; i < before.servers.size(); ++i) {
        const auto& old_status = before.status.servers[i];
        const auto found = service.index.find(old_status.address);
        const bool stays = found != service.index.end() && !old_status.is_leaving &&
                           service.status.servers[found->second].is_sorry == old_status.is_sorry;
        if (!stays) {
            const bool back = found != service.index.end();
            if (same_key && !back && timeout > Duration{} && has_traffic(old_status, before.servers[i]))
                add_leaving(now, service, old_status, before.servers[i], timeout);
            continue;
        }
        auto& status = service.status.servers[found->second];
        auto& server = service.servers[found->second];
        auto fresh = std::exchange(server, before.servers[i]);
        server.dest = fresh.dest;
        server.needs_any = fresh.needs_any;
        status.state = old_status.state;
        status.reason = old_status.reason;
        status.since = old_status.since;
        status.drain = old_status.drain;
        if (server.serves) ++service.sums.serving;
    }
}

// What is left of a service that is no longer configured, for the keys nobody else has.
std::unique_ptr<Service> Engine::Impl::leave(Time now, const Service& before, const Keys& live) const {
    auto service = std::make_unique<Service>();
    auto was = std::make_unique<config::VirtualService>(*before.status.config);
    was->servers.clear();
    was->sorry_server.reset();
    service->status.config = was.get();
    service->leaving = std::move(was);
    service->status.is_leaving = true;
    service->status.since = now;
    service->status.is_active = before.status.is_active;
    for (const auto& key : before.status.keys)
        if (!live.contains(key)) service->status.keys.push_back(key);
    if (service->status.keys.empty()) return nullptr;
    service->status.key = service->status.keys.front();
    const auto timeout = service->leaving->drain_timeout;
    if (timeout > Duration{} && before.status.is_active)
        for (std::size_t i = 0; i < before.servers.size(); ++i)
            if (has_traffic(before.status.servers[i], before.servers[i]))
                add_leaving(now, *service, before.status.servers[i], before.servers[i], timeout);
    return service;
}

// ---- checks
// -------------------------------------------------------------------------------------------------------

CheckId Engine::Impl::known_check(const CheckKey& key) const {
    const auto found = ids.find(key);
    return found == ids.end() ? CheckId{} : found->second;
}

Engine::Impl::CheckKey Engine::Impl::key_of(const config::RealServer& server, const config::Check& check,
                                            const std::optional<Way>& way) {
    CheckKey out{way ? way->target : check_target(check, server.address), settings_text(check)};
    if (way)
        out.settings += fmt::format(" through {} {} {}", way->key.base, ipvs::to_string(way->key.service),
                                    to_string(way->key.server));
    return out;
}

CheckId Engine::Impl::intern(const config::VirtualService& of, const config::RealServer& server,
                             const config::Check& check) {
    const auto way = way_of(config.global.check_mark, of, server, check);
    auto key = key_of(server, check, way);
    const auto target = key.target;
    const auto [found, is_new] = ids.try_emplace(std::move(key), CheckId{next_id});
    auto& slot = slots[found->second];
    if (way) slot.wanted.through = enter(*way);
    if (!is_new) return found->second;
    ++next_id;
    ++unknown_checks;
    slot.wanted.id = found->second;
    slot.wanted.check = check;
    slot.wanted.target = target;
    if (!way) return found->second;
    slot.way = way->key;
    ways.use(way->key);
    return found->second;
}

// The way is in the table, as the server is forwarded now.
Through Engine::Impl::enter(const Way& way) {
    const auto& known = ways.find_or_add(way, desired);
    auto& entry = desired[known.mark];
    if (!is_entry_of(way, entry)) {
        entry = way.entry;
        touched.insert(known.mark);
    }
    return {known.mark.mark, way.key.server.address, way.forward};
}

void Engine::Impl::leave_way(const WayKey& key) {
    const auto mark = ways.leave(key);
    if (!mark) return;
    desired.erase(*mark);
    touched.insert(*mark);
}

void Engine::Impl::intern_checks(Service& service) {
    const auto& of = *service.status.config;
    for (std::size_t i = 0; i < of.servers.size() + (of.sorry_server ? 1 : 0); ++i) {
        const auto& server = server_at(of, i);
        for (const auto& check : server.checks) {
            const auto id = intern(of, server, check);
            service.status.servers[i].checks.push_back(id);
            slots.at(id).users.emplace(std::pair(service.serial, i), &service);
        }
    }
}

void Engine::Impl::drop_checks(Service& service) {
    for (std::size_t i = 0; i < service.servers.size(); ++i)
        for (const auto id : service.status.servers[i].checks)
            slots.at(id).users.erase({service.serial, i});
}

// Checks nobody wants any more are forgotten; the others keep id and state.
void Engine::Impl::purge_checks() {
    std::erase_if(ids, [this](const auto& entry) { return slots.at(entry.second).users.empty(); });
    std::erase_if(slots, [this](const auto& entry) {
        const bool goes = entry.second.users.empty();
        if (goes && entry.second.state == CheckState::unknown) --unknown_checks;
        if (goes && entry.second.way) leave_way(*entry.second.way);
        return goes;
    });
}

// ---- the reload
// ---------------------------------------------------------------------------------------------------

void Engine::Impl::replace(Time now, std::unique_ptr<Service> service, Changes& out) {
    service->serial = next_serial++;
    intern_checks(*service);
    Judge(slots, desired, &touched).all(now, *service, out);
    settle(now, *service);
    services.push_back(std::move(service));
}

void Engine::Impl::configure(Time now, config::Config next, Changes& out) {
    const auto before = std::exchange(config, std::move(next));  // until the end: services point into it
    const bool same_marks = before.global.check_mark == config.global.check_mark;
    const auto known = former(config);
    const auto live = keys_of(config);
    // What left earlier and is back is no longer leaving: often a service as a whole, else the addresses that
    // are back.
    std::erase_if(leaving, [&](const auto& service) {
        auto& keys = service->status.keys;
        std::erase_if(keys, [&live](const auto& key) { return live.contains(key); });
        if (keys.empty())
            forget(*service);
        else
            service->status.key = keys.front();
        return keys.empty();
    });
    auto old = std::exchange(services, {});
    services.reserve(config.services.size());
    Services gone;
    for (const auto& of : config.services) {
        const auto position =
            known.by_name.contains(of.name) || !known.by_key.empty() ? find_former(known, of) : std::nullopt;
        auto* former_service = position ? old[*position].get() : nullptr;
        if (former_service != nullptr && is_unchanged(*former_service->status.config, of, same_marks)) {
            former_service->status.config = &of;
            services.push_back(std::move(old[*position]));
            continue;
        }
        replace(now, build(now, of, former_service), out);
        if (former_service != nullptr) {
            forget(*former_service);
            gone.push_back(std::move(old[*position]));
        }
    }
    for (auto& service : old)
        if (service) {
            forget(*service);
            gone.push_back(std::move(service));
        }
    leave_all(now, gone, live, out);
    by_name.clear();
    for (auto& service : services)
        by_name.emplace(service->status.config->name, service.get());
    is_first = false;
    seen.clear();  // what the kernel held when we started concerns the first configuration only
}

void Engine::Impl::leave_all(Time now, const Services& gone, const Keys& live, Changes& out) {
    for (const auto& service : gone) {
        drop_checks(*service);
        auto left = leave(now, *service, live);
        if (left == nullptr) continue;
        if (left->servers.empty()) {
            for (const auto& key : left->status.keys)
                Judge(slots, desired, &touched).remove(key);
            continue;
        }
        left->serial = next_serial++;
        Judge(slots, desired, &touched).all(now, *left, out);
        settle(now, *left);
        leaving.push_back(std::move(left));
    }
    if (!gone.empty()) purge_checks();
}

}  // namespace lvs::engine
