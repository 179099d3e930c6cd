// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <map>

#include "lvsd/app/convert.hpp"
#include "lvsd/app/daemon.hpp"

namespace lvs::app {
namespace {

// Makes wall-clock times of ours, always the same of the same.
struct Wall {
    std::int64_t offset = 0;  // nanoseconds
    state::WallTime operator()(Time time) const {
        return time == Time{} ? state::WallTime{} : state::WallTime(time.time_since_epoch() + Duration(offset));
    }
};

state::RouterState router_state(const vrrp::RouterStatus& status) {
    if (status.waiting != vrrp::Waiting::none) return state::RouterState::waiting;
    switch (status.state) {
        case vrrp::State::initialize: return state::RouterState::initialize;
        case vrrp::State::backup: return state::RouterState::backup;
        case vrrp::State::master: return state::RouterState::master;
    }
    return state::RouterState::initialize;
}

state::NamedCounters discards(const std::array<std::uint64_t, vrrp::kDiscards>& discarded) {
    state::NamedCounters out;
    for (std::size_t i = 0; i < vrrp::kDiscards; ++i)
        if (discarded.at(i) != 0) out.emplace_back(vrrp::to_string(static_cast<vrrp::Discard>(i)), discarded.at(i));
    std::sort(out.begin(), out.end());
    return out;
}

// Why a router is as it is: what it waits for, the trackers that are down in a fault, else what moved it last.
std::string reason(const vrrp::RouterStatus& status) {
    if (status.waiting == vrrp::Waiting::none)
        return status.since == Time{} ? "" : std::string(vrrp::to_string(status.reason));
    std::string out(vrrp::to_string(status.waiting));
    if (status.waiting != vrrp::Waiting::fault) return out;
    std::string_view separator = ": ";
    for (const auto& track : status.tracks) {
        if (track.weight != 0 || track.health == vrrp::Health::up) continue;
        out.append(separator).append(track.tracker);
        separator = ", ";
    }
    return out;
}

void add_details(state::RouterInstance& out, const vrrp::RouterStatus& status, Wall wall) {
    out.held = status.held;
    out.yields = status.yields;
    for (const auto& track : status.tracks)
        out.trackers.push_back({track.tracker, std::string(vrrp::to_string(track.health)), track.weight});
    for (const auto& peer : status.peers)
        out.peers.push_back({peer.address, peer.priority, wall(peer.heard)});
    out.late_adverts = status.late_adverts;
    out.worst_lateness = status.latest_advert;
    out.stalls = status.counters.stalls;
    out.contests = status.counters.contests;
    out.ignored = discards(status.counters.discarded);
}

state::SpeakerStatus speaker_status(const vrrp::Snapshot& known) {
    state::SpeakerStatus out;
    out.realtime = known.realtime;
    out.memory_locked = known.memory_locked;
    out.wakeups = known.wakeups;
    for (std::size_t i = 0; i < known.lateness.classes.size(); ++i)
        if (i > 0 && vrrp::Lateness::kBounds.at(i - 1) >= std::chrono::milliseconds(5))
            out.late_wakeups += known.lateness.classes.at(i);
    out.worst_lateness = known.lateness.worst;
    out.events_lost = known.events_lost;
    out.ignored = discards(known.discarded);
    return out;
}

state::RouterInstance instance(const config::VirtualRouter& router, const vrrp::RouterStatus& status, Wall wall) {
    state::RouterInstance out;
    out.family = status.family;
    out.state = router_state(status);
    out.reason = reason(status);
    out.since = wall(status.since);
    out.priority = router.priority.value();
    out.effective_priority = status.priority.value();
    out.advert_interval = router.advert_interval;
    out.master_interval = status.interval;
    out.master = status.state == vrrp::State::master ? status.source : status.master;
    for (const auto* list : {&router.addresses, &router.excluded})
        for (const auto& address : *list)
            if (address.address.family() == status.family) out.addresses.push_back(address);
    out.transitions = status.counters.became_master;
    out.adverts_sent = status.counters.adverts_sent;
    out.adverts_received = status.counters.adverts_received;
    add_details(out, status, wall);
    return out;
}

std::vector<state::Router> routers(const config::Config& config, const vrrp::Snapshot& speaker, Wall wall) {
    std::map<std::string, std::vector<vrrp::RouterStatus>> known;
    for (const auto& status : speaker.routers)
        known[status.name].push_back(status);
    std::vector<state::Router> out;
    for (const auto& router : config.routers) {
        auto& shown = out.emplace_back();
        shown.name = router.name;
        shown.interface = router.interface;
        shown.vrid = router.vrid.value();
        for (const auto& status : known[router.name])
            shown.instances.push_back(instance(router, status, wall));
    }
    return out;
}

void add(ipvs::Counters& sum, const ipvs::Counters& more) {
    sum.connections += more.connections;
    sum.in_packets += more.in_packets;
    sum.out_packets += more.out_packets;
    sum.in_bytes += more.in_bytes;
    sum.out_bytes += more.out_bytes;
    sum.connection_rate += more.connection_rate;
    sum.in_packet_rate += more.in_packet_rate;
    sum.out_packet_rate += more.out_packet_rate;
    sum.in_byte_rate += more.in_byte_rate;
    sum.out_byte_rate += more.out_byte_rate;
}

state::Traffic traffic(const ipvs::Counters& c) {
    return {c.connections,     c.in_packets,     c.out_packets,     c.in_bytes,     c.out_bytes,
            c.connection_rate, c.in_packet_rate, c.out_packet_rate, c.in_byte_rate, c.out_byte_rate};
}

state::ServerState server_state(engine::ServerState value) {
    switch (value) {
        case engine::ServerState::starting: return state::ServerState::starting;
        case engine::ServerState::up: return state::ServerState::up;
        case engine::ServerState::down: return state::ServerState::down;
        case engine::ServerState::draining: return state::ServerState::draining;
        case engine::ServerState::maintenance: return state::ServerState::maintenance;
        case engine::ServerState::standby: return state::ServerState::standby;
        case engine::ServerState::sorry: return state::ServerState::sorry;
    }
    return state::ServerState::starting;
}

state::ServiceState service_state(engine::ServiceState value) {
    switch (value) {
        case engine::ServiceState::up: return state::ServiceState::up;
        case engine::ServiceState::degraded: return state::ServiceState::degraded;
        case engine::ServiceState::sorry: return state::ServiceState::sorry;
        case engine::ServiceState::down: return state::ServiceState::down;
    }
    return state::ServiceState::down;
}

state::CheckState check_state(checkers::State value) {
    switch (value) {
        case checkers::State::unknown: return state::CheckState::starting;
        case checkers::State::up: return state::CheckState::up;
        case checkers::State::down: return state::CheckState::down;
    }
    return state::CheckState::starting;
}

state::Check check(const engine::CheckWanted& wanted, const checkers::CheckInfo* info, Wall wall) {
    state::Check out;
    out.kind = wanted.check.kind;
    out.target = to_string(wanted.target);
    if (wanted.through)
        out.target += fmt::format(" to {}, mark {}", to_string(wanted.through->server), wanted.through->mark);
    if (info == nullptr) return out;
    out.state = check_state(info->last.state);
    out.since = wall(info->last.at);
    const bool has_run = info->status.at != Time{};
    out.reason = has_run ? info->status.reason : info->last.reason;
    out.latency = has_run ? info->status.latency : info->last.latency;
    out.lag = info->status.lag;
    out.last_run = wall(has_run ? info->status.at : info->last.at);
    out.runs = info->status.runs;
    out.failures = info->status.failures;
    out.certificate_days = info->status.certificate_days;
    if (info->last.weight_percent) out.weight_percent = *info->last.weight_percent;
    out.output = info->output;
    for (const auto& change : info->history)
        out.history.push_back({wall(change.at), check_state(change.state), change.latency, change.reason});
    return out;
}

state::OverrideKind override_kind(engine::Admin value) {
    switch (value) {
        case engine::Admin::disabled: return state::OverrideKind::disabled;
        case engine::Admin::draining: return state::OverrideKind::draining;
        case engine::Admin::maintenance: return state::OverrideKind::maintenance;
    }
    return state::OverrideKind::disabled;
}

std::vector<state::Override> overrides(const engine::Overrides& given, Wall wall) {
    std::vector<state::Override> out;
    if (const auto& admin = given.admin)
        out.push_back({override_kind(admin->mode), 0, admin->reason, wall(admin->expires.value_or(Time{})),
                       wall(admin->deadline.value_or(Time{}))});
    if (const auto& weight = given.weight)
        out.push_back({state::OverrideKind::weight, static_cast<std::uint32_t>(weight->weight.value()),
                       weight->reason, wall(weight->expires.value_or(Time{})), {}});
    return out;
}

class ServiceBuilder {
   public:
    ServiceBuilder(const engine::Engine& engine, const checkers::WorkerClient* checkers, const ipvs::Table* kernel,
                   Wall wall)
        : engine_(engine), checkers_(checkers), kernel_(kernel), wall_(wall) {}

