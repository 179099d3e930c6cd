// SPDX-License-Identifier: GPL-2.0-or-later
//
// RFC 9568 section 5 and 7.1: adverts as bytes. The checksums in the vectors were computed by a separate
// program.
#include <gtest/gtest.h>

#include <vector>

#include "vrrp/vrrp.hpp"

namespace lvs::vrrp {
namespace {

using namespace std::chrono_literals;
using Bytes = std::vector<std::uint8_t>;

const IpAddress kSource4 = *IpAddress::parse("192.0.2.1");
const IpAddress kSource6 = *IpAddress::parse("fe80::1");
const Envelope kEnvelope4{.source = kSource4, .destination = group_address(Family::ipv4)};
const Envelope kEnvelope6{.source = kSource6, .destination = group_address(Family::ipv6)};

// VRID 51, priority 150, 1 s, 192.0.2.100.
const Bytes kPlain4{0x31, 0x33, 0x96, 0x01, 0x00, 0x64, 0x76, 0x02, 0xc0, 0x00, 0x02, 0x64};
const Bytes kPseudo4{0x31, 0x33, 0x96, 0x01, 0x00, 0x64, 0xd3, 0x71, 0xc0, 0x00, 0x02, 0x64};
// VRID 51, priority 150, 100 ms, fe80::100 and 2001:db8::100.
const Bytes kIpv6{0x31, 0x33, 0x96, 0x02, 0x00, 0x0a, 0x0c, 0x57, 0xfe, 0x80, 0,    0,    0,    0,
                  0,    0,    0,    0,    0,    0,    0,    0,    0x01, 0x00, 0x20, 0x01, 0x0d, 0xb8,
                  0,    0,    0,    0,    0,    0,    0,    0,    0,    0,    0x01, 0x00};
// Version 2: VRID 1, priority 100, 1 s, 192.0.2.100, password "secret".
const Bytes kV2{0x21, 0x01, 0x64, 0x01, 0x01, 0x01, 0x7b, 0x4b, 0xc0, 0x00,
                0x02, 0x64, 0x73, 0x65, 0x63, 0x72, 0x65, 0x74, 0x00, 0x00};

Bytes encoded(const Advert& advert, const Envelope& envelope) {
    Bytes out(kMaxAdvertSize);
    out.resize(encode(advert, envelope, out));
    return out;
}

Discard refusal(const Bytes& bytes, const Envelope& envelope = kEnvelope4) {
    const auto result = parse(envelope, bytes);
    EXPECT_FALSE(result.has_value());
    return result ? Discard::not_running : result.error();
}

// Changes a byte and repairs the checksum of a version 3 IPv4 advert, so that only the change is refused.
Bytes with(Bytes bytes, std::size_t at, std::uint8_t value) {
    bytes[at] = value;
    bytes[6] = bytes[7] = 0;
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i + 1 < bytes.size(); i += 2)
        sum += static_cast<std::uint32_t>(bytes[i] << 8 | bytes[i + 1]);
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    bytes[6] = static_cast<std::uint8_t>(~sum >> 8);
    bytes[7] = static_cast<std::uint8_t>(~sum);
    return bytes;
}

TEST(Rfc9568_5_2, AVersion3AdvertIsRead) {
    const auto advert = parse(kEnvelope4, kPlain4);
    ASSERT_TRUE(advert.has_value()) << to_string(advert.error());
    EXPECT_EQ(advert->version, Version::v3);
    EXPECT_EQ(advert->vrid, Vrid::of(51));
    EXPECT_EQ(advert->priority, 150);
    EXPECT_EQ(advert->interval, 1s);
    EXPECT_EQ(Bytes(advert->addresses.begin(), advert->addresses.end()), (Bytes{192, 0, 2, 100}));
}

TEST(Rfc9568_5_2_8, TheChecksumOfIpv4IsOverTheMessage) {
    const auto advert = parse(kEnvelope4, kPlain4);
    ASSERT_TRUE(advert.has_value());
    EXPECT_EQ(advert->checksum, Checksum::message);
    EXPECT_EQ(encoded(*advert, kEnvelope4), kPlain4);
}

TEST(Rfc5798_5_2_8, TheChecksumWithPseudoHeaderIsUnderstoodAndWritten) {
    const auto advert = parse(kEnvelope4, kPseudo4);
    ASSERT_TRUE(advert.has_value());
    EXPECT_EQ(advert->checksum, Checksum::pseudo_header);
    EXPECT_EQ(encoded(*advert, kEnvelope4), kPseudo4);
}

TEST(Rfc9568_5_2_8, TheChecksumOfIpv6IncludesThePseudoHeader) {
    const auto advert = parse(kEnvelope6, kIpv6);
    ASSERT_TRUE(advert.has_value());
    EXPECT_EQ(advert->interval, 100ms);
    EXPECT_EQ(advert->addresses.size(), 32U);
    EXPECT_EQ(encoded(*advert, kEnvelope6), kIpv6);
    auto other = kEnvelope6;
    other.source = *IpAddress::parse("fe80::2");
    EXPECT_EQ(refusal(kIpv6, other), Discard::checksum);
}

TEST(Rfc3768_5_3, AVersion2AdvertIsReadAndWritten) {
    const auto advert = parse(kEnvelope4, kV2);
    ASSERT_TRUE(advert.has_value()) << to_string(advert.error());
    EXPECT_EQ(advert->version, Version::v2);
    EXPECT_EQ(advert->interval, 1s);
    EXPECT_TRUE(advert->authenticated);
    EXPECT_EQ(advert->password, (std::array<std::uint8_t, 8>{'s', 'e', 'c', 'r', 'e', 't', 0, 0}));
    EXPECT_EQ(encoded(*advert, kEnvelope4), kV2);
}

TEST(Rfc9568_5_1_1_3, ATtlBelow255IsDiscarded) {
    auto envelope = kEnvelope4;
    envelope.ttl = 254;
    EXPECT_EQ(refusal(kPlain4, envelope), Discard::ttl);
}

TEST(Rfc9568_5_1_2_3, AHopLimitBelow255IsDiscarded) {
    auto envelope = kEnvelope6;
    envelope.ttl = 254;
    EXPECT_EQ(refusal(kIpv6, envelope), Discard::ttl);
}

TEST(Rfc9568_5_2_1, AnUnknownVersionIsDiscarded) {
    for (const int version : {0, 1, 4, 15})
        EXPECT_EQ(refusal(with(kPlain4, 0, static_cast<std::uint8_t>(version << 4 | 1))), Discard::version);
}

TEST(Rfc9568_5_2_2, AnUnknownTypeIsDiscarded) {
    for (const int type : {0, 2, 15})
        EXPECT_EQ(refusal(with(kPlain4, 0, static_cast<std::uint8_t>(0x30 | type))), Discard::type);
}

TEST(Rfc9568_5_2_3, VridZeroIsDiscarded) {
    EXPECT_EQ(refusal(with(kPlain4, 1, 0)), Discard::vrid);
}

TEST(Rfc9568_5_2_5, AnAdvertWithoutAddressesIsIgnored) {
    EXPECT_EQ(refusal(with(kPlain4, 3, 0)), Discard::no_addresses);
}

TEST(Rfc9568_5_2_6, ReservedBitsAreIgnoredWhenReadAndZeroWhenWritten) {
    const auto bytes = with(kPlain4, 4, 0xf0);
    const auto advert = parse(kEnvelope4, bytes);
    ASSERT_TRUE(advert.has_value());
    EXPECT_EQ(advert->interval, 1s);
    EXPECT_EQ(encoded(*advert, kEnvelope4)[4], 0);
}

TEST(Rfc9568_5_2_7, TheIntervalHasTwelveBitsOfCentiseconds) {
    auto bytes = with(kPlain4, 4, 0x0f);
    bytes = with(bytes, 5, 0xff);
    const auto advert = parse(kEnvelope4, bytes);
    ASSERT_TRUE(advert.has_value());
    EXPECT_EQ(advert->interval, kMaxInterval);
    EXPECT_EQ(encoded(*advert, kEnvelope4), bytes);
}

TEST(Rfc9568_5_2_7, AnIntervalOfZeroIsDiscarded) {
    EXPECT_EQ(refusal(with(kPlain4, 5, 0)), Discard::interval);
}

TEST(Rfc9568_7_1, AnIncompletePacketIsDiscarded) {
    for (std::size_t size = 0; size < kPlain4.size(); ++size)
        EXPECT_EQ(refusal(Bytes(kPlain4.begin(), kPlain4.begin() + static_cast<std::ptrdiff_t>(size))),
                  Discard::truncated)
            << size;
}

TEST(Rfc9568_7_1, BytesAfterThePacketAreNotPartOfIt) {
    auto bytes = kPlain4;
    bytes.insert(bytes.end(), {1, 2, 3});
    EXPECT_TRUE(parse(kEnvelope4, bytes).has_value());
}

TEST(Rfc9568_7_1, AnyChangedBitOfIpv6IsNoticed) {
    for (std::size_t bit = 0; bit < kIpv6.size() * 8; ++bit) {
        auto bytes = kIpv6;
        bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ 1 << bit % 8);
        EXPECT_FALSE(parse(kEnvelope6, bytes).has_value()) << bit;
    }
}

