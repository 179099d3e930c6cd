// SPDX-License-Identifier: GPL-2.0-or-later
//
// Words for verdicts. A reason names what was seen, in the order a person asks: did it connect, did it
// answer, was the answer the expected one.
#pragma once

#include <string>
#include <string_view>

#include "lvsd/base/base.hpp"

namespace lvs::checkers {

// "500 ms", "1.5 s", "2 s".
[[nodiscard]] std::string in_words(Duration value);
// Text from a server, cut to `limit` and harmless: 'one line, printable'. Never empty quotes without a mark
// of a cut.
[[nodiscard]] std::string quoted(std::string_view text, std::size_t limit = 40);
// Printable ASCII of at most kMaxReason bytes.
[[nodiscard]] std::string as_reason(std::string_view text);
// "connect refused", "no route to the server", ... for an errno met while connecting.
[[nodiscard]] std::string connect_error(int error_number);
// "connection reset", ... for an errno met afterwards.
[[nodiscard]] std::string stream_error(int error_number);
// "port closed (ICMP port unreachable)", ... for an errno met by a datagram.
[[nodiscard]] std::string datagram_error(int error_number);
// Faults that say something about us, not about the server.
[[nodiscard]] bool is_own_fault(int error_number);

}  // namespace lvs::checkers
