// SPDX-License-Identifier: GPL-2.0-or-later
#include "checkers/checkers.hpp"

namespace lvs::checkers {

std::string_view to_string(State state) {
    switch (state) {
        case State::unknown: return "unknown";
        case State::up: return "up";
        case State::down: return "down";
    }
    return "";
}

Health::Health(std::uint32_t rise, std::uint32_t fall, State initial)
    : rise_(rise), fall_(fall), state_(initial) {
    LVS_ASSERT(rise > 0 && fall > 0);
}

bool Health::on_result(bool ok) {
    const State points_to = ok ? State::up : State::down;
    if (points_to == state_) {
        against_ = 0;
        return false;
    }
    ++against_;
    if (state_ != State::unknown && against_ < (ok ? rise_ : fall_)) return false;
    state_ = points_to;
    against_ = 0;
    return true;
}

}  // namespace lvs::checkers
