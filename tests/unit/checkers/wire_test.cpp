// SPDX-License-Identifier: GPL-2.0-or-later
#include "checkers/wire.hpp"

#include <gtest/gtest.h>

namespace lvs::checkers {
namespace {

using namespace std::chrono_literals;
using wire::Bytes;

CheckSpec full_spec() {
    return {.id = CheckId{7},
            .kind = "http",
            .target = *parse_endpoint("[2001:db8::1]:8080"),
            .interval = 3s,
            .timeout = 700ms,
            .fast_interval = 500ms,
            .jitter = 10ms,
            .rise = 4,
            .fall = 5,
            .initial = State::up,
            .initial_weight_percent = 75,
            .initial_advice = Advice::maint,
            .source = IpAddress::parse("2001:db8::2"),
            .interface = "eth0",
            .fwmark = 0xdeadbeef,
            .through = IpAddress::parse("2001:db8::3"),
            .params = {{"address", *IpAddress::parse("192.0.2.1")},
                       {"bool", true},
                       {"duration", Duration(5s)},
                       {"endpoint", *parse_endpoint("192.0.2.1:1")},
                       {"list", std::vector<std::string>{"a", ""}},
                       {"number", std::int64_t{-5}},
                       {"prefix", *parse_prefix("192.0.2.1/24")},
                       {"prefixes", std::vector<Prefix>{*parse_prefix("2001:db8::/32")}},
                       {"ranges", std::vector<StatusRange>{{200, 299}, {404, 404}}},
                       {"file", lvs::FileText{"/etc/ca.pem", std::make_shared<const std::string>("PEM")}},
                       {"text", std::string("a\0b", 3)}}};
}

Transition some_transition() {
    return {.id = CheckId{9},
            .state = State::down,
            .weight_percent = 75,
            .advice = Advice::drain,
            .latency = 3ms,
            .at = Time(5s),
            .reason = "connect refused"};
}

Status some_status() {
    return {.id = CheckId{3},
            .state = State::up,
            .outcome = Outcome::failed,
            .against = 2,
            .weight_percent = std::nullopt,
            .advice = Advice::maint,
            .certificate_days = -3,
            .latency = 1us,
            .lag = 2us,
            .at = Time(6s),
            .runs = 10,
            .failures = 4,
            .reason = "got 503"};
}

std::vector<wire::FromWorker> from_worker_messages() {
    return {wire::Hello{.max_files = 1024}, wire::Changes{{some_transition(), some_transition()}},
            wire::Statuses{{some_status()}},
            wire::Heartbeat{.at = Time(9s),
                            .lag_p50 = 1us,
                            .lag_p99 = 2us,
                            .lag_max = 3us,
                            .started = 4,
                            .unchecked = 5,
                            .configured = 6,
                            .running = 7,
                            .lag_counts = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}},
            wire::Ask{{CheckId{1}, CheckId{9}}}};
}

std::vector<wire::ToWorker> to_worker_messages() {
    return {wire::Put{{full_spec(), CheckSpec{.kind = "tcp"}}}, wire::Drop{{CheckId{1}, CheckId{2}}},
            wire::Sockets{{{CheckId{1}, 0}, {CheckId{2}, EMFILE}}},
            wire::CommandDone{CheckId{1}, {CommandEnd::How::exited, 1, 3ms, "out", "err"}},
            wire::FileHolds{CheckId{1}, {ENOENT, ""}}};
}

TEST(Wire, EveryMessageArrivesAsItWasSent) {
    for (const auto& message : to_worker_messages()) {
        const auto read = wire::decode_to_worker(wire::encode(message));
        ASSERT_TRUE(read);
        EXPECT_EQ(*read, message);
    }
    for (const auto& message : from_worker_messages()) {
        const auto read = wire::decode_from_worker(wire::encode(message));
        ASSERT_TRUE(read);
        EXPECT_EQ(*read, message);
    }
}

TEST(Wire, RefusesEveryCutMessageUnlessItEndsBetweenEntries) {
    for (const auto& message : to_worker_messages()) {
        const auto bytes = wire::encode(message);
        for (std::size_t size = 0; size < bytes.size(); ++size) {
            const auto read = wire::decode_to_worker({bytes.data(), size});
            EXPECT_TRUE(!read || wire::encode(*read).size() == size);
        }
    }
    for (const auto& message : from_worker_messages()) {
        const auto bytes = wire::encode(message);
        for (std::size_t size = 0; size < bytes.size(); ++size) {
            const auto read = wire::decode_from_worker({bytes.data(), size});
            EXPECT_TRUE(!read || wire::encode(*read).size() == size);
        }
    }
}

TEST(Wire, RefusesTrailingBytesAndUnknownTypes) {
    for (const auto& message : from_worker_messages()) {
        auto bytes = wire::encode(message);
        bytes.push_back(0);
        EXPECT_FALSE(wire::decode_from_worker(bytes));
    }
    EXPECT_FALSE(wire::decode_from_worker({}));
    EXPECT_FALSE(wire::decode_to_worker({}));
    EXPECT_FALSE(wire::decode_from_worker(Bytes{99}));
    EXPECT_FALSE(wire::decode_from_worker(wire::encode(to_worker_messages()[0])));
    EXPECT_FALSE(wire::decode_to_worker(wire::encode(from_worker_messages()[0])));
}

TEST(Wire, RefusesWhatAWorkerMayNotSay) {
    const auto refused = [](auto change) {
        auto transition = some_transition();
        change(transition);
        return !wire::decode_from_worker(wire::encode(wire::FromWorker{wire::Changes{{transition}}}))
                    .has_value();
    };
    EXPECT_FALSE(refused([](Transition&) {}));
    EXPECT_TRUE(refused([](Transition& t) { t.reason = "two\nlines"; }));
    EXPECT_TRUE(refused([](Transition& t) { t.reason = "\xff"; }));
    EXPECT_TRUE(refused([](Transition& t) { t.reason.assign(kMaxReason + 1, 'x'); }));
    EXPECT_FALSE(refused([](Transition& t) { t.reason.assign(kMaxReason, 'x'); }));
    EXPECT_TRUE(refused([](Transition& t) { t.id = CheckId{wire::kMaxChecks}; }));
    EXPECT_TRUE(refused([](Transition& t) { t.latency = -1ns; }));
    EXPECT_TRUE(refused([](Transition& t) { t.at = Time(Duration::max()); }));
    EXPECT_TRUE(refused([](Transition& t) { t.state = static_cast<State>(3); }));
}

TEST(Wire, AFullBatchTakesNoMoreAndEveryMessageStaysBelowTheLimit) {
    wire::Batch<CheckSpec> batch;
    EXPECT_TRUE(batch.is_empty());
    std::size_t count = 0;
    while (batch.add(full_spec()))
        ++count;
    const auto bytes = batch.take();
    EXPECT_LE(bytes.size(), wire::kMaxMessage);
    EXPECT_GT(bytes.size(), wire::kMaxMessage - 1024);
    const auto read = wire::decode_to_worker(bytes);
    ASSERT_TRUE(read);
    EXPECT_EQ(std::get<wire::Put>(*read).checks.size(), count);
    EXPECT_TRUE(batch.is_empty());
    EXPECT_TRUE(batch.add(full_spec()));
    EXPECT_EQ(wire::decode_to_worker(batch.take()), wire::ToWorker{wire::Put{{full_spec()}}});
}

TEST(Wire, ASpecThatPassesValidationFitsABatch) {
    CheckSpec spec{.kind = "tcp"};
    spec.params["a"] = std::string(32768, 'x');
    EXPECT_TRUE(wire::is_encodable(spec));
    wire::Batch<CheckSpec> batch;
    EXPECT_TRUE(batch.add(spec));
    spec.params["b"] = std::string(32768, 'x');
    EXPECT_FALSE(wire::is_encodable(spec));
    spec.params["b"] = std::vector<std::string>(65);
    EXPECT_FALSE(wire::is_encodable(spec));
}

TEST(Identity, LeavesOutTheNameAndTheStartState) {
    const auto spec = full_spec();
    auto other = spec;
    other.id = CheckId{1};
    other.initial = State::down;
    other.initial_weight_percent = 5;
    other.initial_advice = Advice::none;
    EXPECT_TRUE(same_check(spec, other));
    EXPECT_EQ(identity(spec), identity(other));
    other.timeout += 1ms;
    EXPECT_FALSE(same_check(spec, other));
    EXPECT_NE(identity(spec), identity(other));
    other = spec;
    other.params["text"] = std::string("else");
    EXPECT_FALSE(same_check(spec, other));
    EXPECT_NE(identity(spec), identity(other));
}

TEST(Identity, IsTheSameInEveryBuild) {
    const CheckSpec spec{.kind = "tcp", .target = *parse_endpoint("192.0.2.1:80")};
    EXPECT_EQ(identity(spec), 13044907370816206844U);  // phases, and so the times of checks, hang on it
}

}  // namespace
}  // namespace lvs::checkers
