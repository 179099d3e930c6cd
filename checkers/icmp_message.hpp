// SPDX-License-Identifier: GPL-2.0-or-later
//
// ICMP echo messages (RFC 792, RFC 4443) as far as a check needs them.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "lvsd/base/base.hpp"

namespace lvs::checkers::icmp {

// `token` goes through the server and comes back; `size`: bytes of payload, at least 8. The checksum of an
// IPv6 message is the kernel's to fill in.
[[nodiscard]] std::string encode_echo(Family family, std::uint64_t token, std::size_t size);

enum class Match {
    reply,        // to the echo with this token
    unreachable,  // an error about it; `code` says which
    other,
};
struct Parsed {
    Match match = Match::other;
    std::uint8_t type = 0;
    std::uint8_t code = 0;
};
// What a ping socket hands out, or a raw one: there an IPv4 header may go before.
[[nodiscard]] Parsed parse(Family family, std::span<const std::uint8_t> bytes, std::uint64_t token);

}  // namespace lvs::checkers::icmp
