// SPDX-License-Identifier: GPL-2.0-or-later
//
// One service: how each of its servers stands, and who serves.
#include <fmt/format.h>

#include "lvsd/engine/convert.hpp"
#include "lvsd/engine/impl.hpp"

namespace lvs::engine {
namespace {

void count(Sums& sums, const ServerStatus& status, const Server& server, bool in) {
    if (server.standing == Standing::out || status.is_sorry) return;
    const auto add = [in](std::size_t& sum, bool counts) {
        if (counts) in ? ++sum : --sum;
    };
    const bool ready = server.standing == Standing::ready;
    add(sums.total, true);
    add(sums.unknown, server.standing == Standing::unknown);
    add(sums.ready, ready);
    add(sums.up, ready && server.health == CheckState::up);
    if (ready) sums.ready_weight.at(status.tier) += in ? wanted_weight(status) : -wanted_weight(status);
}

bool is_sorry_ready(const Service& service) {
    if (!service.sorry) return false;
    const auto standing = service.servers[*service.sorry].standing;
    return standing == Standing::ready || standing == Standing::unknown;
}

std::int64_t weight_of(const Sums& sums) {
    std::int64_t out = 0;
    for (const auto weight : sums.ready_weight)
        out += weight;
    return out;
}

bool has_quorum(const Service& service) {
    const auto& config = *service.status.config;
    const auto hysteresis = std::int64_t{config.quorum_hysteresis};
    const auto needed = std::int64_t{config.quorum} + (service.mode.quorum ? -hysteresis : hysteresis);
    return weight_of(service.sums) >= needed;
}

Mode mode_of(const Service& service) {
    const auto& config = *service.status.config;
    const auto& sums = service.sums;
    Mode out;
    if (service.status.is_leaving) return out;
    out.quorum = has_quorum(service);
    out.panic =
        sums.unknown == 0 && sums.total != 0 && sums.ready * 100 < config.panic_threshold * sums.total;
    out.sorry = !out.quorum && !out.panic && is_sorry_ready(service);
    std::int64_t weight = 0;
    for (out.last_tier = 0; out.last_tier + 1 < kTiers; ++out.last_tier) {
        weight += sums.ready_weight.at(out.last_tier);
        if (weight >= std::int64_t{config.quorum}) break;
    }
    return out;
}

bool should_serve(const Service& service, std::size_t index) {
    const auto& status = service.status.servers[index];
    const auto standing = service.servers[index].standing;
    if (standing == Standing::out) return false;
    if (status.is_sorry) return service.mode.sorry && standing != Standing::down;
    if (service.mode.panic) return true;
    return standing == Standing::ready && !service.mode.sorry && status.tier <= service.mode.last_tier;
}

// Is it in the kernel's table although it does not serve: with weight 0, so that its connections go on?
bool stays(const Service& service, std::size_t index) {
    const auto& status = service.status.servers[index];
    const auto& server = service.servers[index];
    if (is_draining(status, server)) return true;
    if (server.standing == Standing::out || status.is_sorry) return false;
    return server.standing == Standing::ready ||
           service.status.config->on_failure == config::OnFailure::weight0;
}

std::string reason_of(const CheckSlot& slot) {
    const auto& through = slot.wanted.through;
    const auto how =
        through ? fmt::format(" through the service ({})", config::to_string(through->forward)) : "";
    return fmt::format("{}{}: {}", slot.wanted.check.kind, how, slot.reason);
}

struct Shown {
    ServerState state;
    std::string reason;
};

Shown shown_taken_out(const ServerStatus& status, const Server& server) {
    const auto& admin = *status.overrides.admin;
    const auto reason =
        fmt::format("{}{}{}", to_string(admin.mode), admin.reason.empty() ? "" : ": ", admin.reason);
    switch (admin.mode) {
        case Admin::disabled:
            return {ServerState::down, reason};
        case Admin::draining:
            if (server.drained)
                return {ServerState::down, "drained" + reason.substr(std::string("draining").size())};
            return {ServerState::draining, reason + connections_left(status)};
        case Admin::maintenance:
            return {ServerState::maintenance, reason + (server.drained ? "" : connections_left(status))};
    }
    return {ServerState::down, reason};
}

Shown shown_sorry(const Service& service, const Server& server) {
    if (server.standing == Standing::down) return {ServerState::down, server.reason};
    if (service.mode.sorry)
        return {ServerState::sorry, service.sums.ready == 0 ? "no other server is up" : "no quorum"};
    return {ServerState::standby, "not needed"};
}

Shown shown(const Service& service, std::size_t index) {
    const auto& status = service.status.servers[index];
    const auto& server = service.servers[index];
    if (status.is_leaving)
        return {ServerState::draining, "removed from the configuration" + connections_left(status)};
    if (status.overrides.admin) return shown_taken_out(status, server);
    if (status.is_sorry) return shown_sorry(service, server);
    if (server.health == CheckState::unknown) return {ServerState::starting, "no verdict yet"};
    if (server.health == CheckState::down)
        return {ServerState::down,
                server.reason + (server.serves ? "; used all the same: too few are healthy" : "")};
    if (!server.serves && service.mode.sorry) return {ServerState::up, server.reason + "; no quorum"};
    if (!server.serves)
        return {ServerState::standby, fmt::format("{}; tier {} is not needed", server.reason, status.tier)};
    return {ServerState::up, server.reason};
}

}  // namespace

// ---- one server
// -----------------------------------------------------------------------------------------------

Standing standing_of(const ServerStatus& status, const Server& server) {
    if (status.is_leaving || status.overrides.admin) return Standing::out;
    if (server.health == CheckState::down) return Standing::down;
    if (server.health == CheckState::up || server.in_use) return Standing::ready;
    return Standing::unknown;
}

// A server stays as it was until its checks have spoken. Where all must pass, one that fails decides at once;
// where any will do, one that passes.
void Judge::look_at_checks(ServerStatus& status, Server& server) const {
    bool waiting = false;
    const CheckSlot* passing = nullptr;
    const CheckSlot* failing = nullptr;
    status.asked_percent.reset();
    for (const auto id : status.checks) {
        const auto found = slots_.find(id);
        const bool is_known = found != slots_.end() && found->second.state != CheckState::unknown;
        // That a check has to prove itself first is no reason to take out a server that was in use.
        if (!is_known ||
            (server.in_use && found->second.is_assumed && found->second.state == CheckState::down)) {
            waiting = true;
            continue;
        }
        const auto& slot = found->second;
        const bool passes = slot.state == CheckState::up;
        auto& first = passes ? passing : failing;
        if (first == nullptr) first = &slot;
        if (slot.percent && (passes || !server.needs_any))
            status.asked_percent = std::min(*slot.percent, status.asked_percent.value_or(*slot.percent));
    }
    const auto* at_once = server.needs_any ? passing : failing;
    if (at_once == nullptr && waiting) return;
    const auto* decides = at_once != nullptr ? at_once : server.needs_any ? failing : passing;
    server.reason = decides == nullptr ? "not checked" : reason_of(*decides);
    server.health = decides == nullptr ? CheckState::up : decides->state;
    if (server.health == CheckState::up) server.in_use = false;
}

void Judge::look(Service& service, std::size_t index) {
    auto& status = service.status.servers[index];
    auto& server = service.servers[index];
    if (!status.is_leaving) look_at_checks(status, server);
    server.standing = standing_of(status, server);
}

void Judge::show_server(Time now, const Service& service, std::size_t index, Changes& out) {
    auto& status = const_cast<ServerStatus&>(service.status.servers[index]);
    auto [state, reason] = shown(service, index);
    status.reason = std::move(reason);
    if (const auto& weight = status.overrides.weight)
        status.reason += fmt::format("; weight set to {}{}{}", weight->weight.value(),
                                     weight->reason.empty() ? "" : ": ", weight->reason);
    if (status.state == state) return;
    if (!status.is_leaving || service.judged)
        out.emplace_back(ServerChanged{service.status.config->name, status.address, status.is_sorry,
                                       status.state, state, status.reason});
    status.state = state;
    status.since = now;
}

// Serving or not, with which weight; then what is shown and written.
void Judge::update(Time now, Service& service, std::size_t index, bool others, Changes& out) {
    auto& status = service.status.servers[index];
    auto& server = service.servers[index];
    const auto& config = *service.status.config;
    const bool serve = should_serve(service, index);
    if (serve != server.serves) {
        serve ? ++service.sums.serving : --service.sums.serving;
        server.serves = serve;
        // After an outage nobody is spared: the first to come back would carry all that the others are
        // spared.
        if (serve && !others && !server.is_first) service.revived = now;
        const bool revives = service.revived && now - *service.revived < config.slow_start;
        const bool ramps =
            serve && !revives && !server.is_first && config.slow_start > Duration{} && !service.mode.panic;
        server.ramp_since = ramps ? std::optional(now) : std::nullopt;
        server.is_first = server.is_first && !serve;
    }
    std::int64_t weight = serve && service.status.is_active ? wanted_weight(status) : 0;
    if (status.asked_percent && weight != 0)
        weight =
            *status.asked_percent == 0 ? 0 : std::max<std::int64_t>(1, weight * *status.asked_percent / 100);
    const auto limited = static_cast<std::int32_t>(std::min<std::int64_t>(weight, Weight::kMax));
    status.effective_weight = ramped(now, server, config.slow_start, limited);
    show_server(now, service, index, out);
}

// ---- the service
// ----------------------------------------------------------------------------------------------

void Judge::all(Time now, Service& service, Changes& out) {
    const auto serving = service.sums.serving;
    service.sums = {};
    service.sums.serving = serving;
    for (std::size_t i = 0; i < service.servers.size(); ++i) {
        look(service, i);
        count(service.sums, service.status.servers[i], service.servers[i], true);
    }
    whole(now, service, std::nullopt, out);
}

void Judge::one(Time now, Service& service, std::size_t index, Changes& out) {
    const auto& status = service.status.servers[index];
    const auto& server = service.servers[index];
    count(service.sums, status, server, false);
    look(service, index);
    count(service.sums, status, server, true);
    whole(now, service, index, out);
}

void Judge::whole(Time now, Service& service, std::optional<std::size_t> only, Changes& out) {
    const auto before = service.mode;
    service.mode = mode_of(service);
    if (service.mode != before || service.has_leaving()) only.reset();
    const bool others = service.sums.serving != 0;
    if (only) {
        update(now, service, *only, others, out);
        write(service, *only);
    } else {
        for (std::size_t i = 0; i < service.servers.size(); ++i)
            update(now, service, i, others, out);
        write_all(service);
    }
    tell(service, before, out);
    show_service(now, service, out);
    service.judged = true;
}

void Judge::tell(const Service& service, const Mode& before, Changes& out) const {
    const auto& config = *service.status.config;
    if (service.status.is_leaving) return;
    if (service.mode.quorum != before.quorum)
        out.emplace_back(
            QuorumChanged{config.name, service.mode.quorum,
                          fmt::format("weight {} of {}", weight_of(service.sums), config.quorum)});
    if (service.mode.panic != before.panic)
        out.emplace_back(PanicChanged{
            config.name, service.mode.panic,
            fmt::format("{} of {} servers are healthy", service.sums.ready, service.sums.total)});
}

void Judge::show_service(Time now, Service& service, Changes& out) {
    auto& status = service.status;
    const auto& sums = service.sums;
    status.has_quorum = service.mode.quorum;
    status.panics = service.mode.panic;
    status.servers_up = static_cast<std::uint32_t>(sums.up);
    status.reason = fmt::format("{} of {} servers up", sums.up, sums.total);
    if (!service.mode.quorum && sums.ready != 0)
        status.reason += fmt::format(", no quorum: weight {} of {}", weight_of(sums), status.config->quorum);
    if (service.mode.panic) status.reason += ", all are used";
    if (!status.is_active)
        status.reason += fmt::format(", not in the kernel: not master of {}", status.config->router);
    if (status.is_leaving) status.reason = "removed from the configuration";
    const auto to = service.mode.sorry                            ? ServiceState::sorry
                    : sums.ready == sums.total && sums.total != 0 ? ServiceState::up
                    : sums.serving != 0                           ? ServiceState::degraded
                                                                  : ServiceState::down;
    if (to == status.state) return;
    out.emplace_back(ServiceChanged{status.config->name, status.state, to, status.reason});
    status.state = to;
    status.since = now;
}

// ---- the desired entries
// --------------------------------------------------------------------------------------

void Judge::touch(const ipvs::ServiceKey& key) {
    if (touched_ != nullptr) touched_->insert(touched_->end(), key);
}

void Judge::remove(const ipvs::ServiceKey& key) {
    if (desired_.erase(key) != 0) touch(key);
}

// One server of an entry; true: that changed it.
bool Judge::write_server(const ipvs::ServiceKey& key, ipvs::Service& entry, const Service& service,
                         std::size_t index) {
    const auto& status = service.status.servers[index];
    const auto& server = service.servers[index];
    const auto dest = dest_key(key, status);
    if (!server.serves && !stays(service, index)) return entry.dests.erase(dest) != 0;
    auto settings = server.dest;
    settings.weight = status.effective_weight;
    const auto [at, is_new] = entry.dests.try_emplace(dest);
    if (!is_new && at->second.settings == settings) return false;
    at->second.settings = settings;
    return true;
}

void Judge::write(Service& service, std::size_t index) {
    if (!service.status.is_active) return;
    for (const auto& key : service.status.keys)
        if (write_server(key, desired_[key], service, index)) touch(key);
}

void Judge::write_all(Service& service) {
    for (const auto& key : service.status.keys) {
        if (!service.status.is_active) {
            remove(key);
            continue;
        }
        auto& entry = desired_.try_emplace(desired_.end(), key)->second;
        entry.settings = service_settings(*service.status.config);
        entry.dests.clear();
        write_servers(key, entry, service);
        touch(key);
    }
}

void Judge::write_servers(const ipvs::ServiceKey& key, ipvs::Service& entry, const Service& service) {
    // Those that leave first: where one of them came back as the sorry server, the later word counts.
    const auto configured = service.configured + (service.sorry ? 1 : 0);
    for (std::size_t i = configured; i < service.servers.size(); ++i)
        write_server(key, entry, service, i);
    for (std::size_t i = 0; i < configured; ++i)
        if (service.servers[i].serves || !service.sorry || i != *service.sorry)
            write_server(key, entry, service, i);
}

}  // namespace lvs::engine
