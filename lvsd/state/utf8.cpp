// SPDX-License-Identifier: GPL-2.0-or-later
//
// Texts reach the state from outside (a real server's status line, an interface name), so they may hold
// anything.
#include "lvsd/state/state.hpp"

namespace lvs::state {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

struct Lead {
    std::size_t length;  // of the whole sequence; 0 = not a lead byte
    unsigned char low;   // bounds of the second byte: no overlong forms, no surrogates, nothing past U+10FFFF
    unsigned char high;
};

// The Unicode Standard, table 3-7.
Lead lead_of(unsigned char byte) {
    if (byte >= 0x01 && byte <= 0x7F) return {1, 0, 0};
    if (byte >= 0xC2 && byte <= 0xDF) return {2, 0x80, 0xBF};
    if (byte == 0xE0) return {3, 0xA0, 0xBF};
    if (byte == 0xED) return {3, 0x80, 0x9F};
    if (byte >= 0xE1 && byte <= 0xEF) return {3, 0x80, 0xBF};
    if (byte == 0xF0) return {4, 0x90, 0xBF};
    if (byte >= 0xF1 && byte <= 0xF3) return {4, 0x80, 0xBF};
    if (byte == 0xF4) return {4, 0x80, 0x8F};
    return {0, 0, 0};
}

// Length of the well-formed sequence at the front, 0 if there is none.
std::size_t sequence_length(std::string_view text) {
    const auto at = [&text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const auto lead = lead_of(at(0));
    if (lead.length == 0 || lead.length > text.size()) return 0;
    if (lead.length > 1 && (at(1) < lead.low || at(1) > lead.high)) return 0;
    for (std::size_t i = 2; i < lead.length; ++i)
        if (at(i) < 0x80 || at(i) > 0xBF) return 0;
    return lead.length;
}

}  // namespace

std::string to_utf8(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const auto length = sequence_length(text);
        out += length == 0 ? kReplacement : text.substr(0, length);
        text.remove_prefix(length == 0 ? 1 : length);
    }
    return out;
}

}  // namespace lvs::state
