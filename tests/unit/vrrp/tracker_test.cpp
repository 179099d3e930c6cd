// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <array>

#include "vrrp/vrrp.hpp"

namespace lvs::vrrp {
namespace {

using namespace std::chrono_literals;

constexpr Time kStart{1h};

TEST(Tracker, TheFirstWordDecidesAtOnce) {
    for (const bool good : {true, false}) {
        Tracker tracker({.up_delay = 10s, .down_delay = 10s});
        EXPECT_EQ(tracker.health(), Health::unknown);
        EXPECT_TRUE(tracker.hear(kStart, good));
        EXPECT_EQ(tracker.health(), good ? Health::up : Health::down);
        EXPECT_FALSE(tracker.deadline());
    }
}

TEST(Tracker, AChangeIsBelievedAfterItsDelay) {
    Tracker tracker({.up_delay = 10s, .down_delay = 2s});
    (void)tracker.hear(kStart, true);
    EXPECT_FALSE(tracker.hear(kStart, false));
    EXPECT_EQ(tracker.deadline(), kStart + 2s);
    EXPECT_FALSE(tracker.hear(kStart + 1s, false)) << "hearing it again does not start it again";
    EXPECT_EQ(tracker.deadline(), kStart + 2s);
    EXPECT_FALSE(tracker.advance(kStart + 2s - 1ns));
    EXPECT_TRUE(tracker.advance(kStart + 2s));
    EXPECT_EQ(tracker.health(), Health::down);
    EXPECT_FALSE(tracker.advance(kStart + 1h));
    EXPECT_FALSE(tracker.hear(kStart + 1h, true));
    EXPECT_TRUE(tracker.advance(kStart + 1h + 10s));
    EXPECT_EQ(tracker.health(), Health::up);
}

TEST(Tracker, AShortChangeIsNone) {
    Tracker tracker({.down_delay = 2s});
    (void)tracker.hear(kStart, true);
    (void)tracker.hear(kStart + 1s, false);
    EXPECT_FALSE(tracker.hear(kStart + 2s, true));
    EXPECT_FALSE(tracker.deadline());
    EXPECT_FALSE(tracker.advance(kStart + 1h));
    EXPECT_EQ(tracker.health(), Health::up);
}

TEST(Tracker, InvertSwapsTheHealthAndNotTheDelays) {
    Tracker tracker({.invert = true, .up_delay = 0s, .down_delay = 2s});
    EXPECT_TRUE(tracker.hear(kStart, false));
    EXPECT_EQ(tracker.health(), Health::up);
    EXPECT_FALSE(tracker.hear(kStart, true));
    EXPECT_TRUE(tracker.advance(kStart + 2s));
    EXPECT_TRUE(tracker.hear(kStart + 3s, false)) << "up without a delay";
}

TEST(Judge, WeightsAndFaults) {
    using enum Health;
    const auto of = [](Health health, std::int32_t weight) {
        return judge(std::array{Weighed{health, weight}});
    };
    EXPECT_EQ(of(up, 20), (Verdict{20, false}));
    EXPECT_EQ(of(down, 20), (Verdict{0, false}));
    EXPECT_EQ(of(unknown, 20), (Verdict{0, false}));
    EXPECT_EQ(of(up, -20), (Verdict{0, false}));
    EXPECT_EQ(of(down, -20), (Verdict{-20, false}));
    EXPECT_EQ(of(unknown, -20), (Verdict{-20, false}));
    EXPECT_EQ(of(up, 0), (Verdict{0, false}));
    EXPECT_EQ(of(down, 0), (Verdict{0, true}));
    EXPECT_EQ(of(unknown, 0), (Verdict{0, true}));
    EXPECT_EQ(judge({}), Verdict{});
    EXPECT_EQ(judge(std::array{Weighed{up, 30}, Weighed{down, -5}, Weighed{down, 0}}), (Verdict{25, true}));
}

}  // namespace
}  // namespace lvs::vrrp