TEST(Rfc3768_7_1, AnUnknownAuthenticationIsDiscarded) {
    EXPECT_EQ(refusal(with(kV2, 4, 2)), Discard::authentication);
}

TEST(Encode, RefusesWhatDoesNotFit) {
    const auto advert = parse(kEnvelope4, kPlain4);
    Bytes small(11);
    EXPECT_EQ(encode(*advert, kEnvelope4, small), 0U);
    auto many = *advert;
    const Bytes addresses(4 * 256);
    many.addresses = addresses;
    Bytes large(4096);
    EXPECT_EQ(encode(many, kEnvelope4, large), 0U);
    many.addresses = std::span(addresses).first(4 * 255);
    EXPECT_EQ(encode(many, kEnvelope4, large), 8U + 4 * 255);
    EXPECT_TRUE(parse(kEnvelope4, std::span(large).first(8 + 4 * 255)).has_value());
}

TEST(SplitIpv4, FindsTheMessageBehindOptionsAndBeforePadding) {
    Bytes packet{0x46, 0, 0, 28, 0, 0, 0, 0, 255, 112, 0, 0, 192, 0, 2, 1, 224, 0, 0, 18, 1, 1, 1, 1};
    packet.insert(packet.end(), {0xaa, 0xbb, 0xcc, 0xdd, 0, 0, 0});
    const auto split = split_ipv4(packet);
    ASSERT_TRUE(split.has_value());
    EXPECT_EQ(Bytes(split->message.begin(), split->message.end()), (Bytes{0xaa, 0xbb, 0xcc, 0xdd}));
    EXPECT_EQ(split->envelope.source, kSource4);
    EXPECT_EQ(split->envelope.destination, group_address(Family::ipv4));
    EXPECT_EQ(split->envelope.ttl, 255);
}

