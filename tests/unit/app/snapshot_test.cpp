// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "lvsd/app/daemon.hpp"
#include "tests/unit/engine/builder.hpp"

namespace lvs::app {
namespace {

TEST(SteadyOffset, StaysUntilTheClockIsSet) {
    constexpr std::int64_t kHour = 3'600'000'000'000;
    EXPECT_EQ(steady_offset(0, kHour), kHour) << "the first";
    EXPECT_EQ(steady_offset(kHour, kHour + 700), kHour) << "two clocks are never read at the same time";
    EXPECT_EQ(steady_offset(kHour, kHour - 5'000'000), kHour) << "an adjusted clock drifts";
    EXPECT_EQ(steady_offset(kHour, kHour + 1'000'000'000), kHour + 1'000'000'000);
    EXPECT_EQ(steady_offset(kHour, 0), 0);
}

TEST(Snapshot, CountsOfAServiceAreThoseOfAllItsAddresses) {
    auto web = engine::service("web", "192.0.2.10:80", {engine::server("10.0.0.1:80", 1, {})});
    web.more = {*parse_endpoint("192.0.2.10:443")};
    web.servers.front().follows_port = true;
    engine::Engine engine;
    engine::Changes changes;
    engine.configure(Time{}, engine::config_of({web}), changes);
    auto kernel = engine.desired();
    ASSERT_EQ(kernel.size(), 2U);
    for (auto& [key, entry] : kernel) {
        entry.counters.connections = 3;
        ASSERT_EQ(entry.dests.size(), 1U);
        auto& dest = entry.dests.begin()->second;
        dest.active_connections = 5;
        dest.inactive_connections = 7;
        dest.counters.in_bytes = 11;
    }
    const auto service = build_snapshot({}, engine, nullptr, &kernel, nullptr).services.at(0);
    EXPECT_EQ(service.traffic.connections, 6U);
    EXPECT_EQ(service.active_connections, 10U);
    EXPECT_EQ(service.servers.at(0).inactive_connections, 14U);
    EXPECT_EQ(service.servers.at(0).traffic.in_bytes, 22U);
}

}  // namespace
}  // namespace lvs::app
