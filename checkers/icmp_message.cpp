// SPDX-License-Identifier: GPL-2.0-or-later
#include "checkers/icmp_message.hpp"

#include <algorithm>
#include <optional>

namespace lvs::checkers::icmp {

namespace {

constexpr std::size_t kHeader = 8;
constexpr std::size_t kToken = 8;

struct Types {
    std::uint8_t request;
    std::uint8_t reply;
    std::uint8_t unreachable;
    std::uint8_t exceeded;  // on the way
};
constexpr Types types_of(Family family) {
    return family == Family::ipv4 ? Types{8, 0, 3, 11} : Types{128, 129, 1, 3};
}

std::uint16_t checksum(std::string_view bytes) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i)
        sum += static_cast<std::uint32_t>(static_cast<std::uint8_t>(bytes[i])) << (i % 2 == 0 ? 8U : 0U);
    while (sum > 0xffff)
        sum = (sum & 0xffffU) + (sum >> 16U);
    return static_cast<std::uint16_t>(~sum);
}

// Behind an IPv4 header, if there is one. No ICMP message of interest begins with 0x4.
std::span<const std::uint8_t> without_ip_header(std::span<const std::uint8_t> bytes) {
    if (bytes.empty() || bytes[0] >> 4U != 4) return bytes;
    const std::size_t size = (bytes[0] & 0x0fU) * std::size_t{4};
    return size >= 20 && size <= bytes.size() ? bytes.subspan(size) : std::span<const std::uint8_t>();
}

bool has_token(std::span<const std::uint8_t> message, std::uint64_t token) {
    if (message.size() < kHeader + kToken) return false;
    for (std::size_t i = 0; i < kToken; ++i)
        if (message[kHeader + i] != static_cast<std::uint8_t>(token >> (8U * i))) return false;
    return true;
}

// The echo request that an error message quotes, behind its IP header.
std::span<const std::uint8_t> quoted_echo(Family family, std::span<const std::uint8_t> error) {
    if (error.size() < kHeader) return {};
    const auto quote = error.subspan(kHeader);
    constexpr std::size_t kIpv6Header = 40;
    if (family == Family::ipv4) return without_ip_header(quote);
    return quote.size() > kIpv6Header ? quote.subspan(kIpv6Header) : std::span<const std::uint8_t>();
}

}  // namespace

std::string encode_echo(Family family, std::uint64_t token, std::size_t size) {
    std::string out(kHeader + std::max(size, kToken), '\0');
    out[0] = static_cast<char>(types_of(family).request);
    out[4] = static_cast<char>(token >> 56U);  // the identifier; a ping socket puts its own
    out[5] = static_cast<char>(token >> 48U & 0xffU);
    out[7] = 1;  // the sequence number
    for (std::size_t i = 0; i < kToken; ++i)
        out[kHeader + i] = static_cast<char>(token >> (8U * i) & 0xffU);
    if (family == Family::ipv4) {
        const auto sum = checksum(out);
        out[2] = static_cast<char>(sum >> 8U);
        out[3] = static_cast<char>(sum & 0xffU);
    }
    return out;
}

Parsed parse(Family family, std::span<const std::uint8_t> bytes, std::uint64_t token) {
    const auto message = family == Family::ipv4 ? without_ip_header(bytes) : bytes;
    if (message.size() < kHeader) return {};
    const auto types = types_of(family);
    Parsed out{.match = Match::other, .type = message[0], .code = message[1]};
    if (out.type == types.reply && out.code == 0 && has_token(message, token)) out.match = Match::reply;
    if ((out.type == types.unreachable || out.type == types.exceeded) &&
        has_token(quoted_echo(family, message), token))
        out.match = Match::unreachable;
    return out;
}

}  // namespace lvs::checkers::icmp
