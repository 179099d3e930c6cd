// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "lvsd/base/base.hpp"

namespace lvs {
namespace {

TEST(IpAddress, ReadsAndWritesBothFamilies) {
    EXPECT_EQ(to_string(*IpAddress::parse("192.0.2.10")), "192.0.2.10");
    EXPECT_EQ(to_string(*IpAddress::parse("2001:DB8:0::1")), "2001:db8::1");
    EXPECT_EQ(IpAddress::parse("192.0.2.10")->v4(), 0xc000020aU);
    EXPECT_EQ(IpAddress::from_v4(0xc000020a), IpAddress::parse("192.0.2.10"));
    EXPECT_EQ(IpAddress::parse("2001:db8::1")->bytes().size(), 16U);
}

TEST(IpAddress, RefusesNonsense) {
    for (const auto* text : {"01.2.3.4", "1.2.3.04", "1..2.3", ".1.2.3", "1.2.3.4.", "1.2.3.4.5", "1.2.3.1000", "+1.2.3.4", "1.2.3.-4"})
        EXPECT_EQ(IpAddress::parse(text), std::nullopt) << text;
    for (const auto* text : {"0.0.0.0", "255.255.255.255", "10.0.100.7"})
        EXPECT_EQ(to_string(IpAddress::parse(text).value()), text);
    for (const auto* text : {"", "192.0.2", "192.0.2.256", "192.0.2.1 ", "::1%eth0", "1:2:3", "localhost",
                             "1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb"})
        EXPECT_EQ(IpAddress::parse(text), std::nullopt) << text;
    EXPECT_EQ(IpAddress::parse(std::string_view("192.0.2.1\0x", 11)), std::nullopt);
}

TEST(IpAddress, KnowsItsKind) {
    EXPECT_TRUE(IpAddress::parse("224.0.0.18")->is_multicast());
    EXPECT_TRUE(IpAddress::parse("ff02::12")->is_multicast());
    EXPECT_TRUE(IpAddress::parse("fe80::1")->is_link_local());
    EXPECT_FALSE(IpAddress::parse("fec0::1")->is_link_local());
    EXPECT_TRUE(IpAddress::parse("127.0.0.9")->is_loopback());
    EXPECT_TRUE(IpAddress::parse("::1")->is_loopback());
    EXPECT_TRUE(IpAddress::parse("::")->is_unspecified());
}

TEST(IpAddress, OrdersNumerically) {
    EXPECT_LT(*IpAddress::parse("10.0.0.9"), *IpAddress::parse("10.0.0.10"));
    EXPECT_LT(*IpAddress::parse("255.255.255.255"), *IpAddress::parse("::"));
}

TEST(Prefix, KeepsHostBits) {
    EXPECT_EQ(to_string(*parse_prefix("192.0.2.10/24")), "192.0.2.10/24");
    EXPECT_EQ(parse_prefix("192.0.2.10")->length, 32);
    EXPECT_EQ(parse_prefix("2001:db8::1")->length, 128);
    for (const auto* text : {"192.0.2.10/33", "192.0.2.10/", "/24", "::/129", "192.0.2.10/-1"})
        EXPECT_EQ(parse_prefix(text), std::nullopt) << text;
}

TEST(Endpoint, WantsBracketsAroundIpv6Only) {
    EXPECT_EQ(to_string(*parse_endpoint("192.0.2.10:80")), "192.0.2.10:80");
    EXPECT_EQ(to_string(*parse_endpoint("[2001:db8::1]:443")), "[2001:db8::1]:443");
    for (const auto* text : {"192.0.2.10", "2001:db8::1:443", "[192.0.2.10]:80", "192.0.2.10:65536", "192.0.2.10:",
                             ":80", "[]:80"})
        EXPECT_EQ(parse_endpoint(text), std::nullopt) << text;
}

TEST(Bounded, CannotLeaveItsRange) {
    EXPECT_EQ(Vrid::make(0), std::nullopt);
    EXPECT_EQ(Vrid::make(255)->value(), 255);
    EXPECT_EQ(Priority::make(256), std::nullopt);
    EXPECT_EQ(Fwmark::make(0xffffffff)->value(), 0xffffffffU);
}

}  // namespace
}  // namespace lvs
