// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <fmt/core.h>

#include <algorithm>
#include <cstring>

#include "lvsd/base/base.hpp"

namespace lvs {

std::string_view to_string(Family family) { return family == Family::ipv4 ? "IPv4" : "IPv6"; }

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
    // inet_pton wants a terminated string; anything longer than the longest address is none.
    std::array<char, INET6_ADDRSTRLEN + 1> buffer{};
    if (text.empty() || text.size() >= buffer.size()) return std::nullopt;
    if (text.find('\0') != std::string_view::npos) return std::nullopt;
    std::copy(text.begin(), text.end(), buffer.begin());
    IpAddress out;
    out.family_ = text.find(':') == std::string_view::npos ? Family::ipv4 : Family::ipv6;
    const int family = out.is_v4() ? AF_INET : AF_INET6;
    if (inet_pton(family, buffer.data(), out.bytes_.data()) != 1) return std::nullopt;
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
    std::array<char, INET6_ADDRSTRLEN> buffer{};
    const int family = address.is_v4() ? AF_INET : AF_INET6;
    inet_ntop(family, address.bytes().data(), buffer.data(), static_cast<socklen_t>(buffer.size()));
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
