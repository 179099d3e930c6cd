// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/app/overrides.hpp"

#include <gtest/gtest.h>

namespace lvs::app {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kOffset = 1'700'000'000'000'000'000;

const std::set<std::string> kHeld{"outside", "router"};

OverrideMap sample() {
    OverrideMap out;
    auto& one = out[{"web", *parse_endpoint("10.0.0.1:80")}];
    one.admin = engine::AdminOverride{engine::Admin::draining, "disk, soon", Time(20s), Time(30s)};
    one.weight = engine::WeightOverride{Weight::of(7), "", std::nullopt};
    out[{"web", *parse_endpoint("[2001:db8::1]:80")}].admin =
        engine::AdminOverride{engine::Admin::maintenance, "", std::nullopt, std::nullopt};
    return out;
}

TEST(Overrides, AreReadAsTheyWereWritten) {
    const auto text = encode_overrides(sample(), kHeld, kOffset);
    const auto read = parse_overrides(text, kOffset);
    ASSERT_TRUE(read);
    EXPECT_EQ(encode_overrides(read->servers, read->held, kOffset), text);
    EXPECT_EQ(read->held, kHeld);
    const auto& one = read->servers.at({"web", *parse_endpoint("10.0.0.1:80")});
    EXPECT_EQ(one.admin->mode, engine::Admin::draining);
    EXPECT_EQ(one.admin->reason, "disk, soon");
    EXPECT_EQ(one.admin->expires, Time(20s));
    EXPECT_EQ(one.admin->deadline, Time(30s));
    EXPECT_EQ(one.weight->weight, Weight::of(7));
}

TEST(Overrides, TimesAreThoseOfTheWallAfterARestart) {
    const auto read =
        parse_overrides(encode_overrides(sample(), kHeld, kOffset), kOffset + Duration(5s).count());
    ASSERT_TRUE(read);
    EXPECT_EQ(read->servers.at({"web", *parse_endpoint("10.0.0.1:80")}).admin->expires, Time(15s));
}

TEST(Overrides, AReasonCannotBreakTheFile) {
    OverrideMap evil;
    evil[{"web", *parse_endpoint("10.0.0.1:80")}].admin = engine::AdminOverride{
        engine::Admin::disabled, "a\tb\nweb\t10.0.0.2:80\tdisabled", std::nullopt, std::nullopt};
    const auto read = parse_overrides(encode_overrides(evil, {}, kOffset), kOffset);
    ASSERT_TRUE(read);
    EXPECT_EQ(read->servers.size(), 1U);
}

TEST(Overrides, WhatIsTornOrMadeUpIsRefused) {
    const auto text = encode_overrides(sample(), kHeld, kOffset);
    EXPECT_FALSE(parse_overrides("", kOffset));
    EXPECT_FALSE(parse_overrides("lvsd overrides 1\nweb\theld\n", kOffset));
    EXPECT_FALSE(parse_overrides("lvsd overrides 1\nweb\thold\nweb\thold\n", kOffset));
    EXPECT_FALSE(parse_overrides(text.substr(0, text.size() - 1), kOffset));
    EXPECT_FALSE(parse_overrides("lvsd overrides 1\nweb\t10.0.0.1:80\tweight\t65536\t0\t0\t\n", kOffset));
    EXPECT_FALSE(parse_overrides("lvsd overrides 1\nweb\t10.0.0.1:80\tasleep\t0\t0\t0\t\n", kOffset));
    EXPECT_FALSE(parse_overrides("lvsd overrides 1\nweb\tnobody\tweight\t1\t0\t0\t\n", kOffset));
    EXPECT_FALSE(parse_overrides("lvsd overrides 1\nweb\t10.0.0.1:80\tweight\t1\t99999999999999999999\t0\t\n",
                                 kOffset));
}

}  // namespace
}  // namespace lvs::app
