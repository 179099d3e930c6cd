// SPDX-License-Identifier: GPL-2.0-or-later
//
// Sockets that are handed to the driver ready-made: when it asks, and what it does with every kind of answer.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <map>

#include "checkers/driver.hpp"
#include "checkers/fd_link.hpp"
#include "checkers/socket_maker.hpp"
#include "patience.hpp"
#include "server.hpp"

namespace lvs::checkers {
namespace {

using namespace std::chrono_literals;

class MadeSocketTest : public testing::Test {
protected:
    void SetUp() override { ASSERT_TRUE(driver_.open()); }

    static CheckSpec on_loopback(std::uint32_t id, const Endpoint& target) {
        return {.id = CheckId{id},
                .kind = "tcp",
                .target = target,
                .interval = 100ms,
                .timeout = 300ms,
                .rise = 1,
                .fall = 1,
                .interface = "lo"};
    }
    void put(const CheckSpec& spec) { ASSERT_TRUE(driver_.put(spec, monotonic_time())); }

    template <class Condition>
    [[nodiscard]] bool eventually(Condition condition) {
        for (const auto end = monotonic_time() + kPatience; monotonic_time() < end;) {
            if (condition()) return true;
            driver_.poll(monotonic_time() + 5ms);
        }
        return false;
    }
    [[nodiscard]] Status result(CheckId id) {
        std::optional<Status> status;
        EXPECT_TRUE(eventually([&] { return (status = driver_.take_status(id)).has_value(); }));
        return status.value_or(Status{});
    }

    std::vector<CheckId> asked_;
    Driver driver_{[](CheckId) {}, [this](CheckId id) { asked_.push_back(id); }};
};

TEST_F(MadeSocketTest, IsAskedForOnceARunAndUsed) {
    const Listener listener;
    const auto spec = on_loopback(1, listener.endpoint());
    put(spec);
    for (std::size_t run = 1; run <= 3; ++run) {
        ASSERT_TRUE(eventually([&] { return asked_.size() == run; }));
        EXPECT_FALSE(driver_.take_status(spec.id));
        driver_.give(spec.id, *make_socket(spec, Transport::tcp), monotonic_time());
        const auto status = result(spec.id);
        EXPECT_EQ(status.reason, "connected");
        EXPECT_EQ(status.runs, run);
    }
}

TEST_F(MadeSocketTest, WithoutAnAnswerNothingIsSaidOfTheServer) {
    const Listener listener;
    const auto spec = on_loopback(1, listener.endpoint());
    put(spec);
    const auto status = result(spec.id);
    EXPECT_EQ(status.outcome, Outcome::unchecked);
    EXPECT_EQ(status.state, State::unknown);
    EXPECT_EQ(status.reason, "not checked: lvsd made no socket in 300 ms");
    // A later answer to the next question is as good as ever.
    ASSERT_TRUE(eventually([&] { return asked_.size() >= 2; }));
    driver_.give(spec.id, *make_socket(spec, Transport::tcp), monotonic_time());
    EXPECT_EQ(result(spec.id).reason, "connected");
}

TEST_F(MadeSocketTest, ARefusalIsNamedAndChangesNothing) {
    const Listener listener;
    const auto spec = on_loopback(1, listener.endpoint());
    put(spec);
    const std::map<int, std::string> reasons{{ENODEV, "not checked: there is no such interface"},
                                             {EMFILE, "not checked: no file descriptor left"},
                                             {EPERM, "not checked: lvsd may not make such a socket"}};
    for (const auto& [error, reason] : reasons) {
        const auto asked = asked_.size();
        ASSERT_TRUE(eventually([&] { return asked_.size() > asked; }));
        driver_.refuse(spec.id, error, monotonic_time());
        const auto status = result(spec.id);
        EXPECT_EQ(status.outcome, Outcome::unchecked);
        EXPECT_EQ(status.reason, reason);
    }
}

TEST_F(MadeSocketTest, AnAnswerNobodyAskedForIsClosed) {
    const Listener listener;
    const auto spec = on_loopback(1, listener.endpoint());
    auto stray = make_socket(spec, Transport::tcp);
    const int number = stray->get();
    driver_.give(CheckId{7}, std::move(*stray), monotonic_time());
    EXPECT_EQ(fcntl(number, F_GETFD), -1);
    driver_.refuse(CheckId{7}, EPERM, monotonic_time());
    put(spec);  // not asked yet, or twice answered
    ASSERT_TRUE(eventually([&] { return asked_.size() == 1; }));
    driver_.give(spec.id, *make_socket(spec, Transport::tcp), monotonic_time());
    auto second = make_socket(spec, Transport::tcp);
    const int second_number = second->get();
    driver_.give(spec.id, std::move(*second), monotonic_time());
    EXPECT_EQ(fcntl(second_number, F_GETFD), -1);
    EXPECT_EQ(result(spec.id).reason, "connected");
}

TEST_F(MadeSocketTest, ADroppedCheckTakesItsSocketAlong) {
    const Listener listener;
    const auto spec = on_loopback(1, listener.endpoint());
    put(spec);
    ASSERT_TRUE(eventually([&] { return asked_.size() == 1; }));
    auto made = make_socket(spec, Transport::tcp);
    const int number = made->get();
    driver_.give(spec.id, std::move(*made), monotonic_time());
    driver_.drop(spec.id);
    EXPECT_EQ(fcntl(number, F_GETFD), -1);
}

TEST(MadeSocket, HasTheMarkTheDeviceAndTheFamily) {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    CheckSpec spec{.kind = "tcp", .target = *parse_endpoint("[::1]:80"), .interface = "lo", .fwmark = 77};
    const auto fd = make_socket(spec, Transport::udp);
    ASSERT_TRUE(fd);
    std::uint32_t mark = 0;
    int family = 0;
    std::array<char, 16> device{};
    socklen_t size = sizeof mark;
    getsockopt(fd->get(), SOL_SOCKET, SO_MARK, &mark, &size);
    getsockopt(fd->get(), SOL_SOCKET, SO_DOMAIN, &family, &(size = sizeof family));
    getsockopt(fd->get(), SOL_SOCKET, SO_BINDTODEVICE, device.data(), &(size = device.size()));
    EXPECT_EQ(mark, 77U);
    EXPECT_EQ(family, AF_INET6);
    EXPECT_STREQ(device.data(), "lo");
    spec.interface = "nonesuch0";
    const auto refused = make_socket(spec, Transport::udp);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code.value(), ENODEV);
}

TEST(MadeSocket, TheDefaultSourceIsTheOneTowardsTheServer) {
    CheckSpec spec{.kind = "tcp", .target = *parse_endpoint("127.0.0.5:80")};
    spec.through = IpAddress::parse("127.0.0.1");
    const auto fd = make_socket(spec, Transport::tcp);
    ASSERT_TRUE(fd);
    sockaddr_in own{};
    socklen_t size = sizeof own;
    ASSERT_EQ(getsockname(fd->get(), reinterpret_cast<sockaddr*>(&own), &size), 0);
    EXPECT_EQ(ntohl(own.sin_addr.s_addr), 0x7f000001U);
}

// ---- ICMP ----

std::uint16_t checksum(std::span<const std::uint8_t> bytes) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i)
        sum += i % 2 == 0 ? std::uint32_t{bytes[i]} << 8U : bytes[i];
    while (sum > 0xffff)
        sum = (sum & 0xffffU) + (sum >> 16U);
    return static_cast<std::uint16_t>(~sum);
}

