// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the daemon measures, and where it is served: see lvsd/metrics/metrics.hpp.
#include <unistd.h>

#include <algorithm>
#include <fstream>

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

// Of several workers the sums, and the worst lag of any.
void Daemon::measure_checker(std::size_t worker, const checkers::wire::Heartbeat& heartbeat) {
    beats_.resize(checkers_->workers());
    beats_.at(worker) = heartbeat;
    stats_.checks_started += heartbeat.started;
    stats_.checks_unchecked += heartbeat.unchecked;
    stats_.check_lag = {};
    for (const auto& beat : beats_) {
        stats_.check_lag.p50 = std::max(stats_.check_lag.p50, beat.lag_p50);
        stats_.check_lag.p99 = std::max(stats_.check_lag.p99, beat.lag_p99);
        stats_.check_lag.max = std::max(stats_.check_lag.max, beat.lag_max);
        stats_.check_lag.running += beat.running;
    }
}

void Daemon::measure_workers() {
    auto& worker = facts_.worker;
    worker.configured = checkers_->workers();
    worker.running = checkers_->ready();
    worker.memory = 0;
    for (const auto pid : checkers_->pids()) {
        std::ifstream file("/proc/" + std::to_string(pid) + "/statm");
        std::uint64_t size = 0, resident = 0;  // pages
        if (file >> size >> resident)
            worker.memory += resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
    }
}

void Daemon::measure_kernel(const ipvs::ReconcileEvent& event) {
    if (const auto* applied = std::get_if<ipvs::Applied>(&event)) {
        stats_.apply_duration.observe(applied->took);
        stats_.commands += applied->commands;
    }
    if (const auto* read = std::get_if<ipvs::WasRead>(&event))
        (read->whole ? stats_.read_duration : stats_.read_part_duration).observe(read->took);
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
