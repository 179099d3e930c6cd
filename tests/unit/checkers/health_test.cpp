// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <map>

#include "checkers/checkers.hpp"
#include "checkers/lag.hpp"
#include "checkers/timer_queue.hpp"

namespace lvs::checkers {
namespace {

using namespace std::chrono_literals;

// One letter per result: '+' ok, '-' failed; the answer has the state after each: u(p), d(own), ?.
std::string states(Health health, std::string_view results) {
    std::string out;
    for (const char result : results) {
        const auto before = health.state();
        const bool changed = health.on_result(result == '+');
        EXPECT_EQ(changed, before != health.state());
        out += health.state() == State::up ? 'u' : health.state() == State::down ? 'd' : '?';
    }
    return out;
}

TEST(Health, TheFirstResultDecidesWhenNothingIsKnown) {
    EXPECT_EQ(states(Health(3, 3, State::unknown), "+"), "u");
    EXPECT_EQ(states(Health(3, 3, State::unknown), "-"), "d");
}

TEST(Health, ComesUpAfterRiseSuccessesInARow) {
    EXPECT_EQ(states(Health(3, 1, State::down), "++-+++"), "dddddu");
    EXPECT_EQ(states(Health(1, 1, State::down), "+"), "u");
}

TEST(Health, GoesDownAfterFallFailuresInARow) {
    EXPECT_EQ(states(Health(1, 3, State::up), "--+---"), "uuuuud");
    EXPECT_EQ(states(Health(1, 1, State::up), "-"), "d");
}

TEST(Health, KnownStartStatesNeedTheFullCount) {
    EXPECT_EQ(states(Health(2, 2, State::up), "-+-+--"), "uuuuud");
    EXPECT_EQ(states(Health(2, 2, State::down), "+-+-++"), "dddddu");
}

TEST(Health, IsSettlingWhileResultsContradictTheState) {
    Health health(2, 3, State::unknown);
    EXPECT_TRUE(health.is_settling());
    health.on_result(true);
    EXPECT_FALSE(health.is_settling());
    health.on_result(false);
    EXPECT_TRUE(health.is_settling());
    EXPECT_EQ(health.against(), 1U);
    health.on_result(true);
    EXPECT_FALSE(health.is_settling());
}

constexpr Time at(Duration since_zero) { return Time(since_zero); }

TEST(Schedule, StartsOnAGridThatFollowsFromTheSeedAlone) {
    const Schedule one(2s, 0s, 42);
    const Schedule again(2s, 0s, 42);
    const auto first = one.next_after(at(1000s));
    EXPECT_GT(first, at(1000s));
    EXPECT_LE(first, at(1002s));
    EXPECT_EQ(again.next_after(at(1000s)), first);  // a restarted worker goes on at the same times
    EXPECT_EQ(one.next_after(first), first + 2s);
    EXPECT_EQ(one.next_after(first - 1ns), first);
}

TEST(Schedule, JitterDelaysEachStartByAtMostAQuarterOfTheInterval) {
    const Schedule plain(1s, 0s, 7);
    const Schedule jittered(1s, 10s, 7);  // cut to 250 ms
    std::map<Duration, int> delays;
    auto time = at(500s);
    for (int i = 0; i < 200; ++i) {
        const auto base = plain.next_after(at(500s)) + i * 1s;
        time = jittered.next_after(time);
        ASSERT_GE(time, base);
        ASSERT_LT(time, base + 250ms);
        ++delays[time - base];
    }
    EXPECT_GT(delays.size(), 150U);  // they differ
}

TEST(Schedule, ManyChecksSpreadOverTheInterval) {
    std::array<int, 10> tenths{};
    for (std::uint64_t seed = 0; seed < 10'000; ++seed) {
        const auto start = Schedule(1s, 0s, seed).next_after(at(0s));
        ++tenths.at(static_cast<std::size_t>((start.time_since_epoch() - 1ns) / 100ms));
    }
    for (const auto count : tenths)
        EXPECT_NEAR(count, 1000, 150);
}

TEST(Schedule, TheFollowingStartLeavesHalfAnIntervalAtLeast) {
    const Schedule schedule(2s, 0s, 3);
    const auto grid = schedule.next_after(at(100s));
    EXPECT_EQ(schedule.following(grid), grid + 2s);
    EXPECT_EQ(schedule.following(grid - 100ms), grid + 2s);   // started by hand just before
    EXPECT_EQ(schedule.following(grid + 300ms), grid + 2s);   // started late: back on the grid
    EXPECT_EQ(schedule.following(grid - 1500ms), grid);
}

TEST(TimerQueue, GivesOwnersInTheOrderOfTheirTimes) {
    TimerQueue queue;
    std::multimap<Time, TimerQueue::Owner> expected;
    for (TimerQueue::Owner owner = 0; owner < 500; ++owner)
        queue.set(owner, at(1h));
    for (TimerQueue::Owner owner = 0; owner < 500; ++owner) {
        const auto due = at(std::chrono::milliseconds(owner * 7919 % 1009));
        queue.set(owner, due);  // moved
        if (owner % 3 == 0) {
            queue.clear(owner);
            queue.clear(owner);  // harmless
        } else {
            expected.emplace(due, owner);
        }
    }
    EXPECT_EQ(queue.size(), expected.size());
    EXPECT_FALSE(queue.pop(at(-1s)));
    for (const auto& entry : expected) {
        ASSERT_EQ(queue.next(), entry.first);
        const auto owner = queue.pop(at(2s));
        ASSERT_TRUE(owner);
        EXPECT_EQ(*owner * 7919 % 1009, entry.first.time_since_epoch() / 1ms);
    }
    EXPECT_EQ(queue.next(), std::nullopt);
    EXPECT_EQ(queue.pop(at(2s)), std::nullopt);
}

TEST(LagHistogram, QuantilesAreRightToATenth) {
    LagHistogram lag;
    EXPECT_EQ(lag.quantile(0.99), 0ns);
    for (int us = 1; us <= 10'000; ++us)
        lag.add(std::chrono::microseconds(us));
    EXPECT_NEAR(static_cast<double>(lag.quantile(0.5) / 1us), 5000, 600);
    EXPECT_NEAR(static_cast<double>(lag.quantile(0.99) / 1us), 9900, 1000);
    EXPECT_EQ(lag.max(), 10ms);
    EXPECT_LE(lag.quantile(1.0), lag.max());
}

TEST(LagHistogram, TakesAnyLag) {
    LagHistogram lag;
    lag.add(-5s);  // early counts as on time
    lag.add(100h);
    EXPECT_EQ(lag.count(), 2U);
    EXPECT_EQ(lag.max(), 100h);
}

}  // namespace
}  // namespace lvs::checkers
