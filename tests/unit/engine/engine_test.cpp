// SPDX-License-Identifier: GPL-2.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/engine/builder.hpp"

namespace lvs::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using namespace std::chrono_literals;

Time at(Duration since_start) { return Time(since_start); }

// The id of the check of that target.
CheckId check_of(const Engine& engine, const std::string& target) {
    for (const auto& wanted : engine.checks())
        if (to_string(wanted.target) == target) return wanted.id;
    ADD_FAILURE() << "no check of " << target;
    return {};
}

std::vector<std::string> verdict(Engine& engine, const std::string& target, bool up, Time now = at(1s)) {
    Changes changes;
    engine.on_verdict(now, check_of(engine, target), up, up ? "connected" : "connect refused", changes);
    return words(changes);
}

Engine two_servers(config::OnFailure on_failure = config::OnFailure::weight0) {
    auto web = service("web", kVip, {server("10.0.0.1:80", 3), server("10.0.0.2:80")});
    web.on_failure = on_failure;
    Engine engine;
    Changes changes;
    engine.configure(at(0s), config_of({web}), changes);
    return engine;
}

TEST(Engine, AServerGetsNoTrafficBeforeItsFirstVerdict) {
    auto engine = two_servers();
    EXPECT_EQ(dests(engine, kVip), "10.0.0.1:80=0 10.0.0.2:80=0");
    EXPECT_TRUE(engine.is_waiting_for_verdicts());
    EXPECT_THAT(verdict(engine, "10.0.0.1:80", true), ElementsAre("web 10.0.0.1:80 starting>up", "web down>degraded"));
    EXPECT_EQ(dests(engine, kVip), "10.0.0.1:80=3 10.0.0.2:80=0");
    EXPECT_TRUE(engine.is_waiting_for_verdicts());
    EXPECT_THAT(verdict(engine, "10.0.0.2:80", true), ElementsAre("web 10.0.0.2:80 starting>up", "web degraded>up"));
    EXPECT_FALSE(engine.is_waiting_for_verdicts());
}

Engine two_checks(config::Require require) {
    auto one = server("10.0.0.1:80", 4, {tcp_check(), tcp_check(81)});
    one.require = require;
    Engine engine;
    Changes changes;
    engine.configure(at(0s), config_of({service("web", kVip, {one})}), changes);
    return engine;
}

std::string reason(const Engine& engine) {
    return engine.services().at(0).servers.at(0).reason;
}

TEST(Engine, OfAllChecksTheFirstThatFailsDecides) {
    auto engine = two_checks(config::Require::all);
    EXPECT_THAT(verdict(engine, "10.0.0.1:80", true), IsEmpty());
    EXPECT_THAT(verdict(engine, "10.0.0.1:81", true),
                ElementsAre("web 10.0.0.1:80 starting>up", "web down>up"));
    EXPECT_THAT(verdict(engine, "10.0.0.1:81", false), ElementsAre("web 10.0.0.1:80 up>down", "web up>down"));
    EXPECT_EQ(reason(engine), "tcp: connect refused");
}

TEST(Engine, OfAnyCheckTheLastThatFailsDecides) {
    auto engine = two_checks(config::Require::any);
    EXPECT_THAT(verdict(engine, "10.0.0.1:80", false), IsEmpty());  // the other one may pass
    EXPECT_THAT(verdict(engine, "10.0.0.1:81", true),
                ElementsAre("web 10.0.0.1:80 starting>up", "web down>up"));
    EXPECT_EQ(reason(engine), "tcp: connected");
    EXPECT_THAT(verdict(engine, "10.0.0.1:80", true), IsEmpty());
    EXPECT_THAT(verdict(engine, "10.0.0.1:81", false), IsEmpty());
    EXPECT_EQ(dests(engine, kVip), "10.0.0.1:80=4");
    EXPECT_THAT(verdict(engine, "10.0.0.1:80", false), ElementsAre("web 10.0.0.1:80 up>down", "web up>down"));
    EXPECT_EQ(dests(engine, kVip), "10.0.0.1:80=0");
}

