// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "lvsd/base/base.hpp"

namespace lvs {
namespace {

using namespace std::chrono_literals;

TEST(Duration, ReadsEveryUnit) {
    EXPECT_EQ(parse_duration("250us"), 250us);
    EXPECT_EQ(parse_duration("100ms"), 100ms);
    EXPECT_EQ(parse_duration("2s"), 2s);
    EXPECT_EQ(parse_duration("1.5s"), 1500ms);
    EXPECT_EQ(parse_duration("40.95s"), 40950ms);
    EXPECT_EQ(parse_duration("1m30s"), 90s);
    EXPECT_EQ(parse_duration("2d"), 48h);
    EXPECT_EQ(parse_duration("0s"), 0s);
}

TEST(Duration, RefusesWhatHasNoClearMeaning) {
    for (const auto* text : {"", "5", "s", "5 s", "-1s", "1s2m", "1s1s", "1e9s", "5sec", "1.s.", "inf", "9999999d"})
        EXPECT_EQ(parse_duration(text), std::nullopt) << text;
}

TEST(Duration, WritesTheShortestExactForm) {
    EXPECT_EQ(to_string(Duration(1500ms)), "1.5s");
    EXPECT_EQ(to_string(Duration(90s)), "1m30s");
    EXPECT_EQ(to_string(Duration(100ms)), "100ms");
    EXPECT_EQ(to_string(Duration(0s)), "0s");
    EXPECT_EQ(to_string(Duration(-3s)), "-3s");
    EXPECT_EQ(to_string(Duration(1s)), "1s");
}

TEST(Duration, SurvivesARoundTrip) {
    for (const Duration value : {Duration(1ns), Duration(999us), Duration(1s + 1ns), Duration(59999ms),
                                 Duration(61s), Duration(25h + 3ms), Duration(36500 * 24h)})
        EXPECT_EQ(parse_duration(to_string(value)), value) << to_string(value);
}

}  // namespace
}  // namespace lvs
