// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/ctl/lists.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "../state/sample.hpp"

namespace lvs::ctl {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const View kView{false, state::at(100)};

std::size_t lines(const std::string& text) {
    return static_cast<std::size_t>(std::ranges::count(text, '\n'));
}

std::size_t rows(const std::string& json, std::string_view member) {
    std::size_t count = 0;
    for (auto at = json.find(member); at != std::string::npos; at = json.find(member, at + 1))
        ++count;
    return count;
}

TEST(CtlLists, AServerShowsWhatItsOperatorSaid) {
    auto snapshot = state::sample();
    auto& server = snapshot.services[0].servers[0];
    server.overrides = {{state::OverrideKind::draining, 0, "disk", state::at(400), state::at(160)},
                        {state::OverrideKind::weight, 7, "", {}, {}}};
    snapshot.services[0].servers[1].overrides.clear();
    const auto text = servers_table(snapshot, {.services = {"http"}}, kView);
    EXPECT_THAT(text, HasSubstr("  draining, 5m left; weight 7  "));
    EXPECT_THAT(text, HasSubstr("  -                            connection refused"));
    EXPECT_EQ(lines(servers_table(snapshot, {.services = {"http"}, .overridden = true}, kView)), 3U);
}

TEST(CtlLists, FiltersAreThoseOfTheShellAndAddUp) {
    const auto snapshot = state::large_sample(20, 5);
    EXPECT_EQ(lines(servers_table(snapshot, {}, kView)), 101U);
    EXPECT_EQ(lines(servers_table(snapshot, {.services = {"service-1?"}}, kView)), 51U);
    EXPECT_EQ(lines(servers_table(snapshot, {.services = {"service-1?", "service-3"}}, kView)), 56U);
    EXPECT_EQ(lines(servers_table(snapshot, {.servers = {"10.0.7.[12]:80"}}, kView)), 3U);
    EXPECT_EQ(lines(servers_table(snapshot, {.states = {"down"}}, kView)), 1U);
    EXPECT_EQ(lines(services_table(snapshot, {.down = true}, kView)), 21U);
    EXPECT_EQ(lines(checks_table(snapshot, {.services = {"nothing"}}, kView)), 1U);
    EXPECT_EQ(lines(routers_table(snapshot, {.routers = {"we*"}}, kView)), 3U);
}

TEST(CtlLists, ALimitSaysHowMuchItLeftOut) {
    const auto snapshot = state::large_sample(2000, 5);
    const Filter filter{.limit = 10};
    const auto text = servers_table(snapshot, filter, kView);
    EXPECT_EQ(lines(text), 1U + 10 + 1);
    EXPECT_THAT(text, HasSubstr("\n... and 9990 more\n"));
    EXPECT_EQ(rows(servers_json(snapshot, filter), "\"service\":"), 10U);
    EXPECT_THAT(checks_table(snapshot, filter, kView), HasSubstr("\n... and 9990 more\n"));
    EXPECT_THAT(services_table(snapshot, filter, kView), HasSubstr("\n... and 1990 more\n"));
    const Filter fits{.routers = {"web"}, .limit = 2};
    EXPECT_THAT(routers_table(snapshot, fits, kView), Not(HasSubstr("more")));
}

TEST(CtlLists, ACheckShowsItsLagItsAgeAndItsPast) {
    auto snapshot = state::sample();
    snapshot.services.pop_back();
    snapshot.services[0].servers.resize(1);
    const auto brief = checks_table(snapshot, {}, kView);
    EXPECT_EQ(brief,
              "SERVICE  SERVER       KIND  TARGET                  STATE  SINCE   TOOK   LAG  LAST RUN  RUNS  FAILED  "
              "REASON\n"
              "http     10.0.0.1:80  http  http://10.0.0.1/health  up     1m35s  1.2ms  56us     1m31s    50       2  "
              "200 OK\n");
    const auto full = checks_table(snapshot, {.history = true}, kView);
    EXPECT_EQ(lines(full), 4U);
    EXPECT_THAT(full, HasSubstr("  before                down   1m36s   99us"));
    EXPECT_THAT(full, HasSubstr("connection refused\n"));
    EXPECT_THAT(full, HasSubstr("  wrote "));
    EXPECT_THAT(full, HasSubstr("75% \xc3\xbc\n"));
    EXPECT_THAT(checks_json(snapshot, {}),
                HasSubstr("\"history\":[{\"at_us\":1700000004000000,\"state\":\"down\",\"latency_us\":99,"));
}

TEST(CtlLists, JsonRowsSayWhatTheyBelongTo) {
    const auto snapshot = state::sample();
    EXPECT_THAT(servers_json(snapshot, {.services = {"mark"}, .servers = {"10.0.0.2:80"}}),
                StartsWith("[{\"service\":\"mark\",\"address\":\"10.0.0.2:80\","));
    EXPECT_THAT(routers_json(snapshot, {}), StartsWith("[{\"router\":\"web\",\"interface\":\"eth0\",\"vrid\":51,"));
    EXPECT_THAT(checks_json(snapshot, {}), StartsWith("[{\"service\":\"http\",\"server\":\"10.0.0.1:80\",\"kind\":"));
    EXPECT_EQ(rows(services_json(snapshot, {}), "\"servers\":[]"), 2U);
    EXPECT_EQ(servers_json(snapshot, {.services = {"none"}}), "[]");
}

TEST(CtlLists, NothingSteersTheTerminal) {
    auto snapshot = state::sample();
    for (auto& service : snapshot.services)
        for (auto& server : service.servers) {
            server.reason = "\x1b[2J";
            server.overrides[0].reason = "\x1b[2J";
            server.checks[0].history[0].reason = "\x1b[2J";
            server.checks[0].target = "\x1b[2J";
        }
    const Filter filter{.history = true};
    for (const auto& text : {servers_table(snapshot, filter, kView), checks_table(snapshot, filter, kView),
                             render_status(snapshot, kView)})
        EXPECT_THAT(text, Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace lvs::ctl
