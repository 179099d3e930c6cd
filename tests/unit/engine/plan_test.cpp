// SPDX-License-Identifier: GPL-2.0-or-later
//
// Golden plans: a configuration, the kernel as it is, the next configuration, and every line that is told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lvsd/engine/plan.hpp"
#include "tests/unit/engine/builder.hpp"

namespace lvs::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class PlanTest : public testing::Test {
protected:
    void start(config::Config config) {
        Changes changes;
        engine.configure(now, std::move(config), changes);
        for (const auto& wanted : engine.checks())
            engine.on_verdict(now, wanted.id, true, "fine", changes);
        kernel = engine.desired();
        for (const auto& [key, service] : kernel)
            owned.insert(key);
    }
    std::vector<std::string> plan(const config::Config& next) {
        return lines(make_plan(now, engine, next, kernel, owned));
    }

    Engine engine;
    Time now{};
    ipvs::Table kernel;
    ipvs::Owned owned;
};

config::VirtualService web(std::vector<config::RealServer> servers) {
    return service("web", kVip, std::move(servers));
}

TEST_F(PlanTest, NothingChangesNothing) {
    start(config_of({web({server("10.0.0.1:80"), server("10.0.0.2:80")})}));
    EXPECT_THAT(plan(config_of({web({server("10.0.0.1:80"), server("10.0.0.2:80")})})), IsEmpty());
}

TEST_F(PlanTest, AServerComesOneGoesOneGetsAnotherWeight) {
    start(config_of({web({server("10.0.0.1:80"), server("10.0.0.2:80")})}));
    EXPECT_THAT(
        plan(config_of({web({server("10.0.0.1:80", 5), server("10.0.0.3:80")})})),
        ElementsAre("~ virtual service web", "- server 10.0.0.2:80 of web, once its connections are gone",
                    "+ server 10.0.0.3:80 of web, once its checks pass",
                    "~ kernel: set server 10.0.0.1:80 of TCP 192.0.2.10:80 (nat, weight 5)",
                    "~ kernel: set server 10.0.0.2:80 of TCP 192.0.2.10:80 (nat, weight 0)",
                    "+ kernel: add server 10.0.0.3:80 to TCP 192.0.2.10:80 (nat, weight 0)"));
}

TEST_F(PlanTest, AServiceGoesAndTheKernelIsNotAsItShouldBe) {
    auto quick = service("b", "192.0.2.11:80", {server("10.0.0.1:80", 1, {})});
    quick.drain_timeout = {};
    start(config_of({web({server("10.0.0.1:80")}), quick}));
    kernel.at(ipvs::AddressKey{ipvs::Protocol::tcp, *parse_endpoint(kVip)})
        .dests.clear();  // somebody was there
    EXPECT_THAT(plan(config_of({web({server("10.0.0.1:80", 2)})})),
                ElementsAre("- virtual service b", "~ virtual service web",
                            "+ kernel: add server 10.0.0.1:80 to TCP 192.0.2.10:80 (nat, weight 2)",
                            "- kernel: delete service TCP 192.0.2.11:80"));
}

TEST_F(PlanTest, RoutersAreComparedSettingBySetting) {
    config::Config before, after;
    config::VirtualRouter router;
    router.name = "front";
    router.interface = "eth0";
    router.addresses = {*parse_prefix("192.0.2.10/24")};
    before.routers = {router};
    start(before);
    router.priority = Priority::of(150);
    router.preempt = false;
    after.routers = {router};
    EXPECT_THAT(plan(after), ElementsAre("~ virtual router front", "    preempt: true -> false",
                                         "    priority: 100 -> 150", "    preempt_delay: \"0s\" -> default"));
    EXPECT_THAT(plan({}), ElementsAre("- virtual router front"));
}

TEST_F(PlanTest, AChangeTheKernelDoesNotSeeIsAChange) {
    start(config_of({web({server("10.0.0.1:80")})}));
    auto next = web({server("10.0.0.1:80")});
    next.panic_threshold = 30;
    EXPECT_THAT(plan(config_of({next})), ElementsAre("~ virtual service web"));
}

TEST_F(PlanTest, TheGuardWatchesTheShareThatGoes) {
    std::vector<config::RealServer> ten;
    for (int i = 1; i <= 10; ++i)
        ten.push_back(server("10.0.0." + std::to_string(i) + ":80"));
    start(config_of({web(ten)}));
    const std::vector<config::RealServer> five(ten.begin(), ten.begin() + 5),
        four(ten.begin(), ten.begin() + 4);
    EXPECT_FALSE(make_plan(now, engine, config_of({web(five)}), kernel, owned).is_guarded);
    EXPECT_TRUE(make_plan(now, engine, config_of({web(four)}), kernel, owned).is_guarded);
    EXPECT_TRUE(make_plan(now, engine, config_of({}), kernel, owned).is_guarded);
    EXPECT_FALSE(guards(0, 3, 3));
    EXPECT_TRUE(guards(0, 4, 1000));
    EXPECT_FALSE(guards(100, 1000, 1000));
}

}  // namespace
}  // namespace lvs::engine
