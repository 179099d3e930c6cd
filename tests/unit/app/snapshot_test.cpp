// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "lvsd/app/daemon.hpp"

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

}  // namespace
}  // namespace lvs::app
