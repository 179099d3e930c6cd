// SPDX-License-Identifier: GPL-2.0-or-later
//
// The one place everything that happens passes: an event gets its number, and every reader gets the event.
#include "lvsd/app/daemon.hpp"
#include "lvsd/app/event_of.hpp"
#include "lvsd/base/log.hpp"

namespace lvs::app {

void Daemon::tell(events::Event event) {
    tell(std::move(event), monotonic_now());
}

void Daemon::tell(events::Event event, Time when) {
    event.time = state::WallTime(Duration(wall_clock_ns_of(when)));
    const auto& told = stream_.append(std::move(event));
    ++stats_.events[told.name()];
    log(told.level, *told.id, told.message, events::log_fields(told));
    bus_->on_event();
    notifier_.on_event(told);
}

// What a transition is about: it carries an id only. What stays keeps the state it had.
void Daemon::name_checks(const std::vector<engine::CheckWanted>& checks) {
    decltype(check_names_) names;
    names.reserve(checks.size());
    for (const auto& wanted : checks) {
        const auto id = static_cast<std::uint32_t>(wanted.id);
        const auto known = check_names_.find(id);
        names[id] = {wanted.check.kind, to_string(wanted.target),
                     known == check_names_.end() ? checkers::State::unknown : known->second.state};
    }
    check_names_ = std::move(names);
}

void Daemon::tell_check(const checkers::Transition& transition) {
    const auto found = check_names_.find(static_cast<std::uint32_t>(transition.id));
    if (found == check_names_.end() || found->second.state == transition.state) return;
    auto& check = found->second;
    const auto from = check.state == checkers::State::unknown ? "" : checkers::to_string(check.state);
    tell(check_event(check.kind, check.target, from, checkers::to_string(transition.state),
                     transition.reason));
    check.state = transition.state;
}

}  // namespace lvs::app
