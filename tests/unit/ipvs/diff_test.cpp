// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <ctime>
#include <limits>
#include <random>

#include "ipvs/ipvs.hpp"
#include "tests/unit/ipvs/random_table.hpp"

namespace lvs::ipvs {
namespace {

ServiceKey tcp(std::string_view endpoint) {
    return AddressKey{Protocol::tcp, *parse_endpoint(endpoint)};
}
DestKey dest(std::string_view endpoint) {
    return {*parse_endpoint(endpoint)};
}

Service web(std::initializer_list<std::pair<const char*, int>> servers) {
    Service out;
    for (const auto& [address, weight] : servers)
        out.dests[dest(address)].settings.weight = weight;
    return out;
}

std::vector<std::string> plan(const Table& desired, const Table& actual, const Owned& owned) {
    std::vector<std::string> out;
    for (const auto& command : diff(desired, actual, owned))
        out.push_back(to_string(command));
    return out;
}

using Lines = std::vector<std::string>;
const ServiceKey kWeb = tcp("192.0.2.10:80");
const ServiceKey kMail = tcp("192.0.2.20:25");

TEST(Diff, AddsServicesBeforeTheirServers) {
    const Table desired{{kMail, web({{"10.0.0.3:25", 1}})},
                        {kWeb, web({{"10.0.0.2:80", 2}, {"10.0.0.1:80", 1}})}};
    EXPECT_EQ(plan(desired, {}, {}), (Lines{"add service TCP 192.0.2.10:80 (wlc)",
                                            "add server 10.0.0.1:80 to TCP 192.0.2.10:80 (nat, weight 1)",
                                            "add server 10.0.0.2:80 to TCP 192.0.2.10:80 (nat, weight 2)",
                                            "add service TCP 192.0.2.20:25 (wlc)",
                                            "add server 10.0.0.3:25 to TCP 192.0.2.20:25 (nat, weight 1)"}));
}

TEST(Diff, NeverEmptiesAServiceOnTheWay) {
    const Table actual{{kWeb, web({{"10.0.0.1:80", 1}, {"10.0.0.2:80", 1}})}};
    const Table desired{{kWeb, web({{"10.0.0.2:80", 7}, {"10.0.0.9:80", 1}})}};
    EXPECT_EQ(plan(desired, actual, {}), (Lines{"set server 10.0.0.2:80 of TCP 192.0.2.10:80 (nat, weight 7)",
                                                "add server 10.0.0.9:80 to TCP 192.0.2.10:80 (nat, weight 1)",
                                                "delete server 10.0.0.1:80 from TCP 192.0.2.10:80"}));
}

TEST(Diff, SetsOnlyWhatDiffers) {
    Table actual{{kWeb, web({{"10.0.0.1:80", 1}})}};
    actual[kWeb].dests.begin()->second.active_connections = 17;  // readings are no difference
    actual[kWeb].counters.connections = 99;
    Table desired{{kWeb, web({{"10.0.0.1:80", 1}})}};
    EXPECT_EQ(plan(desired, actual, {}), Lines{});
    desired[kWeb].settings.scheduler = "rr";
    EXPECT_EQ(plan(desired, actual, {}), Lines{"set service TCP 192.0.2.10:80 (rr)"});
}

TEST(Diff, DeletesOursLastAndLeavesForeignOnesAlone) {
    const Table actual{{kWeb, web({{"10.0.0.1:80", 1}})}, {kMail, web({{"10.0.0.3:25", 1}})}};
    EXPECT_EQ(plan({}, actual, {kMail}), Lines{"delete service TCP 192.0.2.20:25"});
    EXPECT_EQ(plan({}, actual, {}), Lines{});
    const auto first = tcp("192.0.2.1:1");
    const auto last = tcp("203.0.113.9:1");
    EXPECT_EQ(plan({{last, web({})}}, {{first, web({})}}, {first}),
              (Lines{"add service TCP 203.0.113.9:1 (wlc)", "delete service TCP 192.0.2.1:1"}));
}

TEST(Diff, OwnedThatIsNotThereIsNoCommand) {
    EXPECT_EQ(plan({}, {}, {kWeb, kMail}), Lines{});
}

// ---- properties -----------------------------------------------------------------------------------------

struct Case {
    Table desired, actual;
    Owned owned;
};

Case random_case(std::uint32_t seed) {
    constexpr std::uint32_t universe = 24;
    test::RandomTables random(seed);
    Case out;
    out.actual = random.table(universe);
    out.desired = seed % 2 == 0 ? random.table(universe) : random.mutated(out.actual, universe);
    out.owned = random.owned(universe);
    return out;
}

// What must come out: the desired services, and of the others those that are not ours.
Table expected_result(const Case& c) {
    Table out = c.desired;
    for (const auto& [key, service] : c.actual)
        if (!c.desired.contains(key) && !c.owned.contains(key)) out[key] = service;
    return out;
}

// The least number of commands that can do it, counted the slow way.
std::size_t shortest(const Case& c) {
    std::size_t count = 0;
    for (const auto& [key, want] : c.desired) {
        const auto found = c.actual.find(key);
        const Service* have = found == c.actual.end() ? nullptr : &found->second;
        if (have == nullptr || have->settings != want.settings) ++count;
        for (const auto& [dest_key, d] : want.dests)
            if (have == nullptr || !have->dests.contains(dest_key) ||
                have->dests.at(dest_key).settings != d.settings)
                ++count;
        if (have != nullptr)
            for (const auto& [dest_key, d] : have->dests)
                if (!want.dests.contains(dest_key)) ++count;
    }
    for (const auto& [key, have] : c.actual)
        if (!c.desired.contains(key) && c.owned.contains(key)) ++count;
    return count;
}

void check_case(std::uint32_t seed) {
    const auto c = random_case(seed);
    const auto commands = diff(c.desired, c.actual, c.owned);
    auto table = c.actual;
    for (const auto& command : commands) {
        const bool ours = c.desired.contains(command.service) || c.owned.contains(command.service);
        ASSERT_TRUE(ours) << "touches a foreign service: " << to_string(command);
        const bool had_servers = table.contains(command.service) && !table.at(command.service).dests.empty();
        ASSERT_EQ(execute(command, table), std::errc{}) << to_string(command);
        if (command.verb == Verb::delete_dest && !c.desired.at(command.service).dests.empty() &&
            had_servers) {
            ASSERT_FALSE(table.at(command.service).dests.empty())
                << "emptied on the way: " << to_string(command);
        }
    }
    ASSERT_TRUE(same_settings(table, expected_result(c)));
    ASSERT_EQ(commands.size(), shortest(c));
    ASSERT_TRUE(diff(c.desired, table, c.owned).empty());
}

TEST(DiffProperty, TurnsAnyTableIntoTheDesiredOneByTheShortestWay) {
    const std::uint32_t fresh = std::random_device{}() & 0x7fffffffU;
    for (std::uint32_t i = 0; i < 5000 && !::testing::Test::HasFatalFailure(); ++i) {
        const auto seed = i < 2500 ? i : fresh + i;
        SCOPED_TRACE("seed " + std::to_string(seed));
        check_case(seed);
    }
}

Table big_table(std::uint32_t services) {
    Table out;
    for (std::uint32_t i = 0; i < services; ++i) {
        auto& service = out[AddressKey{Protocol::tcp, {IpAddress::from_v4(0x0a000000U + i), 80}}];
        for (std::uint32_t d = 0; d < 5; ++d)
            service.dests[{{IpAddress::from_v4(0x0b000000U + i * 8 + d), 80}}].settings.weight = 1;
    }
    return out;
}

// Growth, not speed: eight times the table may cost at most about eight times the work, far below the 64 of a
// quadratic step. Measured in processor time, so that a busy machine does not matter.
TEST(DiffProperty, CostGrowsWithTheTableNotWithItsSquare) {
    const auto cost = [](std::uint32_t services) {
        const auto table = big_table(services);
        auto best = std::numeric_limits<std::clock_t>::max();
        for (int i = 0; i < 5; ++i) {
            const auto start = std::clock();
            EXPECT_EQ(diff(table, {}, {}).size(), services * 6U);
            EXPECT_TRUE(diff(table, table, {}).empty());
            best = std::min(best, std::clock() - start);
        }
        return best;
    };
    EXPECT_LT(cost(8000), cost(1000) * 30);
}

}  // namespace
}  // namespace lvs::ipvs