// What a check that fails asks for is of no interest while another one passes.
TEST(Engine, OfAnyCheckThoseThatPassAskForWeight) {
    auto engine = two_checks(config::Require::any);
    Changes changes;
    engine.on_verdict(at(1s), check_of(engine, "10.0.0.1:80"),
                      {.up = true, .reason = "", .weight_percent = 50}, changes);
    EXPECT_EQ(dests(engine, kVip), "10.0.0.1:80=2");
    engine.on_verdict(at(1s), check_of(engine, "10.0.0.1:81"),
                      {.up = false, .reason = "", .weight_percent = 0}, changes);
    EXPECT_EQ(dests(engine, kVip), "10.0.0.1:80=2");
}

TEST(Engine, AReloadMayTurnAllIntoAny) {
    auto engine = two_checks(config::Require::all);
    verdict(engine, "10.0.0.1:80", true);
    verdict(engine, "10.0.0.1:81", false);
    EXPECT_EQ(dests(engine, kVip), "10.0.0.1:80=0");
    auto config = engine.config();
    config.services.at(0).servers.at(0).require = config::Require::any;
    Changes changes;
    engine.configure(at(2s), config, changes);
    EXPECT_EQ(dests(engine, kVip), "10.0.0.1:80=4");
    EXPECT_FALSE(engine.is_waiting_for_verdicts());
}

// A start state holds for new servers, not against one that was in use: a restart takes nothing out.
TEST(Engine, AStartStateTakesNoServerOut) {
    for (const bool was_in_use : {false, true}) {
        Engine engine;
        ipvs::Table kernel;
        const ipvs::ServiceKey key = ipvs::AddressKey{ipvs::Protocol::tcp, *parse_endpoint(kVip)};
        kernel[key].dests[{*parse_endpoint("10.0.0.1:80")}].settings.weight = was_in_use ? 3 : 0;
        engine.kernel_seen(kernel);
        Changes changes;
        engine.configure(at(0s), config_of({service("web", kVip, {server("10.0.0.1:80", 3)})}), changes);
        const auto id = check_of(engine, "10.0.0.1:80");
        engine.on_verdict(at(0s), id, {.up = false, .reason = "not checked yet", .is_assumed = true},
                          changes);
        EXPECT_EQ(dests(engine, kVip), was_in_use ? "10.0.0.1:80=3" : "10.0.0.1:80=0");
        EXPECT_FALSE(engine.is_waiting_for_verdicts());
        engine.on_verdict(at(1s), id, {.up = false, .reason = "connect refused"}, changes);
        EXPECT_EQ(dests(engine, kVip), "10.0.0.1:80=0");
        EXPECT_EQ(reason(engine), "tcp: connect refused");
    }
}

TEST(Engine, OnFailureDecidesBetweenWeightZeroAndRemoval) {
    auto quiet = two_servers(config::OnFailure::weight0);
    verdict(quiet, "10.0.0.1:80", true);
    verdict(quiet, "10.0.0.2:80", false);
    EXPECT_EQ(dests(quiet, kVip), "10.0.0.1:80=3 10.0.0.2:80=0");
    auto removing = two_servers(config::OnFailure::remove);
    verdict(removing, "10.0.0.1:80", true);
    verdict(removing, "10.0.0.2:80", false);
    EXPECT_EQ(dests(removing, kVip), "10.0.0.1:80=3");
}

TEST(Engine, ARepeatedVerdictChangesNothing) {
    auto engine = two_servers();
    verdict(engine, "10.0.0.1:80", true);
    EXPECT_THAT(verdict(engine, "10.0.0.1:80", true), IsEmpty());
}

TEST(Engine, AServerWithoutChecksIsUp) {
    Engine engine;
    Changes changes;
    engine.configure(at(0s), config_of({service("web", kVip, {server("10.0.0.1:80", 1, {})})}), changes);
    EXPECT_EQ(dests(engine, kVip), "10.0.0.1:80=1");
    EXPECT_FALSE(engine.is_waiting_for_verdicts());
    EXPECT_EQ(engine.services().at(0).state, ServiceState::up);
}

