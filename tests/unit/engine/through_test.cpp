// SPDX-License-Identifier: GPL-2.0-or-later
//
// Checks through their service: which ways they have in the kernel, and with which marks.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lvsd/engine/plan.hpp"
#include "tests/unit/engine/builder.hpp"

namespace lvs::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::uint32_t kBase = 0x1000000;

config::Check through(std::uint16_t port = 0) {
    auto check = tcp_check(port);
    check.via = config::Via::service;
    return check;
}

config::RealServer far_server(const std::string& address, config::Forward forward = config::Forward::nat) {
    auto out = server(address, 1, {through()});
    out.forward = forward;
    return out;
}

class ThroughTest : public testing::Test {
protected:
    void configure(std::vector<config::VirtualService> services, std::uint32_t base = kBase) {
        auto config = config_of(std::move(services));
        config.global.check_mark = base;
        Changes changes;
        planned = make_plan(now, engine, config, engine.desired(), {}).ways;
        auto patch = engine.preview(now, config).patch;
        const auto before = engine.desired();
        engine.configure(now, std::move(config), changes);
        expect_as_previewed(before, patch);
    }
    // configure() does to the ways what preview() said.
    void expect_as_previewed(ipvs::Table table, const Patch& patch) const {
        for (const auto& [key, entry] : patch)
            if (entry)
                table[key] = *entry;
            else
                table.erase(key);
        EXPECT_TRUE(ipvs::same_settings(table, engine.desired()));
    }
    // "16777216 10.0.0.1:80 nat" of every way.
    std::vector<std::string> ways() const {
        std::vector<std::string> out;
        for (const auto& [key, entry] : engine.desired()) {
            if (engine.way(key) == nullptr) continue;
            EXPECT_EQ(entry.dests.size(), 1U);
            const auto& [dest, value] = *entry.dests.begin();
            EXPECT_EQ(value.settings.weight, 1);
            out.push_back(ipvs::to_string(key) + " " + to_string(dest.address) + " " +
                          std::to_string(static_cast<int>(value.settings.forward)));
        }
        EXPECT_EQ(out.size(), engine.ways());
        return out;
    }
    std::vector<std::string> checks() const {  // "192.0.2.10:80 16777216 10.0.0.1"
        std::vector<std::string> out;
        for (const auto& wanted : engine.checks())
            out.push_back(to_string(wanted.target) + (wanted.through
                                                          ? " " + std::to_string(wanted.through->mark) + " " +
                                                                to_string(wanted.through->server)
                                                          : ""));
        return out;
    }

    Engine engine;
    Time now{};
    std::map<ipvs::ServiceKey, std::string> planned;
};

TEST_F(ThroughTest, EveryServerOfAServiceHasAMarkOfItsOwn) {
    configure({service("web", kVip,
                       {far_server("10.0.0.1:8080"), far_server("10.0.0.2:8080"), server("10.0.0.3:8080")})});
    EXPECT_THAT(ways(),
                ElementsAre("FWM 16777216 IPv4 10.0.0.1:8080 0", "FWM 16777217 IPv4 10.0.0.2:8080 0"));
    EXPECT_THAT(checks(), ElementsAre("192.0.2.10:80 16777216 10.0.0.1", "192.0.2.10:80 16777217 10.0.0.2",
                                      "10.0.0.3:8080"));
    EXPECT_EQ(*engine.way(ipvs::FwmarkKey{Family::ipv4, kBase}), "the check of 10.0.0.1:8080 through web");
    EXPECT_EQ(engine.way(ipvs::FwmarkKey{Family::ipv6, kBase}), nullptr);
    EXPECT_EQ(dests(engine, kVip), "10.0.0.1:8080=0 10.0.0.2:8080=0 10.0.0.3:8080=0");
}

TEST_F(ThroughTest, SeveralChecksShareTheWayAndAnotherPortHasItsOwn) {
    auto one = far_server("10.0.0.1:80");
    auto http = through();
    http.kind = "http";
    one.checks = {through(), http, through(8080)};
    configure({service("web", kVip, {one})});
    EXPECT_THAT(ways(), ElementsAre("FWM 16777216 IPv4 10.0.0.1:80 0", "FWM 16777217 IPv4 10.0.0.1:8080 0"));
    one.checks = {http};
    configure({service("web", kVip, {one})});
    EXPECT_THAT(ways(), ElementsAre("FWM 16777216 IPv4 10.0.0.1:80 0"));
}

