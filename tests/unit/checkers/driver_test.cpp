// SPDX-License-Identifier: GPL-2.0-or-later
//
// The driver against real sockets: honest servers, hostile ones, and a lack of file descriptors.
#include "checkers/driver.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <map>

#include "patience.hpp"
#include "server.hpp"

namespace lvs::checkers {
namespace {

using namespace std::chrono_literals;

class DriverTest : public testing::Test {
protected:
    void SetUp() override { ASSERT_TRUE(driver_.open()); }

    CheckSpec spec(const Endpoint& target, std::string_view kind = "http") {
        return {.id = CheckId{next_id_++},
                .kind = std::string(kind),
                .target = target,
                .interval = 100ms,
                .timeout = 5s,
                .rise = 1,
                .fall = 1};
    }
    void put(const CheckSpec& check) { ASSERT_TRUE(driver_.put(check, monotonic_time())); }

    // The next result of the check.
    Status result(CheckId id) {
        for (const auto end = monotonic_time() + kPatience; monotonic_time() < end;) {
            driver_.poll(monotonic_time() + 20ms);
            if (auto status = driver_.take_status(id)) return *status;
        }
        ADD_FAILURE() << "no result";
        return {};
    }
    Status result_of(const CheckSpec& check) {
        put(check);
        return result(check.id);
    }