TEST(Engine, EveryCheckOfAServerMustPass) {
    Engine engine;
    Changes changes;
    engine.configure(at(0s), config_of({service("web", kVip, {server("10.0.0.1:80", 1, {tcp_check(), tcp_check(81)})})}),
                     changes);
    EXPECT_THAT(verdict(engine, "10.0.0.1:80", true), IsEmpty());
    EXPECT_THAT(verdict(engine, "10.0.0.1:81", true), ElementsAre("web 10.0.0.1:80 starting>up", "web down>up"));
    EXPECT_THAT(verdict(engine, "10.0.0.1:81", false), ElementsAre("web 10.0.0.1:80 up>down", "web up>down"));
    EXPECT_EQ(engine.services().at(0).servers.at(0).reason, "tcp: connect refused");
}

TEST(Engine, TheSorryServerServesWhileNoOtherCan) {
    auto web = service("web", kVip, {server("10.0.0.1:80")});
    web.sorry_server = server("10.0.0.99:80", 1, {});
    web.on_failure = config::OnFailure::remove;
    Engine engine;
    Changes changes;
    engine.configure(at(0s), config_of({web}), changes);
    verdict(engine, "10.0.0.1:80", true);
    EXPECT_EQ(dests(engine, kVip), "10.0.0.1:80=1");
    EXPECT_THAT(verdict(engine, "10.0.0.1:80", false),
                ElementsAre("web 10.0.0.1:80 up>down", "web 10.0.0.99:80 standby>sorry", "web up>sorry"));
    EXPECT_EQ(dests(engine, kVip), "10.0.0.99:80=1");
    EXPECT_THAT(verdict(engine, "10.0.0.1:80", true),
                ElementsAre("web 10.0.0.1:80 down>up", "web 10.0.0.99:80 sorry>standby", "web sorry>up"));
    EXPECT_EQ(dests(engine, kVip), "10.0.0.1:80=1");
}

TEST(Engine, ASorryServerThatIsDownDoesNotServe) {
    auto web = service("web", kVip, {server("10.0.0.1:80")});
    web.sorry_server = server("10.0.0.99:80");
    Engine engine;
    Changes changes;
    engine.configure(at(0s), config_of({web}), changes);
    verdict(engine, "10.0.0.1:80", false);
    EXPECT_EQ(dests(engine, kVip), "10.0.0.1:80=0 10.0.0.99:80=1");
    EXPECT_THAT(verdict(engine, "10.0.0.99:80", false), ElementsAre("web 10.0.0.99:80 sorry>down", "web sorry>down"));
    EXPECT_EQ(dests(engine, kVip), "10.0.0.1:80=0");
}

TEST(Engine, ARestartKeepsServersInUseUntilTheirVerdict) {
    ipvs::Table kernel;
    auto& held = kernel[ipvs::AddressKey{ipvs::Protocol::tcp, *parse_endpoint(kVip)}];
    held.dests[{*parse_endpoint("10.0.0.1:80")}].settings.weight = 7;
    held.dests[{*parse_endpoint("10.0.0.2:80")}].settings.weight = 0;
    Engine engine;
    engine.kernel_seen(kernel);
    Changes changes;
    engine.configure(at(0s), config_of({service("web", kVip, {server("10.0.0.1:80", 3), server("10.0.0.2:80")})}),
                     changes);
    EXPECT_EQ(dests(engine, kVip), "10.0.0.1:80=3 10.0.0.2:80=0");
    EXPECT_EQ(engine.services().at(0).servers.at(0).state, ServerState::starting);
    EXPECT_THAT(verdict(engine, "10.0.0.1:80", false), ElementsAre("web 10.0.0.1:80 starting>down", "web degraded>down"));
    EXPECT_EQ(dests(engine, kVip), "10.0.0.1:80=0 10.0.0.2:80=0");
}

