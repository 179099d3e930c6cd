// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <fmt/core.h>

#include <algorithm>
#include <cstring>

#include "lvsd/base/base.hpp"

namespace lvs {

std::string_view to_string(Family family) { return family == Family::ipv4 ? "IPv4" : "IPv6"; }

namespace {

// As inet_pton(3) has it, at a fraction of the cost: a table has tens of thousands.
std::optional<std::uint32_t> parse_v4(std::string_view text) {
    std::uint32_t out = 0;
    for (int part = 0; part < 4; ++part) {
        if (part != 0) {
            if (!text.starts_with('.')) return std::nullopt;
            text.remove_prefix(1);
        }
        std::uint32_t value = 0;
        std::size_t digits = 0;
        for (; digits < text.size() && digits < 3 && text[digits] >= '0' && text[digits] <= '9'; ++digits)
            value = value * 10 + static_cast<std::uint32_t>(text[digits] - '0');
        if (digits == 0 || value > 255 || (digits > 1 && text[0] == '0')) return std::nullopt;
        text.remove_prefix(digits);
        out = out << 8U | value;
    }
    return text.empty() ? std::optional(out) : std::nullopt;
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
    if (text.find(':') == std::string_view::npos) {
        const auto v4 = parse_v4(text);
        return v4 ? std::optional(from_v4(*v4)) : std::nullopt;
    }
    // inet_pton wants a terminated string; anything longer than the longest address is none.
    std::array<char, INET6_ADDRSTRLEN + 1> buffer{};
    if (text.empty() || text.size() >= buffer.size()) return std::nullopt;
    if (text.find('\0') != std::string_view::npos) return std::nullopt;
    std::copy(text.begin(), text.end(), buffer.begin());
    IpAddress out;
    out.family_ = Family::ipv6;
    if (inet_pton(AF_INET6, buffer.data(), out.bytes_.data()) != 1) return std::nullopt;
    return out;
}

IpAddress IpAddress::from_v4(std::uint32_t host_order) {
    IpAddress out;
    for (unsigned i = 0; i < 4; ++i)
        out.bytes_.at(i) = static_cast<std::uint8_t>(host_order >> (24U - 8U * i));
    return out;
}

IpAddress IpAddress::from_bytes(std::span<const std::uint8_t> bytes) {
    LVS_ASSERT(bytes.size() == 4 || bytes.size() == 16);
    IpAddress out;
    out.family_ = bytes.size() == 4 ? Family::ipv4 : Family::ipv6;
    std::copy(bytes.begin(), bytes.end(), out.bytes_.begin());
    return out;
}

std::uint32_t IpAddress::v4() const {
    LVS_ASSERT(is_v4());
    std::uint32_t value = 0;
    for (const auto byte : bytes())
        value = value << 8U | byte;
    return value;
}

bool IpAddress::is_unspecified() const {
    return std::all_of(bytes_.begin(), bytes_.end(), [](std::uint8_t b) { return b == 0; });
}

bool IpAddress::is_loopback() const {
    if (is_v4()) return bytes_[0] == 127;
    return *this == *parse("::1");
}

bool IpAddress::is_multicast() const { return is_v4() ? (bytes_[0] & 0xf0U) == 0xe0U : bytes_[0] == 0xff; }

bool IpAddress::is_link_local() const {
    if (is_v4()) return bytes_[0] == 169 && bytes_[1] == 254;
    return bytes_[0] == 0xfe && (bytes_[1] & 0xc0U) == 0x80U;
}

std::string to_string(const IpAddress& address) {
    const auto bytes = address.bytes();
    if (address.is_v4()) return fmt::format("{}.{}.{}.{}", bytes[0], bytes[1], bytes[2], bytes[3]);
    std::array<char, INET6_ADDRSTRLEN> buffer{};
    inet_ntop(AF_INET6, bytes.data(), buffer.data(), static_cast<socklen_t>(buffer.size()));
    return buffer.data();
}

std::optional<Prefix> parse_prefix(std::string_view text) {
    const auto slash = text.find('/');
    const auto address = IpAddress::parse(text.substr(0, slash));
    if (!address) return std::nullopt;
    if (slash == std::string_view::npos) return Prefix{*address, address->max_prefix_length()};
    const auto length = parse_number(text.substr(slash + 1));
    if (!length || *length > address->max_prefix_length()) return std::nullopt;
    return Prefix{*address, static_cast<std::uint8_t>(*length)};
}

std::string to_string(const Prefix& prefix) {
    return fmt::format("{}/{}", to_string(prefix.address), prefix.length);
}

std::optional<Endpoint> parse_endpoint(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    auto host = text.substr(0, colon);
    const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
    if (bracketed) host = host.substr(1, host.size() - 2);
    const auto address = IpAddress::parse(host);
    const auto port = parse_number(text.substr(colon + 1));
    if (!address || !port || *port > 65535 || bracketed != address->is_v6()) return std::nullopt;
    return Endpoint{*address, static_cast<std::uint16_t>(*port)};
}

std::string to_string(const Endpoint& endpoint) {
    return endpoint.address.is_v6() ? fmt::format("[{}]:{}", to_string(endpoint.address), endpoint.port)
                                    : fmt::format("{}:{}", to_string(endpoint.address), endpoint.port);
}

}  // namespace lvs
