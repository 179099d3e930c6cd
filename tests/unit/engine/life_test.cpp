// SPDX-License-Identifier: GPL-2.0-or-later
//
// The life of servers beyond up and down: quorum, tiers, panic, drains, slow start, overrides, roles.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/engine/builder.hpp"

namespace lvs::engine {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;
using namespace std::chrono_literals;

// An engine with its clock; every step returns what changed, in words.
class Story {
public:
    explicit Story(std::vector<config::VirtualService> services) { reload(std::move(services)); }

    std::vector<std::string> reload(std::vector<config::VirtualService> services) {
        return step([&](Changes& out) { engine.configure(now, config_of(std::move(services)), out); });
    }
    std::vector<std::string> verdict(const std::string& target, bool up,
                                     std::optional<std::uint16_t> percent = {}) {
        return step([&](Changes& out) {
            for (const auto& wanted : engine.checks())
                if (to_string(wanted.target) == target)
                    engine.on_verdict(now, wanted.id, Verdict{up, "said so", percent}, out);
        });
    }
    std::vector<std::string> wait(Duration time) {
        now += time;
        return step([&](Changes& out) { engine.advance(now, out); });
    }
    std::vector<std::string> admin(const std::string& server, std::optional<AdminOverride> value) {
        return step([&](Changes& out) {
            engine.set_admin(now, {"web", *parse_endpoint(server)}, value, out);
        });
    }
    std::vector<std::string> weight(const std::string& server, std::optional<std::int64_t> value) {
        std::optional<WeightOverride> given;
        if (value) given = WeightOverride{*Weight::make(*value), "", {}};
        return step([&](Changes& out) {
            engine.set_weight(now, {"web", *parse_endpoint(server)}, given, out);
        });
    }
    // The kernel has what is desired, with so many connections on one server.
    std::vector<std::string> kernel(const std::string& server, std::uint32_t active, std::uint32_t inactive) {
        auto table = engine.desired();
        for (auto& [key, service] : table)
            for (auto& [dest, value] : service.dests)
                if (to_string(dest.address) == server) {
                    value.active_connections = active;
                    value.inactive_connections = inactive;
                }
        return step([&](Changes& out) { engine.on_kernel(now, table, out); });
    }
    [[nodiscard]] std::string table(const char* address = kVip) const { return dests(engine, address); }
    [[nodiscard]] ServerStatus server(const std::string& address) const {
        for (const auto* service : engine.service_list())
            for (const auto& each : service->servers)
                if (to_string(each.address) == address) return each;
        ADD_FAILURE() << "no server " << address;
        return {};
    }

