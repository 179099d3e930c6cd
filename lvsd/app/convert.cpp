// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/app/convert.hpp"

#include <fmt/core.h>

#include <cstring>

namespace lvs::app {
namespace {

std::string describe_trouble(const vrrp::Event& event) {
    auto text = fmt::format("{}", vrrp::to_string(event.trouble));
    if (event.address) text += " " + to_string(*event.address);
    if (event.trouble == vrrp::Trouble::discarded) text += fmt::format(": {}", vrrp::to_string(event.discard));
    if (event.error != 0) text += fmt::format(": {}", std::strerror(event.error));
    return text;
}

std::string describe_waiting(vrrp::Waiting waiting) {
    switch (waiting) {
        case vrrp::Waiting::none: return "nothing is missing any more";
        case vrrp::Waiting::interface: return "waiting: the interface does not exist";
        case vrrp::Waiting::link: return "waiting: the interface is down";
        case vrrp::Waiting::address: return "waiting: the interface has no address of this family";
        case vrrp::Waiting::fault: return "waiting: a tracker reports a fault";
    }
    return "?";
}

checkers::State initial_state(config::StartState state) {
    switch (state) {
        case config::StartState::unknown: return checkers::State::unknown;
        case config::StartState::up: return checkers::State::up;
        case config::StartState::down: return checkers::State::down;
    }
    return checkers::State::unknown;
}

}  // namespace

checkers::CheckSpec check_spec(const engine::CheckWanted& wanted) {
    checkers::CheckSpec spec;
    spec.id = checkers::CheckId{static_cast<std::uint32_t>(wanted.id)};
    spec.kind = wanted.check.kind;
    spec.target = wanted.target;
    spec.interval = wanted.check.interval;
    spec.timeout = wanted.check.timeout;
    spec.rise = wanted.check.rise;
    spec.fall = wanted.check.fall;
    spec.fast_interval = wanted.check.fast_interval;
    spec.jitter = wanted.check.jitter;
    spec.initial = initial_state(wanted.check.start);
    spec.source = wanted.check.source;
    spec.interface = wanted.check.interface;
    spec.fwmark = wanted.check.fwmark ? wanted.check.fwmark->value() : 0;
    spec.params = wanted.check.params;
    if (wanted.through) {
        spec.fwmark = wanted.through->mark;
        spec.through = wanted.through->server;
    }
    return spec;
}

std::string describe(const vrrp::Event& event) {
    switch (event.kind) {
        case vrrp::Event::Kind::state: return std::string(vrrp::to_string(event.reason));
        case vrrp::Event::Kind::waiting: return describe_waiting(event.waiting);
        case vrrp::Event::Kind::trouble: return describe_trouble(event);
    }
    return "?";
}

}  // namespace lvs::app
