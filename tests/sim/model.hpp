// SPDX-License-Identifier: GPL-2.0-or-later
//
// What RFC 9568 says one router must do next, written a second time and differently from the machine: no
// timers and effects, only "in which state must it be, and by when". The simulator holds every step of a
// machine against it.
#pragma once

#include <optional>
#include <string>
#include <utility>

#include "vrrp/vrrp.hpp"

namespace lvs::sim {

using namespace lvs::vrrp;

class Model {
public:
    void start(Time now, const Config& config, const IpAddress& address);
    void stop();
    void configure(Time now, const Config& config);
    void set_priority(Time now, std::uint8_t priority);
    void hear(Time now, const Advert& advert, const IpAddress& from);
    // The process did not run for a while: what follows next may be late or cautious.
    void woke_late() { late_ = true; }

    // Looks at what the machine did. Returns what is wrong, or nothing.
    [[nodiscard]] std::string check(Time now, const Machine& machine, State before, const Effects& effects);

private:
    [[nodiscard]] std::string check_order(const Machine& machine, State before, const Effects& effects) const;
    [[nodiscard]] std::string check_time(Time now, const Machine& machine, State before,
                                         const Effects& effects);
    [[nodiscard]] std::string check_takeover(Time now, const Effects& effects);
    void hear_in_backup(Time now, const Advert& advert, const IpAddress& from);
    void hear_in_master(const Advert& advert, const IpAddress& from);
    [[nodiscard]] bool leaves_lower_alone(Time now);
    [[nodiscard]] Duration skew() const;
    [[nodiscard]] bool must_ask(Time now) const;
    void ask();
    void look_up(Time now);
    void listen(Time now);

    Config config_;
    IpAddress address_;
    int priority_ = 0;
    Duration learned_{};
    State state_ = State::initialize;
    std::optional<State> must_be_;     // after the input just given
    std::optional<Time> takeover_at_;  // backup: silence until here makes it master; unknown after a stall
    std::optional<Time> lower_since_;
    Time advert_by_{}, spoke_at_{};
    Duration told_{};                                    // the interval of the last advert
    std::optional<std::pair<IpAddress, int>> followed_;  // the last master heard, and its priority then
    bool zero_ = false;
    bool fell_ = false;
    bool must_answer_ = false;
    bool late_ = false;
};

}  // namespace lvs::sim
