// SPDX-License-Identifier: GPL-2.0-or-later
//
// An advert as a whole Ethernet frame, for routers that speak from their virtual MAC: the frame leaves
// through the interface itself, whether or not the device that holds the virtual MAC is up.
#include <algorithm>

#include "vrrp/checksum.hpp"
#include "vrrp/vrrp.hpp"

namespace lvs::vrrp {

namespace {

constexpr std::size_t kEthernet = 14;
constexpr std::size_t kIpv4 = 20;
constexpr std::size_t kIpv6 = 40;
constexpr std::uint8_t kTrafficClass = 0xc0;  // CS6, network control

void put16(std::span<std::uint8_t> out, std::size_t at, std::size_t value) {
    out[at] = static_cast<std::uint8_t>(value >> 8);
    out[at + 1] = static_cast<std::uint8_t>(value);
}

// RFC 1112 6.4, RFC 2464 7.
Mac group_mac(const IpAddress& group) {
    const auto bytes = group.bytes();
    if (group.is_v6()) return {0x33, 0x33, bytes[12], bytes[13], bytes[14], bytes[15]};
    return {0x01, 0x00, 0x5e, static_cast<std::uint8_t>(bytes[1] & 0x7f), bytes[2], bytes[3]};
}

void write_ipv4(const Envelope& envelope, std::size_t message, std::span<std::uint8_t> out) {
    out[0] = 0x45;
    out[1] = kTrafficClass;
    put16(out, 2, kIpv4 + message);
    put16(out, 6, 0x4000);  // never fragmented
    out[8] = envelope.ttl;
    out[9] = kProtocol;
    std::ranges::copy(envelope.source.bytes(), out.begin() + 12);
    std::ranges::copy(envelope.destination.bytes(), out.begin() + 16);
    put16(out, 10, checksum(out.first(kIpv4), 0));
}

void write_ipv6(const Envelope& envelope, std::size_t message, std::span<std::uint8_t> out) {
    out[0] = 0x60 | kTrafficClass >> 4;
    put16(out, 4, message);
    out[6] = kProtocol;
    out[7] = envelope.ttl;
    std::ranges::copy(envelope.source.bytes(), out.begin() + 8);
    std::ranges::copy(envelope.destination.bytes(), out.begin() + 24);
}

}  // namespace

std::size_t encode_frame(const Mac& from, const Advert& advert, const Envelope& envelope,
                         std::span<std::uint8_t> out) {
    const bool v4 = advert.family == Family::ipv4;
    const std::size_t headers = kEthernet + (v4 ? kIpv4 : kIpv6);
    if (out.size() < headers || !envelope.destination.is_multicast()) return 0;
    const auto message = encode(advert, envelope, out.subspan(headers));
    if (message == 0) return 0;
    std::fill_n(out.begin(), headers, std::uint8_t{0});
    std::ranges::copy(group_mac(envelope.destination), out.begin());
    std::ranges::copy(from, out.begin() + 6);
    put16(out, 12, v4 ? 0x0800 : 0x86dd);
    if (v4)
        write_ipv4(envelope, message, out.subspan(kEthernet));
    else
        write_ipv6(envelope, message, out.subspan(kEthernet));
    return headers + message;
}

}  // namespace lvs::vrrp
