// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/state/state.hpp"

namespace lvs::state {

std::string_view to_string(WorkerState value) {
    switch (value) {
        case WorkerState::off:
            return "off";
        case WorkerState::starting:
            return "starting";
        case WorkerState::running:
            return "running";
        case WorkerState::lost:
            return "lost";
    }
    return {};
}

std::string_view to_string(RouterState value) {
    switch (value) {
        case RouterState::initialize:
            return "initialize";
        case RouterState::backup:
            return "backup";
        case RouterState::master:
            return "master";
        case RouterState::waiting:
            return "waiting";
        case RouterState::stopped:
            return "stopped";
    }
    return {};
}

std::string_view to_string(CheckState value) {
    switch (value) {
        case CheckState::starting:
            return "starting";
        case CheckState::up:
            return "up";
        case CheckState::down:
            return "down";
    }
    return {};
}

std::string_view to_string(ServerState value) {
    switch (value) {
        case ServerState::starting:
            return "starting";
        case ServerState::up:
            return "up";
        case ServerState::down:
            return "down";
        case ServerState::draining:
            return "draining";
        case ServerState::maintenance:
            return "maintenance";
        case ServerState::standby:
            return "standby";
        case ServerState::sorry:
            return "sorry";
    }
    return {};
}

std::string_view to_string(OverrideKind value) {
    switch (value) {
        case OverrideKind::disabled:
            return "disabled";
        case OverrideKind::draining:
            return "draining";
        case OverrideKind::maintenance:
            return "maintenance";
        case OverrideKind::weight:
            return "weight";
    }
    return {};
}

std::string_view to_string(ServiceState value) {
    switch (value) {
        case ServiceState::up:
            return "up";
        case ServiceState::degraded:
            return "degraded";
        case ServiceState::sorry:
            return "sorry";
        case ServiceState::down:
            return "down";
    }
    return {};
}

}  // namespace lvs::state