    state::Service operator()(const engine::ServiceStatus& status) const {
        const auto& config = *status.config;
        state::Service out;
        out.name = config.name;
        if (const auto* address = std::get_if<Endpoint>(&config.match)) {
            out.address = *address;
            out.protocol = config::to_string(config.protocol);
        } else {
            out.fwmark = std::get<Fwmark>(config.match).value();
        }
        out.family = config.family;
        out.scheduler = config.scheduler;
        out.forward = config::to_string(config.forward);
        out.state = service_state(status.state);
        out.reason = status.reason;
        out.since = wall_(status.since);
        out.servers_up = status.servers_up;
        out.servers_total = static_cast<std::uint32_t>(config.servers.size());
        const auto entries = kernel_entries(status);
        ipvs::Counters counters;
        for (const auto* entry : entries)
            add(counters, entry->second.counters);
        out.traffic = traffic(counters);
        for (const auto& server : status.servers)
            add_server(out, server, entries);
        return out;
    }

   private:
    using Entries = std::vector<const ipvs::Table::value_type*>;  // one for each address of the service

    Entries kernel_entries(const engine::ServiceStatus& status) const {
        Entries out;
        if (kernel_ == nullptr) return out;
        for (const auto& key : status.keys)
            if (const auto found = kernel_->find(key); found != kernel_->end()) out.push_back(&*found);
        return out;
    }