TEST(SplitIpv4, RefusesImpossibleLengths) {
    const Bytes good{0x45, 0, 0, 20, 0, 0, 0, 0, 255, 112, 0, 0, 192, 0, 2, 1, 224, 0, 0, 18};
    EXPECT_TRUE(split_ipv4(good).has_value());
    for (const auto& [at, value] :
         {std::pair<std::size_t, std::uint8_t>{0, 0x44}, {0, 0x65}, {0, 0x46}, {3, 19}, {3, 21}}) {
        auto bad = good;
        bad[at] = value;
        EXPECT_FALSE(split_ipv4(bad).has_value()) << at << " " << int(value);
    }
    EXPECT_FALSE(split_ipv4(std::span(good).first(19)).has_value());
}

// ---- neighbour announcements ------------------------------------------------------------------------------

TEST(Rfc9568_7_3, TheVirtualMacHoldsTheVrid) {
    EXPECT_EQ(virtual_mac(Family::ipv4, Vrid::of(51)), (Mac{0, 0, 0x5e, 0, 1, 51}));
    EXPECT_EQ(virtual_mac(Family::ipv6, Vrid::of(255)), (Mac{0, 0, 0x5e, 0, 2, 255}));
}

TEST(Rfc9568_6_4_1, TheGratuitousArpNamesTheAddressTwice) {
    const auto frame = encode_garp({2, 0, 0, 0, 0, 7}, *IpAddress::parse("192.0.2.100"));
    const Bytes expected{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0,   7, 8, 6,
                         0,    1,    8,    0,    6,    4,    0, 1, 2, 0, 0,   0, 0, 7,
                         192,  0,    2,    100,  0,    0,    0, 0, 0, 0, 192, 0, 2, 100};
    EXPECT_EQ(Bytes(frame.begin(), frame.end()), expected);
}

