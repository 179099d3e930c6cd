// SPDX-License-Identifier: GPL-2.0-or-later
//
// Peers and passwords, sync groups, pacing: the small decisions around the machine.
#include <gtest/gtest.h>

#include <vector>

#include "vrrp/vrrp.hpp"

namespace lvs::vrrp {
namespace {

using namespace std::chrono_literals;

const IpAddress kPeer = *IpAddress::parse("192.0.2.2");
const IpAddress kStranger = *IpAddress::parse("192.0.2.66");
const IpAddress kOwn = *IpAddress::parse("192.0.2.1");
const Envelope kMulticast{.source = kPeer, .destination = group_address(Family::ipv4)};
const Envelope kUnicast{.source = kPeer, .destination = kOwn};

TEST(Policy, MulticastWithoutPeers) {
    EXPECT_EQ(refuse({}, kMulticast, {}), std::nullopt);
    EXPECT_EQ(refuse({}, kUnicast, {}), Discard::source);
}

TEST(Policy, OnlyKnownPeersByUnicast) {
    const Policy policy{.peers = {{kPeer}}, .password = std::nullopt};
    EXPECT_EQ(refuse(policy, kUnicast, {}), std::nullopt);
    EXPECT_EQ(refuse(policy, kMulticast, {}), Discard::source);
    EXPECT_EQ(refuse(policy, {.source = kStranger, .destination = kOwn}, {}), Discard::source);
}

TEST(Policy, APeerBehindRoutersMayHaveALowerTtl) {
    const Policy policy{.peers = {{kPeer, 250}}, .password = std::nullopt};
    EXPECT_EQ(minimum_ttl(policy, kPeer), 250);
    EXPECT_EQ(minimum_ttl(policy, kStranger), 255);
    EXPECT_EQ(minimum_ttl({}, kPeer), 255);
}

TEST(Rfc2338_10_2, ThePasswordMustBeTheSame) {
    const std::array<std::uint8_t, 8> secret{'s', 'e', 'c', 'r', 'e', 't'};
    const Policy policy{.peers = {}, .password = secret};
    Advert advert;
    advert.version = Version::v2;
    EXPECT_EQ(refuse(policy, kMulticast, advert), Discard::authentication);
    EXPECT_EQ(refuse({}, kMulticast, advert), std::nullopt);
    advert.authenticated = true;
    EXPECT_EQ(refuse(policy, kMulticast, advert), Discard::authentication);
    EXPECT_EQ(refuse({}, kMulticast, advert), Discard::authentication);
    advert.password = secret;
    EXPECT_EQ(refuse(policy, kMulticast, advert), std::nullopt);
}

// ---- sync groups ------------------------------------------------------------------------------------------

constexpr Member kStopped{};
constexpr Member kUndecided{.running = true, .state = State::backup};
constexpr Member kReady{.running = true, .state = State::backup, .ready = true};
constexpr Member kFollows{.running = true, .state = State::backup, .ready = false, .follows = true};
constexpr Member kMaster{.running = true, .state = State::master};

Decision of(std::vector<Member> members) {
    return decide(members);
}

TEST(SyncGroup, MovesUpWhenEveryMemberWould) {
    EXPECT_EQ(of({kReady, kReady}), Decision::promote);
    EXPECT_EQ(of({kReady}), Decision::promote);
    EXPECT_EQ(of({kReady, kUndecided}), Decision::none);
    EXPECT_EQ(of({kReady, kFollows}), Decision::none);
    EXPECT_EQ(of({kReady, kStopped}), Decision::none);
}

TEST(SyncGroup, MovesDownAsSoonAsOneMemberMust) {
    EXPECT_EQ(of({kMaster, kFollows}), Decision::demote);
    EXPECT_EQ(of({kMaster, kStopped}), Decision::demote);
    EXPECT_EQ(of({kMaster, kMaster}), Decision::none);
}

TEST(SyncGroup, ANewMemberJoinsAMasterWithoutPullingItDown) {
    EXPECT_EQ(of({kMaster, kUndecided}), Decision::none);
    EXPECT_EQ(of({kMaster, kReady}), Decision::promote);
}

// ---- pacing -----------------------------------------------------------------------------------------------

TEST(Pacer, LetsABurstGoAndThenTheRate) {
    Pacer pacer(1000, 10);
    const Time start{1h};
    EXPECT_EQ(pacer.take(start, 64), 10U);
    EXPECT_EQ(pacer.take(start, 1), 0U);
    EXPECT_EQ(pacer.take(start + 1ms, 64), 1U);
    EXPECT_EQ(pacer.take(start + 4ms, 64), 3U);
    EXPECT_EQ(pacer.take(start + 1h, 64), 10U);
}

TEST(Pacer, FractionsOfATokenAreNotLost) {
    Pacer pacer(1000, 10);
    const Time start{1h};
    (void)pacer.take(start, 10);
    std::uint32_t taken = 0;
    for (int i = 1; i <= 1000; ++i)
        taken += pacer.take(start + i * 300us, 10);
    EXPECT_EQ(taken, 300U);
}

TEST(Pacer, SaysWhenItIsWorthAskingAgain) {
    Pacer pacer(1000, 10);
    const Time start{1h};
    (void)pacer.take(start, 10);
    const Time at = pacer.ready_at(5);
    EXPECT_EQ(at, start + 5ms);
    EXPECT_EQ(pacer.take(at, 64), 5U);
    EXPECT_EQ(pacer.ready_at(1000), at + 10ms);  // never more than the burst
}

TEST(Pacer, WhatCouldNotBeSentIsGivenBack) {
    Pacer pacer(1000, 10);
    const Time start{1h};
    EXPECT_EQ(pacer.take(start, 8), 8U);
    pacer.give_back(5);
    EXPECT_EQ(pacer.take(start, 64), 7U);
    pacer.give_back(100);
    EXPECT_EQ(pacer.take(start, 64), 10U);
}

}  // namespace
}  // namespace lvs::vrrp
