// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/metrics/families.hpp"

namespace lvs::metrics {
namespace {

constexpr auto kGauge = Type::gauge;
constexpr auto kCounter = Type::counter;
constexpr auto kHistogram = Type::histogram;

double age(const state::Snapshot& snapshot, state::WallTime since) {
    if (since == state::WallTime{}) return 0;
    return std::max(std::chrono::duration<double>(snapshot.taken - since).count(), 0.0);
}

template <class E>
std::string state_label(E value) {
    return label("state", state::to_string(value));
}

// ---- lvsd as a whole

constexpr std::array kDaemon{
    Family<DaemonRow>{"lvsd_build_info", kGauge, "Version of lvsd; always 1.",
                      [](Samples& out, const DaemonRow& row) {
                          out.add(1, label("version", row.snapshot.daemon.version));
                      }},
    Family<DaemonRow>{"lvsd_start_time_seconds", kGauge, "When lvsd started, since 1970.",
                      [](Samples& out, const DaemonRow& row) { out.add(row.snapshot.daemon.started); }},
    Family<DaemonRow>{
        "lvsd_config_generation", kGauge, "Configurations put into force since the start.",
        [](Samples& out, const DaemonRow& row) { out.add(row.snapshot.daemon.config.generation); }},
    Family<DaemonRow>{
        "lvsd_config_last_reload_successful", kGauge, "1 if the last load or reload was accepted.",
        [](Samples& out, const DaemonRow& row) { out.add(row.snapshot.daemon.config.last_ok ? 1 : 0); }},
    Family<DaemonRow>{"lvsd_config_loaded_timestamp_seconds", kGauge,
                      "When the configuration in force was loaded.",
                      [](Samples& out, const DaemonRow& row) { out.add(row.snapshot.daemon.config.loaded); }},
    Family<DaemonRow>{"lvsd_events", kCounter, "Events by name, as lvsctl watch shows them.",
                      [](Samples& out, const DaemonRow& row) {
                          for (const auto& [name, count] : row.stats.events)
                              out.add(count, label("event", name));
                      }},
    Family<DaemonRow>{"lvsd_loop_delay_seconds", kHistogram, "How late the main loop serves a timer.",
                      [](Samples& out, const DaemonRow& row) { out.add(row.stats.loop_delay); }},
    Family<DaemonRow>{"lvsd_metrics_scrapes", kCounter, "Times these metrics were read.",
                      [](Samples& out, const DaemonRow& row) { out.add(row.stats.scrapes); }},
    // the kernel's table
    Family<DaemonRow>{
        "lvsd_ipvs_available", kGauge, "1 if the kernel's IPVS table is as wanted.",
        [](Samples& out, const DaemonRow& row) { out.add(row.snapshot.daemon.ipvs.available ? 1 : 0); }},
    Family<DaemonRow>{"lvsd_ipvs_info", kGauge, "Which IPVS the kernel has; always 1.",
                      [](Samples& out, const DaemonRow& row) {
                          const auto& ipvs = row.snapshot.daemon.ipvs;
                          out.add(1, label("module", ipvs.module) + "," + label("version", ipvs.version));
                      }},
    Family<DaemonRow>{"lvsd_ipvs_services", kGauge, "Services lvsd wants in the kernel's table.",
                      [](Samples& out, const DaemonRow& row) { out.add(row.snapshot.daemon.ipvs.services); }},
    Family<DaemonRow>{"lvsd_ipvs_servers", kGauge, "Servers lvsd wants in the kernel's table.",
                      [](Samples& out, const DaemonRow& row) { out.add(row.snapshot.daemon.ipvs.servers); }},
    Family<DaemonRow>{"lvsd_ipvs_refused_services", kGauge,
                      "Services with an entry the kernel refuses; it is tried again and again.",
                      [](Samples& out, const DaemonRow& row) { out.add(row.snapshot.daemon.ipvs.refused); }},
    Family<DaemonRow>{"lvsd_ipvs_drift_repairs", kCounter,
                      "Entries put right after somebody else changed them.",
                      [](Samples& out, const DaemonRow& row) { out.add(row.snapshot.daemon.ipvs.repairs); }},
    Family<DaemonRow>{
        "lvsd_ipvs_applied_timestamp_seconds", kGauge,
        "When the kernel's table was last written or found right.",
        [](Samples& out, const DaemonRow& row) { out.add(row.snapshot.daemon.ipvs.last_applied); }},
    Family<DaemonRow>{"lvsd_ipvs_commands", kCounter, "Changes of its table the kernel was asked for.",
                      [](Samples& out, const DaemonRow& row) { out.add(row.stats.commands); }},
    Family<DaemonRow>{"lvsd_ipvs_failures", kCounter, "Times the kernel's table could not be made as wanted.",
                      [](Samples& out, const DaemonRow& row) { out.add(row.stats.apply_failures); }},
    Family<DaemonRow>{"lvsd_plan_duration_seconds", kHistogram,
                      "Making the wanted table and the difference to it.",
                      [](Samples& out, const DaemonRow& row) { out.add(row.stats.plan_duration); }},
    Family<DaemonRow>{"lvsd_ipvs_apply_duration_seconds", kHistogram,
                      "From the first request to the kernel to its last answer.",
                      [](Samples& out, const DaemonRow& row) { out.add(row.stats.apply_duration); }},
    Family<DaemonRow>{"lvsd_ipvs_read_duration_seconds", kHistogram,
                      "Reading the kernel's table: the whole, or some of its services.",
                      [](Samples& out, const DaemonRow& row) {
                          out.add(row.stats.read_duration, label("scope", "whole"));
                          out.add(row.stats.read_part_duration, label("scope", "part"));
                      }},
    // the checks
    Family<DaemonRow>{"lvsd_checker_up", kGauge, "1 if every process that runs checks is running.",
                      [](Samples& out, const DaemonRow& row) {
                          out.add(row.snapshot.daemon.worker.state == state::WorkerState::running ? 1 : 0);
                      }},
    Family<DaemonRow>{
        "lvsd_checker_restarts", kCounter, "Times such a process was started again.",
        [](Samples& out, const DaemonRow& row) { out.add(row.snapshot.daemon.worker.restarts); }},
    Family<DaemonRow>{
        "lvsd_checker_processes", kGauge, "Processes that run checks.",
        [](Samples& out, const DaemonRow& row) { out.add(row.snapshot.daemon.worker.running); }},
    Family<DaemonRow>{"lvsd_checker_memory_bytes", kGauge, "The memory they use together.",
                      [](Samples& out, const DaemonRow& row) { out.add(row.snapshot.daemon.worker.memory); }},
    Family<DaemonRow>{"lvsd_check_duration_seconds", kHistogram, "How long checks took, by kind.",
                      [](Samples& out, const DaemonRow& row) {
                          for (const auto& [kind, histogram] : row.stats.check_duration)
                              out.add(histogram, label("kind", kind));
                      }},
    Family<DaemonRow>{"lvsd_check_lag_seconds", kGauge,
                      "How late checks start: median, 99th percentile, worst.",
                      [](Samples& out, const DaemonRow& row) {
                          const auto& lag = row.stats.check_lag;
                          out.add(lag.p50, label("which", "p50"));
                          out.add(lag.p99, label("which", "p99"));
                          out.add(lag.max, label("which", "max"));
                      }},
    Family<DaemonRow>{"lvsd_checks_running", kGauge, "Checks under way.",
                      [](Samples& out, const DaemonRow& row) { out.add(row.stats.check_lag.running); }},
    Family<DaemonRow>{"lvsd_checks_started", kCounter, "Checks started.",
                      [](Samples& out, const DaemonRow& row) { out.add(row.stats.checks_started); }},
    Family<DaemonRow>{"lvsd_checks_unchecked", kCounter,
                      "Checks not carried out, for want of a descriptor or a port.",
                      [](Samples& out, const DaemonRow& row) { out.add(row.stats.checks_unchecked); }},
    // the VRRP thread
    Family<DaemonRow>{
        "lvsd_vrrp_realtime", kGauge, "1 if the VRRP thread has real-time priority.",
        [](Samples& out, const DaemonRow& row) { out.add(row.snapshot.daemon.vrrp.realtime ? 1 : 0); }},
    Family<DaemonRow>{
        "lvsd_vrrp_late_wakeups", kCounter, "Times the VRRP thread woke more than 5 ms late.",
        [](Samples& out, const DaemonRow& row) { out.add(row.snapshot.daemon.vrrp.late_wakeups); }},
    Family<DaemonRow>{
        "lvsd_vrrp_worst_lateness_seconds", kGauge, "The latest the VRRP thread ever woke.",
        [](Samples& out, const DaemonRow& row) { out.add(row.snapshot.daemon.vrrp.worst_lateness); }},
    Family<DaemonRow>{
        "lvsd_vrrp_events_lost", kCounter, "Events of the VRRP thread that main did not take in time.",
        [](Samples& out, const DaemonRow& row) { out.add(row.snapshot.daemon.vrrp.events_lost); }},
    Family<DaemonRow>{"lvsd_vrrp_discarded", kCounter,
                      "Packets that belong to no virtual router of ours, by reason.",
                      [](Samples& out, const DaemonRow& row) {
                          for (const auto& [reason, count] : row.snapshot.daemon.vrrp.ignored)
                              out.add(count, label("reason", reason));
                      }},
    // notify scripts
    Family<DaemonRow>{"lvsd_notify_runs", kCounter, "Notify scripts run, by how they ended.",
                      [](Samples& out, const DaemonRow& row) {
                          for (const auto& [result, count] : row.stats.notify.runs)
                              out.add(count, label("result", result));
                      }},
    Family<DaemonRow>{"lvsd_notify_dropped", kCounter, "Runs left out because too many waited.",
                      [](Samples& out, const DaemonRow& row) { out.add(row.stats.notify.dropped); }},
    Family<DaemonRow>{"lvsd_notify_waiting", kGauge, "Runs waiting for their turn.",
                      [](Samples& out, const DaemonRow& row) { out.add(row.stats.notify.waiting); }},
};

// ---- virtual routers

constexpr std::array kRouter{
    Family<RouterRow>{"lvsd_vrrp_master", kGauge, "1 if this director is master.",
                      [](Samples& out, const RouterRow& row) {
                          out.add(row.instance.state == state::RouterState::master ? 1 : 0);
                      }},
    Family<RouterRow>{
        "lvsd_vrrp_state", kGauge, "The state, as a label; always 1.",
        [](Samples& out, const RouterRow& row) { out.add(1, state_label(row.instance.state)); }},
    Family<RouterRow>{
        "lvsd_vrrp_state_age_seconds", kGauge, "How long it has been in this state.",
        [](Samples& out, const RouterRow& row) { out.add(age(row.snapshot, row.instance.since)); }},
    Family<RouterRow>{"lvsd_vrrp_priority", kGauge, "The priority that is advertised now.",
                      [](Samples& out, const RouterRow& row) { out.add(row.instance.effective_priority); }},
    Family<RouterRow>{"lvsd_vrrp_configured_priority", kGauge, "The priority in the configuration.",
                      [](Samples& out, const RouterRow& row) { out.add(row.instance.priority); }},
    Family<RouterRow>{"lvsd_vrrp_advert_interval_seconds", kGauge,
                      "The interval between adverts of this director.",
                      [](Samples& out, const RouterRow& row) { out.add(row.instance.advert_interval); }},
    Family<RouterRow>{"lvsd_vrrp_transitions", kCounter, "Times it became master.",
                      [](Samples& out, const RouterRow& row) { out.add(row.instance.transitions); }},
    Family<RouterRow>{"lvsd_vrrp_adverts_sent", kCounter, "Adverts sent.",
                      [](Samples& out, const RouterRow& row) { out.add(row.instance.adverts_sent); }},
    Family<RouterRow>{"lvsd_vrrp_adverts_received", kCounter, "Valid adverts received.",
                      [](Samples& out, const RouterRow& row) { out.add(row.instance.adverts_received); }},
    Family<RouterRow>{"lvsd_vrrp_adverts_ignored", kCounter, "Adverts received and not used, by reason.",
                      [](Samples& out, const RouterRow& row) {
                          for (const auto& [reason, count] : row.instance.ignored)
                              out.add(count, label("reason", reason));
                      }},
    Family<RouterRow>{"lvsd_vrrp_late_adverts", kCounter, "Adverts sent more than 5 ms late.",
                      [](Samples& out, const RouterRow& row) { out.add(row.instance.late_adverts); }},
    Family<RouterRow>{"lvsd_vrrp_worst_advert_lateness_seconds", kGauge, "The latest an advert was ever sent.",
                      [](Samples& out, const RouterRow& row) { out.add(row.instance.worst_lateness); }},
    Family<RouterRow>{"lvsd_vrrp_stalls", kCounter, "Times it ran so late that it asked before it spoke.",
                      [](Samples& out, const RouterRow& row) { out.add(row.instance.stalls); }},
    Family<RouterRow>{"lvsd_vrrp_contests", kCounter, "Adverts of a second, lower master heard while master.",
                      [](Samples& out, const RouterRow& row) { out.add(row.instance.contests); }},
    Family<RouterRow>{"lvsd_vrrp_held", kGauge, "1 if the operator keeps it from being master.",
                      [](Samples& out, const RouterRow& row) { out.add(row.instance.held ? 1 : 0); }},
};

// ---- virtual services

constexpr std::array kService{
    Family<ServiceRow>{
        "lvsd_service_up", kGauge, "1 if at least one of its own servers is up.",
        [](Samples& out, const ServiceRow& row) {
            const auto state = row.service.state;
            out.add(state == state::ServiceState::up || state == state::ServiceState::degraded ? 1 : 0);
        }},
    Family<ServiceRow>{
        "lvsd_service_state", kGauge, "The state, as a label; always 1.",
        [](Samples& out, const ServiceRow& row) { out.add(1, state_label(row.service.state)); }},
    Family<ServiceRow>{
        "lvsd_service_state_age_seconds", kGauge, "How long it has been in this state.",
        [](Samples& out, const ServiceRow& row) { out.add(age(row.snapshot, row.service.since)); }},
    Family<ServiceRow>{"lvsd_service_servers", kGauge, "Its servers, without the sorry server.",
                       [](Samples& out, const ServiceRow& row) { out.add(row.service.servers_total); }},
    Family<ServiceRow>{"lvsd_service_servers_up", kGauge, "Its servers that are up.",
                       [](Samples& out, const ServiceRow& row) { out.add(row.service.servers_up); }},
    Family<ServiceRow>{"lvsd_service_active_connections", kGauge, "Active connections now.",
                       [](Samples& out, const ServiceRow& row) { out.add(row.service.active_connections); }},
    Family<ServiceRow>{
        "lvsd_service_inactive_connections", kGauge, "Inactive connections now.",
        [](Samples& out, const ServiceRow& row) { out.add(row.service.inactive_connections); }},
    Family<ServiceRow>{"lvsd_service_connections", kCounter, "Connections since it was added to the kernel.",
                       [](Samples& out, const ServiceRow& row) { out.add(row.service.traffic.connections); }},
    Family<ServiceRow>{"lvsd_service_in_packets", kCounter, "Packets from clients.",
                       [](Samples& out, const ServiceRow& row) { out.add(row.service.traffic.in_packets); }},
    Family<ServiceRow>{"lvsd_service_out_packets", kCounter,
                       "Packets to clients, where they pass this director.",
                       [](Samples& out, const ServiceRow& row) { out.add(row.service.traffic.out_packets); }},
    Family<ServiceRow>{"lvsd_service_in_bytes", kCounter, "Bytes from clients.",
                       [](Samples& out, const ServiceRow& row) { out.add(row.service.traffic.in_bytes); }},
    Family<ServiceRow>{"lvsd_service_out_bytes", kCounter, "Bytes to clients, where they pass this director.",
                       [](Samples& out, const ServiceRow& row) { out.add(row.service.traffic.out_bytes); }},
    Family<ServiceRow>{
        "lvsd_service_connection_rate", kGauge, "New connections per second, by the kernel's estimator.",
        [](Samples& out, const ServiceRow& row) { out.add(row.service.traffic.connection_rate); }},
    Family<ServiceRow>{
        "lvsd_service_in_packet_rate", kGauge, "Packets per second from clients.",
        [](Samples& out, const ServiceRow& row) { out.add(row.service.traffic.in_packet_rate); }},
    Family<ServiceRow>{
        "lvsd_service_out_packet_rate", kGauge, "Packets per second to clients.",
        [](Samples& out, const ServiceRow& row) { out.add(row.service.traffic.out_packet_rate); }},
    Family<ServiceRow>{
        "lvsd_service_in_byte_rate", kGauge, "Bytes per second from clients.",
        [](Samples& out, const ServiceRow& row) { out.add(row.service.traffic.in_byte_rate); }},
    Family<ServiceRow>{
        "lvsd_service_out_byte_rate", kGauge, "Bytes per second to clients.",
        [](Samples& out, const ServiceRow& row) { out.add(row.service.traffic.out_byte_rate); }},
};

// ---- real servers

constexpr std::array kServer{
    Family<ServerRow>{"lvsd_server_up", kGauge, "1 if it is up, or a sorry server that serves.",
                      [](Samples& out, const ServerRow& row) {
                          const auto state = row.server.state;
                          out.add(state == state::ServerState::up || state == state::ServerState::sorry ? 1
                                                                                                        : 0);
                      }},
    Family<ServerRow>{"lvsd_server_state", kGauge, "The state, as a label; always 1.",
                      [](Samples& out, const ServerRow& row) { out.add(1, state_label(row.server.state)); }},
    Family<ServerRow>{
        "lvsd_server_state_age_seconds", kGauge, "How long it has been in this state.",
        [](Samples& out, const ServerRow& row) { out.add(age(row.snapshot, row.server.since)); }},
    Family<ServerRow>{"lvsd_server_weight", kGauge,
                      "The weight in the kernel now; 0 also when it is not in the table.",
                      [](Samples& out, const ServerRow& row) { out.add(row.server.effective_weight); }},
    Family<ServerRow>{"lvsd_server_configured_weight", kGauge, "The weight in the configuration.",
                      [](Samples& out, const ServerRow& row) { out.add(row.server.weight); }},
    Family<ServerRow>{"lvsd_server_active_connections", kGauge, "Active connections now.",
                      [](Samples& out, const ServerRow& row) { out.add(row.server.active_connections); }},
    Family<ServerRow>{"lvsd_server_inactive_connections", kGauge, "Inactive connections now.",
                      [](Samples& out, const ServerRow& row) { out.add(row.server.inactive_connections); }},
    Family<ServerRow>{"lvsd_server_connections", kCounter, "Connections since it was added to the kernel.",
                      [](Samples& out, const ServerRow& row) { out.add(row.server.traffic.connections); }},
    Family<ServerRow>{"lvsd_server_in_packets", kCounter, "Packets from clients.",
                      [](Samples& out, const ServerRow& row) { out.add(row.server.traffic.in_packets); }},
    Family<ServerRow>{"lvsd_server_out_packets", kCounter,
                      "Packets to clients, where they pass this director.",
                      [](Samples& out, const ServerRow& row) { out.add(row.server.traffic.out_packets); }},
    Family<ServerRow>{"lvsd_server_in_bytes", kCounter, "Bytes from clients.",
                      [](Samples& out, const ServerRow& row) { out.add(row.server.traffic.in_bytes); }},
    Family<ServerRow>{"lvsd_server_out_bytes", kCounter, "Bytes to clients, where they pass this director.",
                      [](Samples& out, const ServerRow& row) { out.add(row.server.traffic.out_bytes); }},
    Family<ServerRow>{
        "lvsd_server_connection_rate", kGauge, "New connections per second, by the kernel's estimator.",
        [](Samples& out, const ServerRow& row) { out.add(row.server.traffic.connection_rate); }},
    Family<ServerRow>{"lvsd_server_in_packet_rate", kGauge, "Packets per second from clients.",
                      [](Samples& out, const ServerRow& row) { out.add(row.server.traffic.in_packet_rate); }},
    Family<ServerRow>{"lvsd_server_out_packet_rate", kGauge, "Packets per second to clients.",
                      [](Samples& out, const ServerRow& row) { out.add(row.server.traffic.out_packet_rate); }},
    Family<ServerRow>{"lvsd_server_in_byte_rate", kGauge, "Bytes per second from clients.",
                      [](Samples& out, const ServerRow& row) { out.add(row.server.traffic.in_byte_rate); }},
    Family<ServerRow>{"lvsd_server_out_byte_rate", kGauge, "Bytes per second to clients.",
                      [](Samples& out, const ServerRow& row) { out.add(row.server.traffic.out_byte_rate); }},
    Family<ServerRow>{"lvsd_server_overridden", kGauge, "Always 1, for what an operator said about it.",
                      [](Samples& out, const ServerRow& row) {
                          for (const auto& what : row.server.overrides)
                              out.add(1, label("override", state::to_string(what.kind)));
                      }},
};

// ---- checks

constexpr std::array kCheck{
    Family<CheckRow>{
        "lvsd_check_up", kGauge, "1 if the check passes.",
        [](Samples& out, const CheckRow& row) { out.add(row.check.state == state::CheckState::up ? 1 : 0); }},
    Family<CheckRow>{"lvsd_check_state_age_seconds", kGauge, "How long it has passed, or not.",
                     [](Samples& out, const CheckRow& row) { out.add(age(row.snapshot, row.check.since)); }},
    Family<CheckRow>{"lvsd_check_last_run_timestamp_seconds", kGauge, "When it last ended.",
                     [](Samples& out, const CheckRow& row) { out.add(row.check.last_run); }},
    Family<CheckRow>{"lvsd_check_last_duration_seconds", kGauge, "How long it took the last time.",
                     [](Samples& out, const CheckRow& row) { out.add(row.check.latency); }},
    Family<CheckRow>{"lvsd_check_last_lag_seconds", kGauge, "How late it started the last time.",
                     [](Samples& out, const CheckRow& row) { out.add(row.check.lag); }},
    Family<CheckRow>{"lvsd_check_runs", kCounter, "Times it ran.",
                     [](Samples& out, const CheckRow& row) { out.add(row.check.runs); }},
    Family<CheckRow>{"lvsd_check_failures", kCounter, "Times it failed.",
                     [](Samples& out, const CheckRow& row) { out.add(row.check.failures); }},
    Family<CheckRow>{"lvsd_check_certificate_expiry_seconds", kGauge,
                     "Whole days, in seconds, until the server's certificate expires; negative: it has.",
                     [](Samples& out, const CheckRow& row) {
                         if (row.check.certificate_days) out.add(86'400.0 * *row.check.certificate_days);
                     }},
};

}  // namespace

template <>
std::span<const Family<DaemonRow>> families<DaemonRow>() {
    return kDaemon;
}
template <>
std::span<const Family<RouterRow>> families<RouterRow>() {
    return kRouter;
}
template <>
std::span<const Family<ServiceRow>> families<ServiceRow>() {
    return kService;
}
template <>
std::span<const Family<ServerRow>> families<ServerRow>() {
    return kServer;
}
template <>
std::span<const Family<CheckRow>> families<CheckRow>() {
    return kCheck;
}

}  // namespace lvs::metrics
