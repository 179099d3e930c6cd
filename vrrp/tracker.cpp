// SPDX-License-Identifier: GPL-2.0-or-later
#include "vrrp/vrrp.hpp"

namespace lvs::vrrp {

bool Tracker::hear(Time now, bool good) {
    const auto said = good != config_.invert ? Health::up : Health::down;
    if (said == health_) {
        due_.reset();
        return false;
    }
    const auto delay = said == Health::up ? config_.up_delay : config_.down_delay;
    if (health_ != Health::unknown && delay > Duration(0)) {
        if (!due_) due_ = now + delay;
        return false;
    }
    due_.reset();
    health_ = said;
    return true;
}

bool Tracker::advance(Time now) {
    if (!due_ || now < *due_) return false;
    due_.reset();
    health_ = health_ == Health::up ? Health::down : Health::up;
    return true;
}

Verdict judge(std::span<const Weighed> trackers) {
    Verdict verdict;
    for (const auto& tracker : trackers) {
        const bool up = tracker.health == Health::up;
        if (tracker.weight == 0 && !up) verdict.fault = true;
        if ((tracker.weight > 0) == up) verdict.adjust += tracker.weight;
    }
    return verdict;
}

}  // namespace lvs::vrrp
