// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include "lvsd/ctl/cells.hpp"

namespace lvs::ctl {
namespace {

using namespace state;  // the vocabulary shown here

// ---- the parts
// ----------------------------------------------------------------------------------------------

void append_trouble(std::string& out, std::string_view what, std::string_view text, bool color) {
    if (!text.empty()) out += paint(fmt::format("{}: {}", what, printable(text)), Tone::bad, color) + '\n';
}

std::string ipvs_text(const IpvsStatus& ipvs) {
    if (!ipvs.available && ipvs.refused == 0) return "IPVS: not available";
    auto out =
        fmt::format("IPVS: {} {}, {} services, {} servers", ipvs.module, ipvs.version, ipvs.services, ipvs.servers);
    if (ipvs.check_ways != 0) out += fmt::format(", {} ways of checks", ipvs.check_ways);
    if (ipvs.refused != 0) out += fmt::format(", {} refused by the kernel and tried again", ipvs.refused);
    return out;
}

std::string worker_text(const WorkerStatus& worker) {
    if (worker.configured < 2) return std::string(to_string(worker.state));
    return fmt::format("{}, {} of {} processes", to_string(worker.state), worker.running, worker.configured);
}

std::string daemon_text(const Snapshot& snapshot, const View& view) {
    const auto& daemon = snapshot.daemon;
    auto out = paint(fmt::format("lvsd {}", daemon.version), Tone::bold, view.color);
    out += printable(fmt::format(" on {}, up {}, configuration {} from {}", daemon.hostname,
                                 short_span(view.now - daemon.started), daemon.config.generation,
                                 daemon.config.path)) +
           '\n';
    out +=
        printable(fmt::format("{}; checks: {}", ipvs_text(daemon.ipvs), worker_text(daemon.worker))) + '\n';
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

// A certificate that is about to expire is worth a word while there is time.
std::string reason_text(const Server& server) {
    constexpr std::int32_t kSoon = 30;
    std::optional<std::int32_t> days;
    for (const auto& check : server.checks)
        if (check.certificate_days && (!days || *check.certificate_days < *days)) days = check.certificate_days;
    if (!days || *days >= kSoon) return server.reason;
    const auto what = *days < 0 ? fmt::format("certificate expired {} d ago", -*days)
                                : fmt::format("certificate expires in {} d", *days);
    return server.reason.empty() ? what : server.reason + "; " + what;
}

void add_server(Table& table, const Server& server, const View& view) {
    table.add({{server.is_sorry ? "  sorry" : "  server", Tone::dim},
               {to_string(server.address)},
               state_cell(server.state),
               since_cell(server.since, view.now),
               {weight_text(server)},
               {server.forward},
               number_cell(server.active_connections),
               number_cell(server.inactive_connections),
               number_cell(server.traffic.connection_rate),
               {rate_text(server.traffic.in_byte_rate), Tone::dim},
               {reason_text(server), Tone::dim}});
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

// What operators said, in one place: who comes next is to see it at once.
std::string overrides_text(const Snapshot& snapshot, const View& view) {
    Table table({{"OVERRIDE"}, {"OF"}, {"WHAT"}, {"REASON"}});
    bool any = false;
    const auto add = [&](const char* of, const std::string& object, const std::string& what, const std::string& reason) {
        table.add({{of, Tone::dim}, {object, Tone::bold}, {what, Tone::warn}, {reason, Tone::dim}});
        any = true;
    };
    for (const auto& router : snapshot.routers)
        for (const auto& instance : router.instances)
            if (instance.held || instance.yields)
                add("router", fmt::format("{} {}", router.name, to_string(instance.family)),
                    instance.held ? "held" : "handed over", "");
    for (const auto& service : snapshot.services)
        for (const auto& server : service.servers)
            for (const auto& what : server.overrides)
                add("server", fmt::format("{}/{}", service.name, to_string(server.address)),
                    override_text(what, view.now), what.reason);
    return any ? table.render(view.color) : "";
}

}  // namespace

std::string render_status(const Snapshot& snapshot, const View& view) {
    auto out = daemon_text(snapshot, view);
    if (const auto overrides = overrides_text(snapshot, view); !overrides.empty()) out += '\n' + overrides;
    if (!snapshot.routers.empty()) out += '\n' + routers_text(snapshot.routers, view);
    if (!snapshot.services.empty()) out += '\n' + services_text(snapshot.services, view);
    return out;
}

}  // namespace lvs::ctl
