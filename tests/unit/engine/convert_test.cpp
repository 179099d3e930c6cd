// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "lvsd/engine/engine.hpp"

namespace lvs::engine {
namespace {

using namespace std::chrono_literals;

TEST(Convert, ServiceKeys) {
    config::VirtualService service;
    service.match = *parse_endpoint("192.0.2.10:53");
    service.protocol = config::Protocol::udp;
    EXPECT_EQ(to_string(service_key(service)), "UDP 192.0.2.10:53");
    service.match = Fwmark::of(7);
    service.family = Family::ipv6;
    EXPECT_EQ(to_string(service_key(service)), "FWM 7 IPv6");
}

TEST(Convert, PersistenceAndMasks) {
    config::VirtualService service;
    service.match = *parse_endpoint("192.0.2.10:80");
    EXPECT_EQ(service_settings(service).flags, 0U);
    EXPECT_EQ(service_settings(service).netmask, 0xffffffffU);
    service.persistence = 300s;
    service.persistence_prefix = 24;
    EXPECT_EQ(service_settings(service).flags, ipvs::kPersistent);
    EXPECT_EQ(service_settings(service).persistence_seconds, 300U);
    EXPECT_EQ(service_settings(service).netmask, 0xffffff00U);
    service.persistence_prefix = 1;
    EXPECT_EQ(service_settings(service).netmask, 0x80000000U);
    service.match = *parse_endpoint("[2001:db8::1]:80");
    service.persistence_prefix = 64;
    EXPECT_EQ(service_settings(service).netmask, 64U);
    service.persistence.reset();
    EXPECT_EQ(service_settings(service).netmask, 128U);
}

TEST(Convert, SchedulerFlags) {
    config::VirtualService service;
    service.scheduler = "sh";
    service.one_packet = true;
    const std::vector<std::pair<const char*, std::uint32_t>> flags{
        {"flag-1", 0x8},   {"flag-2", 0x10},     {"flag-3", 0x20}, {"sh-fallback", 0x8},
        {"sh-port", 0x10}, {"mh-fallback", 0x8}, {"mh-port", 0x10}};
    for (const auto& [name, bit] : flags) {
        service.scheduler_flags = {name};
        EXPECT_EQ(service_settings(service).flags, bit | ipvs::kOnePacket) << name;
    }
    service.scheduler_flags = {"sh-fallback", "sh-port"};
    EXPECT_EQ(service_settings(service).flags, 0x18U | ipvs::kOnePacket);
    EXPECT_EQ(service_settings(service).scheduler, "sh");
}

TEST(Convert, Servers) {
    config::RealServer server;
    server.forward = config::Forward::tun;
    EXPECT_EQ(dest_settings(server, 5).forward, ipvs::Forward::tun);
    EXPECT_EQ(dest_settings(server, 5).weight, 5);
    server.forward = config::Forward::dr;
    EXPECT_EQ(dest_settings(server, 0).forward, ipvs::Forward::dr);
}

}  // namespace
}  // namespace lvs::engine
