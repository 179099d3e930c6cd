// SPDX-License-Identifier: GPL-2.0-or-later
//
// The messages of grpc.health.v1.Health/Check as bytes: a length-prefixed protocol buffer each way.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "lvsd/base/base.hpp"

namespace lvs::checkers::grpc {

inline constexpr std::uint64_t kServing = 1;

// HealthCheckRequest{service}; at most 255 bytes of name.
[[nodiscard]] std::string encode_health_request(std::string_view service);
// The serving status of a HealthCheckResponse, which is the whole body.
[[nodiscard]] Result<std::uint64_t> parse_health(std::span<const std::uint8_t> body);

[[nodiscard]] std::string serving_name(std::uint64_t status);    // "NOT_SERVING"
[[nodiscard]] std::string status_name(std::string_view number);  // "UNAVAILABLE" for "14"

}  // namespace lvs::checkers::grpc
