// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/config/model.hpp"

namespace lvs::config {

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

}  // namespace lvs::config
