// SPDX-License-Identifier: GPL-2.0-or-later
//
// The words of the enums as they appear in logs, on D-Bus and in metrics.
#include "vrrp/vrrp.hpp"

namespace lvs::vrrp {

std::string_view to_string(State state) {
    switch (state) {
        case State::initialize:
            return "initialize";
        case State::backup:
            return "backup";
        case State::master:
            return "master";
    }
    return "?";
}

std::string_view to_string(Reason reason) {
    switch (reason) {
        case Reason::started:
            return "started";
        case Reason::stopped:
            return "stopped";
        case Reason::owner:
            return "owner";
        case Reason::master_down:
            return "master-down";
        case Reason::priority_zero:
            return "priority-zero";
        case Reason::higher_priority:
            return "higher-priority";
        case Reason::higher_address:
            return "higher-address";
        case Reason::interface:
            return "interface";
        case Reason::fault:
            return "fault";
        case Reason::stalled:
            return "stalled";
        case Reason::group:
            return "group";
        case Reason::lower_priority:
            return "lower-priority";
        case Reason::held:
            return "held";
        case Reason::failover:
            return "failover";
    }
    return "?";
}

std::string_view to_string(Health health) {
    switch (health) {
        case Health::unknown:
            return "unknown";
        case Health::up:
            return "up";
        case Health::down:
            return "down";
    }
    return "?";
}

std::string_view to_string(Discard discard) {
    switch (discard) {
        case Discard::truncated:
            return "truncated";
        case Discard::ttl:
            return "ttl";
        case Discard::version:
            return "version";
        case Discard::type:
            return "type";
        case Discard::vrid:
            return "vrid";
        case Discard::no_addresses:
            return "no-addresses";
        case Discard::interval:
            return "interval";
        case Discard::checksum:
            return "checksum";
        case Discard::authentication:
            return "authentication";
        case Discard::source:
            return "source";
        case Discard::owner:
            return "owner";
        case Discard::not_running:
            return "not-running";
    }
    return "?";
}

}  // namespace lvs::vrrp
