// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/engine/engine.hpp"

#include <gtest/gtest.h>

namespace lvs::engine {
namespace {

using namespace std::chrono_literals;

config::Check tcp(Duration interval = 2s) {
    config::Check out;
    out.kind = "tcp";
    out.interval = interval;
    return out;
}

config::RealServer server(const char* address, std::vector<config::Check> checks = {tcp()}, int weight = 1) {
    config::RealServer out;
    out.address = *parse_endpoint(address);
    out.checks = std::move(checks);
    out.weight = *Weight::make(weight);
    return out;
}

config::VirtualService web(std::vector<config::RealServer> servers, const char* address = "192.0.2.10:80") {
    config::VirtualService out;
    out.name = "web";
    out.match = *parse_endpoint(address);
    out.servers = std::move(servers);
    return out;
}

const ipvs::ServiceKey kWeb = ipvs::AddressKey{ipvs::Protocol::tcp, *parse_endpoint("192.0.2.10:80")};

class EngineTest : public ::testing::Test {
protected:
    void configure(std::vector<config::VirtualService> services) {
        config_.services = std::move(services);
        effects_.clear();
        engine_.configure(now_, config_, effects_);
    }
    void verdict(const char* target, bool up) {
        effects_.clear();
        now_ += 1s;
        for (const auto& check : engine_.checks())
            if (check.target == *parse_endpoint(target))
                engine_.on_verdict(now_, {check.id, up, up ? "ok" : "refused"}, effects_);
    }
    // "10.0.0.1:80=1 10.0.0.2:80=0"
    std::string weights(const ipvs::ServiceKey& key = kWeb) {
        std::string out;
        for (const auto& [dest, values] : engine_.desired().at(key).dests)
            out += lvs::to_string(dest.address) + "=" + std::to_string(values.settings.weight) + " ";
        if (!out.empty()) out.pop_back();
        return out;
    }
    template <class T>
    std::size_t count() {
        std::size_t out = 0;
        for (const auto& effect : effects_)
            out += std::holds_alternative<T>(effect) ? 1 : 0;
        return out;
    }
    // "10.0.0.1:80 starting->up (ok)", then "web down->up (1 of 1 servers up)"
    std::vector<std::string> changes() {
        std::vector<std::string> out;
        for (const auto& effect : effects_) {
            if (const auto* s = std::get_if<ServerChanged>(&effect))
                out.push_back(lvs::to_string(s->server) + " " + std::string(to_string(s->from)) + "->" +
                              std::string(to_string(s->to)) + " (" + s->reason + ")");
            if (const auto* s = std::get_if<ServiceChanged>(&effect))
                out.push_back(s->service + " " + std::string(to_string(s->from)) + "->" +
                              std::string(to_string(s->to)) + " (" + s->reason + ")");
        }
        return out;
    }