    Engine engine;
    Time now{Duration(1h)};
    Changes changes;

private:
    template <class Step>
    std::vector<std::string> step(Step apply) {
        changes.clear();
        apply(changes);
        auto out = words(changes);
        for (const auto& change : changes)
            if (const auto* quorum = std::get_if<QuorumChanged>(&change))
                out.push_back(quorum->service + (quorum->held ? " quorum" : " no quorum"));
        return out;
    }
};

config::VirtualService web(std::vector<config::RealServer> servers) {
    auto out = service("web", kVip, std::move(servers));
    out.drain_timeout = 60s;
    return out;
}

std::vector<config::RealServer> unchecked(int count, std::int64_t weight = 1) {
    std::vector<config::RealServer> out;
    for (int i = 1; i <= count; ++i)
        out.push_back(server("10.0.0." + std::to_string(i) + ":80", weight, {}));
    return out;
}

// ---- quorum, tiers, panic
// ---------------------------------------------------------------------------------------

TEST(EngineQuorum, IsCountedByWeightAndHasHysteresis) {
    auto of = web({server("10.0.0.1:80", 2), server("10.0.0.2:80", 1), server("10.0.0.3:80", 1)});
    of.quorum = 2;
    of.quorum_hysteresis = 1;
    Story story({of});
    EXPECT_EQ(story.engine.has_quorum("web"), false);
    EXPECT_EQ(story.engine.has_quorum("other"), std::nullopt);
    EXPECT_THAT(story.verdict("10.0.0.1:80", true), Not(Contains("web quorum")));  // 2, needs 3
    EXPECT_THAT(story.verdict("10.0.0.2:80", true), Contains("web quorum"));
    EXPECT_THAT(story.verdict("10.0.0.1:80", false), Not(Contains("web no quorum")));  // 1, lost below 1
    EXPECT_EQ(story.engine.has_quorum("web"), true);
    EXPECT_THAT(story.verdict("10.0.0.2:80", false), Contains("web no quorum"));
}

TEST(EngineQuorum, WithoutItTheSorryServerServesAndTheRestIsQuiet) {
    auto of = web({server("10.0.0.1:80"), server("10.0.0.2:80")});
    of.quorum = 2;
    of.sorry_server = server("10.0.0.99:80", 1, {});
    Story story({of});
    story.verdict("10.0.0.1:80", true);
    EXPECT_EQ(story.table(), "10.0.0.1:80=0 10.0.0.2:80=0 10.0.0.99:80=1");
    story.verdict("10.0.0.2:80", true);
    EXPECT_EQ(story.table(), "10.0.0.1:80=1 10.0.0.2:80=1");
}

TEST(EngineTiers, TheNextTierServesWhileTheQuorumIsMissing) {
    auto backup = server("10.0.0.3:80", 5);
    backup.tier = 1;
    Story story({web({server("10.0.0.1:80"), server("10.0.0.2:80"), backup})});
    for (const auto* each : {"10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"})
        story.verdict(each, true);
    EXPECT_EQ(story.table(), "10.0.0.1:80=1 10.0.0.2:80=1 10.0.0.3:80=0");
    EXPECT_EQ(story.server("10.0.0.3:80").state, ServerState::standby);
    story.verdict("10.0.0.1:80", false);
    EXPECT_EQ(story.table(), "10.0.0.1:80=0 10.0.0.2:80=1 10.0.0.3:80=0");
    EXPECT_THAT(story.verdict("10.0.0.2:80", false), Contains("web 10.0.0.3:80 standby>up"));
    EXPECT_EQ(story.table(), "10.0.0.1:80=0 10.0.0.2:80=0 10.0.0.3:80=5");
    story.verdict("10.0.0.3:80", false);
    EXPECT_EQ(story.table(), "10.0.0.1:80=0 10.0.0.2:80=0 10.0.0.3:80=0");
}

TEST(EnginePanic, WithTooFewHealthyServersAllAreUsed) {
    auto of = web({server("10.0.0.1:80"), server("10.0.0.2:80"), server("10.0.0.3:80")});
    of.panic_threshold = 50;
    of.sorry_server = server("10.0.0.99:80", 1, {});
    Story story({of});
    story.verdict("10.0.0.1:80", false);
    story.verdict("10.0.0.2:80", false);
    EXPECT_EQ(story.table(),
              "10.0.0.1:80=0 10.0.0.2:80=0 10.0.0.3:80=0 10.0.0.99:80=1");  // one has no verdict yet
    story.verdict("10.0.0.3:80", true);                                     // 1 of 3
    EXPECT_EQ(story.table(), "10.0.0.1:80=1 10.0.0.2:80=1 10.0.0.3:80=1");
    const auto* panic = [&story]() -> const PanicChanged* {
        for (const auto& change : story.changes)
            if (const auto* found = std::get_if<PanicChanged>(&change)) return found;
        return nullptr;
    }();
    ASSERT_NE(panic, nullptr);
    EXPECT_TRUE(panic->panics);
    EXPECT_EQ(story.server("10.0.0.1:80").state, ServerState::down);
    story.verdict("10.0.0.2:80", true);  // 2 of 3
    EXPECT_EQ(story.table(), "10.0.0.1:80=0 10.0.0.2:80=1 10.0.0.3:80=1");
}

// ---- drains
// -----------------------------------------------------------------------------------------------------

TEST(EngineDrain, AServerARemovingReloadTakesOutDrains) {
    Story story({web(unchecked(2))});
    story.reload({web(unchecked(1))});
    EXPECT_EQ(story.table(), "10.0.0.1:80=1 10.0.0.2:80=0");
    EXPECT_EQ(story.server("10.0.0.2:80").state, ServerState::draining);
    EXPECT_FALSE(story.engine.draining().empty());
    story.kernel("10.0.0.2:80", 3, 1);
    EXPECT_EQ(story.server("10.0.0.2:80").drain->connections, 4U);
    EXPECT_THAT(story.server("10.0.0.2:80").reason, testing::HasSubstr("4 connections left"));
    story.kernel("10.0.0.2:80", 0, 0);
    story.wait(0s);
    EXPECT_THAT(story.engine.deadline(), testing::Eq(std::nullopt));
    EXPECT_EQ(story.table(), "10.0.0.1:80=1");
    EXPECT_TRUE(story.engine.draining().empty());
}

TEST(EngineDrain, ClosingConnectionsAreNotWaitedForLong) {
    Story story({web(unchecked(2))});
    story.reload({web(unchecked(1))});
    story.kernel("10.0.0.2:80", 0, 7);
    EXPECT_EQ(story.table(), "10.0.0.1:80=1 10.0.0.2:80=0");
    story.wait(2s);
    EXPECT_EQ(story.table(), "10.0.0.1:80=1 10.0.0.2:80=0");
    story.wait(2s);
    EXPECT_EQ(story.table(), "10.0.0.1:80=1");
}

TEST(EngineDrain, EndsAtTheDeadlineWhateverIsLeft) {
    Story story({web(unchecked(2))});
    story.reload({web(unchecked(1))});
    story.kernel("10.0.0.2:80", 9, 0);
    EXPECT_EQ(story.engine.deadline(), story.now + 60s);
    story.wait(60s);
    EXPECT_EQ(story.table(), "10.0.0.1:80=1");
}

TEST(EngineDrain, AReadFromBeforeTheWeightWasWrittenDoesNotCount) {
    Story story({web(unchecked(2))});
    const auto before = story.engine.desired();
    story.reload({web(unchecked(1))});
    Changes changes;
    story.engine.on_kernel(story.now, before,
                           changes);  // no connections yet, but weight 1: there may be some now
    EXPECT_EQ(story.table(), "10.0.0.1:80=1 10.0.0.2:80=0");
}

TEST(EngineDrain, CanBeSwitchedOff) {
    auto of = web(unchecked(2));
    of.drain_timeout = {};
    Story story({of});
    of.servers.pop_back();
    story.reload({of});
    EXPECT_EQ(story.table(), "10.0.0.1:80=1");
}

TEST(EngineDrain, AServiceThatGoesDrainsAsAWhole) {
    Story story({web(unchecked(2)), service("other", "192.0.2.11:80", unchecked(1))});
    story.reload({service("other", "192.0.2.11:80", unchecked(1))});
    EXPECT_EQ(story.table(), "10.0.0.1:80=0 10.0.0.2:80=0");
    story.kernel("", 0, 0);
    EXPECT_EQ(story.table(), "absent");
    EXPECT_EQ(story.engine.service_list().size(), 1U);
}

TEST(EngineDrain, AServiceThatComesBackWhileItDrainsServesAgain) {
    Story story({web(unchecked(2))});
    story.reload({});
    EXPECT_EQ(story.table(), "10.0.0.1:80=0 10.0.0.2:80=0");
    story.reload({web(unchecked(2))});
    EXPECT_EQ(story.table(), "10.0.0.1:80=1 10.0.0.2:80=1");
    EXPECT_TRUE(story.engine.draining().empty());
}

TEST(EngineDrain, ANewNameForTheSameAddressIsTheSameService) {
    Story story({web({server("10.0.0.1:80")})});
    story.verdict("10.0.0.1:80", true);
    auto renamed = web({server("10.0.0.1:80")});
    renamed.name = "www";
    EXPECT_THAT(story.reload({renamed}), IsEmpty());
    EXPECT_EQ(story.table(), "10.0.0.1:80=1");
}

TEST(EngineDrain, AnAddressTheServiceLeavesDrains) {
    Story story({web(unchecked(1))});
    auto moved = service("web", "192.0.2.20:80", unchecked(1));
    story.reload({moved});
    EXPECT_EQ(story.table(), "10.0.0.1:80=0");
    EXPECT_EQ(story.table("192.0.2.20:80"), "10.0.0.1:80=1");
    story.wait(61s);
    EXPECT_EQ(story.table(), "absent");
}

TEST(EngineDrain, OneAddressOfALeavingServiceIsTakenAndTheOtherDrainsOn) {
    auto both = web(unchecked(1));
    both.more = {*parse_endpoint("192.0.2.11:80")};
    const auto other = service("other", "192.0.2.99:80", unchecked(1));
    Story story({both, other});
    story.reload({other});
    EXPECT_EQ(story.table(), "10.0.0.1:80=0");
    EXPECT_EQ(story.table("192.0.2.11:80"), "10.0.0.1:80=0");
    auto back = web({server("10.0.0.2:80", 1, {})});
    back.name = "back";
    story.reload({other, back});
    EXPECT_EQ(story.table(), "10.0.0.2:80=1");
    EXPECT_EQ(story.table("192.0.2.11:80"), "10.0.0.1:80=0");
    story.wait(61s);
    EXPECT_EQ(story.table(), "10.0.0.2:80=1");
    EXPECT_EQ(story.table("192.0.2.11:80"), "absent");
}

// ---- slow start and asked-for weights
// -------------------------------------------------------------------------------

TEST(EngineSlowStart, AServerThatComesBackGetsItsWeightInSteps) {
    auto of = web({server("10.0.0.1:80", 100), server("10.0.0.2:80", 100)});
    of.slow_start = 10s;
    Story story({of});
    story.verdict("10.0.0.1:80", true);
    story.verdict("10.0.0.2:80", true);
    EXPECT_EQ(story.table(), "10.0.0.1:80=100 10.0.0.2:80=100");  // at the start nobody has to be spared
    story.verdict("10.0.0.2:80", false);
    story.verdict("10.0.0.2:80", true);
    EXPECT_EQ(story.table(), "10.0.0.1:80=100 10.0.0.2:80=10");
    story.wait(5s + 1ms);
    EXPECT_EQ(story.table(), "10.0.0.1:80=100 10.0.0.2:80=50");
    story.wait(5s);
    EXPECT_EQ(story.table(), "10.0.0.1:80=100 10.0.0.2:80=100");
    EXPECT_EQ(story.engine.deadline(), std::nullopt);
}

TEST(EngineSlowStart, AloneAServerGetsAllAtOnce) {
    auto of = web({server("10.0.0.1:80", 100)});
    of.slow_start = 10s;
    Story story({of});
    story.verdict("10.0.0.1:80", true);
    story.verdict("10.0.0.1:80", false);
    story.verdict("10.0.0.1:80", true);
    EXPECT_EQ(story.table(), "10.0.0.1:80=100");
}

TEST(EngineSlowStart, AfterAnOutageNobodyCarriesWhatTheOthersAreSpared) {
    auto of = web({server("10.0.0.1:80", 100), server("10.0.0.2:80", 100), server("10.0.0.3:80", 100)});
    of.slow_start = 10s;
    Story story({of});
    for (const bool up : {true, false})
        for (const auto* address : {"10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80"})
            story.verdict(address, up);
    story.verdict("10.0.0.1:80", true);
    story.wait(2s);
    story.verdict("10.0.0.2:80", true);
    EXPECT_EQ(story.table(), "10.0.0.1:80=100 10.0.0.2:80=100 10.0.0.3:80=0");
    story.wait(9s);
    story.verdict("10.0.0.3:80", true);
    EXPECT_EQ(story.table(), "10.0.0.1:80=100 10.0.0.2:80=100 10.0.0.3:80=10");
}

TEST(EngineSlowStart, OfAServiceThatComesWithAReloadAllBeginAlike) {
    auto of = web(unchecked(3));
    const auto first = service("first", "192.0.2.99:80", unchecked(1));
    Story story({first});
    for (auto& server : of.servers)
        server.weight = Weight::of(100);
    of.slow_start = 10s;
    story.reload({first, of});
    EXPECT_EQ(story.table(), "10.0.0.1:80=100 10.0.0.2:80=100 10.0.0.3:80=100");
}

TEST(EngineWeight, AChecksAskedForShareIsApplied) {
    Story story({web({server("10.0.0.1:80", 10), server("10.0.0.2:80", 10)})});
    story.verdict("10.0.0.1:80", true, 50);
    story.verdict("10.0.0.2:80", true, 1);
    EXPECT_EQ(story.table(), "10.0.0.1:80=5 10.0.0.2:80=1");
    story.verdict("10.0.0.1:80", true, 0);
    EXPECT_EQ(story.table(), "10.0.0.1:80=0 10.0.0.2:80=1");
}

// ---- overrides
// --------------------------------------------------------------------------------------------------

TEST(EngineOverride, DisableTakesOutAtOnce) {
    Story story({web(unchecked(2))});
    EXPECT_THAT(story.admin("10.0.0.2:80", AdminOverride{Admin::disabled, "broken disk", {}, {}}),
                ElementsAre("web 10.0.0.2:80 up>down"));
    EXPECT_EQ(story.table(), "10.0.0.1:80=1");
    EXPECT_EQ(story.server("10.0.0.2:80").reason, "disabled: broken disk");
    story.admin("10.0.0.2:80", std::nullopt);
    EXPECT_EQ(story.table(), "10.0.0.1:80=1 10.0.0.2:80=1");
}

TEST(EngineOverride, DrainShowsItsProgressAndEndsOutOfTheTable) {
    Story story({web(unchecked(2))});
    story.admin("10.0.0.2:80", AdminOverride{Admin::draining, "", {}, story.now + 30s});
    EXPECT_EQ(story.table(), "10.0.0.1:80=1 10.0.0.2:80=0");
    story.kernel("10.0.0.2:80", 5, 0);
    EXPECT_EQ(story.server("10.0.0.2:80").reason, "draining, 5 connections left");
    story.wait(30s);
    EXPECT_EQ(story.table(), "10.0.0.1:80=1");
    EXPECT_EQ(story.server("10.0.0.2:80").state, ServerState::down);
    story.admin("10.0.0.2:80", std::nullopt);
    EXPECT_EQ(story.table(), "10.0.0.1:80=1 10.0.0.2:80=1");
}

TEST(EngineOverride, MaintenanceCountsNeitherForNorAgainst) {
    Story story({web({server("10.0.0.1:80"), server("10.0.0.2:80")})});
    story.verdict("10.0.0.1:80", true);
    story.verdict("10.0.0.2:80", false);
    EXPECT_EQ(story.engine.service_list().front()->state, ServiceState::degraded);
    story.admin("10.0.0.2:80", AdminOverride{Admin::maintenance, "", {}, {}});
    EXPECT_EQ(story.engine.service_list().front()->state, ServiceState::up);
    EXPECT_EQ(story.server("10.0.0.2:80").state, ServerState::maintenance);
    EXPECT_THAT(story.verdict("10.0.0.2:80", true), IsEmpty());
    story.admin("10.0.0.2:80", std::nullopt);
    EXPECT_EQ(story.table(), "10.0.0.1:80=1 10.0.0.2:80=1");
}

TEST(EngineOverride, ExpiresByItself) {
    Story story({web(unchecked(2))});
    story.admin("10.0.0.2:80", AdminOverride{Admin::disabled, "", story.now + 10s, {}});
    story.weight("10.0.0.1:80", 7);
    EXPECT_EQ(story.table(), "10.0.0.1:80=7");
    EXPECT_EQ(story.engine.deadline(), story.now + 10s);
    story.wait(10s);
    EXPECT_EQ(story.table(), "10.0.0.1:80=7 10.0.0.2:80=1");
    EXPECT_EQ(story.engine.overrides().size(), 1U);
    story.weight("10.0.0.1:80", std::nullopt);
    EXPECT_EQ(story.table(), "10.0.0.1:80=1 10.0.0.2:80=1");
    EXPECT_TRUE(story.engine.overrides().empty());
}

TEST(EngineOverride, SurvivesReloadsAndWaitsForItsServer) {
    Story story({web(unchecked(1))});
    story.admin("10.0.0.2:80", AdminOverride{Admin::disabled, "", {}, {}});
    story.reload({web(unchecked(2))});
    EXPECT_EQ(story.table(), "10.0.0.1:80=1");
    story.reload({web(unchecked(3))});
    EXPECT_EQ(story.table(), "10.0.0.1:80=1 10.0.0.3:80=1");
}

// ---- following a router
// -------------------------------------------------------------------------------------------

TEST(EngineRole, AServiceThatFollowsARouterIsInTheKernelOnTheMasterOnly) {
    auto of = web(unchecked(1));
    of.active = config::Active::master;
    of.router = "front";
    Story story({of});
    EXPECT_EQ(story.table(), "absent");
    EXPECT_EQ(story.engine.has_quorum("web"),
              true);  // a router may track it, or they would wait for each other
    Changes changes;
    story.engine.on_role(story.now, "front", Family::ipv6, true, changes);
    EXPECT_EQ(story.table(), "absent");
    story.engine.on_role(story.now, "front", Family::ipv4, true, changes);
    EXPECT_EQ(story.table(), "10.0.0.1:80=1");
    story.engine.on_role(story.now, "front", Family::ipv4, false, changes);
    EXPECT_EQ(story.table(), "absent");
}

// ---- many addresses, words of the kernel
// ----------------------------------------------------------------------------

TEST(EngineAddresses, EveryAddressOfAServiceIsAnEntry) {
    auto of = web(unchecked(1));
    of.more = {*parse_endpoint("192.0.2.11:80"), *parse_endpoint("192.0.2.10:8080")};
    of.servers[0].follows_port = true;
    Story story({of});
    EXPECT_EQ(story.table(), "10.0.0.1:80=1");
    EXPECT_EQ(story.table("192.0.2.11:80"), "10.0.0.1:80=1");
    EXPECT_EQ(story.table("192.0.2.10:8080"), "10.0.0.1:8080=1");
}

TEST(EngineAddresses, TunnelsAndThresholdsReachTheKernelsWords) {
    auto of = web(unchecked(1));
    of.servers[0].forward = config::Forward::tun;
    of.servers[0].tunnel = {config::TunnelType::gue, 6080, config::TunnelChecksum::checksum};
    of.servers[0].upper_threshold = 1000;
    of.servers[0].lower_threshold = 800;
    Story story({of});
    const auto& settings = story.engine.desired().begin()->second.dests.begin()->second.settings;
    EXPECT_EQ(settings.tunnel_type, 1);
    EXPECT_EQ(settings.tunnel_port, 6080);
    EXPECT_EQ(settings.tunnel_flags, 1);
    EXPECT_EQ(settings.upper_threshold, 1000U);
    EXPECT_EQ(settings.lower_threshold, 800U);
}

// ---- preview
// ----------------------------------------------------------------------------------------------------

TEST(EnginePreview, SaysWhatConfigureThenDoes) {
    Story story(
        {web({server("10.0.0.1:80"), server("10.0.0.2:80")}), service("b", "192.0.2.11:80", unchecked(2))});
    story.verdict("10.0.0.1:80", true);
    story.verdict("10.0.0.2:80", true);
    const auto next = config_of({web({server("10.0.0.1:80", 9), server("10.0.0.3:80")}),
                                 service("c", "192.0.2.12:80", unchecked(1))});
    const auto preview = story.engine.preview(story.now, next);
    EXPECT_EQ(preview.servers_before, 4U);
    EXPECT_EQ(preview.servers_removed, 3U);
    auto expected = story.engine.desired();
    for (const auto& [key, value] : preview.patch) {
        expected.erase(key);
        if (value) expected.emplace(key, *value);
    }
    (void)story.engine.take_touched();
    Changes changes;
    story.engine.configure(story.now, next, changes);
    EXPECT_TRUE(ipvs::same_settings(expected, story.engine.desired()));
    for (const auto& key : story.engine.take_touched())
        EXPECT_TRUE(preview.patch.contains(key)) << ipvs::to_string(key);
}

TEST(EnginePreview, OfTheSameConfigurationIsEmpty) {
    Story story({web(unchecked(3))});
    EXPECT_TRUE(story.engine.preview(story.now, config_of({web(unchecked(3))})).patch.empty());
    (void)story.engine.take_touched();
    story.reload({web(unchecked(3))});
    EXPECT_TRUE(story.engine.take_touched().empty());
}

}  // namespace
}  // namespace lvs::engine
