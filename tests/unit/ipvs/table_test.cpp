// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "ipvs/ipvs.hpp"

namespace lvs::ipvs {
namespace {

ServiceKey tcp(std::string_view endpoint) {
    return AddressKey{Protocol::tcp, *parse_endpoint(endpoint)};
}

TEST(ServiceKey, HasANameThatReadsBack) {
    const std::vector<std::pair<ServiceKey, std::string>> names{
        {tcp("192.0.2.10:80"), "TCP 192.0.2.10:80"},
        {AddressKey{Protocol::udp, *parse_endpoint("[2001:db8::1]:53")}, "UDP [2001:db8::1]:53"},
        {AddressKey{Protocol::sctp, *parse_endpoint("192.0.2.10:0")}, "SCTP 192.0.2.10:0"},
        {AddressKey{static_cast<Protocol>(50), *parse_endpoint("192.0.2.10:0")}, "IP50 192.0.2.10:0"},
        {FwmarkKey{Family::ipv4, 7}, "FWM 7 IPv4"},
        {FwmarkKey{Family::ipv6, 0xffffffff}, "FWM 4294967295 IPv6"}};
    for (const auto& [key, name] : names) {
        EXPECT_EQ(to_string(key), name);
        EXPECT_EQ(parse_service_key(name), key) << name;
    }
}

TEST(ServiceKey, RefusesNonsense) {
    for (const auto* text :
         {"", "TCP", "TCP ", "tcp 192.0.2.10:80", "TCP 192.0.2.10", "FWM 7", "FWM IPv4", "FWM x IPv4",
          "FWM 4294967296 IPv4", "FWM 7 IPv5", "IP256 192.0.2.1:1", "IP 192.0.2.1:1"})
        EXPECT_EQ(parse_service_key(text), std::nullopt) << text;
}

TEST(ServiceKey, KnowsItsFamily) {
    EXPECT_EQ(family_of(tcp("192.0.2.10:80")), Family::ipv4);
    EXPECT_EQ(family_of(tcp("[2001:db8::1]:80")), Family::ipv6);
    EXPECT_EQ(family_of(FwmarkKey{Family::ipv6, 1}), Family::ipv6);
}

TEST(Command, ReadsAsASentence) {
    Command command{.verb = Verb::add_dest,
                    .service = tcp("192.0.2.10:80"),
                    .service_settings = {},
                    .dest = {*parse_endpoint("10.0.0.7:8080")},
                    .dest_settings = {}};
    EXPECT_EQ(to_string(command), "add server 10.0.0.7:8080 to TCP 192.0.2.10:80 (nat, weight 1)");
    command.verb = Verb::set_dest;
    command.dest_settings = {.forward = Forward::tun,
                             .weight = 0,
                             .upper_threshold = 9,
                             .lower_threshold = 3,
                             .tunnel_type = 1,
                             .tunnel_port = 6080,
                             .tunnel_flags = 0};
    EXPECT_EQ(
        to_string(command),
        "set server 10.0.0.7:8080 of TCP 192.0.2.10:80 (tun, weight 0, thresholds 3..9, gue port 6080)");
    command.verb = Verb::delete_dest;
    EXPECT_EQ(to_string(command), "delete server 10.0.0.7:8080 from TCP 192.0.2.10:80");
    command.verb = Verb::add_service;
    command.service_settings = {.scheduler = "sh",
                                .flags = kPersistent | kOnePacket | kSched1 | kSched2,
                                .persistence_seconds = 300,
                                .netmask = 0,
                                .persistence_engine = "sip"};
    EXPECT_EQ(to_string(command),
              "add service TCP 192.0.2.10:80 (sh, persistent 300s, one-packet, flag-1, flag-2, engine sip)");
    command.verb = Verb::delete_service;
    EXPECT_EQ(to_string(command), "delete service TCP 192.0.2.10:80");
}

TEST(ModelKernel, AnswersAsTheKernelDoes) {
    Table table;
    Command command{.verb = Verb::set_service,
                    .service = tcp("192.0.2.10:80"),
                    .service_settings = {},
                    .dest = {*parse_endpoint("10.0.0.7:8080")},
                    .dest_settings = {}};
    const auto run = [&](Verb verb) {
        command.verb = verb;
        return execute(command, table);
    };
    EXPECT_EQ(run(Verb::set_service), std::errc::no_such_process);
    EXPECT_EQ(run(Verb::delete_service), std::errc::no_such_process);
    EXPECT_EQ(run(Verb::add_dest), std::errc::no_such_process);
    EXPECT_EQ(run(Verb::add_service), std::errc{});
    EXPECT_EQ(run(Verb::add_service), std::errc::file_exists);
    EXPECT_EQ(run(Verb::set_dest), std::errc::no_such_file_or_directory);
    EXPECT_EQ(run(Verb::delete_dest), std::errc::no_such_file_or_directory);
    EXPECT_EQ(run(Verb::add_dest), std::errc{});
    EXPECT_EQ(run(Verb::add_dest), std::errc::file_exists);
    command.dest_settings.weight = 5;
    EXPECT_EQ(run(Verb::set_dest), std::errc{});
    EXPECT_EQ(table.at(command.service).dests.at(command.dest).settings.weight, 5);
    EXPECT_EQ(run(Verb::delete_dest), std::errc{});
    EXPECT_EQ(run(Verb::delete_service), std::errc{});
    EXPECT_TRUE(table.empty());
}

}  // namespace
}  // namespace lvs::ipvs