TEST(Rfc9568_6_4_1, TheNeighbourAdvertisementIsUnsolicitedAndOverrides) {
    const auto frame = encode_na({2, 0, 0, 0, 0, 7}, kSource6, *IpAddress::parse("2001:db8::100"));
    const Bytes expected{
        0x33, 0x33, 0,    0,    0,    1,  2,  0,   0, 0, 0, 7, 0x86, 0xdd,        // Ethernet
        0x60, 0,    0,    0,    0,    32, 58, 255,                                // IPv6
        0xfe, 0x80, 0,    0,    0,    0,  0,  0,   0, 0, 0, 0, 0,    0,    0, 1,  // from
        0xff, 2,    0,    0,    0,    0,  0,  0,   0, 0, 0, 0, 0,    0,    0, 1,  // to all nodes
        136,  0,    0xa7, 0x5d, 0xa0, 0,  0,  0,                                  // R and O, not S
        0x20, 1,    0x0d, 0xb8, 0,    0,  0,  0,   0, 0, 0, 0, 0,    0,    1, 0,  // target
        2,    1,    2,    0,    0,    0,  0,  7};                                 // its link-layer address
    EXPECT_EQ(Bytes(frame.begin(), frame.end()), expected);
}

// ---- adverts as frames ------------------------------------------------------------------------------------

TEST(Rfc9568_7_2, AFrameComesFromTheVirtualMac) {
    const auto advert = parse(kEnvelope4, kPlain4);
    ASSERT_TRUE(advert.has_value());
    Bytes frame(kMaxAdvertFrame);
    frame.resize(encode_frame(virtual_mac(Family::ipv4, Vrid::of(51)), *advert, kEnvelope4, frame));
    Bytes expected{0x01, 0x00, 0x5e, 0x00, 0x00, 0x12, 0x00, 0x00, 0x5e, 0x00, 0x01, 51,
                   0x08, 0x00, 0x45, 0xc0, 0,    32,   0,    0,    0x40, 0,    255,  112,
                   0xd8, 0x99, 192,  0,    2,    1,    224,  0,    0,    18};
    expected.insert(expected.end(), kPlain4.begin(), kPlain4.end());
    EXPECT_EQ(frame, expected);
    const auto split = split_ipv4(std::span(frame).subspan(14));
    ASSERT_TRUE(split.has_value());
    EXPECT_EQ(split->envelope.ttl, 255);
    EXPECT_TRUE(parse(split->envelope, split->message).has_value());
}

TEST(Rfc9568_7_2, AFrameOfIpv6GoesToTheMacOfTheGroup) {
    const auto advert = parse(kEnvelope6, kIpv6);
    ASSERT_TRUE(advert.has_value());
    Bytes frame(kMaxAdvertFrame);
    frame.resize(encode_frame(virtual_mac(Family::ipv6, Vrid::of(51)), *advert, kEnvelope6, frame));
    Bytes expected{0x33, 0x33, 0,    0,    0, 0x12, 0x00, 0x00, 0x5e, 0x00, 0x02,
                   51,   0x86, 0xdd, 0x6c, 0, 0,    0,    0,    40,   112,  255};
    for (const auto& address : {kEnvelope6.source, kEnvelope6.destination})
        expected.insert(expected.end(), address.bytes().begin(), address.bytes().end());
    expected.insert(expected.end(), kIpv6.begin(), kIpv6.end());
    EXPECT_EQ(frame, expected);
}

TEST(EncodeFrame, RefusesUnicastAndWhatDoesNotFit) {
    const auto advert = parse(kEnvelope4, kPlain4);
    Bytes frame(kMaxAdvertFrame);
    auto unicast = kEnvelope4;
    unicast.destination = *IpAddress::parse("192.0.2.2");
    EXPECT_EQ(encode_frame({}, *advert, unicast, frame), 0U);
    EXPECT_EQ(encode_frame({}, *advert, kEnvelope4, std::span(frame).first(33)), 0U);
    EXPECT_EQ(encode_frame({}, *advert, kEnvelope4, std::span(frame).first(45)), 0U);
    EXPECT_EQ(encode_frame({}, *advert, kEnvelope4, std::span(frame).first(46)), 46U);
}

}  // namespace
}  // namespace lvs::vrrp
