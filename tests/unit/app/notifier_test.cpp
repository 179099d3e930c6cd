// SPDX-License-Identifier: GPL-2.0-or-later
//
// Which programs an event starts, with what, and what is told of how they end. The last part with the real runner.
#include "lvsd/app/notifier.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "lvsd/base/messages.hpp"
#include "lvsd/runtime/runtime.hpp"

namespace lvs::app {
namespace {

using namespace std::chrono_literals;
using events::Event;
using events::Subject;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

config::Config sample() {
    config::Config config;
    config.notify.events = {"vrrp-state", "server-state", "service-state"};
    config.notify.command = {"/bin/all"};
    config.notify.timeout = 7s;
    config.routers.emplace_back();
    config.routers.back().name = "web";
    config.routers.back().notify = {"/bin/router", "an argument"};
    config.services.emplace_back();
    config.services.back().name = "shop";
    config.services.back().notify = {"/bin/service"};
    return config;
}

Event event(const EventId& id, Subject subject, std::string object) {
    Event out;
    out.sequence = 5;
    out.time = state::WallTime(1'700'000'000s);
    out.id = &id;
    out.subject = subject;
    out.object = std::move(object);
    return out;
}

std::vector<std::string> programs(const NotifyPlan& plan, const Event& what) {
    std::vector<std::string> out;
    for (const auto& command : plan.commands_for(what))
        out.push_back(command.argv.front());
    return out;
}

TEST(NotifyPlan, TheOwnProgramComesFirstThenTheOneForEverything) {
    const NotifyPlan plan(sample(), "nobody");
    EXPECT_THAT(programs(plan, event(ev::vrrp_state, Subject::router, "web")), ElementsAre("/bin/router", "/bin/all"));
    EXPECT_THAT(programs(plan, event(ev::vrrp_state, Subject::router, "other")), ElementsAre("/bin/all"));
    EXPECT_THAT(programs(plan, event(ev::service_state, Subject::service, "shop")),
                ElementsAre("/bin/service", "/bin/all"));
    EXPECT_THAT(programs(plan, event(ev::server_state, Subject::server, "shop 10.0.0.1:80")),
                ElementsAre("/bin/service", "/bin/all"));
    EXPECT_THAT(programs(plan, event(ev::server_state, Subject::server, "shopping 10.0.0.1:80")),
                ElementsAre("/bin/all"));
}

TEST(NotifyPlan, OnlyTheEventsThatWereAskedFor) {
    EXPECT_THAT(programs(NotifyPlan(sample(), "nobody"), event(ev::reload, Subject::daemon, "")), IsEmpty());
    EXPECT_TRUE(NotifyPlan().empty());
    auto config = sample();
    config.notify.command.clear();
    const NotifyPlan plan(config, "nobody");
    EXPECT_FALSE(plan.empty());
    EXPECT_THAT(programs(plan, event(ev::vrrp_state, Subject::router, "web")), ElementsAre("/bin/router"));
}

TEST(NotifyPlan, ACommandHasItsUserItsTimeoutAndItsArguments) {
    const NotifyPlan plan(sample(), "somebody");
    const auto commands = plan.commands_for(event(ev::vrrp_state, Subject::router, "web"));
    ASSERT_EQ(commands.size(), 2U);
    EXPECT_THAT(commands[0].argv, ElementsAre("/bin/router", "an argument"));
    EXPECT_EQ(commands[0].user, "somebody");
    EXPECT_EQ(commands[0].timeout, 7s);
}

TEST(NotifyEnvironment, SaysWhatTheEventSays) {
    auto what = event(ev::server_state, Subject::server, "shop 10.0.0.1:80");
    what.level = Level::warning;
    what.from = "up";
    what.to = "down";
    what.reason = std::string("timed\0out", 9);  // a variable ends at NUL
    what.message = "10.0.0.1:80 is down";
    what.details = {{"retry_in", "3s"}, {"a-b", "c"}};
    EXPECT_THAT(notify_environment(what),
                ElementsAre("LVSD_EVENT=server-state", "LVSD_SEQUENCE=5", "LVSD_TIME_US=1700000000000000",
                            "LVSD_SEVERITY=warning", "LVSD_SUBJECT=server", "LVSD_OBJECT=shop 10.0.0.1:80",
                            "LVSD_FROM=up", "LVSD_TO=down", "LVSD_REASON=timedout", "LVSD_MESSAGE=10.0.0.1:80 is down",
                            "LVSD_RETRY_IN=3s", "LVSD_A_B=c"));
}

TEST(NotifyKey, OneObjectIsOneQueue) {
    EXPECT_EQ(notify_key(event(ev::vrrp_state, Subject::router, "web")),
              notify_key(event(ev::vrrp_trouble, Subject::router, "web")));
    EXPECT_NE(notify_key(event(ev::vrrp_state, Subject::router, "web")),
              notify_key(event(ev::service_state, Subject::service, "web")));
}

// ---- with the real runner -----------------------------------------------------------------------------------

constexpr std::size_t kMaxWaiting = 100;  // shells that start one after the other

class NotifierTest : public testing::Test {
protected:
    NotifierTest() { std::filesystem::create_directories(folder_); }
    ~NotifierTest() override {
        notifier_.stop();
        std::filesystem::remove_all(folder_);
    }
    void configure(const std::string& script, Duration timeout = 20s) {
        auto config = sample();
        config.routers.clear();
        config.notify.user = "root";
        config.notify.timeout = timeout;
        config.notify.command = {"/bin/sh", "-c", script};
        notifier_.configure(config);
    }
    void happen(std::uint64_t sequence, const std::string& router) {
        auto what = event(ev::vrrp_state, Subject::router, router);
        what.sequence = sequence;
        notifier_.on_event(what);
    }
    [[nodiscard]] bool idle() {
        for (const auto end = monotonic_now() + 150s; monotonic_now() < end && !notifier_.is_idle();) {
            io_.restart();
            io_.run_for(5ms);
        }
        return notifier_.is_idle();
    }
    [[nodiscard]] std::uint64_t runs(std::string_view result) const {
        for (const auto& [name, count] : stats_.runs)
            if (name == result) return count;
        return 0;
    }

    std::filesystem::path folder_ =
        std::filesystem::temp_directory_path() / ("lvsd-unit-notify-" + std::to_string(::getpid()));
    asio::io_context io_{1};
    metrics::Stats::Notify stats_;
    std::vector<Event> told_;
    Notifier notifier_{io_, LVSD_RUNNER, stats_, [this](Event what) { told_.push_back(std::move(what)); },
                       kMaxWaiting};
};

TEST_F(NotifierTest, ProgramsOfOneObjectRunInOrder) {
    configure("echo $LVSD_SEQUENCE >> " + (folder_ / "out").string());
    for (std::uint64_t i = 1; i <= 20; ++i)
        happen(i, "web");
    EXPECT_FALSE(notifier_.is_idle());
    ASSERT_TRUE(idle());
    std::ifstream in(folder_ / "out");
    for (std::uint64_t expected = 1, got = 0; expected <= 20; ++expected) {
        in >> got;
        EXPECT_EQ(got, expected);
    }
    EXPECT_EQ(runs("ok"), 20U);
    EXPECT_THAT(told_, IsEmpty());
}

TEST_F(NotifierTest, AFailureIsToldWithItsWords) {
    configure("echo no such thing >&2; exit 3");
    happen(9, "web");
    ASSERT_TRUE(idle());
    ASSERT_EQ(told_.size(), 1U);
    EXPECT_EQ(told_[0].id, &ev::notify_failed);
    EXPECT_THAT(told_[0].reason, HasSubstr("no such thing"));
    EXPECT_THAT(told_[0].details, Contains(std::pair<std::string, std::string>("for_sequence", "9")));
    EXPECT_EQ(runs("failed"), 1U);
}

TEST_F(NotifierTest, ATimeoutIsToldAsSuch) {
    configure("sleep 1000", 50ms);
    happen(1, "web");
    ASSERT_TRUE(idle());
    EXPECT_EQ(runs("timeout"), 1U);
    ASSERT_EQ(told_.size(), 1U);
}

TEST_F(NotifierTest, RunsTooManyAreLeftOutAndToldTwice) {
    const auto gate = (folder_ / "gate").string();
    configure("while [ ! -e " + gate + " ]; do sleep 0.01; done");
    constexpr std::uint64_t kMany = kMaxWaiting + 50;
    for (std::uint64_t i = 1; i <= kMany; ++i)
        happen(i, "web");
    for (const auto end = monotonic_now() + 30s; monotonic_now() < end && stats_.dropped == 0;) {
        io_.restart();
        io_.run_for(5ms);
    }
    EXPECT_GT(stats_.dropped, 0U);
    ASSERT_EQ(told_.size(), 1U) << "the first one is told at once";
    EXPECT_EQ(told_[0].id, &ev::notify_lost);
    configure("true");  // what waits is run as it was meant
    std::ofstream(gate).close();
    ASSERT_TRUE(idle());
    ASSERT_EQ(told_.size(), 2U) << "how many there were is told when the queue is empty";
    EXPECT_THAT(told_[1].details,
                Contains(std::pair<std::string, std::string>("runs", std::to_string(stats_.dropped))));
    EXPECT_EQ(runs("ok") + stats_.dropped, kMany);
}

}  // namespace
}  // namespace lvs::app
