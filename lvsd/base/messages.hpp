// SPDX-License-Identifier: GPL-2.0-or-later
//
// Every event lvsd can log. etc/messages.md explains each to the operator; tests/lint/messages.py keeps the two in
// step and the ids unique.
#pragma once

#include "lvsd/base/log.hpp"

namespace lvs::ev {

inline constexpr EventId start{"start", "5c0d2b8bb1a94d0f8f1d5c8e6a3b7e01"};
inline constexpr EventId stop{"stop", "5c0d2b8bb1a94d0f8f1d5c8e6a3b7e02"};
inline constexpr EventId reload{"reload", "5c0d2b8bb1a94d0f8f1d5c8e6a3b7e03"};
inline constexpr EventId reload_refused{"reload-refused", "5c0d2b8bb1a94d0f8f1d5c8e6a3b7e04"};
inline constexpr EventId vrrp_state{"vrrp-state", "5c0d2b8bb1a94d0f8f1d5c8e6a3b7e05"};
inline constexpr EventId vrrp_trouble{"vrrp-trouble", "5c0d2b8bb1a94d0f8f1d5c8e6a3b7e06"};
inline constexpr EventId check_state{"check-state", "5c0d2b8bb1a94d0f8f1d5c8e6a3b7e07"};
inline constexpr EventId worker_lost{"worker-lost", "5c0d2b8bb1a94d0f8f1d5c8e6a3b7e08"};
inline constexpr EventId worker_ready{"worker-ready", "5c0d2b8bb1a94d0f8f1d5c8e6a3b7e09"};
inline constexpr EventId ipvs_applied{"ipvs-applied", "5c0d2b8bb1a94d0f8f1d5c8e6a3b7e0a"};
inline constexpr EventId ipvs_failed{"ipvs-failed", "5c0d2b8bb1a94d0f8f1d5c8e6a3b7e0b"};
inline constexpr EventId ipvs_drift{"ipvs-drift", "5c0d2b8bb1a94d0f8f1d5c8e6a3b7e0c"};
inline constexpr EventId ipvs_setting{"ipvs-setting", "5c0d2b8bb1a94d0f8f1d5c8e6a3b7e64"};
inline constexpr EventId service_state{"service-state", "5c0d2b8bb1a94d0f8f1d5c8e6a3b7e0d"};
inline constexpr EventId server_state{"server-state", "5c0d2b8bb1a94d0f8f1d5c8e6a3b7e5a"};
inline constexpr EventId override_changed{"override-changed", "5c0d2b8bb1a94d0f8f1d5c8e6a3b7e5b"};
inline constexpr EventId notify_failed{"notify-failed", "5c0d2b8bb1a94d0f8f1d5c8e6a3b7e52"};
inline constexpr EventId notify_lost{"notify-lost", "5c0d2b8bb1a94d0f8f1d5c8e6a3b7e53"};
inline constexpr EventId metrics_failed{"metrics-failed", "5c0d2b8bb1a94d0f8f1d5c8e6a3b7e54"};
inline constexpr EventId bus_lost{"bus-lost", "5c0d2b8bb1a94d0f8f1d5c8e6a3b7e0e"};
inline constexpr EventId bus_ready{"bus-ready", "5c0d2b8bb1a94d0f8f1d5c8e6a3b7e40"};
inline constexpr EventId service_quorum{"service-quorum", "5c0d2b8bb1a94d0f8f1d5c8e6a3b7e60"};
inline constexpr EventId service_panic{"service-panic", "5c0d2b8bb1a94d0f8f1d5c8e6a3b7e61"};
inline constexpr EventId check_accept_local{"check-accept-local", "5c0d2b8bb1a94d0f8f1d5c8e6a3b7e63"};
inline constexpr EventId log_lost{"log-lost", "5c0d2b8bb1a94d0f8f1d5c8e6a3b7e70"};
inline constexpr EventId override_lost{"override-lost", "5c0d2b8bb1a94d0f8f1d5c8e6a3b7e62"};

}  // namespace lvs::ev
