// SPDX-License-Identifier: GPL-2.0-or-later
//
// Trackers and the operator: what moves mastership on purpose, and how quickly.
#include "tests/unit/vrrp/bench.hpp"

namespace lvs::vrrp {
namespace {

Bench backup_of(int master_priority, Config config = {}) {
    Bench bench(config);
    bench.start();
    bench.hear(master_priority, bench.higher);
    bench.pass(500ms);
    return bench;
}

Reason reason_of(const EffectList& effects) {
    return std::get<StateChanged>(effects.back()).reason;
}

// A group that steps down takes the readiness of those that waited for it; they must find it again.
TEST(Group, AMemberThatWasReadyBecomesReadyAgainAfterTheGroupSteppedDown) {
    Config config;
    config.grouped = true;
    Bench bench(config);
    bench.start();
    bench.pass(5s);
    ASSERT_TRUE(bench.machine.ready());
    EXPECT_TRUE(bench.give(Demote{}).empty());
    EXPECT_FALSE(bench.machine.ready());
    ASSERT_TRUE(bench.machine.deadline()) << "it waits for nothing";
    bench.pass(5s);
    EXPECT_TRUE(bench.machine.ready());
}

TEST(Adjust, AddsToTheConfiguredPriorityWithinTheRange) {
    Bench bench;
    bench.make_master();
    EXPECT_EQ(bench.give(Adjust{-20}), (EffectList{SendAdvert{80}}));
    EXPECT_EQ(bench.give(Adjust{-1000}), (EffectList{SendAdvert{1}}));
    EXPECT_EQ(bench.give(Adjust{1000}), (EffectList{SendAdvert{254}}));
    EXPECT_TRUE(bench.give(Adjust{900}).empty());
    EXPECT_EQ(bench.give(Adjust{0}), (EffectList{SendAdvert{100}}));
}

TEST(Adjust, SurvivesAReloadOfThePriority) {
    Bench bench;
    bench.make_master();
    bench.give(Adjust{-20});
    auto config = bench.machine.config();
    config.priority = Priority::of(150);
    Effects effects;
    bench.machine.configure(bench.now, config, effects);
    EXPECT_EQ(bench.machine.priority(), Priority::of(130));
    EXPECT_EQ(count_adverts({effects.begin(), effects.end()}), 1);
}

TEST(Adjust, LeavesAnOwnerAlone) {
    Bench owner(Bench::with_priority(255));
    owner.start();
    EXPECT_TRUE(owner.give(Adjust{-20}).empty());
    EXPECT_EQ(owner.machine.priority(), Priority::of(255));
}

// The planned drop: with adverts every 10 ms the next master speaks within 10 ms, whatever its priority.
TEST(FallenMaster, IsReplacedAfterTheSkew) {
    for (int priority = 2; priority < 255; ++priority) {
        auto config = Bench::with_priority(priority);
        config.interval = 10ms;
        Bench bench(config);
        bench.start();
        bench.hear(254, bench.higher, 10ms);
        bench.pass(5ms);
        bench.hear(priority - 1, bench.higher, 10ms);
        EXPECT_LE(bench.left(), 10ms);
        const auto effects = bench.pass(bench.left());
        ASSERT_EQ(bench.state(), State::master);
        EXPECT_EQ(reason_of(effects), Reason::lower_priority);
    }
}

TEST(FallenMaster, AStrangerOfLowerPriorityHastensNothing) {
    auto bench = backup_of(150);
    const auto left = bench.left();
    bench.hear(50, bench.lower);
    EXPECT_EQ(bench.left(), left);
}

// RFC 9568 6.4.2: adverts of a master that was lower all along are discarded.
TEST(FallenMaster, OneThatWasLowerFromTheBeginningIsOutwaited) {
    Bench bench(Bench::with_priority(200));
    bench.start();
    const auto left = bench.left();
    bench.hear(100, bench.higher);
    EXPECT_EQ(bench.left(), left);
}

TEST(FallenMaster, IsKeptWithoutPreemption) {
    Config config;
    config.preempt = false;
    auto bench = backup_of(150, config);
    bench.hear(50, bench.higher);
    EXPECT_GT(bench.left(), 3s);
}

TEST(FallenMaster, IsKeptForThePreemptDelay) {
    Config config;
    config.preempt_delay = 10s;
    auto bench = backup_of(150, config);
    bench.hear(50, bench.higher);
    EXPECT_GT(bench.left(), 3s);
}

TEST(FallenMaster, ThatRecoversIsFollowedAgain) {
    auto bench = backup_of(150);
    bench.hear(50, bench.higher);
    EXPECT_LT(bench.left(), 1s);
    bench.hear(150, bench.higher);
    EXPECT_GT(bench.left(), 3s);
}

TEST(Hold, AMasterSaysGoodbyeAndStaysAway) {
    Bench bench;
    bench.make_master();
    EXPECT_EQ(bench.give(Hold{}), (EffectList{SendAdvert{0}, RemoveAddresses{},
                                              StateChanged{State::master, State::backup, Reason::held}}));
    EXPECT_TRUE(bench.pass(1h).empty());
    EXPECT_TRUE(bench.machine.held());
    bench.give(Release{});
    EXPECT_EQ(reason_of(bench.pass(bench.left())), Reason::master_down);
    EXPECT_EQ(bench.state(), State::master);
}

TEST(Hold, ABackupDoesNotTakeOverFromAnybody) {
    auto bench = backup_of(150);
    bench.give(Hold{});
    bench.hear(0, bench.higher);
    EXPECT_TRUE(bench.pass(1h).empty());
    bench.hear(50, bench.higher);
    EXPECT_TRUE(bench.pass(1h).empty());
}

TEST(Hold, OutlivesAStopAndKeepsAnOwnerAway) {
    Bench bench(Bench::with_priority(255));
    bench.give(Hold{});
    bench.start();
    EXPECT_EQ(bench.state(), State::backup);
    bench.give(Stop{});
    bench.start();
    bench.pass(1h);
    EXPECT_EQ(bench.state(), State::backup);
}

TEST(Hold, OfAMemberHoldsTheGroup) {
    Config config;
    config.grouped = true;
    Bench bench(config);
    bench.start();
    bench.pass(1h);
    EXPECT_TRUE(bench.machine.ready());
    bench.give(Hold{});
    EXPECT_FALSE(bench.machine.ready());
    const Member other{.running = true, .state = State::master};
    EXPECT_EQ(decide(std::array{bench.machine.member(), other}), Decision::demote);
    EXPECT_TRUE(bench.give(Promote{}).empty());
}

TEST(Group, LeavingItAMemberThatWaitedTakesOver) {
    Config config;
    config.grouped = true;
    Bench bench(config);
    bench.start();
    bench.pass(1h);
    ASSERT_TRUE(bench.machine.ready());
    config.grouped = false;
    Effects effects;
    bench.machine.configure(bench.now, config, effects);
    EXPECT_EQ(bench.state(), State::master);
    config.grouped = true;
    effects.clear();
    bench.machine.configure(bench.now, config, effects);
    EXPECT_EQ(bench.state(), State::master) << "joining one changes nothing";
    EXPECT_TRUE(effects.empty());
}

TEST(Failover, HandsOverAndLeavesTheNextMasterAlone) {
    Bench bench(Bench::with_priority(200));
    bench.make_master();
    EXPECT_EQ(bench.give(Failover{}),
              (EffectList{SendAdvert{0}, RemoveAddresses{},
                          StateChanged{State::master, State::backup, Reason::failover}}));
    for (int i = 0; i < 100; ++i) {
        bench.pass(1s);
        bench.hear(100, bench.lower);
    }
    EXPECT_EQ(bench.state(), State::backup);
    EXPECT_TRUE(bench.machine.yields());
    bench.pass(bench.left());
    EXPECT_EQ(bench.state(), State::master) << "the other one is dead";
    EXPECT_FALSE(bench.machine.yields());
}

TEST(Failover, IsOverAfterARelease) {
    Bench bench(Bench::with_priority(200));
    bench.make_master();
    bench.give(Failover{});
    bench.give(Release{});
    while (bench.state() != State::master) {
        bench.hear(100, bench.lower);
        bench.pass(500ms);
        ASSERT_LT(bench.now, Time(24h)) << "it preempts again";
    }
}

TEST(Failover, MeansNothingToABackupOrAnOwner) {
    auto bench = backup_of(150);
    EXPECT_TRUE(bench.give(Failover{}).empty());
    EXPECT_FALSE(bench.machine.yields());
    Bench owner(Bench::with_priority(255));
    owner.start();
    EXPECT_TRUE(owner.give(Failover{}).empty());
}

TEST(Repeats, AreThoseOfTheConfiguration) {
    Config config;
    config.announce_repeat = {.at = {20ms, 50ms}, .count = 2};
    config.refresh_interval = Duration(0);
    Bench bench(config);
    bench.make_master();  // passes an hour
    EXPECT_FALSE(bench.machine.deadline() > bench.now + 1s);
    Bench other(config);
    other.start();
    other.pass(other.left());
    EXPECT_EQ(count_announcements(other.pass(20ms)), 1);
    EXPECT_EQ(count_announcements(other.pass(29ms)), 0);
    EXPECT_EQ(count_announcements(other.pass(1ms)), 1);
    EXPECT_EQ(count_announcements(other.pass(1h)), 0);
}

TEST(Repeats, MayBeNoneAtAll) {
    Config config;
    config.announce_repeat = {.at = {}, .count = 0};
    config.refresh_interval = 10s;
    Bench bench(config);
    bench.start();
    bench.pass(bench.left());
    EXPECT_EQ(count_announcements(bench.pass(10s)), 1);
    bench.hear(50, bench.lower);
    EXPECT_EQ(count_announcements(bench.pass(1s)), 1) << "again after a contest";
}

}  // namespace
}  // namespace lvs::vrrp
