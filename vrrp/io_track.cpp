// SPDX-License-Identifier: GPL-2.0-or-later
//
// The engine's trackers and the operator's commands: who is told when something a router depends on changes.
#include <algorithm>
#include <utility>

#include "vrrp/io_engine.hpp"

namespace lvs::vrrp::io {

namespace {

constexpr int kMaxRounds = 16;  // routers that depend on routers that depend on routers

}  // namespace

// A tracker that watches the same thing as before keeps its health, with other delays, too: a reload must not
// cause a fault.
void Engine::take_trackers(Time now, std::vector<TrackerSpec>& specs) {
    const auto before = std::exchange(trackers_, {});
    for (auto& spec : specs) {
        const auto same = std::find_if(before.begin(), before.end(), [&](const Watched& old) {
            return old.spec.name == spec.name && old.spec.kind == spec.kind &&
                   old.spec.target == spec.target && old.spec.address == spec.address &&
                   old.spec.config.invert == spec.config.invert;
        });
        if (same == before.end())
            trackers_.push_back({spec, Tracker(spec.config), !instances_.empty()});
        else if (same->spec == spec)
            trackers_.push_back(*same);
        else
            trackers_.push_back({spec, Tracker(spec.config, same->tracker.health()), same->late});
    }
    weighed_.reserve(trackers_.size());
    (void)watch_interfaces(now);
    (void)watch_routers(now);
}

void Engine::resolve(Instance& instance) const {
    instance.tracks.clear();
    for (const auto& track : instance.spec().tracks) {
        const auto found = std::find_if(trackers_.begin(), trackers_.end(), [&](const Watched& watched) {
            return watched.spec.name == track.tracker;
        });
        LVS_ASSERT(found != trackers_.end());  // apply() saw to it
        instance.tracks.emplace_back(static_cast<std::size_t>(found - trackers_.begin()), track.weight);
    }
}

// ---- what the trackers hear -------------------------------------------------------------------------------

void Engine::hear(Time now, const std::string& tracker, bool good) {
    bool changed = false;
    for (auto& watched : trackers_)
        if (watched.spec.kind == TrackerSpec::Kind::external && watched.spec.name == tracker)
            changed = watched.tracker.hear(now, good) || changed;
    if (changed) retrack(now);
}

bool Engine::watch_interfaces(Time now) {
    bool changed = false;
    for (auto& watched : trackers_) {
        if (watched.spec.kind != TrackerSpec::Kind::interface) continue;
        const auto* link = links_.find(watched.spec.target);
        const auto& address = watched.spec.address;
        const bool has_address =
            !address ||
            (link != nullptr && std::any_of(link->addresses.begin(), link->addresses.end(),
                                            [&](const auto& a) { return a.prefix.address == *address; }));
        changed = watched.tracker.hear(now, link != nullptr && link->up && has_address) || changed;
    }
    return changed;
}

bool Engine::watch_routers(Time now) {
    bool changed = false;
    for (auto& watched : trackers_) {
        if (watched.spec.kind != TrackerSpec::Kind::router) continue;
        bool exists = false, is_master = true;
        for (const auto& [key, instance] : instances_) {
            if (instance == nullptr || instance->spec().name != watched.spec.target) continue;
            exists = true;
            is_master = is_master && instance->state() == State::master;
        }
        changed = watched.tracker.hear(now, exists && is_master) || changed;
    }
    return changed;
}

std::optional<Time> Engine::next_tracker() const {
    std::optional<Time> next;
    for (const auto& watched : trackers_)
        if (const auto due = watched.tracker.deadline()) next = next ? std::min(*next, *due) : *due;
    return next;
}

void Engine::run_trackers() {
    const auto due = next_tracker();
    if (!due && !roles_changed_) return;
    const Time now = look_at_clock();
    bool changed = false;
    for (auto& watched : trackers_)
        changed = watched.tracker.advance(now) || changed;
    for (int round = 0; round < kMaxRounds && (changed || roles_changed_); ++round) {
        if (std::exchange(roles_changed_, false)) changed = watch_routers(now) || changed;
        if (std::exchange(changed, false)) retrack(now);
    }
}

// ---- what the routers make of it --------------------------------------------------------------------------

Verdict Engine::verdict(const Instance& instance) {
    weighed_.clear();
    for (const auto& [place, weight] : instance.tracks) {
        const auto& watched = trackers_[place];
        const auto health = watched.tracker.health();
        // It has not spoken yet: a router that ran before it was asked for goes on without it until then.
        if (health == Health::unknown && watched.late && instance.ran_before) continue;
        weighed_.push_back({health, weight});
    }
    return judge(weighed_);
}

// In a group the weights of all routers count for every member: their elections must come out alike. A fault
// is of the router alone, the group follows because it moves together.
void Engine::retrack(Time now) {
    for (auto& [key, instance] : instances_)
        instance->next_verdict = verdict(*instance);
    for (auto& [name, group] : groups_) {
        std::int32_t sum = 0;
        std::uint32_t last = 0;  // both families of a router stand side by side
        for (const auto* member : group)
            if (std::exchange(last, member->id()) != member->id()) sum += member->next_verdict.adjust;
        for (auto* member : group)
            member->next_verdict.adjust = sum;
    }
    for (auto& [key, instance] : instances_) {
        instance->track(now, instance->next_verdict, links_.find(instance->spec().interface));
        after(*instance);
    }
}

// ---- the operator -----------------------------------------------------------------------------------------

// A router moves with both its families and with its group.
void Engine::steer(Time now, std::uint32_t router, const Input& input) {
    const auto is_meant = [&](const Instance& instance) { return instance.id() == router; };
    const auto moves_along = [&](const Instance& instance) {
        const auto group = groups_.find(instance.spec().group);
        return group != groups_.end() && std::any_of(group->second.begin(), group->second.end(),
                                                     [&](const auto* member) { return is_meant(*member); });
    };
    moving_ = true;  // all of them first, then the group may decide
    for (auto& [key, instance] : instances_) {
        if (!is_meant(*instance) && !moves_along(*instance)) continue;
        instance->steer(now, input);
        after(*instance);
    }
    moving_ = false;
    for (auto& [name, group] : groups_)
        move_group(group);
}

}  // namespace lvs::vrrp::io