    std::uint32_t next_id_ = 0;
    std::vector<CheckId> changed_;
    Driver driver_{[this](CheckId id) { changed_.push_back(id); }};
};

TEST_F(DriverTest, ConnectsToAListeningServer) {
    const Listener listener;
    const auto status = result_of(spec(listener.endpoint(), "tcp"));
    EXPECT_EQ(status.outcome, Outcome::ok);
    EXPECT_EQ(status.state, State::up);
    EXPECT_EQ(status.reason, "connected");
    EXPECT_GT(status.latency, 0ns);
    EXPECT_EQ(changed_.size(), 1U);
}

TEST_F(DriverTest, SaysThatTheConnectionWasRefused) {
    Listener listener;
    const auto target = listener.endpoint();
    listener.close();
    const auto status = result_of(spec(target, "tcp"));
    EXPECT_EQ(status.state, State::down);
    EXPECT_EQ(status.reason, "connect refused");
}

TEST_F(DriverTest, AServerWhoseQueueIsFullGivesNoConnection) {
    const Listener listener(0);
    std::vector<std::unique_ptr<checkers::Run>> fillers;  // the queue of a backlog of 0 holds one
    const auto plan = make_plan("tcp", {});
    for (int i = 0; i < 4; ++i) {
        fillers.push_back(std::make_unique<checkers::Run>(*plan, listener.endpoint(), 0));
        ASSERT_FALSE(fillers.back()->open(listener.endpoint(), nullptr));
    }
    auto check = spec(listener.endpoint(), "tcp");
    check.timeout = 200ms;
    EXPECT_EQ(result_of(check).reason, "no connection in 200 ms");
}

TEST_F(DriverTest, SpeaksHttp) {
    const Server server(answers("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes"));
    EXPECT_EQ(result_of(spec(server.endpoint())).reason, "got 200");
    auto check = spec(server.endpoint());
    check.params["body"] = std::string("yes");
    EXPECT_EQ(result_of(check).reason, "got 200 with the expected text");
}

TEST_F(DriverTest, BindsToTheSourceAddress) {
    const Listener listener;
    auto check = spec(listener.endpoint(), "tcp");
    check.source = IpAddress::parse("127.0.0.9");
    EXPECT_EQ(result_of(check).reason, "connected");
    check.source = IpAddress::parse("192.0.2.1");  // not ours
    const auto status = result_of(check);
    EXPECT_EQ(status.outcome, Outcome::unchecked);
    EXPECT_EQ(status.reason, "not checked: cannot bind to the source: Cannot assign requested address");
}

// ---- hostile servers ----

TEST_F(DriverTest, ADrippingServerCannotProlongTheDeadline) {
    const Server server(
        drips("HTTP/1.1 200 OK\r\nX: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy", 5ms));
    auto check = spec(server.endpoint());
    check.timeout = 300ms;
    const auto status = result_of(check);
    EXPECT_TRUE(status.reason.starts_with("no answer in 300 ms after ")) << status.reason;
    EXPECT_GE(status.latency, 300ms);
    EXPECT_LT(status.latency, 2s);
}

TEST_F(DriverTest, EndlessHeadersAreCutOff) {
    const Server server(floods("HTTP/1.1 200 OK\r\n", "X-More: and more\r\n"));
    const auto status = result_of(spec(server.endpoint()));
    EXPECT_EQ(status.reason, "not a valid HTTP answer: a header larger than 16 KiB");
}

TEST_F(DriverTest, AHugeBodyIsCutOff) {
    const Server server(floods("HTTP/1.1 200 OK\r\n\r\n", std::string(65536, 'x')));
    auto check = spec(server.endpoint());
    check.params["body"] = std::string("not there");
    const auto status = result_of(check);
    EXPECT_TRUE(status.reason.starts_with("expected 'not there' in the body, got 'xxxx")) << status.reason;
}

TEST_F(DriverTest, AResetIsNamed) {
    const Server server(resets(true));
    EXPECT_EQ(result_of(spec(server.endpoint())).reason, "connection reset before any answer");
    const Server later(resets(true, "HTTP/1.1 200 OK\r\n"));
    const auto reason = result_of(spec(later.endpoint())).reason;  // the reset may overtake the bytes
    EXPECT_TRUE(reason == "connection reset after 17 bytes" || reason == "connection reset before any answer")
        << reason;
}

TEST_F(DriverTest, AHalfClosedConnectionEndsTheCheck) {
    const Server server(half_closes());
    EXPECT_EQ(result_of(spec(server.endpoint())).reason, "connection closed before any answer");
}

TEST_F(DriverTest, ASilentServerRunsIntoTheDeadline) {
    const Server server(says_nothing());
    auto check = spec(server.endpoint());
    check.timeout = 150ms;
    EXPECT_EQ(result_of(check).reason, "no answer in 150 ms");
    EXPECT_EQ(driver_.running(), 0U);
}

TEST_F(DriverTest, GarbageIsNotHttp) {
    const Server server(answers("\x16\x03\x01 garbage\r\n\r\n"));
    EXPECT_TRUE(result_of(spec(server.endpoint())).reason.starts_with("not a valid HTTP answer: "));
}

// ---- the life of a check ----

TEST_F(DriverTest, CountsTowardsDownAndUp) {
    auto server = std::make_unique<Server>(answers("HTTP/1.1 200 OK\r\n\r\n"));
    const auto target = server->endpoint();
    auto check = spec(target);
    check.rise = 2;
    check.fall = 2;
    check.interval = 20ms;
    EXPECT_EQ(result_of(check).state, State::up);
    server.reset();
    Status status;
    do {
        status = result(check.id);
    } while (status.outcome == Outcome::ok);
    EXPECT_EQ(status.state, State::up);
    EXPECT_EQ(status.against, 1U);
    EXPECT_EQ(result(check.id).state, State::down);
    server = std::make_unique<Server>(answers("HTTP/1.1 200 OK\r\n\r\n"), target.port);
    do {
        status = result(check.id);
    } while (status.outcome != Outcome::ok);
    EXPECT_EQ(status.state, State::down);
    EXPECT_EQ(result(check.id).state, State::up);
    EXPECT_EQ(changed_.size(), 3U);
}

// An agent that drains its server and now and then gives no answer.
TEST_F(DriverTest, WhatAServerAsksForOutlivesAFailedRunButNotItsHealth) {
    int connections = 0;
    const Server server([&connections](int fd, const Server::Stopping& stopping) {
        const bool answers_this = ++connections == 1 || connections == 3;
        if (answers_this) answers("drain\n")(fd, stopping);
    });
    auto check = spec(server.endpoint(), "agent");
    check.params["send"] = std::string("?\n");
    check.fall = 2;
    EXPECT_EQ(result_of(check).advice, Advice::drain);
    const auto failed = result(check.id);
    EXPECT_EQ(failed.outcome, Outcome::failed);
    EXPECT_EQ(failed.weight_percent, 0);
    EXPECT_EQ(failed.advice, Advice::drain);
    EXPECT_EQ(result(check.id).outcome, Outcome::ok);
    EXPECT_EQ(changed_.size(), 1U);
    EXPECT_EQ(result(check.id).state, State::up);
    const auto down = result(check.id);
    EXPECT_EQ(down.state, State::down);
    EXPECT_EQ(down.weight_percent, std::nullopt);
    EXPECT_EQ(down.advice, Advice::none);
    EXPECT_EQ(changed_.size(), 2U);
}

TEST_F(DriverTest, FastIntervalWhileTheStateIsInDoubt) {
    Listener listener;
    const auto target = listener.endpoint();
    listener.close();
    auto check = spec(target, "tcp");
    check.interval = 1h;
    check.fast_interval = 10ms;
    check.initial = State::up;
    check.fall = 3;
    EXPECT_EQ(result_of(check).against, 1U);
    EXPECT_EQ(result(check.id).against, 2U);
    EXPECT_EQ(result(check.id).state, State::down);
}

// A run that ends later than the next should start is followed at once.
TEST_F(DriverTest, FastIntervalAlsoWhenARunTakesLonger) {
    const Server server(says_nothing());
    auto check = spec(server.endpoint());
    check.interval = 1h;
    check.fast_interval = 10ms;
    check.timeout = 50ms;
    check.initial = State::up;
    check.fall = 3;
    EXPECT_EQ(result_of(check).reason, "no answer in 50 ms");
    EXPECT_EQ(result(check.id).against, 2U);
    EXPECT_EQ(result(check.id).state, State::down);
}

TEST_F(DriverTest, ADroppedCheckEndsAtOnce) {
    const Server server(says_nothing());
    const auto check = spec(server.endpoint());
    put(check);
    while (driver_.running() == 0)
        driver_.poll(monotonic_time() + 20ms);
    driver_.drop(check.id);
    driver_.drop(check.id);
    driver_.drop(CheckId{99});
    EXPECT_EQ(driver_.running(), 0U);
    EXPECT_EQ(driver_.configured(), 0U);
    EXPECT_FALSE(driver_.has(check.id));
    driver_.poll(monotonic_time() + 20ms);  // stale events find nobody
}

TEST_F(DriverTest, TheStatusDuringARunIsThatOfTheRunBefore) {
    int connections = 0;
    const Server server([&connections](int fd, const Server::Stopping& stopping) {
        ++connections == 1 ? answers("HTTP/1.1 200 OK\r\n\r\n")(fd, stopping) : says_nothing()(fd, stopping);
    });
    auto check = spec(server.endpoint());
    put(check);
    const auto end = monotonic_time() + kPatience;
    while ((server.accepted() < 2 || driver_.running() == 0) && monotonic_time() < end)
        driver_.poll(monotonic_time() + 20ms);
    const auto status = driver_.take_status(check.id);
    ASSERT_TRUE(status);
    EXPECT_EQ(status->reason, "got 200");
    EXPECT_EQ(status->runs, 1U);
    EXPECT_GT(status->latency, 0ns);
}

TEST_F(DriverTest, ManyChecksShareTheLoop) {
    const Server server(closes_at_once());
    std::vector<CheckSpec> checks;
    for (int i = 0; i < 300; ++i) {
        checks.push_back(spec(server.endpoint(), "tcp"));
        put(checks.back());
    }
    for (const auto& check : checks)
        EXPECT_EQ(result(check.id).reason, "connected");
    const auto counters = driver_.take_counters();
    EXPECT_GE(counters.started, 300U);
    EXPECT_EQ(counters.lag.count(), counters.started);
    EXPECT_EQ(driver_.take_counters().started, 0U);
}

// Without file descriptors nothing is known of the server: its health stands, the reason is clear, and it
// passes.
TEST_F(DriverTest, SurvivesALackOfFileDescriptors) {
    const Listener listener;
    auto check = spec(listener.endpoint(), "tcp");
    check.interval = 20ms;
    EXPECT_EQ(result_of(check).state, State::up);
    rlimit before{};
    ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
    const rlimit none{.rlim_cur = 3, .rlim_max = before.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
    for (int i = 0; i < 3; ++i) {
        const auto status = result(check.id);
        EXPECT_EQ(status.outcome, Outcome::unchecked);
        EXPECT_EQ(status.reason, "not checked: no file descriptor left");
        EXPECT_EQ(status.state, State::up);
    }
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_EQ(result(check.id).reason, "connected");
    EXPECT_EQ(changed_.size(), 1U);
    EXPECT_GE(driver_.take_counters().unchecked, 3U);
}

}  // namespace
}  // namespace lvs::checkers