// Echo as a probe of its own would do it: the whole ICMP message out, the whole ICMP message in.
struct EchoPlan final : Plan {
    [[nodiscard]] Transport transport() const override { return Transport::icmp; }
    [[nodiscard]] std::unique_ptr<Probe> start(const Endpoint& target, std::uint64_t seed) const override;
};
struct EchoProbe final : Probe {
    explicit EchoProbe(bool v4) : request{static_cast<char>(v4 ? 8 : 128), 0, 0, 0, 0x12, 0x34, 0, 1} {
        if (!v4) return;
        const auto sum = checksum({reinterpret_cast<const std::uint8_t*>(request.data()), request.size()});
        request[2] = static_cast<char>(sum >> 8U);
        request[3] = static_cast<char>(sum & 0xffU);
    }
    Step on_connected() override { return Step::send({request.data(), request.size()}); }
    Step on_data(std::span<const std::uint8_t> bytes) override {
        const bool is_reply = bytes.size() == request.size() && (bytes[0] == 0 || bytes[0] == 129) &&
                              bytes[4] == 0x12 && bytes[5] == 0x34;
        return Step::done(is_reply ? Verdict::good("echo") : Verdict::bad("something else"));
    }
    std::array<char, 8> request;
};
std::unique_ptr<Probe> EchoPlan::start(const Endpoint& target, std::uint64_t /*seed*/) const {
    return std::make_unique<EchoProbe>(target.address.is_v4());
}

std::optional<Verdict> ping(const Endpoint& target) {
    const auto plan = std::make_shared<EchoPlan>();
    auto made = make_socket({.kind = "icmp", .target = target}, Transport::icmp);
    if (!made) return std::nullopt;
    checkers::Run run(plan, target, 0);
    if (auto verdict = run.open(target, nullptr, *std::move(made))) return verdict;
    for (const auto end = monotonic_time() + kPatience; monotonic_time() < end;)
        if (auto verdict = run.on_event(EPOLLIN | EPOLLOUT)) return verdict;
    return std::nullopt;
}

TEST(MadeSocket, CarriesIcmpOfBothFamilies) {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    for (const auto* const target : {"127.0.0.1:0", "[::1]:0"}) {
        const auto verdict = ping(*parse_endpoint(target));
        ASSERT_TRUE(verdict) << target;
        EXPECT_EQ(verdict->reason, "echo") << target;
    }
}

// ---- descriptors on a link ----

TEST(FdLink, DescriptorsArriveInOrderWithTheirMessage) {
    std::array<int, 2> ends{};
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
    const Fd left(ends[0]);
    const Fd right(ends[1]);
    std::vector<Fd> sent;
    for (std::size_t i = 0; i < kMaxFdsPerMessage; ++i)
        sent.emplace_back(dup(i % 2 == 0 ? left.get() : STDERR_FILENO));
    const std::vector<std::uint8_t> bytes{1, 2, 3};
    ASSERT_EQ(send_message(left.get(), bytes, sent), 3);
    std::vector<Fd> received;
    std::array<std::uint8_t, 16> buffer{};
    ASSERT_EQ(receive_message(right.get(), buffer, received), 3);
    ASSERT_EQ(received.size(), kMaxFdsPerMessage);
    EXPECT_TRUE(std::all_of(received.begin(), received.end(),
                            [](const Fd& fd) { return (fcntl(fd.get(), F_GETFD) & FD_CLOEXEC) != 0; }));
    int type = 0;
    socklen_t size = sizeof type;
    EXPECT_EQ(getsockopt(received[0].get(), SOL_SOCKET, SO_TYPE, &type, &size), 0);
    EXPECT_EQ(type, SOCK_SEQPACKET);
    received.clear();
    EXPECT_EQ(receive_message(right.get(), buffer, received), -1);  // and does not wait
    EXPECT_TRUE(received.empty());
}

}  // namespace
}  // namespace lvs::checkers
