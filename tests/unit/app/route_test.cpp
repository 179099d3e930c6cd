// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/app/route.hpp"

#include <gmock/gmock.h>

namespace lvs::app {
namespace {

using testing::ElementsAre;

TEST(RouteTest, AnAddressOfThisHostIsLocalAndOnItsInterface) {
    const auto route = route_to(*IpAddress::parse("127.0.0.1"));
    ASSERT_TRUE(route);
    EXPECT_TRUE(route->is_local);
    EXPECT_THAT(route->interfaces, ElementsAre("lo"));
}

TEST(RouteTest, NothingIsKnownOfWhatLeadsNowhere) {
    const auto broadcast = route_to(*IpAddress::parse("127.255.255.255"));
    EXPECT_TRUE(!broadcast || !broadcast->is_local);
    EXPECT_FALSE(route_to(*IpAddress::parse("::1")));
}

TEST(RouteTest, AnInterfaceThatIsNotThereAcceptsNothing) {
    EXPECT_EQ(accept_local("no-such-one"), Accepting::no);
}

}  // namespace
}  // namespace lvs::app