    Time now_{1000s};
    config::Config config_;
    Engine engine_;
    Effects effects_;
};

using Lines = std::vector<std::string>;

TEST_F(EngineTest, AServerGetsTrafficAfterItsFirstVerdict) {
    configure({web({server("10.0.0.1:80"), server("10.0.0.2:80", {tcp()}, 3)})});
    EXPECT_EQ(weights(), "10.0.0.1:80=0 10.0.0.2:80=0");
    EXPECT_EQ(count<ChecksChanged>(), 1U);
    EXPECT_EQ(count<TableChanged>(), 1U);
    verdict("10.0.0.2:80", true);
    EXPECT_EQ(weights(), "10.0.0.1:80=0 10.0.0.2:80=3");
    EXPECT_EQ(changes(), (Lines{"10.0.0.2:80 starting->up (ok)", "web down->degraded (1 of 2 servers up)"}));
    EXPECT_TRUE(std::holds_alternative<TableChanged>(effects_.back()));
    verdict("10.0.0.1:80", true);
    EXPECT_EQ(changes(), (Lines{"10.0.0.1:80 starting->up (ok)", "web degraded->up (2 of 2 servers up)"}));
    verdict("10.0.0.1:80", true);
    EXPECT_TRUE(effects_.empty()) << "the same again is no news";
}

TEST_F(EngineTest, AFailedServerIsAtWeight0OrGone) {
    auto service = web({server("10.0.0.1:80"), server("10.0.0.2:80")});
    configure({service});
    verdict("10.0.0.1:80", true);
    verdict("10.0.0.2:80", true);
    verdict("10.0.0.1:80", false);
    EXPECT_EQ(changes().front(), "10.0.0.1:80 up->down (refused)");
    EXPECT_EQ(weights(), "10.0.0.1:80=0 10.0.0.2:80=1");
    service.on_failure = config::OnFailure::remove;
    configure({service});
    EXPECT_EQ(weights(), "10.0.0.2:80=1") << "health outlives the reload";
    verdict("10.0.0.2:80", false);
    EXPECT_EQ(weights(), "");
    EXPECT_EQ(engine_.services()[0].state, ServiceState::down);
}

TEST_F(EngineTest, AllChecksOfAServerMustPass) {
    auto second = tcp();
    second.port = 9000;
    configure({web({server("10.0.0.1:80", {tcp(), second})})});
    verdict("10.0.0.1:80", true);
    EXPECT_EQ(weights(), "10.0.0.1:80=0") << "the other check has not spoken";
    verdict("10.0.0.1:9000", true);
    EXPECT_EQ(weights(), "10.0.0.1:80=1");
    verdict("10.0.0.1:9000", false);
    EXPECT_EQ(weights(), "10.0.0.1:80=0");
}

TEST_F(EngineTest, AServerWithoutChecksIsUp) {
    configure({web({server("10.0.0.1:80", {})})});
    EXPECT_EQ(weights(), "10.0.0.1:80=1");
    EXPECT_TRUE(engine_.checks().empty());
    EXPECT_EQ(changes(),
              (Lines{"10.0.0.1:80 starting->up (not checked)", "web down->up (1 of 1 servers up)"}));
}

TEST_F(EngineTest, EqualChecksRunOnceAndServeAll) {
    auto other = web({server("10.0.0.1:80")}, "192.0.2.20:80");
    other.name = "other";
    auto elsewhere = tcp();
    elsewhere.address = IpAddress::parse("10.0.0.1");  // written differently, looking at the same place
    configure({web({server("10.0.0.1:80", {tcp(), elsewhere})}), other});
    ASSERT_EQ(engine_.checks().size(), 1U);
    verdict("10.0.0.1:80", true);
    EXPECT_EQ(changes().size(), 4U);
    EXPECT_EQ(count<TableChanged>(), 1U);
    configure({web({server("10.0.0.1:80", {tcp(), tcp(5s)})}), other});
    EXPECT_EQ(engine_.checks().size(), 2U) << "another interval is another check";
}

TEST_F(EngineTest, AReloadKeepsNumbersAndHealthOfWhatStays) {
    configure({web({server("10.0.0.1:80"), server("10.0.0.2:80")})});
    verdict("10.0.0.1:80", true);
    const auto before = engine_.checks();
    configure({web({server("10.0.0.3:80"), server("10.0.0.1:80")})});
    const auto after = engine_.checks();
    EXPECT_EQ(count<ChecksChanged>(), 1U);
    EXPECT_EQ(changes(), Lines{});
    EXPECT_EQ(weights(), "10.0.0.1:80=1 10.0.0.3:80=0");
    ASSERT_EQ(after.size(), 2U);
    EXPECT_EQ(after[0], before[0]);
    EXPECT_GT(after[1].id, before[1].id) << "numbers are never used twice";
    configure({web({server("10.0.0.3:80"), server("10.0.0.1:80")})});
    EXPECT_TRUE(effects_.empty()) << "the same configuration changes nothing";
}

TEST_F(EngineTest, AReloadThatChangesAChecksTermsKeepsAWorkingServerUp) {
    configure({web({server("10.0.0.1:80"), server("10.0.0.2:80")})});
    verdict("10.0.0.1:80", true);
    verdict("10.0.0.2:80", false);
    configure({web({server("10.0.0.1:80", {tcp(9s)}), server("10.0.0.2:80", {tcp(9s)})})});
    EXPECT_EQ(weights(), "10.0.0.1:80=1 10.0.0.2:80=0");
    EXPECT_EQ(engine_.services()[0].servers[0].state, ServerState::up);
    EXPECT_TRUE(engine_.services()[0].servers[0].held_up);
    configure({web({server("10.0.0.1:80", {tcp(8s)}), server("10.0.0.2:80", {tcp(9s)})})});
    EXPECT_EQ(weights(), "10.0.0.1:80=1 10.0.0.2:80=0") << "also when reloaded twice";
    verdict("10.0.0.1:80", false);
    EXPECT_EQ(weights(), "10.0.0.1:80=0 10.0.0.2:80=0") << "the first verdict counts";
}

TEST_F(EngineTest, ARestartKeepsWhatTheKernelShowsAsWorking) {
    ipvs::Table kernel;
    kernel[kWeb].dests[{*parse_endpoint("10.0.0.1:80")}].settings.weight = 4;
    kernel[kWeb].dests[{*parse_endpoint("10.0.0.2:80")}].settings.weight = 0;
    engine_.on_kernel(now_, kernel, effects_);
    const auto service = web({server("10.0.0.1:80"), server("10.0.0.2:80"), server("10.0.0.3:80")});
    configure({service});
    EXPECT_EQ(weights(), "10.0.0.1:80=1 10.0.0.2:80=0 10.0.0.3:80=0");
    EXPECT_EQ(changes().front(), "10.0.0.1:80 starting->up (was up before, not checked yet)");
    verdict("10.0.0.1:80", false);
    EXPECT_EQ(weights(), "10.0.0.1:80=0 10.0.0.2:80=0 10.0.0.3:80=0");

    engine_ = Engine();  // the other order
    configure({service});
    EXPECT_EQ(weights(), "10.0.0.1:80=0 10.0.0.2:80=0 10.0.0.3:80=0");
    engine_.on_kernel(now_, kernel, effects_);
    EXPECT_EQ(weights(), "10.0.0.1:80=1 10.0.0.2:80=0 10.0.0.3:80=0");
}

TEST_F(EngineTest, TheSorryServerStepsInWhenNoneIsLeftAndLeavesWhenOneIsBack) {
    auto service = web({server("10.0.0.1:80"), server("10.0.0.2:80")});
    service.sorry_server = server("10.0.0.9:80");
    configure({service});
    verdict("10.0.0.9:80", true);
    verdict("10.0.0.1:80", false);
    EXPECT_EQ(weights(), "10.0.0.1:80=0 10.0.0.2:80=0 10.0.0.9:80=0") << "one may still come up";
    verdict("10.0.0.2:80", false);
    EXPECT_EQ(weights(), "10.0.0.1:80=0 10.0.0.2:80=0 10.0.0.9:80=1");
    EXPECT_EQ(changes(), (Lines{"10.0.0.2:80 starting->down (refused)",
                                "10.0.0.9:80 standby->sorry (no other server is up)",
                                "web down->sorry (0 of 2 servers up)"}));
    verdict("10.0.0.9:80", false);
    EXPECT_EQ(weights(), "10.0.0.1:80=0 10.0.0.2:80=0 10.0.0.9:80=0") << "it is checked like any other";
    EXPECT_EQ(engine_.services()[0].state, ServiceState::down);
    verdict("10.0.0.9:80", true);
    verdict("10.0.0.1:80", true);
    EXPECT_EQ(weights(), "10.0.0.1:80=1 10.0.0.2:80=0 10.0.0.9:80=0");
    EXPECT_EQ(changes()[1], "10.0.0.9:80 sorry->standby (not needed)");
    service.on_failure = config::OnFailure::remove;
    configure({service});
    EXPECT_EQ(weights(), "10.0.0.1:80=1");
    verdict("10.0.0.1:80", false);
    EXPECT_EQ(weights(), "10.0.0.9:80=1");
}

TEST_F(EngineTest, ASorryServerAtWorkStaysOverARestart) {
    auto service = web({server("10.0.0.1:80")});
    service.sorry_server = server("10.0.0.9:80");
    ipvs::Table kernel;
    kernel[kWeb].dests[{*parse_endpoint("10.0.0.1:80")}].settings.weight = 0;
    kernel[kWeb].dests[{*parse_endpoint("10.0.0.9:80")}].settings.weight = 1;
    engine_.on_kernel(now_, kernel, effects_);
    configure({service});
    EXPECT_EQ(weights(), "10.0.0.1:80=0 10.0.0.9:80=1");
    verdict("10.0.0.9:80", true);
    EXPECT_EQ(weights(), "10.0.0.1:80=0 10.0.0.9:80=1");
    verdict("10.0.0.1:80", true);
    EXPECT_EQ(weights(), "10.0.0.1:80=1 10.0.0.9:80=0");
}

TEST_F(EngineTest, ASorryServerMayHaveTheAddressOfAPlainOne) {
    auto service = web({server("10.0.0.1:80", {tcp()}, 5)});
    service.sorry_server = server("10.0.0.1:80", {}, 2);
    configure({service});
    verdict("10.0.0.1:80", true);
    EXPECT_EQ(weights(), "10.0.0.1:80=5");
    verdict("10.0.0.1:80", false);
    EXPECT_EQ(weights(), "10.0.0.1:80=2");
}

TEST_F(EngineTest, ServicesThatLeaveTheConfigurationLeaveTheTable) {
    configure({web({server("10.0.0.1:80")})});
    configure({});
    EXPECT_TRUE(engine_.desired().empty());
    EXPECT_TRUE(engine_.checks().empty());
    EXPECT_EQ(count<TableChanged>(), 1U);
    EXPECT_EQ(count<ChecksChanged>(), 1U);
}

TEST_F(EngineTest, AVerdictOfAnUnknownCheckIsIgnored) {
    configure({web({server("10.0.0.1:80")})});
    effects_.clear();
    engine_.on_verdict(now_, {999, true, "ok"}, effects_);
    EXPECT_TRUE(effects_.empty());
    EXPECT_EQ(engine_.check(999), nullptr);
}

TEST_F(EngineTest, TellsSinceWhenAndWhy) {
    configure({web({server("10.0.0.1:80")})});
    verdict("10.0.0.1:80", false);
    const auto& status = engine_.services()[0].servers[0];
    EXPECT_EQ(status.reason, "refused");
    EXPECT_EQ(status.since, now_);
    EXPECT_EQ(engine_.check(status.checks[0])->health, Health::down);
}

}  // namespace
}  // namespace lvs::engine