TEST(Engine, TheSameCheckOfTwoServicesRunsOnce) {
    Engine engine;
    Changes changes;
    engine.configure(at(0s),
                     config_of({service("web", kVip, {server("10.0.0.1:80")}),
                                service("alt", "192.0.2.11:80", {server("10.0.0.1:80")})}),
                     changes);
    ASSERT_EQ(engine.checks().size(), 1U);
    EXPECT_THAT(verdict(engine, "10.0.0.1:80", true),
                ElementsAre("web 10.0.0.1:80 starting>up", "web down>up", "alt 10.0.0.1:80 starting>up", "alt down>up"));
}

TEST(Engine, AReloadKeepsWhatStays) {
    auto engine = two_servers();
    verdict(engine, "10.0.0.1:80", true);
    verdict(engine, "10.0.0.2:80", false);
    const auto id = check_of(engine, "10.0.0.1:80");
    auto web = service("web", kVip, {server("10.0.0.1:80", 9), server("10.0.0.3:80")});
    Changes changes;
    engine.configure(at(5s), config_of({web}), changes);
    EXPECT_EQ(check_of(engine, "10.0.0.1:80"), id);
    EXPECT_EQ(dests(engine, kVip), "10.0.0.1:80=9 10.0.0.3:80=0");
    EXPECT_THAT(words(changes), IsEmpty());
    EXPECT_EQ(engine.services().at(0).servers.at(0).since, at(1s));
    EXPECT_TRUE(engine.is_waiting_for_verdicts());
}

TEST(Engine, AnIdIsNeverGivenTwice) {
    auto engine = two_servers();
    const auto id = check_of(engine, "10.0.0.2:80");
    Changes changes;
    engine.configure(at(5s), config_of({service("web", kVip, {server("10.0.0.1:80")})}), changes);
    engine.on_verdict(at(6s), id, true, "late news of a check that is gone", changes);
    EXPECT_THAT(words(changes), IsEmpty());
    engine.configure(at(7s), config_of({service("web", kVip, {server("10.0.0.1:80"), server("10.0.0.2:80")})}), changes);
    EXPECT_NE(check_of(engine, "10.0.0.2:80"), id);
}

TEST(Engine, SettingsReachTheKernelsWords) {
    auto web = service("web", kVip, {server("10.0.0.1:80", 1, {})});
    web.scheduler = "sh";
    web.scheduler_flags = {"sh-port", "sh-fallback"};
    web.persistence = 5min;
    web.persistence_prefix = 24;
    web.servers[0].forward = config::Forward::dr;
    Engine engine;
    Changes changes;
    engine.configure(at(0s), config_of({web}), changes);
    const auto& [key, wanted] = *engine.desired().begin();
    EXPECT_EQ(ipvs::to_string(key), "TCP 192.0.2.10:80");
    EXPECT_EQ(wanted.settings.scheduler, "sh");
    EXPECT_EQ(wanted.settings.flags, ipvs::kPersistent | ipvs::kSched1 | ipvs::kSched2);
    EXPECT_EQ(wanted.settings.persistence_seconds, 300U);
    EXPECT_EQ(wanted.settings.netmask, 0xffffff00U);
    EXPECT_EQ(wanted.dests.begin()->second.settings.forward, ipvs::Forward::dr);
}

TEST(Engine, AFirewallMarkIsAKeyOfItsOwn) {
    auto web = service("web", "[::]:0", {server("[2001:db8::1]:80", 1, {})});
    web.match = Fwmark::of(7);
    web.family = Family::ipv6;
    Engine engine;
    Changes changes;
    engine.configure(at(0s), config_of({web}), changes);
    EXPECT_EQ(ipvs::to_string(engine.desired().begin()->first), "FWM 7 IPv6");
    EXPECT_EQ(engine.desired().begin()->second.settings.netmask, 128U);
}

}  // namespace
}  // namespace lvs::engine
