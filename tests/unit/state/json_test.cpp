// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "sample.hpp"

namespace lvs::state {
namespace {

TEST(StateJson, RoundTripKeepsEveryMember) {
    const auto snapshot = sample();
    const auto back = parse_json(to_json(snapshot));
    ASSERT_TRUE(back) << to_string(back.error());
    EXPECT_EQ(*back, snapshot);
}

TEST(StateJson, EmptySnapshotRoundTrips) {
    const auto back = parse_json(to_json(Snapshot{}));
    ASSERT_TRUE(back) << to_string(back.error());
    EXPECT_EQ(*back, Snapshot{});
}

TEST(StateJson, ReadsAsDocumented) {
    auto snapshot = Snapshot{};
    snapshot.taken = WallTime(std::chrono::nanoseconds(1'700'000'000'123'456'789));
    snapshot.routers = {{"web", "eth0", 51, {RouterInstance{}}}};
    EXPECT_EQ(
        to_json(snapshot),
        R"({"taken_us":1700000000123456,"daemon":{"version":"","hostname":"","pid":0,"started_us":0,)"
        R"("config":{"path":"","generation":0,"loaded_us":0,"last_attempt_us":0,"last_ok":true,"last_error":""},)"
        R"("worker":{"state":"off","since_us":0,"pid":0,"restarts":0,"configured":0,"running":0,"memory":0},)"
        R"("ipvs":{"available":false,"module":"","version":"","last_error":"","last_applied_us":0,)"
        R"("services":0,"servers":0,"check_ways":0,"refused":0,"repairs":0},"vrrp":{"realtime":false,"memory_locked":false,"wakeups":0,)"
        R"("late_wakeups":0,"worst_lateness_us":0,"events_lost":0,"ignored":{}}},)"
        R"("routers":[{"name":"web","interface":"eth0","vrid":51,"instances":[{"family":"ipv4",)"
        R"("state":"initialize","reason":"","since_us":0,"priority":0,"effective_priority":0,)"
        R"("advert_interval_us":0,"master_interval_us":0,"master":null,"addresses":[],"transitions":0,)"
        R"("adverts_sent":0,"adverts_received":0,"held":false,"yields":false,"trackers":[],"peers":[],)"
        R"("late_adverts":0,"worst_lateness_us":0,"stalls":0,"contests":0,"ignored":{}}]}],"services":[]})");
}

TEST(StateJson, EveryEnumValueRoundTrips) {
    auto snapshot = sample();
    for (unsigned i = 0; i <= static_cast<unsigned>(ServerState::sorry); ++i) {
        snapshot.services[0].servers[0].state = static_cast<ServerState>(i);
        snapshot.services[0].state = static_cast<ServiceState>(i % 4);
        snapshot.services[0].servers[0].checks[0].state = static_cast<CheckState>(i % 3);
        snapshot.routers[0].instances[0].state = static_cast<RouterState>(i % 5);
        snapshot.daemon.worker.state = static_cast<WorkerState>(i % 4);
        const auto back = parse_json(to_json(snapshot));
        ASSERT_TRUE(back) << i << to_string(back.error());
        EXPECT_EQ(*back, snapshot) << i;
    }
}

TEST(StateJson, HostileTextsStayInsideTheirString) {
    auto snapshot = sample();
    const std::string hostile("\"},\\ \x01\x1b[31m\n\xff\xc0\xaf \0 end", 22);
    snapshot.services[0].servers[0].reason = hostile;
    const auto back = parse_json(to_json(snapshot));
    ASSERT_TRUE(back) << to_string(back.error());
    EXPECT_EQ(back->services[0].servers[0].reason, to_utf8(hostile));
}

TEST(StateJson, Utf8ReplacesOnlyWhatIsWrong) {
    EXPECT_EQ(to_utf8("plain \xC3\xBC \xE2\x82\xAC \xF0\x9F\x98\x80"),
              "plain \xC3\xBC \xE2\x82\xAC \xF0\x9F\x98\x80");
    EXPECT_EQ(to_utf8("a\xC3"), "a\xEF\xBF\xBD");                                // cut off
    EXPECT_EQ(to_utf8("\xC0\xAF"), "\xEF\xBF\xBD\xEF\xBF\xBD");                  // overlong
    EXPECT_EQ(to_utf8("\xED\xA0\x80"), "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");  // surrogate
    EXPECT_EQ(to_utf8("\xF4\x90\x80\x80").substr(0, 3), "\xEF\xBF\xBD");         // past U+10FFFF
    EXPECT_EQ(to_utf8(std::string_view("\0x", 2)), "\xEF\xBF\xBDx");
}

TEST(StateJson, UnknownMembersArePassedOverMissingOnesKeepDefaults) {
    const auto back = parse_json(R"({"daemon":{"version":"9","novelty":[1,2]},"future":{"a":1}})");
    ASSERT_TRUE(back) << to_string(back.error());
    EXPECT_EQ(back->daemon.version, "9");
    EXPECT_TRUE(back->services.empty());
}

TEST(StateJson, WrongInputIsAnErrorWithItsPlace) {
    const auto error_of = [](std::string_view text) {
        const auto result = parse_json(text);
        return result ? "parsed" : result.error().context;
    };
    EXPECT_EQ(error_of("[]"), "state is not a JSON object");
    EXPECT_NE(error_of("{").find("not JSON"), std::string::npos);
    EXPECT_EQ(error_of(R"({"daemon":{"pid":-1}})"), "state: pid has the wrong type or range");
    EXPECT_EQ(error_of(R"({"daemon":{"pid":4294967296}})"), "state: pid has the wrong type or range");
    EXPECT_EQ(error_of(R"({"daemon":{"pid":1.5}})"), "state: pid has the wrong type or range");
    EXPECT_EQ(error_of(R"({"routers":[{"instances":[{"state":"king"}]}]})"),
              "state: state has the wrong type or range");
    EXPECT_EQ(error_of(R"({"services":[{"address":"nowhere"}]})"),
              "state: address has the wrong type or range");
    EXPECT_EQ(error_of(R"({"taken_us":9223372036854775807})"), "state: taken_us has the wrong type or range");
}

}  // namespace
}  // namespace lvs::state
