// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/dbus/properties.hpp"

#include "lvsd/dbus/append.hpp"

namespace lvs::dbus {
namespace {

constexpr std::uint64_t kConst = SD_BUS_VTABLE_PROPERTY_CONST;
constexpr std::uint64_t kSignal = SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE;
constexpr std::uint64_t kQuiet = 0;  // changes are not announced

template <auto Read>
int get(sd_bus* /*bus*/, const char* /*path*/, const char* /*interface*/, const char* /*property*/,
        sd_bus_message* reply, void* userdata, sd_bus_error* /*error*/) {
    const auto& value = Read(*static_cast<const View*>(userdata));
    return Wire<std::remove_cvref_t<decltype(value)>>::append(reply, value);
}

template <auto Read>
bool differs(const View& before, const View& after) {
    return Read(before) != Read(after);
}

// Read: a function from a View to a reference into the state.
template <auto Read>
constexpr Property row(const char* name, std::uint64_t flags) {
    using Value = std::remove_cvref_t<decltype(Read(std::declval<const View&>()))>;
    return {name, Wire<Value>::signature, flags, get<Read>, differs<Read>};
}

// The objects a table row reads from; `of<part>` names a member of such an object.
constexpr auto daemon = [](const View& v) -> auto& {
    return v.snapshot->daemon;
};
constexpr auto config = [](const View& v) -> auto& {
    return v.snapshot->daemon.config;
};
constexpr auto worker = [](const View& v) -> auto& {
    return v.snapshot->daemon.worker;
};
constexpr auto ipvs = [](const View& v) -> auto& {
    return v.snapshot->daemon.ipvs;
};
constexpr auto router = [](const View& v) -> auto& {
    return *v.router;
};
constexpr auto instance = [](const View& v) -> auto& {
    return *v.instance;
};
constexpr auto service = [](const View& v) -> auto& {
    return *v.service;
};
constexpr auto server = [](const View& v) -> auto& {
    return *v.server;
};
constexpr auto service_traffic = [](const View& v) -> auto& {
    return v.service->traffic;
};
constexpr auto server_traffic = [](const View& v) -> auto& {
    return v.server->traffic;
};

template <auto Part, auto Member>
constexpr Property of(const char* name, std::uint64_t flags) {
    return row < [](const View& v) -> auto& {
        return Part(v).*Member;
    }
    > (name, flags);
}

constexpr auto check = [](const View& v) -> auto& {
    return *v.check;
};

using state::Check;
using state::ConfigStatus;
using state::Daemon;
using state::IpvsStatus;
using state::Router;
using state::RouterInstance;
using state::Server;
using state::Service;
using state::Traffic;
using state::WorkerStatus;

constexpr Property kManager[] = {
    of<daemon, &Daemon::version>("Version", kConst),
    of<daemon, &Daemon::hostname>("Hostname", kConst),
    of<daemon, &Daemon::pid>("ProcessId", kConst),
    of<daemon, &Daemon::started>("Started", kConst),
    of<config, &ConfigStatus::path>("ConfigPath", kSignal),
    of<config, &ConfigStatus::generation>("ConfigGeneration", kSignal),
    of<config, &ConfigStatus::loaded>("ConfigLoaded", kSignal),
    of<config, &ConfigStatus::last_attempt>("ReloadAttempted", kSignal),
    of<config, &ConfigStatus::last_ok>("ReloadOk", kSignal),
    of<config, &ConfigStatus::last_error>("ReloadError", kSignal),
    of<worker, &WorkerStatus::state>("WorkerState", kSignal),
    of<worker, &WorkerStatus::since>("WorkerSince", kSignal),
    of<worker, &WorkerStatus::restarts>("WorkerRestarts", kSignal),
    of<ipvs, &IpvsStatus::available>("IpvsAvailable", kSignal),
    of<ipvs, &IpvsStatus::module>("IpvsModule", kSignal),
    of<ipvs, &IpvsStatus::version>("IpvsVersion", kSignal),
    of<ipvs, &IpvsStatus::last_error>("IpvsError", kSignal),
    of<ipvs, &IpvsStatus::last_applied>("IpvsApplied", kQuiet),
    of<ipvs, &IpvsStatus::services>("IpvsServices", kSignal),
    of<ipvs, &IpvsStatus::servers>("IpvsServers", kSignal),
    of<ipvs, &IpvsStatus::check_ways>("IpvsCheckWays", kSignal),
    of<ipvs, &IpvsStatus::refused>("IpvsRefused", kSignal),
    of<ipvs, &IpvsStatus::repairs>("IpvsRepairs", kSignal),
};

constexpr Property kRouter[] = {
    of<router, &Router::name>("Name", kConst),
    of<instance, &RouterInstance::family>("Family", kConst),
    of<router, &Router::interface>("Interface", kSignal),
    of<router, &Router::vrid>("Vrid", kSignal),
    of<instance, &RouterInstance::state>("State", kSignal),
    of<instance, &RouterInstance::reason>("Reason", kSignal),
    of<instance, &RouterInstance::since>("Since", kSignal),
    of<instance, &RouterInstance::priority>("Priority", kSignal),
    of<instance, &RouterInstance::effective_priority>("EffectivePriority", kSignal),
    of<instance, &RouterInstance::advert_interval>("AdvertInterval", kSignal),
    of<instance, &RouterInstance::master_interval>("MasterInterval", kSignal),
    of<instance, &RouterInstance::master>("Master", kSignal),
    of<instance, &RouterInstance::addresses>("Addresses", kSignal),
    of<instance, &RouterInstance::transitions>("Transitions", kSignal),
    of<instance, &RouterInstance::adverts_sent>("AdvertsSent", kQuiet),
    of<instance, &RouterInstance::adverts_received>("AdvertsReceived", kQuiet),
    of<instance, &RouterInstance::ignored>("Ignored", kQuiet),
    of<instance, &RouterInstance::held>("Held", kSignal),
    of<instance, &RouterInstance::yields>("Yields", kSignal),
    of<instance, &RouterInstance::trackers>("Trackers", kSignal),
    of<instance, &RouterInstance::peers>("Peers", kQuiet),
    of<instance, &RouterInstance::late_adverts>("LateAdverts", kQuiet),
    of<instance, &RouterInstance::worst_lateness>("WorstLateness", kQuiet),
    of<instance, &RouterInstance::stalls>("Stalls", kSignal),
    of<instance, &RouterInstance::contests>("Contests", kQuiet),
};

constexpr Property kService[] = {
    of<service, &Service::name>("Name", kConst),
    of<service, &Service::address>("Address", kSignal),
    of<service, &Service::fwmark>("Fwmark", kSignal),
    of<service, &Service::family>("Family", kSignal),
    of<service, &Service::protocol>("Protocol", kSignal),
    of<service, &Service::scheduler>("Scheduler", kSignal),
    of<service, &Service::forward>("Forward", kSignal),
    of<service, &Service::state>("State", kSignal),
    of<service, &Service::reason>("Reason", kSignal),
    of<service, &Service::since>("Since", kSignal),
    of<service, &Service::servers_up>("ServersUp", kSignal),
    of<service, &Service::servers_total>("ServersTotal", kSignal),
    of<service_traffic, &Traffic::connection_rate>("ConnectionRate", kSignal),
    of<service_traffic, &Traffic::in_byte_rate>("InByteRate", kSignal),
    of<service_traffic, &Traffic::out_byte_rate>("OutByteRate", kSignal),
    of<service_traffic, &Traffic::in_packet_rate>("InPacketRate", kSignal),
    of<service_traffic, &Traffic::out_packet_rate>("OutPacketRate", kSignal),
    of<service, &Service::active_connections>("ActiveConnections", kQuiet),
    of<service, &Service::inactive_connections>("InactiveConnections", kQuiet),
    of<service_traffic, &Traffic::connections>("Connections", kQuiet),
    of<service_traffic, &Traffic::in_packets>("InPackets", kQuiet),
    of<service_traffic, &Traffic::out_packets>("OutPackets", kQuiet),
    of<service_traffic, &Traffic::in_bytes>("InBytes", kQuiet),
    of<service_traffic, &Traffic::out_bytes>("OutBytes", kQuiet),
};

constexpr Property kServer[] = {
    of<service, &Service::name>("Service", kConst),
    of<server, &Server::address>("Address", kSignal),
    of<server, &Server::is_sorry>("Sorry", kConst),
    of<server, &Server::forward>("Forward", kSignal),
    of<server, &Server::state>("State", kSignal),
    of<server, &Server::reason>("Reason", kSignal),
    of<server, &Server::since>("Since", kSignal),
    of<server, &Server::weight>("Weight", kSignal),
    of<server, &Server::effective_weight>("EffectiveWeight", kSignal),
    of<server, &Server::active_connections>("ActiveConnections", kQuiet),
    of<server, &Server::inactive_connections>("InactiveConnections", kQuiet),
    of<server_traffic, &Traffic::connection_rate>("ConnectionRate", kSignal),
    of<server_traffic, &Traffic::in_packet_rate>("InPacketRate", kSignal),
    of<server_traffic, &Traffic::out_packet_rate>("OutPacketRate", kSignal),
    of<server_traffic, &Traffic::in_byte_rate>("InByteRate", kSignal),
    of<server_traffic, &Traffic::out_byte_rate>("OutByteRate", kSignal),
    of<server_traffic, &Traffic::connections>("Connections", kQuiet),
    of<server_traffic, &Traffic::in_packets>("InPackets", kQuiet),
    of<server_traffic, &Traffic::out_packets>("OutPackets", kQuiet),
    of<server_traffic, &Traffic::in_bytes>("InBytes", kQuiet),
    of<server_traffic, &Traffic::out_bytes>("OutBytes", kQuiet),
    of<server, &Server::overrides>("Overrides", kSignal),
    of<server, &Server::checks>("Checks", kQuiet),
};

constexpr Property kCheck[] = {
    of<service, &Service::name>("Service", kConst),
    of<server, &Server::address>("Server", kConst),
    of<check, &Check::kind>("Kind", kSignal),
    of<check, &Check::target>("Target", kSignal),
    of<check, &Check::state>("State", kSignal),
    of<check, &Check::reason>("Reason", kSignal),
    of<check, &Check::since>("Since", kSignal),
    of<check, &Check::latency>("Latency", kQuiet),
    of<check, &Check::lag>("Lag", kQuiet),
    of<check, &Check::last_run>("LastRun", kQuiet),
    of<check, &Check::runs>("Runs", kQuiet),
    of<check, &Check::failures>("Failures", kQuiet),
    of<check, &Check::certificate_days>("CertificateDays", kSignal),
    of<check, &Check::history>("History", kQuiet),
};

sd_bus_vtable vtable_start() {
    sd_bus_vtable row{};
    row.type = _SD_BUS_VTABLE_START;
    row.x.start.element_size = sizeof(sd_bus_vtable);
    row.x.start.features = _SD_BUS_VTABLE_PARAM_NAMES;
    row.x.start.vtable_format_reference = &sd_bus_object_vtable_format;
    return row;
}

sd_bus_vtable vtable_property(const Property& property) {
    sd_bus_vtable row{};
    row.type = _SD_BUS_VTABLE_PROPERTY;
    row.flags = property.flags & 0xff'ffff'ffff'ffffULL;
    row.x.property.member = property.name;
    row.x.property.signature = property.signature;
    row.x.property.get = property.get;
    return row;
}

}  // namespace

const char* interface_name(Kind kind) {
    switch (kind) {
        case Kind::manager:
            return "org.linuxvirtualserver.Lvsd1.Manager";
        case Kind::router:
            return "org.linuxvirtualserver.Lvsd1.VirtualRouter";
        case Kind::service:
            return "org.linuxvirtualserver.Lvsd1.VirtualService";
        case Kind::server:
            return "org.linuxvirtualserver.Lvsd1.RealServer";
        case Kind::check:
            return "org.linuxvirtualserver.Lvsd1.Check";
    }
    return nullptr;
}

std::span<const Property> properties(Kind kind) {
    switch (kind) {
        case Kind::manager:
            return kManager;
        case Kind::router:
            return kRouter;
        case Kind::service:
            return kService;
        case Kind::server:
            return kServer;
        case Kind::check:
            return kCheck;
    }
    return {};
}

std::uint64_t changed_properties(const View& before, const View& after) {
    std::uint64_t changed = 0;
    std::uint64_t bit = 1;
    for (const auto& property : properties(after.kind)) {
        if (property.flags == kSignal && property.differs(before, after)) changed |= bit;
        bit <<= 1U;
    }
    return changed;
}

std::vector<sd_bus_vtable> make_vtable(Kind kind, std::span<const sd_bus_vtable> methods) {
    std::vector<sd_bus_vtable> vtable{vtable_start()};
    vtable.insert(vtable.end(), methods.begin(), methods.end());
    for (const auto& property : properties(kind))
        vtable.push_back(vtable_property(property));
    sd_bus_vtable end{};
    end.type = _SD_BUS_VTABLE_END;
    vtable.push_back(end);
    return vtable;
}

}  // namespace lvs::dbus
