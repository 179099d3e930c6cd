// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/sim/model.hpp"

#include <algorithm>
#include <utility>

namespace lvs::sim {

namespace {

constexpr Duration kExact = std::chrono::nanoseconds(4);  // rounding of drifting clocks

std::optional<StateChanged> change_in(const Effects& effects) {
    for (const auto& effect : effects)
        if (const auto* change = std::get_if<StateChanged>(&effect)) return *change;
    return std::nullopt;
}

bool same(const Effects& effects, std::initializer_list<Effect> expected) {
    return std::equal(effects.begin(), effects.end(), expected.begin(), expected.end());
}

}  // namespace

Duration Model::skew() const {
    const double unit = config_.version == Version::v2 ? 1e9 : static_cast<double>(learned_.count());
    return Duration(static_cast<std::int64_t>(unit / 256.0 * (256 - priority_)));
}

void Model::listen(Time now) {
    takeover_at_ = now + learned_ + learned_ + learned_ + skew();
}

void Model::start(Time now, const Config& config, const IpAddress& address) {
    config_ = config;
    address_ = address;
    priority_ = config.priority.value();
    learned_ = config.interval;
    zero_ = late_ = fell_ = false;
    followed_.reset();
    lower_since_.reset();
    if (config.startup_delay > Duration(0)) {
        state_ = State::initialize;
        takeover_at_ = now + config.startup_delay;
        return;
    }
    must_be_ = priority_ == 255 ? State::master : State::backup;
    listen(now);
}

void Model::stop() {
    must_be_ = State::initialize;
    takeover_at_.reset();
}

// The others have given it up: it was silent for three of the intervals it told them.
bool Model::must_ask(Time now) const {
    return state_ == State::master && priority_ != 255 && now > spoke_at_ + told_ + told_ + told_;
}

void Model::ask() {
    state_ = State::backup;
    zero_ = fell_ = false;
    late_ = true;
    followed_.reset();
    lower_since_.reset();
    takeover_at_.reset();
}

// Before any input: whether it still is what it was.
void Model::look_up(Time now) {
    if (must_ask(now)) ask();
    must_be_ = state_;
}

void Model::configure(Time now, const Config& config) {
    look_up(now);
    advert_by_ = std::min(advert_by_, now + config.interval);
    config_ = config;
    priority_ = config.priority.value();
    if (state_ == State::master) learned_ = config.interval;
}

void Model::set_priority(Time now, std::uint8_t priority) {
    look_up(now);
    if (priority_ != 255 && priority != 255) priority_ = priority;
}

void Model::hear(Time now, const Advert& advert, const IpAddress& from) {
    look_up(now);
    if (state_ == State::initialize || advert.version != config_.version || priority_ == 255) return;
    if (config_.version == Version::v2 && advert.interval != config_.interval) return;
    if (state_ == State::backup)
        hear_in_backup(now, advert, from);
    else
        hear_in_master(advert, from);
    if (must_be_ == State::backup && state_ == State::master) {
        learned_ = advert.interval;
        listen(now);
        zero_ = fell_ = false;
        lower_since_.reset();
        followed_ = {from, advert.priority};
    }
}

bool Model::leaves_lower_alone(Time now) {
    if (!config_.preempt) return true;
    if (!lower_since_) lower_since_ = now;
    return now - *lower_since_ < config_.preempt_delay;
}

void Model::hear_in_backup(Time now, const Advert& advert, const IpAddress& from) {
    if (advert.priority == 0) {
        if (takeover_at_) takeover_at_ = std::min(*takeover_at_, now + skew());
        zero_ = true;
        fell_ = false;
        return;
    }
    const bool lower = advert.priority < priority_;
    if (!lower) lower_since_.reset();
    if (lower && !leaves_lower_alone(now)) {
        if (!followed_ || followed_->first != from || followed_->second < priority_) return;
        if (takeover_at_) takeover_at_ = std::min(*takeover_at_, now + skew());
        fell_ = true;
        zero_ = false;
        return;
    }
    followed_ = {from, advert.priority};
    learned_ = advert.interval;
    zero_ = fell_ = false;
    late_ = false;
    listen(now);
}

void Model::hear_in_master(const Advert& advert, const IpAddress& from) {
    must_answer_ = advert.priority == 0;
    const bool yields = advert.priority > priority_ || (advert.priority == priority_ && from > address_);
    if (advert.priority != 0 && yields) must_be_ = State::backup;
}

std::string Model::check(Time now, const Machine& machine, State before, const Effects& effects) {
    if (auto wrong = check_order(machine, before, effects); !wrong.empty()) return wrong;
    if (config_.grouped) return {};  // when a group moves is for the liveness phase to judge
    if (must_be_ && machine.state() != *must_be_)
        return "must be " + std::string(to_string(*must_be_)) + ", is " +
               std::string(to_string(machine.state()));
    if (std::exchange(must_answer_, false) && effects.empty()) return "a goodbye was not answered";
    auto wrong = check_time(now, machine, before, effects);
    must_be_.reset();
    state_ = machine.state();
    return wrong;
}

// The order of effects is part of the contract (vrrp.hpp).
std::string Model::check_order(const Machine& machine, State before, const Effects& effects) const {
    const auto change = change_in(effects);
    const State after = machine.state();
    if (!change) {
        if (before != after) return "state changed silently";
        for (const auto& effect : effects) {
            if (std::holds_alternative<Ready>(effect) && config_.grouped && after == State::backup) continue;
            if (after != State::master) return "an effect without being master";
            if (std::holds_alternative<Announce>(effect) ||
                effect == Effect(SendAdvert{machine.priority().value()}))
                continue;
            return "an effect out of place";
        }
        return {};
    }
    if (change->from != before || change->to != after) return "StateChanged does not say what happened";
    const SendAdvert speak{machine.priority().value()};
    if (after == State::master) {
        if (same(effects, {speak, AddAddresses{}, Announce{}, *change})) return {};
    } else if (before == State::master && after == State::backup) {
        if (same(effects, {RemoveAddresses{}, *change})) return {};
        if (config_.grouped && same(effects, {SendAdvert{0}, RemoveAddresses{}, *change})) return {};
    } else if (before == State::master) {
        if (same(effects, {SendAdvert{0}, RemoveAddresses{}, *change})) return {};
    } else if (same(effects, {*change})) {
        return {};
    }
    return "wrong order of effects";
}

std::string Model::check_takeover(Time now, const Effects& effects) {
    const auto reason = change_in(effects)->reason;
    if (reason == Reason::owner) return priority_ == 255 ? "" : "not the owner";
    if (late_) return {};
    if (!takeover_at_) return "took over without reason";
    if (now < *takeover_at_ - kExact) return "took over too early";
    if (now > *takeover_at_ + kExact) return "took over too late";
    if ((reason == Reason::priority_zero) != zero_ || (reason == Reason::lower_priority) != fell_)
        return "took over for the wrong reason";
    return {};
}

std::string Model::check_time(Time now, const Machine& machine, State before, const Effects& effects) {
    std::string wrong;
    if (machine.state() == State::master && before != State::master) wrong = check_takeover(now, effects);
    if (before == State::initialize && machine.state() == State::backup) {
        zero_ = fell_ = false;
        followed_.reset();
        learned_ = config_.interval;  // it may have changed during the start-up delay
        listen(now);
    }
    if (before == State::master && machine.state() == State::backup && !must_be_) {
        if (!late_) wrong = "stepped down without being late";
        zero_ = fell_ = false;
        followed_.reset();
        lower_since_.reset();
        takeover_at_.reset();  // it asks first; that this ends is for the liveness phase to see
    }
    if (machine.state() == State::master) {
        takeover_at_.reset();
        if (before == State::master && now > advert_by_ + kExact && !late_) wrong = "an advert is overdue";
        for (const auto& effect : effects) {
            if (!std::holds_alternative<SendAdvert>(effect)) continue;
            if (before == State::master && must_ask(now)) wrong = "spoke before it asked";
            spoke_at_ = now;
            told_ = config_.interval;
            advert_by_ = now + config_.interval;
            late_ = false;
        }
    } else if (machine.state() == State::backup && takeover_at_ && !late_ && now > *takeover_at_ + kExact) {
        wrong = "did not take over";
    }
    return wrong;
}

}  // namespace lvs::sim
