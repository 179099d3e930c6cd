// SPDX-License-Identifier: GPL-2.0-or-later
//
// DNS messages as far as a check needs them (RFC 1035): one question out, the answer section in.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lvs::checkers::dns {

enum class RecordType : std::uint16_t { a = 1, ns = 2, cname = 5, soa = 6, ptr = 12, mx = 15, txt = 16, aaaa = 28, srv = 33 };
[[nodiscard]] std::optional<RecordType> parse_type(std::string_view name);  // "AAAA"
[[nodiscard]] std::optional<std::uint8_t> parse_rcode(std::string_view name);  // "NXDOMAIN"
[[nodiscard]] std::string rcode_name(std::uint8_t rcode);

// The query's bytes, or none when the name is no domain name.
[[nodiscard]] std::optional<std::vector<std::uint8_t>> encode_query(std::uint16_t id, std::string_view name,
                                                                     RecordType type);

struct Answer {
    bool is_cut = false;  // TC: the rest is to be had over TCP
    std::uint8_t rcode = 0;
    std::vector<std::string> records;  // of the asked type: an address, a name, "10 mail.example.org", a text
};

enum class Match { answer, other, broken };
struct Parsed {
    Match match = Match::broken;
    Answer answer;
};
// `query` is what encode_query() made. `other`: a message that answers another question, or has another id.
[[nodiscard]] Parsed parse_answer(std::span<const std::uint8_t> bytes, std::span<const std::uint8_t> query);

}  // namespace lvs::checkers::dns
