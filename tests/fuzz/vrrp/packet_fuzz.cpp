// SPDX-License-Identifier: GPL-2.0-or-later
//
// Anything a stranger may put on the wire. What parses must survive encode() and parse again.
#include <cstdint>
#include <span>

#include "vrrp/vrrp.hpp"

namespace {

using namespace lvs;
using namespace lvs::vrrp;

void check(const Envelope& envelope, std::span<const std::uint8_t> message) {
    const auto advert = parse(envelope, message);
    if (!advert) return;
    std::array<std::uint8_t, kMaxAdvertSize + 8> buffer;
    const auto size = encode(*advert, envelope, buffer);
    LVS_ASSERT(size > 0 && size <= message.size());
    const auto again = parse(envelope, std::span(buffer).first(size));
    LVS_ASSERT(again.has_value());
    LVS_ASSERT(again->vrid == advert->vrid && again->priority == advert->priority);
    LVS_ASSERT(again->interval == advert->interval && again->version == advert->version);
    LVS_ASSERT(again->addresses.size() == advert->addresses.size());
}

}  // namespace

// The first byte chooses the family; for IPv4 the rest is what a raw socket delivers.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::span<const std::uint8_t> bytes(data + 1, size - 1);
    if ((data[0] & 1) == 0) {
        if (const auto packet = split_ipv4(bytes)) check(packet->envelope, packet->message);
        return 0;
    }
    const auto source = IpAddress::parse("fe80::1");
    check({.source = *source, .destination = group_address(Family::ipv6), .ttl = kTtl}, bytes);
    return 0;
}