    void add_server(state::Service& service, const engine::ServerStatus& status, const Entries& entries) const {
        auto& out = service.servers.emplace_back();
        out.address = status.address;
        out.is_sorry = status.is_sorry;
        out.state = server_state(status.state);
        out.reason = status.reason;
        out.since = wall_(status.since);
        out.weight = static_cast<std::uint32_t>(status.weight);
        out.effective_weight = static_cast<std::uint32_t>(status.effective_weight);
        out.forward = config::to_string(status.forward);
        out.overrides = overrides(status.overrides, wall_);
        for (const auto id : status.checks)
            out.checks.push_back(
                check(*engine_.check(id), checkers_->find(checkers::CheckId{static_cast<std::uint32_t>(id)}), wall_));
        ipvs::Counters counters;
        for (const auto* entry : entries) {
            const auto& dests = entry->second.dests;
            const auto dest = dests.find(engine::dest_key(entry->first, status));
            if (dest == dests.end()) continue;
            out.active_connections += dest->second.active_connections;
            out.inactive_connections += dest->second.inactive_connections;
            add(counters, dest->second.counters);
        }
        out.traffic = traffic(counters);
        service.active_connections += out.active_connections;
        service.inactive_connections += out.inactive_connections;
    }

    const engine::Engine& engine_;
    const checkers::WorkerClient* checkers_;
    const ipvs::Table* kernel_;
    Wall wall_;
};

}  // namespace

std::int64_t wall_offset_ns() {
    return wall_clock_ns() - monotonic_now().time_since_epoch().count();
}

std::int64_t steady_offset(std::int64_t before_ns, std::int64_t measured_ns) {
    constexpr std::int64_t kSet = 100'000'000;  // less is drift
    return std::abs(measured_ns - before_ns) < kSet ? before_ns : measured_ns;
}

state::Snapshot build_snapshot(const Facts& facts, const engine::Engine& engine,
                               const checkers::WorkerClient* checkers, const ipvs::Table* kernel,
                               const vrrp::Speaker* speaker) {
    state::Snapshot out;
    const Wall wall{facts.wall_offset_ns};
    out.taken = state::WallTime(Duration(wall_clock_ns()));
    out.daemon.version = LVSD_VERSION;
    out.daemon.hostname = facts.hostname;
    out.daemon.pid = static_cast<std::uint32_t>(getpid());
    out.daemon.started = state::WallTime(Duration(facts.started_ns));
    out.daemon.config = facts.config;
    out.daemon.worker = facts.worker;
    out.daemon.ipvs = facts.ipvs;
    out.daemon.ipvs.services = engine.desired().size() - engine.ways();
    out.daemon.ipvs.check_ways = engine.ways();
    for (const auto& [key, service] : engine.desired())
        if (engine.way(key) == nullptr) out.daemon.ipvs.servers += service.dests.size();
    if (speaker != nullptr) {
        const auto known = speaker->snapshot();
        out.daemon.vrrp = speaker_status(known);
        out.routers = routers(engine.config(), known, wall);
    } else {
        out.routers = routers(engine.config(), {}, wall);
    }
    const ServiceBuilder build(engine, checkers, kernel, wall);
    for (const auto* status : engine.service_list())
        out.services.push_back(build(*status));
    return out;
}

}  // namespace lvs::app