TEST_F(ThroughTest, OnlyNatReachesAnotherPort) {
    auto one = far_server("10.0.0.1:80", config::Forward::dr);
    one.checks = {through(8080)};
    configure({service("web", kVip, {one})});
    EXPECT_THAT(checks(), ElementsAre("192.0.2.10:8080 16777216 10.0.0.1"));
    EXPECT_THAT(ways(), ElementsAre("FWM 16777216 IPv4 10.0.0.1:8080 3"));
}

TEST_F(ThroughTest, MarksStayWhileServersComeAndGo) {
    configure({service("web", kVip, {far_server("10.0.0.1:80"), far_server("10.0.0.2:80")})});
    configure({service("web", kVip, {far_server("10.0.0.3:80"), far_server("10.0.0.2:80")})});
    EXPECT_THAT(ways(), ElementsAre("FWM 16777217 IPv4 10.0.0.2:80 0", "FWM 16777218 IPv4 10.0.0.3:80 0"));
    EXPECT_EQ(planned.size(), 2U);
    configure({service("web", kVip,
                       {far_server("10.0.0.3:80"), far_server("10.0.0.4:80"), far_server("10.0.0.2:80")})});
    EXPECT_THAT(ways(), ElementsAre("FWM 16777216 IPv4 10.0.0.4:80 0", "FWM 16777217 IPv4 10.0.0.2:80 0",
                                    "FWM 16777218 IPv4 10.0.0.3:80 0"));
    configure({});
    EXPECT_THAT(ways(), IsEmpty());
}

TEST_F(ThroughTest, AnotherForwardingChangesTheWayAndKeepsTheCheck) {
    configure({service("web", kVip, {far_server("10.0.0.1:80", config::Forward::dr)})});
    const auto before = checks();
    Changes changes;
    engine.on_verdict(now, engine.checks().front().id, true, "fine", changes);
    EXPECT_EQ(engine.services().front().servers.front().reason, "tcp through the service (dr): fine");
    static_cast<void>(engine.take_touched());
    configure({service("web", kVip, {far_server("10.0.0.1:80", config::Forward::tun)})});
    EXPECT_THAT(ways(), ElementsAre("FWM 16777216 IPv4 10.0.0.1:80 2"));
    EXPECT_TRUE(engine.take_touched().contains(ipvs::FwmarkKey{Family::ipv4, kBase}));
    EXPECT_EQ(checks(), before);
    EXPECT_FALSE(engine.is_waiting_for_verdicts());
}

TEST_F(ThroughTest, AnotherBaseMovesEveryMark) {
    configure({service("web", kVip, {far_server("10.0.0.1:80")})});
    configure({service("web", kVip, {far_server("10.0.0.1:80")})}, 500);
    EXPECT_THAT(ways(), ElementsAre("FWM 500 IPv4 10.0.0.1:80 0"));
}

TEST_F(ThroughTest, AWayIsThereOnABackup) {
    auto web = service("web", kVip, {far_server("10.0.0.1:80")});
    web.active = config::Active::master;
    web.router = "front";
    configure({web});
    EXPECT_EQ(dests(engine, kVip), "absent");
    EXPECT_EQ(ways().size(), 1U);
}

TEST_F(ThroughTest, DatagramsAreForgottenWhereTheAnswerDoesNotComeBackThroughIpvs) {
    auto dns = service("dns", "192.0.2.10:53",
                       {far_server("10.0.0.1:53", config::Forward::dr), far_server("10.0.0.2:53")});
    dns.protocol = config::Protocol::udp;
    configure({dns});
    EXPECT_EQ(engine.desired().at(ipvs::FwmarkKey{Family::ipv4, kBase}).settings.flags, ipvs::kOnePacket);
    EXPECT_EQ(engine.desired().at(ipvs::FwmarkKey{Family::ipv4, kBase + 1}).settings.flags, 0U);
}

TEST_F(ThroughTest, ThePlanSaysWhatTheEntriesAreFor) {
    const auto config = config_of({service("web", kVip, {far_server("10.0.0.1:80")})});
    const auto told = lines(make_plan(now, engine, config, {}, {}));
    EXPECT_THAT(
        told, testing::Contains(
                  "+ kernel: add service FWM 16777216 IPv4 (rr), for the check of 10.0.0.1:80 through web"));
}

}  // namespace
}  // namespace lvs::engine
