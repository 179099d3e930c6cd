// SPDX-License-Identifier: GPL-2.0-or-later
//
// RFC 9568 section 6, one test per clause. "Active" is called master here.
#include "tests/unit/vrrp/bench.hpp"

namespace lvs::vrrp {
namespace {

Config slow(int priority, Duration interval) {
    auto config = Bench::with_priority(priority);
    config.interval = interval;
    return config;
}

TEST(Rfc9568_6_1, SkewIsTheRestOf256OfTheMastersInterval) {
    EXPECT_EQ(skew_time(Version::v3, Priority::of(254), 256s), 2s);
    EXPECT_EQ(skew_time(Version::v3, Priority::of(1), 256s), 255s);
    EXPECT_EQ(skew_time(Version::v3, Priority::of(100), 10ms), 6093750ns);
}

TEST(Rfc9568_6_1, MasterDownIsThreeIntervalsAndSkew) {
    EXPECT_EQ(master_down_interval(Version::v3, Priority::of(128), 1s), 3500ms);
    EXPECT_EQ(master_down_interval(Version::v3, Priority::of(254), 40950ms), 3 * 40950ms + 319921875ns);
}

TEST(Rfc3768_6_1, InVersion2SkewIsAPartOfASecond) {
    EXPECT_EQ(skew_time(Version::v2, Priority::of(128), 5s), 500ms);
    EXPECT_EQ(master_down_interval(Version::v2, Priority::of(128), 5s), 15500ms);
}

TEST(Rfc9568_6_1, TheOwnerPreemptsEvenWithoutPreemptMode) {
    auto config = Bench::with_priority(255);
    config.preempt = false;
    config.grouped = true;  // an owner that has to wait in backup
    Bench bench(config);
    bench.start();
    bench.hear(254, bench.higher);
    EXPECT_EQ(bench.pass(0s), (EffectList{Ready{}}));
}

TEST(Rfc9568_6_4_1, TheOwnerSpeaksAtOnceAndBecomesMaster) {
    Bench bench(Bench::with_priority(255));
    EXPECT_EQ(bench.start(), (EffectList{SendAdvert{255}, AddAddresses{}, Announce{},
                                         StateChanged{State::initialize, State::master, Reason::owner}}));
    EXPECT_EQ(count_adverts(bench.pass(1s)), 1);
}

TEST(Rfc9568_6_4_1, OthersBecomeBackupForAMasterDownInterval) {
    Bench bench(slow(128, 1s));
    EXPECT_EQ(bench.start(), (EffectList{StateChanged{State::initialize, State::backup, Reason::started}}));
    EXPECT_EQ(bench.left(), 3500ms);
    EXPECT_EQ(bench.machine.master_interval(), 1s);
}

TEST(Rfc9568_6_4_1, ARestartForgetsTheLearnedInterval) {
    Bench bench(slow(128, 1s));
    bench.start();
    bench.hear(200, bench.higher, 10s);
    bench.give(Stop{});
    bench.start();
    EXPECT_EQ(bench.left(), 3500ms);
}

TEST(Rfc9568_6_4_2, SilenceForAMasterDownIntervalMakesItMaster) {
    Bench bench(slow(128, 1s));
    bench.start();
    EXPECT_TRUE(bench.pass(3500ms - 1ns).empty());
    EXPECT_EQ(bench.pass(1ns), (EffectList{SendAdvert{128}, AddAddresses{}, Announce{},
                                           StateChanged{State::backup, State::master, Reason::master_down}}));
}

TEST(Rfc9568_6_4_2, ShutdownGoesToInitializeWithoutAWord) {
    Bench bench;
    bench.start();
    EXPECT_EQ(bench.give(Stop{}),
              (EffectList{StateChanged{State::backup, State::initialize, Reason::stopped}}));
    EXPECT_EQ(bench.machine.deadline(), std::nullopt);
}

TEST(Rfc9568_6_4_2, PriorityZeroLeavesOnlyTheSkew) {
    Bench bench(slow(128, 1s));
    bench.start();
    bench.hear(200, bench.higher);
    EXPECT_TRUE(bench.hear(0, bench.higher).empty());
    EXPECT_EQ(bench.left(), 500ms);
    const auto effects = bench.pass(500ms);
    ASSERT_FALSE(effects.empty());
    EXPECT_EQ(effects.back(), Effect(StateChanged{State::backup, State::master, Reason::priority_zero}));
}

TEST(Rfc9568_6_4_2, ARepeatedPriorityZeroDoesNotDelayTheTakeover) {
    Bench bench(slow(128, 1s));
    bench.start();
    bench.hear(0, bench.higher);
    bench.pass(300ms);
    bench.hear(0, bench.higher);
    EXPECT_EQ(bench.left(), 200ms);
}

TEST(Rfc9568_6_4_2, PriorityZeroUsesTheLearnedIntervalForTheSkew) {
    Bench bench(slow(128, 1s));
    bench.start();
    bench.hear(200, bench.higher, 10s);
    bench.hear(0, bench.higher, 10s);
    EXPECT_EQ(bench.left(), 5s);
}

TEST(Rfc9568_6_4_2, AHigherPriorityIsFollowedAndItsIntervalLearned) {
    Bench bench(slow(128, 1s));
    bench.start();
    bench.pass(3s);
    EXPECT_TRUE(bench.hear(129, bench.lower, 2s).empty());
    EXPECT_EQ(bench.machine.master_interval(), 2s);
    EXPECT_EQ(bench.left(), 7s);
    EXPECT_EQ(bench.machine.master(), bench.lower);
}

TEST(Rfc9568_6_4_2, AnEqualPriorityIsFollowedWhateverItsAddress) {
    for (const auto& from : {Bench().higher, Bench().lower}) {
        Bench bench(slow(128, 1s));
        bench.start();
        bench.pass(3s);
        bench.hear(128, from);
        EXPECT_EQ(bench.left(), 3500ms);
    }
}

TEST(Rfc9568_6_4_2, ALowerPriorityIsDiscardedWhenPreempting) {
    Bench bench(slow(128, 1s));
    bench.start();
    bench.pass(3s);
    bench.hear(127, bench.higher, 5s);
    EXPECT_EQ(bench.left(), 500ms);
    EXPECT_EQ(bench.machine.master_interval(), 1s);
}

TEST(Rfc9568_6_4_2, ALowerPriorityIsFollowedWhenNotPreempting) {
    auto config = slow(128, 1s);
    config.preempt = false;
    Bench bench(config);
    bench.start();
    bench.pass(3s);
    bench.hear(1, bench.lower, 2s);
    EXPECT_EQ(bench.left(), 7s);
}

TEST(Rfc9568_6_4_3, AnAdvertLeavesEveryInterval) {
    Bench bench(slow(128, 100ms));
    bench.make_master();
    EXPECT_EQ(count_adverts(bench.pass(10s)), 100);
}

TEST(Rfc9568_6_4_3, ShutdownSaysGoodbyeFirst) {
    Bench bench(slow(128, 1s));
    bench.make_master();
    EXPECT_EQ(bench.give(Stop{}),
              (EffectList{SendAdvert{0}, RemoveAddresses{},
                          StateChanged{State::master, State::initialize, Reason::stopped}}));
    EXPECT_TRUE(bench.pass(1h).empty());
}

TEST(Rfc9568_6_4_3, PriorityZeroIsAnsweredAtOnceAndRestartsTheTimer) {
    Bench bench(slow(128, 1s));
    bench.make_master();
    bench.pass(1s);
    bench.pass(bench.left() / 2);
    EXPECT_EQ(bench.hear(0, bench.higher), (EffectList{SendAdvert{128}}));
    EXPECT_EQ(bench.left(), 1s);
    EXPECT_EQ(bench.state(), State::master);
}

TEST(Rfc9568_6_4_3, AHigherPriorityIsYieldedTo) {
    Bench bench(slow(128, 1s));
    bench.make_master();
    EXPECT_EQ(
        bench.hear(129, bench.lower, 2s),
        (EffectList{RemoveAddresses{}, StateChanged{State::master, State::backup, Reason::higher_priority}}));
    EXPECT_EQ(bench.left(), 7s);
    EXPECT_EQ(bench.machine.master_interval(), 2s);
}

TEST(Rfc9568_6_4_3, AnEqualPriorityWithAHigherAddressIsYieldedTo) {
    Bench bench(slow(128, 1s));
    bench.make_master();
    EXPECT_EQ(
        bench.hear(128, bench.higher),
        (EffectList{RemoveAddresses{}, StateChanged{State::master, State::backup, Reason::higher_address}}));
}

TEST(Rfc9568_6_4_3, AnEqualPriorityWithALowerAddressIsNot) {
    Bench bench(slow(128, 1s));
    bench.make_master();
    bench.hear(128, bench.lower);
    EXPECT_EQ(bench.state(), State::master);
}

TEST(Rfc9568_6_4_3, AddressesAreComparedAsUnsignedNumbersInNetworkOrder) {
    Bench bench(slow(128, 1s));
    bench.own = *IpAddress::parse("10.0.0.200");
    bench.make_master();
    bench.hear(128, *IpAddress::parse("9.255.255.255"));
    EXPECT_EQ(bench.state(), State::master);
    bench.hear(128, *IpAddress::parse("192.0.0.1"));
    EXPECT_EQ(bench.state(), State::backup);
}

TEST(Rfc9568_6_4_3, ALowerMasterIsToldAtOnce) {
    Bench bench(slow(128, 1s));
    bench.make_master();
    EXPECT_EQ(bench.hear(127, bench.higher), (EffectList{SendAdvert{128}}));
    EXPECT_EQ(bench.state(), State::master);
}

TEST(Rfc9568_6_4_3, AFloodOfLowerAdvertsDoesNotSetOurRate) {
    Bench bench(slow(128, 1s));
    bench.make_master();
    int sent = 0;
    for (int i = 0; i < 1000; ++i) {
        sent += count_adverts(bench.hear(1, bench.higher));
        sent += count_adverts(bench.pass(1ms));
    }
    EXPECT_LE(sent, 4);
    EXPECT_GE(sent, 2);
}

TEST(Rfc9568_7_1, TheOwnerDiscardsEveryAdvert) {
    Bench bench(Bench::with_priority(255));
    bench.start();
    EXPECT_TRUE(bench.hear(255, bench.higher).empty());
    EXPECT_EQ(bench.state(), State::master);
    EXPECT_EQ(bench.machine.counters().discarded[static_cast<std::size_t>(Discard::owner)], 1U);
}

TEST(Rfc9568_7_1, AnotherVersionIsDiscarded) {
    Bench bench(slow(128, 1s));
    bench.start();
    Advert advert;
    advert.version = Version::v2;
    advert.priority = 200;
    bench.pass(1s);
    bench.give(Received{advert, bench.higher});
    EXPECT_EQ(bench.left(), 2500ms);
    EXPECT_EQ(bench.machine.counters().discarded[static_cast<std::size_t>(Discard::version)], 1U);
}

TEST(Rfc3768_7_1, Version2DiscardsAnotherInterval) {
    auto config = slow(128, 1s);
    config.version = Version::v2;
    Bench bench(config);
    bench.start();
    bench.pass(1s);
    bench.hear(200, bench.higher, 2s);
    EXPECT_EQ(bench.left(), 2500ms);
    EXPECT_EQ(bench.machine.counters().discarded[static_cast<std::size_t>(Discard::interval)], 1U);
}

TEST(Rfc9568_8_3_1, APreemptingRouterTakesOverFromALowerMaster) {
    Bench bench(slow(200, 100ms));
    bench.start();
    for (int i = 0; i < 3; ++i) {
        bench.hear(100, bench.higher, 100ms);
        bench.pass(100ms);
    }
    EXPECT_EQ(bench.state(), State::backup);
    bench.pass(22ms);
    EXPECT_EQ(bench.state(), State::master);
}

}  // namespace
}  // namespace lvs::vrrp
