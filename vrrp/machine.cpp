// SPDX-License-Identifier: GPL-2.0-or-later
//
// The state machine of RFC 9568 section 6.4. Numbers in parentheses are section numbers of that RFC.
#include <algorithm>
#include <utility>

#include "vrrp/vrrp.hpp"

namespace lvs::vrrp {

Duration skew_time(Version version, Priority priority, Duration master_interval) {
    const Duration base = version == Version::v2 ? Duration(std::chrono::seconds(1)) : master_interval;
    return base * (256 - priority.value()) / 256;
}

Duration master_down_interval(Version version, Priority priority, Duration master_interval) {
    return 3 * master_interval + skew_time(version, priority, master_interval);
}

Machine::Machine(const Config& config)
    : config_(config), priority_(config.priority), master_interval_(config.interval) {}

Duration Machine::skew() const {
    return skew_time(config_.version, priority_, master_interval_);
}
Duration Machine::master_down() const {
    return master_down_interval(config_.version, priority_, master_interval_);
}

void Machine::handle(Time now, const Input& input, Effects& out) {
    LVS_ASSERT(now >= last_);
    last_ = now;
    if (must_ask(now) && !std::holds_alternative<Stop>(input)) ask_first(now, out);
    std::visit([&](const auto& one) { on(now, one, out); }, input);
}

std::optional<Time> Machine::deadline() const {
    if (!timer_) return announce_at_;
    return announce_at_ ? std::min(*timer_, *announce_at_) : *timer_;
}

void Machine::advance(Time now, Effects& out) {
    LVS_ASSERT(now >= last_);
    last_ = now;
    if (timer_ && now >= *timer_) {
        switch (state_) {
            case State::initialize:
                enter_election(now, out);
                break;
            case State::backup:
                on_master_down(now, out);
                break;
            case State::master:
                on_advert_due(now, out);
                break;
        }
    }
    if (announce_at_ && now >= *announce_at_) on_announce_due(now, out);
}

// ---- starting and stopping --------------------------------------------------------------------------------

void Machine::on(Time now, const Start& input, Effects& out) {
    if (running_) return;
    running_ = true;
    source_ = input.source;
    if (config_.startup_delay > Duration(0))
        timer_ = now + config_.startup_delay;
    else
        enter_election(now, out);
}

// (6.4.1) The owner speaks at once, everybody else listens for a master-down interval.
void Machine::enter_election(Time now, Effects& out) {
    master_interval_ = config_.interval;
    lower_since_.reset();
    if (priority_.value() == kOwner && !config_.grouped && !held_)
        return become_master(now, Reason::owner, out);
    become_backup(now, Reason::started, priority_.value() == kOwner ? Duration(0) : master_down(), out);
}

// (6.4.2, 6.4.3) Shutdown. Only a master says goodbye.
void Machine::on(Time now, const Stop& input, Effects& out) {
    if (!running_) return;
    if (state_ == State::master) {
        send(now, 0, out);
        out.add(RemoveAddresses{});
    }
    running_ = false;
    become_initialize(input.reason, out);
}

void Machine::on(Time, const SourceChanged& input, Effects&) {
    source_ = input.source;
}

void Machine::on(Time now, const SetPriority& input, Effects& out) {
    if (input.priority.value() == kOwner || config_.priority.value() == kOwner) return;
    on(now, Adjust{input.priority.value() - config_.priority.value()}, out);
}

// Trackers never make an owner, nor unmake one.
Priority Machine::effective_priority() const {
    if (config_.priority.value() == kOwner) return config_.priority;
    const std::int64_t sum = std::int64_t{config_.priority.value()} + adjust_;
    return *Priority::make(std::clamp<std::int64_t>(sum, 1, kOwner - 1));
}

void Machine::on(Time now, const Adjust& input, Effects& out) {
    adjust_ = input.by;
    const auto before = std::exchange(priority_, effective_priority());
    if (state_ == State::master && priority_ != before)
        send(now, priority_.value(), out);  // others learn of it now, not in an interval
}

// ---- the operator -----------------------------------------------------------------------------------------

void Machine::on(Time now, const Hold&, Effects& out) {
    held_ = true;
    if (ready_) timer_ = now + master_down();
    ready_ = false;
    if (state_ != State::master) return;
    send(now, 0, out);
    become_backup(now, Reason::held, master_down(), out);
}

void Machine::on(Time, const Release&, Effects&) {
    held_ = yields_ = false;
}

// An owner cannot wait behind another master (6.1), so it has nobody to hand over to.
void Machine::on(Time now, const Failover&, Effects& out) {
    if (state_ != State::master || priority_.value() == kOwner) return;
    yields_ = true;
    send(now, 0, out);
    become_backup(now, Reason::failover, master_down() + regroup_delay(), out);
}

// ---- sync groups and reloads ------------------------------------------------------------------------------

void Machine::on(Time now, const Promote&, Effects& out) {
    if (state_ == State::backup && !held_) become_master(now, ready_ ? down_reason_ : Reason::group, out);
}

void Machine::on(Time now, const Demote&, Effects& out) {
    if (ready_) timer_ = now + master_down() + regroup_delay();  // ready once more, if nobody is heard
    ready_ = false;
    if (state_ != State::master) return;
    send(now, 0, out);
    become_backup(now, Reason::group, master_down() + regroup_delay(), out);
}

// Two groups of equal priorities may each win on another wire and step down together. They must not come back
// together, so each waits a different part of an interval, made from its address.
Duration Machine::regroup_delay() const {
    unsigned mixed = 0;
    for (const auto byte : source_.bytes())
        mixed = mixed * 31 + byte;
    return config_.interval * static_cast<std::int64_t>(mixed % 64) / 64;
}

void Machine::configure(Time now, const Config& config, Effects& out) {
    LVS_ASSERT(config.version == config_.version);
    const bool interval_changed = config.interval != config_.interval;
    if (must_ask(now)) ask_first(now, out);
    const auto before = priority_;
    config_ = config;
    priority_ = effective_priority();
    const bool priority_changed = priority_ != before;
    if (interval_changed && state_ == State::master) {
        master_interval_ = config_.interval;
        timer_ = std::min(*timer_, now + config_.interval);
    }
    if (priority_changed && state_ == State::master) send(now, priority_.value(), out);
    if (ready_ && !config_.grouped) become_master(now, down_reason_, out);  // nobody to wait for any more
}

// ---- adverts ----------------------------------------------------------------------------------------------

// (7.1) What depends on this router's configuration. The rest was checked by parse().
bool Machine::acceptable(Time now, const Received& input) {
    const auto refuse = [this](Discard why) {
        count(why);
        return false;
    };
    if (state_ == State::initialize) return refuse(Discard::not_running);
    if (input.advert.version != config_.version) return refuse(Discard::version);
    if (input.source == source_) return refuse(Discard::source);
    if (priority_.value() == kOwner) {
        if (state_ == State::master) note_contest(now);
        return refuse(Discard::owner);
    }
    if (config_.version == Version::v2 && input.advert.interval != config_.interval)
        return refuse(Discard::interval);
    return true;
}

void Machine::on(Time now, const Received& input, Effects& out) {
    if (!acceptable(now, input)) return;
    ++counters_.adverts_received;
    if (input.advert.priority == 0) ++counters_.zero_received;
    if (state_ == State::backup)
        hear_as_backup(now, input);
    else
        hear_as_master(now, input, out);
}

// (6.4.2)
void Machine::hear_as_backup(Time now, const Received& input) {
    if (input.advert.priority == 0) return hasten(now, Reason::priority_zero);
    const bool fell = master_ == input.source && master_priority_ >= priority_.value();
    if (input.advert.priority >= priority_.value()) {
        lower_since_.reset();
        follow(now, input);
    } else if (tolerates_lower(now)) {
        follow(now, input);
    } else if (fell) {
        hasten(now, Reason::lower_priority);
    }
}

// The master goes: take over after the skew.
void Machine::hasten(Time now, Reason reason) {
    if (ready_) return;              // the group waits for others; this member stays ready
    const Time soon = now + skew();  // never later than planned already: a repeated goodbye delays nothing
    timer_ = timer_ ? std::min(*timer_, soon) : soon;
    down_reason_ = reason;
}

// Whether a master of lower priority is left in place.
bool Machine::tolerates_lower(Time now) {
    if (priority_.value() == kOwner) return false;  // (6.1) the owner preempts whatever Preempt_Mode says
    if (!config_.preempt || held_ || yields_) return true;
    if (!lower_since_) lower_since_ = now;
    return now < *lower_since_ + config_.preempt_delay;
}

// (6.4.2) Learns the master's interval and waits for its silence.
void Machine::follow(Time now, const Received& input) {
    if (input.advert.interval != master_interval_) {
        ++counters_.interval_changes;
        master_interval_ = input.advert.interval;
    }
    master_ = input.source;
    master_priority_ = input.advert.priority;
    ready_ = false;
    down_reason_ = Reason::master_down;
    timer_ = now + master_down();
}

// (6.4.3)
void Machine::hear_as_master(Time now, const Received& input, Effects& out) {
    const auto& advert = input.advert;
    if (advert.priority == 0) return send(now, priority_.value(), out);
    const bool higher = advert.priority > priority_.value();
    const bool equal = advert.priority == priority_.value();
    if (higher || (equal && input.source > source_)) {
        become_backup(now, higher ? Reason::higher_priority : Reason::higher_address, Duration(0), out);
        return follow(now, input);
    }
    note_contest(now);
    reply_to_lower(now, out);
}

// The neighbours may have listened to the other master, so they are told again where the addresses are.
void Machine::note_contest(Time now) {
    ++counters_.contests;
    contested_ = true;
    if (announce_step_ > config_.announce_repeat.count) start_announcing(now, 0);
}

// (6.4.3) The lower master is told at once; at most twice per interval, so that no stranger sets our rate.
void Machine::reply_to_lower(Time now, Effects& out) {
    if (now < reply_after_) return;
    reply_after_ = now + config_.interval / 2;
    send(now, priority_.value(), out);
}

// ---- stalls -----------------------------------------------------------------------------------------------

// A master that was silent for so long that others took over: they go by the interval it last told them.
// Whatever comes first after that, a packet, a command or its timer, must not make it speak. The owner need
// not ask.
bool Machine::must_ask(Time now) const {
    return state_ == State::master && priority_.value() != kOwner && now - last_sent_ > 3 * sent_interval_;
}

void Machine::ask_first(Time now, Effects& out) {
    ++counters_.stalls;
    become_backup(now, Reason::stalled, config_.interval + skew(), out);
}

// ---- time -------------------------------------------------------------------------------------------------

void Machine::on_master_down(Time now, Effects& out) {
    if (now - *timer_ > master_interval_) {  // we were away: a master may have spoken unheard
        ++counters_.stalls;
        timer_ = now + master_interval_ + skew();
        return;
    }
    if (held_) {
        master_.reset();
        timer_ = now + master_down();
        return;
    }
    if (!config_.grouped) return become_master(now, down_reason_, out);
    timer_.reset();
    master_.reset();
    ready_ = true;
    out.add(Ready{});
}

void Machine::on_advert_due(Time now, Effects& out) {
    if (must_ask(now)) return ask_first(now, out);
    const Time next = *timer_ + config_.interval;  // from the due time, so that lateness does not add up
    send(now, priority_.value(), out);
    if (next > now) timer_ = next;
}

void Machine::on_announce_due(Time now, Effects& out) {
    out.add(Announce{});
    start_announcing(now, announce_step_ + 1);
}

// Step 0 is the takeover, the others are the repeats.
Duration Machine::announced_at(std::size_t step) const {
    return step == 0 ? Duration(0) : config_.announce_repeat.at[step - 1];
}

// Plans the announcement of a step; beyond the last step: the slow refresh, or the steps again after a
// contest.
void Machine::start_announcing(Time now, std::size_t step) {
    const auto last = config_.announce_repeat.count;
    if (step > last && contested_) step = 1;
    announce_step_ = step;
    if (step <= 1) contested_ = false;
    if (step <= last) {
        announce_at_ = now + (step == 0 ? Duration(0) : announced_at(step) - announced_at(step - 1));
    } else if (config_.refresh_interval > Duration(0)) {
        announce_at_ = now + config_.refresh_interval;
    } else {
        announce_at_.reset();
    }
}

// ---- the only writers of state_ ---------------------------------------------------------------------------

void Machine::become_master(Time now, Reason reason, Effects& out) {
    const State from = state_;
    state_ = State::master;
    ready_ = false;
    yields_ = false;
    master_.reset();
    master_interval_ = config_.interval;
    ++counters_.became_master;
    send(now, priority_.value(), out);
    out.add(AddAddresses{});
    out.add(Announce{});
    start_announcing(now, 1);
    out.add(StateChanged{from, state_, reason});
}

void Machine::become_backup(Time now, Reason reason, Duration wait, Effects& out) {
    const State from = state_;
    state_ = State::backup;
    ready_ = false;
    master_.reset();
    lower_since_.reset();
    announce_at_.reset();
    down_reason_ = Reason::master_down;
    timer_ = now + wait;
    if (from == State::master) out.add(RemoveAddresses{});
    out.add(StateChanged{from, state_, reason});
}

void Machine::become_initialize(Reason reason, Effects& out) {
    const State from = state_;
    state_ = State::initialize;
    ready_ = false;
    master_.reset();
    timer_.reset();
    announce_at_.reset();
    if (from != State::initialize) out.add(StateChanged{from, state_, reason});
}

void Machine::send(Time now, std::uint8_t priority, Effects& out) {
    ++counters_.adverts_sent;
    if (priority == 0) ++counters_.zero_sent;
    last_sent_ = now;
    sent_interval_ = config_.interval;
    timer_ = now + config_.interval;
    out.add(SendAdvert{priority});
}

}  // namespace lvs::vrrp
