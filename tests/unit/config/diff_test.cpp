// SPDX-License-Identifier: GPL-2.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/config/random_config.hpp"

namespace lvs::config {
namespace {

using testing::ElementsAre;

VirtualService service(std::string name, int mark) {
    VirtualService out;
    out.name = std::move(name);
    out.match = Fwmark::make(mark).value();
    return out;
}

TEST(Diff, ByName) {
    Config before;
    before.services = {service("a", 1), service("b", 2), service("c", 3)};
    Config after;
    after.services = {service("c", 4), service("d", 5), service("a", 1)};
    VirtualRouter router;
    router.name = "r";
    after.routers = {router};
    after.global.on_stop = OnStop::keep;
    const auto changes = diff(before, after);
    EXPECT_TRUE(changes.global);
    EXPECT_THAT(changes.routers.added, ElementsAre("r"));
    EXPECT_THAT(changes.services.added, ElementsAre("d"));
    EXPECT_THAT(changes.services.removed, ElementsAre("b"));
    EXPECT_THAT(changes.services.changed, ElementsAre("c"));
    EXPECT_EQ(to_string(changes), "global; routers: +r; services: +d -b ~c");
}

TEST(Diff, OrderIsNoChange) {
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
        const auto config = test::RandomConfig(seed).make();
        auto turned = config;
        std::ranges::reverse(turned.services);
        std::ranges::reverse(turned.routers);
        EXPECT_TRUE(diff(config, turned).empty());
    }
    EXPECT_EQ(to_string(Changes{}), "no change");
}

TEST(Diff, LongListsAreCutForTheLog) {
    Config after;
    for (int i = 1; i <= 23; ++i)
        after.services.push_back(service("s" + std::to_string(i), i));
    EXPECT_THAT(to_string(diff({}, after)), testing::EndsWith(" +s20 and 3 more"));
}

}  // namespace
}  // namespace lvs::config
