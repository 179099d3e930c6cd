// SPDX-License-Identifier: GPL-2.0-or-later
//
// A machine on the bench: every call returns the effects as a vector that compares with ==.
#pragma once

#include <gtest/gtest.h>

#include <ostream>
#include <vector>

#include "vrrp/vrrp.hpp"

namespace lvs::vrrp {

inline std::ostream& operator<<(std::ostream& out, State state) {
    return out << to_string(state);
}
inline void PrintTo(const Effect& effect, std::ostream* out) {
    if (const auto* send = std::get_if<SendAdvert>(&effect))
        *out << "SendAdvert{" << int(send->priority) << "}";
    if (std::holds_alternative<AddAddresses>(effect)) *out << "AddAddresses";
    if (std::holds_alternative<RemoveAddresses>(effect)) *out << "RemoveAddresses";
    if (std::holds_alternative<Announce>(effect)) *out << "Announce";
    if (std::holds_alternative<Ready>(effect)) *out << "Ready";
    if (const auto* change = std::get_if<StateChanged>(&effect))
        *out << "StateChanged{" << change->from << "->" << change->to << " " << to_string(change->reason)
             << "}";
}

using EffectList = std::vector<Effect>;
using namespace std::chrono_literals;

class Bench {
public:
    explicit Bench(Config config = {}) : machine(config) {}
    static Config with_priority(int priority) {
        Config config;
        config.priority = *Priority::make(priority);
        return config;
    }

    EffectList give(const Input& input) {
        Effects effects;
        machine.handle(now, input, effects);
        return {effects.begin(), effects.end()};
    }
    EffectList start() { return give(Start{own}); }
    EffectList hear(int priority, const IpAddress& from, Duration interval = 1s) {
        Advert advert;
        advert.version = machine.config().version;
        advert.priority = static_cast<std::uint8_t>(priority);
        advert.interval = interval;
        return give(Received{advert, from});
    }
    // Lets time pass, running the machine whenever it is due.
    EffectList pass(Duration length) {
        const Time end = now + length;
        EffectList all;
        while (machine.deadline() && *machine.deadline() <= end) {
            now = std::max(now, *machine.deadline());
            const auto some = run();
            all.insert(all.end(), some.begin(), some.end());
        }
        now = end;
        return all;
    }
    EffectList run() {
        Effects effects;
        machine.advance(now, effects);
        return {effects.begin(), effects.end()};
    }
    // Started, silent wire: master.
    void make_master() {
        start();
        pass(1h);
        while (machine.state() != State::master)
            pass(1h);
    }
    [[nodiscard]] State state() const { return machine.state(); }
    [[nodiscard]] Duration left() const { return *machine.deadline() - now; }

    Machine machine;
    Time now{1h};
    IpAddress own = *IpAddress::parse("10.0.0.5");
    IpAddress higher = *IpAddress::parse("10.0.0.9");
    IpAddress lower = *IpAddress::parse("10.0.0.1");
};

inline int count_adverts(const EffectList& effects) {
    int count = 0;
    for (const auto& effect : effects)
        count += std::holds_alternative<SendAdvert>(effect);
    return count;
}
inline int count_announcements(const EffectList& effects) {
    int count = 0;
    for (const auto& effect : effects)
        count += std::holds_alternative<Announce>(effect);
    return count;
}

}  // namespace lvs::vrrp
