// SPDX-License-Identifier: GPL-2.0-or-later
//
// What tells the neighbours that an address now lives here, as whole Ethernet frames: the sender needs no
// socket bound to an address that is only just being added.
#include <algorithm>

#include "vrrp/checksum.hpp"
#include "vrrp/vrrp.hpp"

namespace lvs::vrrp {

namespace {

constexpr std::uint8_t kIcmpv6 = 58;

// Appends to a fixed frame; the sizes are constants of the protocols.
class Writer {
public:
    explicit Writer(std::span<std::uint8_t> out) : out_(out) {}
    void bytes(std::span<const std::uint8_t> from) {
        std::copy(from.begin(), from.end(), out_.begin() + static_cast<std::ptrdiff_t>(at_));
        at_ += from.size();
    }
    void u8(std::uint8_t value) { out_[at_++] = value; }
    void u16(std::uint16_t value) {
        u8(static_cast<std::uint8_t>(value >> 8));
        u8(static_cast<std::uint8_t>(value));
    }
    void ethernet(const Mac& to, const Mac& from, std::uint16_t type) {
        bytes(to);
        bytes(from);
        u16(type);
    }

private:
    std::span<std::uint8_t> out_;
    std::size_t at_ = 0;
};

}  // namespace

Mac virtual_mac(Family family, Vrid vrid) {
    return {0x00, 0x00, 0x5e, 0x00, static_cast<std::uint8_t>(family == Family::ipv4 ? 1 : 2), vrid.value()};
}

std::array<std::uint8_t, kGarpSize> encode_garp(const Mac& mac, const IpAddress& address) {
    static constexpr Mac kBroadcast{0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    std::array<std::uint8_t, kGarpSize> frame{};
    Writer out(frame);
    out.ethernet(kBroadcast, mac, 0x0806);
    out.u16(1);       // Ethernet
    out.u16(0x0800);  // IPv4
    out.u8(6);
    out.u8(4);
    out.u16(1);  // request: RFC 5227 3 prefers it to a reply
    out.bytes(mac);
    out.bytes(address.bytes());
    out.bytes(Mac{});
    out.bytes(address.bytes());
    return frame;
}

std::array<std::uint8_t, kNaSize> encode_na(const Mac& mac, const IpAddress& source,
                                            const IpAddress& address) {
    static constexpr Mac kAllNodesMac{0x33, 0x33, 0, 0, 0, 1};
    static constexpr std::array<std::uint8_t, 16> kAllNodes{0xff, 2, 0, 0, 0, 0, 0, 0,
                                                            0,    0, 0, 0, 0, 0, 0, 1};
    std::array<std::uint8_t, kNaSize> frame{};
    Writer out(frame);
    out.ethernet(kAllNodesMac, mac, 0x86dd);
    out.u16(0x6000);  // version 6
    out.u16(0);
    out.u16(32);  // payload length
    out.u8(kIcmpv6);
    out.u8(255);
    out.bytes(source.bytes());
    out.bytes(kAllNodes);
    out.u8(136);  // neighbour advertisement
    out.u8(0);
    out.u16(0);    // checksum, below
    out.u8(0xa0);  // R and O
    out.u8(0);
    out.u16(0);
    out.bytes(address.bytes());
    out.u8(2);  // target link-layer address
    out.u8(1);
    out.bytes(mac);

    const Envelope envelope{.source = source, .destination = IpAddress::from_bytes(kAllNodes)};
    const auto body = std::span<const std::uint8_t>(frame).subspan(54);
    const auto sum = checksum(body, pseudo_header_sum(envelope, body.size(), kIcmpv6));
    frame[56] = static_cast<std::uint8_t>(sum >> 8);
    frame[57] = static_cast<std::uint8_t>(sum);
    return frame;
}

}  // namespace lvs::vrrp
