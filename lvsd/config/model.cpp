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

}  // namespace lvs::config
