// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the machine does beyond the RFC: delays, lateness, announcements, groups, reloads.
#include "tests/unit/vrrp/bench.hpp"

namespace lvs::vrrp {
namespace {

TEST(Machine, SaysNothingBeforeStartAndAfterStop) {
    Bench bench;
    EXPECT_TRUE(bench.hear(200, bench.higher).empty());
    EXPECT_TRUE(bench.give(Stop{}).empty());
    EXPECT_TRUE(bench.pass(1h).empty());
    EXPECT_EQ(bench.machine.counters().discarded[static_cast<std::size_t>(Discard::not_running)], 1U);
}

TEST(Machine, IgnoresASecondStart) {
    Bench bench;
    bench.make_master();
    EXPECT_TRUE(bench.start().empty());
    EXPECT_EQ(bench.state(), State::master);
}

TEST(Machine, IgnoresItsOwnAdverts) {
    Bench bench;
    bench.make_master();
    EXPECT_TRUE(bench.hear(100, bench.own).empty());
    EXPECT_EQ(bench.machine.counters().discarded[static_cast<std::size_t>(Discard::source)], 1U);
}

TEST(Machine, EarlyAdvanceDoesNothing) {
    Bench bench;
    bench.start();
    const auto deadline = bench.machine.deadline();
    EXPECT_TRUE(bench.run().empty());
    EXPECT_EQ(bench.machine.deadline(), deadline);
}

TEST(Machine, AdvertsDoNotDriftWithLateness) {
    Bench bench;
    bench.make_master();
    const Time first = *bench.machine.deadline();
    bench.now = first + 300us;
    bench.run();
    EXPECT_EQ(*bench.machine.deadline(), first + 1s);
}

TEST(StartupDelay, HoldsInInitialize) {
    auto config = Bench::with_priority(255);
    config.startup_delay = 5s;
    Bench bench(config);
    EXPECT_TRUE(bench.start().empty());
    EXPECT_TRUE(bench.pass(5s - 1ns).empty());
    EXPECT_EQ(bench.state(), State::initialize);
    bench.pass(1ns);
    EXPECT_EQ(bench.state(), State::master);
}

TEST(StartupDelay, StopDuringItIsSilent) {
    Config config;
    config.startup_delay = 5s;
    Bench bench(config);
    bench.start();
    EXPECT_TRUE(bench.give(Stop{}).empty());
    EXPECT_TRUE(bench.pass(1h).empty());
}

TEST(PreemptDelay, ToleratesALowerMasterThatLong) {
    auto config = Bench::with_priority(200);
    config.preempt_delay = 10s;
    Bench bench(config);
    bench.start();
    Duration waited{};
    while (bench.state() == State::backup && waited < 1min) {
        bench.hear(100, bench.higher);
        bench.pass(500ms);
        waited += 500ms;
    }
    // The last tolerated advert came just before 10 s; then a master-down interval of silence to us.
    EXPECT_GE(waited, 10s + 2500ms);
    EXPECT_LE(waited, 10s + 4s);
}

TEST(PreemptDelay, StartsAgainAfterAHigherMaster) {
    auto config = Bench::with_priority(200);
    config.preempt_delay = 2s;
    Bench bench(config);
    bench.start();
    bench.hear(100, bench.higher);
    bench.pass(1s);
    bench.hear(210, bench.higher);
    bench.pass(1500ms);
    bench.hear(100, bench.higher);
    EXPECT_GT(bench.left(), 3s);  // tolerated: the timer was set again
}

TEST(Late, AMasterThatSleptAsksBeforeItSpeaks) {
    Bench bench;
    bench.make_master();
    bench.now = *bench.machine.deadline() + 2s + 1ns;  // three intervals since the last advert
    EXPECT_EQ(bench.run(),
              (EffectList{RemoveAddresses{}, StateChanged{State::master, State::backup, Reason::stalled}}));
    EXPECT_EQ(bench.machine.counters().stalls, 1U);
    EXPECT_LE(bench.left(), 2s);
}

// Whatever comes first after the sleep: a packet that waited, a tracker, a reload.
TEST(Late, AMasterThatSleptAsksWhateverComesFirst) {
    const EffectList asks{RemoveAddresses{}, StateChanged{State::master, State::backup, Reason::stalled}};
    const auto slept = [] {
        Bench bench;
        bench.make_master();
        bench.now = *bench.machine.deadline() + 2s + 1ns;
        return bench;
    };
    auto hears = slept();
    EXPECT_EQ(hears.hear(50, hears.higher), asks);
    auto told = slept();
    EXPECT_EQ(told.give(SetPriority{Priority::of(200)}), asks);
    auto reloaded = slept();
    Effects effects;
    auto config = reloaded.machine.config();
    config.priority = Priority::of(200);
    reloaded.machine.configure(reloaded.now, config, effects);
    EXPECT_EQ(EffectList(effects.begin(), effects.end()), asks);
}

TEST(Late, AMasterThatSleptLeavesTheNextOneAloneWhenItDoesNotPreempt) {
    Config config;
    config.preempt = false;
    Bench bench(config);
    bench.make_master();
    bench.now += 1min;
    bench.hear(50, bench.higher);  // it took over meanwhile
    EXPECT_EQ(bench.state(), State::backup);
    EXPECT_EQ(bench.machine.master(), bench.higher);
    EXPECT_GT(bench.left(), 3s);
}

TEST(Late, AStopAfterASleepStillSaysGoodbye) {
    Bench bench;
    bench.make_master();
    bench.now += 1min;
    EXPECT_EQ(bench.give(Stop{}).front(), Effect(SendAdvert{0}));
}

TEST(Late, AMasterThatWasALittleLateGoesOn) {
    Bench bench;
    bench.make_master();
    bench.now = *bench.machine.deadline() + 1900ms;
    EXPECT_EQ(count_adverts(bench.run()), 1);
    EXPECT_EQ(bench.state(), State::master);
}

TEST(Late, ABackupThatSleptListensFirst) {
    Bench bench;
    bench.start();
    bench.now = *bench.machine.deadline() + 1500ms;
    EXPECT_TRUE(bench.run().empty());
    EXPECT_EQ(bench.left(), 1s + skew_time(Version::v3, Priority::of(100), 1s));
    bench.pass(2s);
    EXPECT_EQ(bench.state(), State::master);
}

TEST(Late, TheOwnerNeedsNotAsk) {
    Bench bench(Bench::with_priority(255));
    bench.start();
    bench.now += 1h;
    EXPECT_GE(count_adverts(bench.run()), 1);
    EXPECT_EQ(bench.state(), State::master);
}

TEST(Announcements, ComeAtOnceAndAfter100ms1s5sAndThenSlowly) {
    Bench bench;
    bench.start();
    bench.pass(bench.left());
    ASSERT_EQ(bench.state(), State::master);
    EXPECT_EQ(count_announcements(bench.pass(99ms)), 0);
    EXPECT_EQ(count_announcements(bench.pass(1ms)), 1);
    EXPECT_EQ(count_announcements(bench.pass(899ms)), 0);
    EXPECT_EQ(count_announcements(bench.pass(1ms)), 1);
    EXPECT_EQ(count_announcements(bench.pass(3999ms)), 0);
    EXPECT_EQ(count_announcements(bench.pass(1ms)), 1);
    EXPECT_EQ(count_announcements(bench.pass(59999ms)), 0);
    EXPECT_EQ(count_announcements(bench.pass(10min)), 10);
}

TEST(Announcements, NoRefreshWhenSwitchedOff) {
    Config config;
    config.refresh_interval = 0s;
    Bench bench(config);
    bench.start();
    bench.pass(10s);
    EXPECT_EQ(count_announcements(bench.pass(1h)), 0);
}

TEST(Announcements, ComeAgainAfterASecondMaster) {
    Bench bench;
    bench.make_master();
    bench.hear(50, bench.lower);
    EXPECT_EQ(count_announcements(bench.pass(10ms)), 1);
    EXPECT_GE(count_announcements(bench.pass(6s)), 3);
}

TEST(Announcements, AFloodOfLowerAdvertsDoesNotSetTheirRate) {
    Bench bench;
    bench.make_master();
    int announced = 0;
    for (int i = 0; i < 10'000; ++i) {
        bench.hear(50, bench.lower);
        announced += count_announcements(bench.pass(1ms));
    }
    EXPECT_LE(announced, 8);
    EXPECT_GE(announced, 5);
}

TEST(Announcements, AContestDuringTheBurstsIsAnsweredByAnotherRound) {
    Bench bench;
    bench.start();
    bench.pass(bench.left() + 2s);  // master, between the bursts at 1 s and 5 s
    bench.hear(50, bench.lower);
    EXPECT_EQ(count_announcements(bench.pass(10s)), 4);  // at 5 s, and 100 ms, 1 s, 5 s after that
}

TEST(Group, AMemberWaitsForThePromotion) {
    Config config;
    config.grouped = true;
    Bench bench(config);
    bench.start();
    EXPECT_EQ(bench.pass(1h), (EffectList{Ready{}}));
    EXPECT_TRUE(bench.machine.ready());
    EXPECT_EQ(bench.give(Promote{}),
              (EffectList{SendAdvert{100}, AddAddresses{}, Announce{},
                          StateChanged{State::backup, State::master, Reason::master_down}}));
}

TEST(Group, AMasterOnTheWireEndsReadiness) {
    Config config;
    config.grouped = true;
    Bench bench(config);
    bench.start();
    bench.pass(1h);
    bench.hear(100, bench.higher);
    EXPECT_FALSE(bench.machine.ready());
    EXPECT_TRUE(bench.machine.deadline().has_value());
}

TEST(Group, DemotionSaysGoodbye) {
    Config config;
    config.grouped = true;
    Bench bench(config);
    bench.start();
    bench.give(Promote{});
    EXPECT_EQ(bench.give(Demote{}), (EffectList{SendAdvert{0}, RemoveAddresses{},
                                                StateChanged{State::master, State::backup, Reason::group}}));
}

TEST(Tracker, AMastersNewPriorityIsSpokenAtOnce) {
    Bench bench;
    bench.make_master();
    EXPECT_EQ(bench.give(SetPriority{Priority::of(50)}), (EffectList{SendAdvert{50}}));
    EXPECT_TRUE(bench.give(SetPriority{Priority::of(50)}).empty());
}

TEST(Tracker, NeverMovesToOrFromTheOwner) {
    Bench owner(Bench::with_priority(255));
    owner.start();
    EXPECT_TRUE(owner.give(SetPriority{Priority::of(50)}).empty());
    EXPECT_EQ(owner.machine.priority(), Priority::of(255));
    Bench other;
    other.make_master();
    EXPECT_TRUE(other.give(SetPriority{Priority::of(255)}).empty());
    EXPECT_EQ(other.machine.priority(), Priority::of(100));
}

TEST(Reload, WithTheSameIntervalTouchesNoTimer) {
    Bench bench;
    bench.start();
    bench.pass(1s);
    const auto deadline = bench.machine.deadline();
    auto config = bench.machine.config();
    config.preempt = false;
    Effects effects;
    bench.machine.configure(bench.now, config, effects);
    EXPECT_TRUE(effects.empty());
    EXPECT_EQ(bench.machine.deadline(), deadline);
}

TEST(Reload, AShorterIntervalOfAMasterCountsFromNow) {
    Bench bench;
    bench.make_master();
    auto config = bench.machine.config();
    config.interval = 10ms;
    Effects effects;
    bench.machine.configure(bench.now, config, effects);
    EXPECT_LE(bench.left(), 10ms);
    EXPECT_EQ(bench.machine.master_interval(), 10ms);
}

TEST(Reload, AShorterIntervalIsNotMistakenForAStall) {
    Bench bench;
    bench.make_master();
    bench.pass(bench.left() - 1ms);  // almost a second since the last advert
    auto config = bench.machine.config();
    config.interval = 20ms;
    Effects effects;
    bench.machine.configure(bench.now, config, effects);
    EXPECT_EQ(count_adverts(bench.pass(25ms)), 2);
    EXPECT_EQ(bench.state(), State::master);
}

TEST(Names, AreAllThere) {
    for (int i = 0; i <= static_cast<int>(Reason::failover); ++i)
        EXPECT_NE(to_string(static_cast<Reason>(i)), "?");
    for (std::size_t i = 0; i < kDiscards; ++i)
        EXPECT_NE(to_string(static_cast<Discard>(i)), "?");
    EXPECT_EQ(to_string(static_cast<Discard>(kDiscards)), "?");
    EXPECT_EQ(to_string(State::master), "master");
}

}  // namespace
}  // namespace lvs::vrrp
