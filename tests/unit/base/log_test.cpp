// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "lvsd/base/log.hpp"
#include "lvsd/base/messages.hpp"

namespace lvs {
namespace {

TEST(Log, QuotesOnlyWhatNeedsIt) {
    const Field fields[] = {{"router", "web"}, {"reason", "no advert in 3.6s"}, {"count", 3}, {"text", "a\"b\n"}};
    EXPECT_EQ(format_line(Level::notice, ev::vrrp_state, "master", fields),
              "notice  vrrp-state: master router=web reason=\"no advert in 3.6s\" count=3 text=\"a\\\"b \"");
}

}  // namespace
}  // namespace lvs
