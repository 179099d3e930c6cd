// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/config/model.hpp"

namespace lvs::config {

std::string_view to_string(StartState value) {
    switch (value) {
        case StartState::unknown:
            return "unknown";
        case StartState::up:
            return "up";
        case StartState::down:
            return "down";
    }
    return "?";
}

std::string_view to_string(Require value) {
    switch (value) {
        case Require::all:
            return "all";
        case Require::any:
            return "any";
    }
    return "?";
}

std::string_view to_string(Protocol value) {
    switch (value) {
        case Protocol::tcp:
            return "tcp";
        case Protocol::udp:
            return "udp";
        case Protocol::sctp:
            return "sctp";
    }
    return "?";
}

std::string_view to_string(Forward value) {
    switch (value) {
        case Forward::nat:
            return "nat";
        case Forward::dr:
            return "dr";
        case Forward::tun:
            return "tun";
    }
    return "?";
}

std::string_view to_string(OnFailure value) {
    return value == OnFailure::weight0 ? "weight0" : "remove";
}

std::string_view to_string(Via value) {
    switch (value) {
        case Via::server:
            return "server";
        case Via::service:
            return "service";
    }
    return "?";
}

std::string_view to_string(OnStop value) {
    return value == OnStop::remove ? "remove" : "keep";
}

std::string_view to_string(Active value) {
    return value == Active::always ? "always" : "master";
}

std::string_view to_string(TunnelType value) {
    switch (value) {
        case TunnelType::ipip:
            return "ipip";
        case TunnelType::gue:
            return "gue";
        case TunnelType::gre:
            return "gre";
    }
    return "?";
}

std::string_view to_string(TunnelChecksum value) {
    switch (value) {
        case TunnelChecksum::none:
            return "none";
        case TunnelChecksum::checksum:
            return "checksum";
        case TunnelChecksum::remote:
            return "remote";
    }
    return "?";
}

std::string_view to_string(RouteType value) {
    switch (value) {
        case RouteType::unicast:
            return "unicast";
        case RouteType::blackhole:
            return "blackhole";
        case RouteType::unreachable:
            return "unreachable";
        case RouteType::prohibit:
            return "prohibit";
    }
    return "?";
}

std::string_view to_string(RuleAction value) {
    switch (value) {
        case RuleAction::lookup:
            return "lookup";
        case RuleAction::blackhole:
            return "blackhole";
        case RuleAction::unreachable:
            return "unreachable";
        case RuleAction::prohibit:
            return "prohibit";
    }
    return "?";
}

std::string_view to_string(AdvertChecksum value) {
    switch (value) {
        case AdvertChecksum::automatic:
            return "automatic";
        case AdvertChecksum::message:
            return "message";
        case AdvertChecksum::pseudo_header:
            return "pseudo-header";
    }
    return "?";
}

std::string_view to_string(Families value) {
    return value == Families::together ? "together" : "independent";
}

std::string_view to_string(Tracker::Kind value) {
    switch (value) {
        case Tracker::Kind::interface:
            return "interface";
        case Tracker::Kind::file:
            return "file";
        case Tracker::Kind::process:
            return "process";
        case Tracker::Kind::script:
            return "script";
        case Tracker::Kind::service:
            return "service";
        case Tracker::Kind::router:
            return "router";
    }
    return "?";
}

}  // namespace lvs::config
