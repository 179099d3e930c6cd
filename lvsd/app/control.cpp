// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the engine decided, carried to the reconciler, the log and the timers; and what the others tell the
// engine.
#include "lvsd/app/daemon.hpp"

namespace lvs::app {
namespace {

constexpr Duration kDrainLook =
    std::chrono::seconds(1);  // between looks at the connections of servers that drain

}  // namespace

void Daemon::after_engine(const engine::Changes& changes) {
    report(changes);
    push_desired();
    arm_engine();
    watch_drains();
}

// Once for everything that happens in one turn of the loop: a thousand verdicts make one batch.
void Daemon::push_desired() {
    if (push_scheduled_) return;
    push_scheduled_ = true;
    asio::post(loop_, [this] {
        push_scheduled_ = false;
        if (stopping_ || !reconciler_) return;
        const bool concerned = !engine_.config().services.empty() || !reconciler_->owned().empty();
        if (!concerned) return;
        const auto begin = monotonic_now();
        engine::Patch patch;
        for (const auto& key : engine_.take_touched()) {
            const auto found = engine_.desired().find(key);
            patch.emplace_hint(patch.end(), key,
                               found == engine_.desired().end() ? std::nullopt : std::optional(found->second));
        }
        reconciler_->change_desired(std::move(patch));
        stats_.plan_duration.observe(monotonic_now() - begin);
    });
}

void Daemon::arm_engine() {
    const auto due = engine_.deadline();
    if (!due || stopping_) {
        engine_timer_.cancel();
        return;
    }
    engine_timer_.expires_after(std::max(Duration{}, *due - monotonic_now()));
    engine_timer_.async_wait([this](error_code error) {
        if (error || stopping_) return;
        engine::Changes changes;
        engine_.advance(monotonic_now(), changes);
        after_engine(changes);
        touch();
    });
}

// ---- drains
// -----------------------------------------------------------------------------------------------------

void Daemon::watch_drains() {
    if (drain_armed_ || stopping_ || engine_.draining().empty()) return;
    drain_armed_ = true;
    drain_timer_.expires_after(kDrainLook);
    drain_timer_.async_wait([this](error_code error) {
        drain_armed_ = false;
        if (error || stopping_) return;
        reconciler_->look_at(engine_.draining());
        watch_drains();
    });
}

void Daemon::on_table() {
    if (stopping_) return;
    touch();  // counters and rates are new
    if (engine_.draining().empty()) return;
    engine::Changes changes;
    engine_.on_kernel(monotonic_now(), reconciler_->table(), changes);
    after_engine(changes);
}

// ---- services and routers
// -----------------------------------------------------------------------------------------

void Daemon::on_role(const std::string& router, Family family, bool is_master) {
    engine::Changes changes;
    engine_.on_role(monotonic_now(), router, family, is_master, changes);
    after_engine(changes);
}

// More happened at once than there was room for. Who is master counts, however it came to that.
void Daemon::read_roles(std::uint64_t lost) {
    tell(router_trouble({std::make_error_code(std::errc::no_buffer_space),
                         fmt::format("{} events were lost, reading who is master", lost)}));
    if (stopping_) return;
    for (const auto& router : speaker_->snapshot().routers)
        on_role(router.name, router.family, router.state == vrrp::State::master);
}

}  // namespace lvs::app
