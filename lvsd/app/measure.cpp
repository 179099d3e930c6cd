// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the daemon measures, and where it is served: see lvsd/metrics/metrics.hpp.
#include "lvsd/app/daemon.hpp"
#include "lvsd/app/event_of.hpp"
#include "lvsd/base/messages.hpp"

namespace lvs::app {
namespace {

constexpr auto kLoopProbe = std::chrono::milliseconds(500);

}  // namespace

// A place that cannot be listened on is no reason to refuse a configuration: nobody's traffic depends on it.
void Daemon::serve_metrics() {
    const auto listening = metrics_.listen(engine_.config().metrics.listen);
    if (!listening) tell(daemon_event(ev::metrics_failed, Level::error, to_string(listening.error())));
}

metrics::Exposition Daemon::expose(metrics::Format format) {
    refresh();
    ++stats_.scrapes;
    return {shown_ ? shown_ : std::make_shared<const state::Snapshot>(), stats_, format};
}

void Daemon::measure_check(const checkers::Status& status) {
    const auto found = check_names_.find(static_cast<std::uint32_t>(status.id));
    if (found != check_names_.end()) stats_.check_duration[found->second.kind].observe(status.latency);
}

void Daemon::measure_checker(const checkers::wire::Heartbeat& heartbeat) {
    stats_.check_lag = {heartbeat.lag_p50, heartbeat.lag_p99, heartbeat.lag_max, heartbeat.running};
    stats_.checks_started += heartbeat.started;
    stats_.checks_unchecked += heartbeat.unchecked;
}

void Daemon::measure_kernel(const ipvs::ReconcileEvent& event) {
    if (const auto* applied = std::get_if<ipvs::Applied>(&event)) {
        stats_.apply_duration.observe(applied->took);
        stats_.commands += applied->commands;
    }
    if (std::holds_alternative<ipvs::Troubled>(event)) ++stats_.apply_failures;
}

// A timer that is served late says that the loop was busy, or the machine.
void Daemon::probe_loop() {
    const auto due = monotonic_now() + kLoopProbe;
    loop_probe_.expires_after(kLoopProbe);
    loop_probe_.async_wait([this, due](error_code error) {
        if (error) return;
        stats_.loop_delay.observe(monotonic_now() - due);
        probe_loop();
    });
}

}  // namespace lvs::app
