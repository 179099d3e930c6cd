// SPDX-License-Identifier: GPL-2.0-or-later
#include "checkers/checkers.hpp"
#include "checkers/hash.hpp"

namespace lvs::checkers {

Schedule::Schedule(Duration interval, Duration jitter, std::uint64_t seed)
    : interval_(interval), jitter_(std::min(jitter, interval / 4)), seed_(seed) {
    LVS_ASSERT(interval > Duration::zero() && jitter >= Duration::zero());
}

Time Schedule::start_of(std::int64_t round) const {
    const auto interval = static_cast<std::uint64_t>(interval_.count());
    const Duration phase(static_cast<std::int64_t>(mix(seed_) % interval));
    Duration late{};
    if (jitter_ > Duration::zero()) {
        const auto draw = mix(seed_ ^ mix(static_cast<std::uint64_t>(round)));
        late = Duration(static_cast<std::int64_t>(draw % static_cast<std::uint64_t>(jitter_.count())));
    }
    return Time(phase + interval_ * round + late);
}

Time Schedule::next_after(Time time) const {
    // Two rounds early, because of the phase and because the time may lie before the clock's zero; the starts ascend
    // with the round, as the jitter is shorter than the interval.
    auto round = time.time_since_epoch() / interval_ - 2;
    while (start_of(round) <= time)
        ++round;
    return start_of(round);
}

}  // namespace lvs::checkers
