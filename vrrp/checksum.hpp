// SPDX-License-Identifier: GPL-2.0-or-later
//
// Private to lvs_vrrp: the Internet checksum (RFC 1071) and the pseudo-headers it may start from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "vrrp/vrrp.hpp"

namespace lvs::vrrp {

// The unfolded sum of the pseudo-header of RFC 8200 8.1, or of RFC 793 3.1 for IPv4.
[[nodiscard]] std::uint32_t pseudo_header_sum(const Envelope& envelope, std::size_t length,
                                              std::uint8_t protocol);

// The checksum of `bytes`, continued from `sum`. Over bytes that hold their own checksum: 0 when it is right.
[[nodiscard]] std::uint16_t checksum(std::span<const std::uint8_t> bytes, std::uint32_t sum);

}  // namespace lvs::vrrp
