// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include "lvsd/ctl/ctl.hpp"

namespace lvs::ctl {
namespace {

using namespace state;  // the vocabulary shown here

Tone tone_of(RouterState value) {
    switch (value) {
        case RouterState::master:
            return Tone::good;
        case RouterState::backup:
            return Tone::plain;
        case RouterState::initialize:
            return Tone::warn;
        case RouterState::waiting:
            return Tone::bad;
        case RouterState::stopped:
            return Tone::dim;
    }
    return Tone::plain;
}

Tone tone_of(ServerState value) {
    switch (value) {
        case ServerState::up:
            return Tone::good;
        case ServerState::starting:
            return Tone::warn;
        case ServerState::down:
            return Tone::bad;
        case ServerState::draining:
            return Tone::warn;
        case ServerState::maintenance:
            return Tone::warn;
        case ServerState::standby:
            return Tone::dim;
        case ServerState::sorry:
            return Tone::bad;
    }
    return Tone::plain;
}

Tone tone_of(ServiceState value) {
    switch (value) {
        case ServiceState::up:
            return Tone::good;
        case ServiceState::degraded:
            return Tone::warn;
        case ServiceState::sorry:
            return Tone::bad;
        case ServiceState::down:
            return Tone::bad;
    }
    return Tone::plain;
}

template <class E>
Cell state_cell(E value) {
    return {std::string(to_string(value)), tone_of(value)};
}

Cell number_cell(std::uint64_t value) {
    return {fmt::format("{}", value), value == 0 ? Tone::dim : Tone::plain};
}

Cell since_cell(WallTime since, WallTime now) {
    return {since == WallTime{} ? "-" : short_span(now - since), Tone::plain};
}

// "140", or "140 (150)" when what is advertised differs from the configuration.
std::string priority_text(const RouterInstance& instance) {
    if (instance.priority == instance.effective_priority) return fmt::format("{}", instance.priority);
    return fmt::format("{} ({})", instance.effective_priority, instance.priority);
}

std::string addresses_text(const std::vector<Prefix>& addresses) {
    std::string text;
    for (const auto& address : addresses)
        text += (text.empty() ? "" : " ") + to_string(address);
    return text;
}

std::string rate_text(std::uint64_t bytes_per_second) {
    constexpr std::array kUnits{"B/s", "kB/s", "MB/s", "GB/s"};
    auto value = static_cast<double>(bytes_per_second);
    std::size_t unit = 0;
    while (value >= 1000 && unit + 1 < kUnits.size()) {
        value /= 1000;
        ++unit;
    }
    if (unit == 0) return fmt::format("{} B/s", bytes_per_second);
    return fmt::format("{:.1f} {}", value, kUnits[unit]);
}

std::string match_text(const Service& service) {
    if (service.address) return fmt::format("{} {}", service.protocol, to_string(*service.address));
    return fmt::format("fwmark {} {}", service.fwmark, to_string(service.family));
}

// ---- the parts
// ----------------------------------------------------------------------------------------------

void append_trouble(std::string& out, std::string_view what, std::string_view text, bool color) {
    if (!text.empty()) out += paint(fmt::format("{}: {}", what, printable(text)), Tone::bad, color) + '\n';
}

std::string ipvs_text(const IpvsStatus& ipvs) {
    if (!ipvs.available) return "IPVS: not available";
    return fmt::format("IPVS: {} {}, {} services, {} servers", ipvs.module, ipvs.version, ipvs.services,
                       ipvs.servers);
}

std::string daemon_text(const Snapshot& snapshot, const View& view) {
    const auto& daemon = snapshot.daemon;
    auto out = paint(fmt::format("lvsd {}", daemon.version), Tone::bold, view.color);
    out += printable(fmt::format(" on {}, up {}, configuration {} from {}", daemon.hostname,
                                 short_span(view.now - daemon.started), daemon.config.generation,
                                 daemon.config.path)) +
           '\n';
    out += printable(fmt::format("{}; checks: {}", ipvs_text(daemon.ipvs), to_string(daemon.worker.state))) +
           '\n';
    if (!daemon.config.last_ok)
        append_trouble(out, "last reload refused", daemon.config.last_error, view.color);
    append_trouble(out, "IPVS", daemon.ipvs.last_error, view.color);
    if (daemon.worker.state == WorkerState::lost)
        append_trouble(out, "checks", "the worker is lost; health is the last known", view.color);
    return out;
}

std::string routers_text(const std::vector<Router>& routers, const View& view) {
    Table table({{"ROUTER"},
                 {"FAMILY"},
                 {"STATE"},
                 {"SINCE", true},
                 {"PRIORITY", true},
                 {"INTERFACE"},
                 {"VRID", true},
                 {"MASTER"},
                 {"ADDRESSES"},
                 {"REASON"}});
    for (const auto& router : routers)
        for (const auto& instance : router.instances)
            table.add({{router.name, Tone::bold},
                       {std::string(to_string(instance.family))},
                       state_cell(instance.state),
                       since_cell(instance.since, view.now),
                       {priority_text(instance)},
                       {router.interface},
                       {fmt::format("{}", router.vrid)},
                       {instance.master ? to_string(*instance.master) : "-"},
                       {addresses_text(instance.addresses)},
                       {instance.reason, Tone::dim}});
    return table.render(view.color);
}

void add_service(Table& table, const Service& service, const View& view) {
    table.add({{service.name, Tone::bold},
               {match_text(service)},
               state_cell(service.state),
               since_cell(service.since, view.now),
               {fmt::format("{}/{} up", service.servers_up, service.servers_total)},
               {service.scheduler},
               number_cell(service.active_connections),
               number_cell(service.inactive_connections),
               number_cell(service.traffic.connection_rate),
               {rate_text(service.traffic.in_byte_rate), Tone::dim},
               {service.reason, Tone::dim}});
}

void add_server(Table& table, const Server& server, const View& view) {
    const auto weight = server.weight == server.effective_weight
                            ? fmt::format("{}", server.weight)
                            : fmt::format("{} ({})", server.effective_weight, server.weight);
    table.add({{server.is_sorry ? "  sorry" : "  server", Tone::dim},
               {to_string(server.address)},
               state_cell(server.state),
               since_cell(server.since, view.now),
               {weight},
               {server.forward},
               number_cell(server.active_connections),
               number_cell(server.inactive_connections),
               number_cell(server.traffic.connection_rate),
               {rate_text(server.traffic.in_byte_rate), Tone::dim},
               {server.reason, Tone::dim}});
}

std::string services_text(const std::vector<Service>& services, const View& view) {
    Table table({{"SERVICE"},
                 {"ADDRESS"},
                 {"STATE"},
                 {"SINCE", true},
                 {"WEIGHT", true},
                 {"METHOD"},
                 {"ACTIVE", true},
                 {"INACTIVE", true},
                 {"CONN/S", true},
                 {"IN", true},
                 {"REASON"}});
    for (const auto& service : services) {
        add_service(table, service, view);
        for (const auto& server : service.servers)
            add_server(table, server, view);
    }
    return table.render(view.color);
}

}  // namespace

std::string short_span(Duration span) {
    using std::chrono::duration_cast;
    auto seconds = std::max<std::int64_t>(duration_cast<std::chrono::seconds>(span).count(), 0);
    constexpr std::array<std::pair<std::int64_t, char>, 4> kUnits{
        {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}}};
    for (std::size_t i = 0; i < kUnits.size(); ++i) {
        const auto [size, letter] = kUnits[i];
        if (seconds < size) continue;
        auto text = fmt::format("{}{}", seconds / size, letter);
        const auto rest = i + 1 < kUnits.size() ? seconds % size / kUnits[i + 1].first : 0;
        return rest == 0 ? text : text + fmt::format("{}{}", rest, kUnits[i + 1].second);
    }
    return "0s";
}

std::string render_status(const Snapshot& snapshot, const View& view) {
    auto out = daemon_text(snapshot, view);
    if (!snapshot.routers.empty()) out += '\n' + routers_text(snapshot.routers, view);
    if (!snapshot.services.empty()) out += '\n' + services_text(snapshot.services, view);
    return out;
}

}  // namespace lvs::ctl
