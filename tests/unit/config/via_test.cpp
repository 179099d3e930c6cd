// SPDX-License-Identifier: GPL-2.0-or-later
//
// Checks through the service: what can be configured.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkers/checkers.hpp"
#include "lvsd/config/config.hpp"

namespace lvs::config {
namespace {

std::string errors(std::string_view text) {
    std::string out;
    for (const auto& diagnostic : parse(text, "f", checkers::kinds()).diagnostics)
        out += to_string(diagnostic) + "\n";
    return out;
}

std::string with(std::string_view service, std::string_view check, std::string_view top = "") {
    return std::string(top) + "[virtual_service.s]\n" + std::string(service) +
           "\ncheck = { via = \"service\", " + std::string(check) +
           " }\nservers = [\"10.0.0.1\", \"10.0.0.2\"]\n";
}

TEST(Via, IsReadAndPrinted) {
    const auto text = with("address = \"192.0.2.1:80\"", "kind = \"http\"", "[global]\ncheck_mark = 5000\n");
    const auto loaded = parse(text, "f", checkers::kinds());
    ASSERT_TRUE(loaded.config) << errors(text);
    EXPECT_EQ(loaded.config->services.front().servers.front().checks.front().via, Via::service);
    EXPECT_EQ(loaded.config->global.check_mark, 5000U);
    const auto again = parse(print_effective(*loaded.config, checkers::kinds()), "f", checkers::kinds());
    ASSERT_TRUE(again.config);
    EXPECT_EQ(*again.config, *loaded.config);
}

TEST(Via, WhatCannotGoThroughIsRefusedOnce) {
    const auto refused = [](std::string_view service, std::string_view check, std::string_view why) {
        const auto told = errors(with(service, check));
        EXPECT_THAT(told, testing::HasSubstr(why));
        EXPECT_EQ(std::ranges::count(told, '\n'), 1) << told;
    };
    constexpr std::string_view tcp = "address = \"192.0.2.1:80\"";
    constexpr std::string_view udp = "address = \"192.0.2.1:53\"\nprotocol = \"udp\"";
    refused("fwmark = 7", "kind = \"tcp\", port = 80", "needs a service with an `address`");
    refused(tcp, "kind = \"icmp\"", "kind \"icmp\" cannot go through a service");
    refused(tcp, "kind = \"script\", command = [\"/bin/true\"]",
            "kind \"script\" cannot go through a service");
    refused(tcp, "kind = \"dns\", name = \"example.org\"",
            "speaks udp and cannot go through a service of protocol \"tcp\"");
    refused(udp, "kind = \"tcp\"", "speaks tcp and cannot go through a service of protocol \"udp\"");
    refused(tcp, "kind = \"tcp\", address = \"10.1.1.1\"",
            "`address` and `via = \"service\"` exclude each other");
    EXPECT_EQ(errors(with(udp, "kind = \"dns\", name = \"example.org\"")), "");
}

TEST(Via, ATunnelOfAnotherFamilyHasNoSource) {
    const auto told = errors(with("address = \"[2001:db8::1]:80\"\nforward = \"tun\"", "kind = \"tcp\""));
    EXPECT_THAT(told, testing::HasSubstr("needs servers of the service's family, and 10.0.0.1 is"));
}

TEST(Via, MarksOfServicesStayOutOfThoseOfChecks) {
    const auto other = [](std::string_view mark) {
        return "[virtual_service.m]\nfwmark = " + std::string(mark) + "\nservers = [\"10.0.0.9\"]\n";
    };
    const auto text = with("address = \"192.0.2.1:80\"", "kind = \"tcp\"");
    EXPECT_THAT(errors(text + other("16777216")),
                testing::HasSubstr("firewall mark 16777216 is among those of checks through services"));
    EXPECT_THAT(errors(text + other("17825791")), testing::HasSubstr("is among those"));
    EXPECT_EQ(errors(text + other("17825792")), "");
    EXPECT_EQ(errors(other("16777216")), "");
}

}  // namespace
}  // namespace lvs::config
