// SPDX-License-Identifier: GPL-2.0-or-later
//
// Adverts as bytes: RFC 9568 section 5, and RFC 3768 section 5 for version 2. Numbers in parentheses are
// sections of RFC 9568. Nothing is overlaid on a buffer; every field is read byte by byte after its length
// was checked.
#include <algorithm>

#include "vrrp/checksum.hpp"
#include "vrrp/vrrp.hpp"

namespace lvs::vrrp {

namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t kHeader = 8;
constexpr std::size_t kPassword = 8;
constexpr std::uint8_t kTypeAdvert = 1;
constexpr std::uint8_t kSimplePassword = 1;
constexpr Duration kCentisecond = std::chrono::milliseconds(10);

std::size_t address_size(Family family) {
    return family == Family::ipv4 ? 4 : 16;
}

std::size_t message_size(Version version, Family family, std::size_t addresses) {
    return kHeader + addresses * address_size(family) + (version == Version::v2 ? kPassword : 0);
}

bool checksum_good(const Envelope& envelope, Bytes message, Advert& advert) {
    const bool plain = checksum(message, 0) == 0;
    const bool pseudo = checksum(message, pseudo_header_sum(envelope, message.size(), kProtocol)) == 0;
    if (advert.version == Version::v2) return plain;
    if (advert.family == Family::ipv6) return pseudo;
    advert.checksum = plain ? Checksum::message : Checksum::pseudo_header;
    return plain || pseudo;
}

void read_v2_authentication(Bytes message, Advert& advert) {
    advert.authenticated = message[4] == kSimplePassword;
    const auto password = message.last(kPassword);
    if (advert.authenticated) std::copy(password.begin(), password.end(), advert.password.begin());
}

Duration read_interval(Version version, Bytes message) {
    if (version == Version::v2) return std::chrono::seconds(message[5]);
    return ((message[4] & 0x0f) << 8 | message[5]) * kCentisecond;  // (5.2.6) the upper four bits are ignored
}

void write_interval(const Advert& advert, std::span<std::uint8_t> out) {
    if (advert.version == Version::v2) {
        out[4] = advert.authenticated ? kSimplePassword : 0;
        out[5] = static_cast<std::uint8_t>(advert.interval / std::chrono::seconds(1));
        return;
    }
    const auto centiseconds = static_cast<std::uint16_t>(advert.interval / kCentisecond);
    out[4] = static_cast<std::uint8_t>(centiseconds >> 8 & 0x0f);
    out[5] = static_cast<std::uint8_t>(centiseconds);
}

// The checks that only need the eight fixed bytes.
std::optional<Discard> refuse_header(const Envelope& envelope, Bytes message) {
    const auto version = message[0] >> 4;
    if (version != 3 && !(version == 2 && envelope.source.is_v4())) return Discard::version;
    if ((message[0] & 0x0f) != kTypeAdvert) return Discard::type;
    if (message[1] == 0) return Discard::vrid;
    if (message[3] == 0) return Discard::no_addresses;
    return std::nullopt;
}

}  // namespace

IpAddress group_address(Family family) {
    static constexpr std::array<std::uint8_t, 16> v6{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x12};
    return family == Family::ipv4 ? IpAddress::from_v4(0xe0000012) : IpAddress::from_bytes(v6);
}

std::expected<Advert, Discard> parse(const Envelope& envelope, Bytes message) {
    if (envelope.ttl < envelope.minimum_ttl) return std::unexpected(Discard::ttl);
    if (message.size() < kHeader) return std::unexpected(Discard::truncated);
    if (const auto refused = refuse_header(envelope, message)) return std::unexpected(*refused);

    Advert advert;
    advert.version = message[0] >> 4 == 2 ? Version::v2 : Version::v3;
    advert.family = envelope.source.family();
    const std::size_t size = message_size(advert.version, advert.family, message[3]);
    if (message.size() < size) return std::unexpected(Discard::truncated);
    message = message.first(size);
    if (!checksum_good(envelope, message, advert)) return std::unexpected(Discard::checksum);

    advert.vrid = *Vrid::make(message[1]);
    advert.priority = message[2];
    advert.interval = read_interval(advert.version, message);
    if (advert.interval == Duration(0)) return std::unexpected(Discard::interval);
    advert.addresses = message.subspan(kHeader, message[3] * address_size(advert.family));
    if (advert.version == Version::v2) {
        if (message[4] > kSimplePassword) return std::unexpected(Discard::authentication);
        read_v2_authentication(message, advert);
    }
    return advert;
}

std::expected<Ipv4Packet, Discard> split_ipv4(Bytes packet) {
    if (packet.size() < 20 || packet[0] >> 4 != 4) return std::unexpected(Discard::truncated);
    const std::size_t header = (packet[0] & 0x0f) * 4U;
    const std::size_t total = static_cast<std::size_t>(packet[2] << 8 | packet[3]);
    if (header < 20 || total < header || packet.size() < total) return std::unexpected(Discard::truncated);
    Ipv4Packet result;
    result.envelope.source = IpAddress::from_bytes(packet.subspan(12, 4));
    result.envelope.destination = IpAddress::from_bytes(packet.subspan(16, 4));
    result.envelope.ttl = packet[8];
    result.message = packet.subspan(header, total - header);
    return result;
}

std::size_t encode(const Advert& advert, const Envelope& envelope, std::span<std::uint8_t> out) {
    const std::size_t count = advert.addresses.size() / address_size(advert.family);
    const std::size_t size = message_size(advert.version, advert.family, count);
    if (count > kMaxAddresses || out.size() < size) return 0;
    out = out.first(size);
    std::fill(out.begin(), out.end(), std::uint8_t{0});
    out[0] = static_cast<std::uint8_t>(static_cast<unsigned>(advert.version) << 4 | kTypeAdvert);
    out[1] = advert.vrid.value();
    out[2] = advert.priority;
    out[3] = static_cast<std::uint8_t>(count);
    write_interval(advert, out);
    std::copy(advert.addresses.begin(), advert.addresses.end(), out.begin() + kHeader);
    if (advert.version == Version::v2 && advert.authenticated)
        std::copy(advert.password.begin(), advert.password.end(), out.end() - kPassword);

    const bool pseudo = advert.family == Family::ipv6 ||
                        (advert.version == Version::v3 && advert.checksum == Checksum::pseudo_header);
    const auto sum = checksum(out, pseudo ? pseudo_header_sum(envelope, size, kProtocol) : 0);
    out[6] = static_cast<std::uint8_t>(sum >> 8);
    out[7] = static_cast<std::uint8_t>(sum);
    return size;
}

}  // namespace lvs::vrrp
