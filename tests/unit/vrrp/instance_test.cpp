// SPDX-License-Identifier: GPL-2.0-or-later
//
// One virtual router on its interface, without a kernel: a host that notes what it is asked for.
#include "vrrp/io_instance.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <vector>

namespace lvs::vrrp::io {
namespace {

using namespace std::chrono_literals;

constexpr Time kBegin{1000s};

struct FakeHost : Host {
    void emit(RawEvent event) override { events.push_back(event); }
    Wire* join(Instance&, const Link&, int& error) override {
        error = join_error;
        return error == 0 ? &wire : nullptr;
    }
    void leave(Instance&, Wire&) override {}
    void post(AddressJob job) override { jobs.push_back(job.kind); }
    [[nodiscard]] const Link* link(const std::string& name) const override {
        return name == other.name ? &other : &main;
    }
    std::expected<std::size_t, int> send_frames(int index,
                                                std::span<const FrameSocket::Frame> batch) override {
        const bool is_up = index == main.index ? main.up : other.up;
        if (!is_up) return std::unexpected(ENETDOWN);
        if (is_full) return std::unexpected(ENOBUFS);
        sent += batch.size();
        return batch.size();
    }
    bool may_tell(Time) override { return true; }
    int send_frame(int, std::span<const std::uint8_t> frame) override {
        frames.emplace_back(frame.begin(), frame.end());
        return 0;
    }
    [[nodiscard]] std::size_t troubles(Trouble what) const {
        return static_cast<std::size_t>(
            std::ranges::count_if(events, [&](const RawEvent& event) { return event.trouble == what; }));
    }

    Link main{.index = 2,
              .name = "eth0",
              .up = true,
              .ups = 1,
              .mac = {},
              .addresses = {{.prefix = *parse_prefix("127.0.0.1/8"), .flags = 0, .mark = 0}}};
    Link other{.index = 3, .name = "eth1", .up = true, .ups = 1, .mac = {}, .addresses = {}};
    Wire wire;
    std::vector<RawEvent> events;
    std::vector<AddressJob::Kind> jobs;
    std::vector<std::vector<std::uint8_t>> frames;
    std::size_t sent = 0;
    bool is_full = false;
    int join_error = 0;
};

RouterSpec router(std::initializer_list<const char*> addresses) {
    RouterSpec spec;
    spec.name = "web";
    spec.interface = "eth0";
    spec.virtual_mac = true;  // its adverts are frames, which the host sees
    spec.config.interval = 200ms;
    for (const auto* address : addresses)
        spec.addresses.push_back(VirtualAddress(*parse_prefix(address)));
    return spec;
}

class InstanceTest : public ::testing::Test {
protected:
    static void SetUpTestSuite() {
        ASSERT_EQ(::unshare(::geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET), 0)
            << std::strerror(errno);
        ASSERT_EQ(std::system("ip link set lo up"), 0);
    }
    // Adverts by a socket of the loopback interface.
    void use_socket(RouterSpec& spec) {
        auto socket = AdvertSocket::open(Family::ipv4, 1, "lo");
        ASSERT_TRUE(socket) << to_string(socket.error());
        host.wire.socket = std::move(*socket);
        spec.virtual_mac = false;
    }
    void become_master(const RouterSpec& spec) {
        instance.emplace(host, 1U, Family::ipv4, spec);
        instance->update(now, &host.main);
        while (instance->state() != State::master)
            go_on();
        added();
    }
    void go_on() {
        ASSERT_TRUE(instance->deadline());
        now = std::max(now, *instance->deadline());
        instance->advance(now);
    }
    void added() {
        instance->on_result(now, {.kind = AddressJob::Kind::add, .router = 1, .device = 9, .complete = true});
    }
    FakeHost host;
    std::optional<Instance> instance;
    Time now = kBegin;
    Pacer pacer{1'000'000, 64};
};

TEST_F(InstanceTest, ARestorationThatFallsDueWhileAReloadAddsAddressesWaitsForThem) {
    become_master(router({"10.0.0.1/24"}));
    for (int i = 0; i < 20; ++i) {  // somebody takes it away again and again
        instance->on_address_removed(now, {.index = 9, .prefix = *parse_prefix("10.0.0.1/24")});
        added();
    }
    ASSERT_TRUE(instance->absorb(now, router({"10.0.0.1/24", "10.0.0.2/24"})));
    const auto jobs = host.jobs.size();
    const auto end = now + 5s;
    for (int turns = 0; now < end; ++turns) {
        ASSERT_LT(turns, 1000) << "its time does not come nearer";
        go_on();
    }
    EXPECT_EQ(host.jobs.size(), jobs) << "one addition at a time";
    added();
    EXPECT_GT(host.jobs.size(), jobs) << "what went meanwhile is put back";
}

TEST_F(InstanceTest, AnAdvertOfAReloadTellsTheIntervalOfFromNowOn) {
    auto spec = router({"10.0.0.1/24"});
    become_master(spec);
    const auto before = host.frames.size();
    spec.config.interval = 3s;
    spec.config.priority = Priority::of(150);
    ASSERT_TRUE(instance->absorb(now, spec));
    ASSERT_GT(host.frames.size(), before) << "the new priority is told at once";
    for (auto at = before; at < host.frames.size(); ++at) {
        const auto* advert = host.frames[at].data() + 14 + 20;  // after Ethernet and IPv4
        EXPECT_EQ(advert[2], 150);
        EXPECT_EQ((advert[4] << 8 | advert[5]) & 0xfff, 300) << "centiseconds";
    }
}

TEST_F(InstanceTest, AnAddressWhoseInterfaceIsDownKeepsNobodyWaitingAndIsAnnouncedWhenItIsBack) {
    auto spec = router({"10.0.0.1/24", "10.0.0.2/24", "10.0.0.3/24"});
    spec.addresses[1].device = "eth1";
    become_master(spec);
    ASSERT_TRUE(instance->announcing());
    host.other.up = false;
    EXPECT_FALSE(instance->announce(pacer, now, 256)) << "nothing is left to do";
    EXPECT_EQ(host.sent, 2U);
    EXPECT_FALSE(instance->announcing());
    host.other.up = true;
    ++host.other.ups;
    instance->update(now, &host.main);
    added();
    ASSERT_TRUE(instance->announcing());
    EXPECT_FALSE(instance->announce(pacer, now, 256));
    EXPECT_EQ(host.sent, 5U);
}

TEST_F(InstanceTest, AQueueThatIsFullIsTriedAgainAfterAWhile) {
    become_master(router({"10.0.0.1/24", "10.0.0.2/24"}));
    host.is_full = true;
    Pacer slow{100, 2};
    ASSERT_EQ(slow.take(now, 0), 0U);
    EXPECT_TRUE(instance->announce(slow, now, 256));
    EXPECT_GE(instance->announces_after(), now + 1ms) << "at once again: the thread would spin";
    EXPECT_TRUE(instance->announce(slow, now + 100us, 256));
    host.is_full = false;
    EXPECT_FALSE(instance->announce(slow, now + 1s, 256));
    EXPECT_EQ(host.sent, 2U);
}

TEST_F(InstanceTest, WhatCouldNotBeAddedIsTriedAgainLessAndLessOften) {
    become_master(router({"10.0.0.1/24"}));
    instance->restore(now);
    instance->on_result(now, {.kind = AddressJob::Kind::add, .router = 1, .device_error = EEXIST});
    host.jobs.clear();
    for (const auto end = now + 100s; now < end;) {
        const auto posted = host.jobs.size();
        go_on();
        if (host.jobs.size() != posted)
            instance->on_result(now, {.kind = AddressJob::Kind::add, .router = 1, .device_error = EEXIST});
    }
    EXPECT_GE(host.jobs.size(), 6U);
    EXPECT_LE(host.jobs.size(), 9U);
    EXPECT_EQ(host.troubles(Trouble::virtual_mac), 1U) << "told once";
    for (const auto posted = host.jobs.size(); host.jobs.size() == posted;)
        go_on();
    added();
    EXPECT_EQ(host.jobs.back(), AddressJob::Kind::add);
    const auto posted = host.jobs.size();
    for (const auto end = now + 100s; now < end;)
        go_on();
    EXPECT_EQ(host.jobs.size(), posted) << "all is there";
}

TEST_F(InstanceTest, ASocketThatCouldNotBeHadIsTriedAgain) {
    instance.emplace(host, 1U, Family::ipv4, router({"10.0.0.1/24"}));
    host.join_error = EMFILE;
    for (int i = 0; i < 5; ++i)
        instance->update(now, &host.main);
    EXPECT_FALSE(instance->running());
    EXPECT_EQ(host.troubles(Trouble::socket), 1U) << "told once";
    go_on();
    host.join_error = 0;
    go_on();
    EXPECT_TRUE(instance->running());
}

TEST_F(InstanceTest, NeighboursLearnAnotherAddressOfTheHardware) {
    auto spec = router({"10.0.0.1/24"});
    use_socket(spec);
    become_master(spec);
    EXPECT_FALSE(instance->announce(pacer, now, 256));
    instance->update(now, &host.main);
    EXPECT_FALSE(instance->announcing());
    host.main.mac = {2, 0, 0, 0, 0, 7};
    instance->update(now, &host.main);
    EXPECT_TRUE(instance->announcing());
}

TEST_F(InstanceTest, ThousandsOfJobsWaitForTheKernelAndTheSpeakerDoesNot) {
    AddressWriter writer;
    ASSERT_TRUE(writer.open());
    const auto set = std::make_shared<AddressSet>(1, Plan{}, nullptr);
    constexpr std::uint32_t kJobs = 10'000;
    for (std::uint32_t i = 0; i < kJobs; ++i)  // nobody works yet
        writer.post({.kind = AddressJob::Kind::add, .router = i, .set = set});
    ASSERT_TRUE(writer.start(0));
    for (std::uint32_t i = 0; i < kJobs; ++i) {
        AddressResult result;
        while (!writer.next(result)) {
            pollfd waiter{.fd = writer.result_fd(), .events = POLLIN, .revents = 0};
            ASSERT_EQ(::poll(&waiter, 1, 20'000), 1) << i;
            writer.clear_wakeup();
        }
        ASSERT_EQ(result.router, i);
    }
}

TEST_F(InstanceTest, OneOfSeveralPeersThatCannotBeReachedIsToldOnce) {
    auto spec = router({"10.0.0.1/24"});
    use_socket(spec);
    for (const auto* address :
         {"127.0.0.2", "127.255.255.255", "127.0.0.3"})  // nobody may send to the second
        spec.peers.push_back({.address = *IpAddress::parse(address)});
    become_master(spec);
    for (int adverts = 0; adverts < 10; ++adverts)
        go_on();
    EXPECT_EQ(host.troubles(Trouble::send), 1U);
}

}  // namespace
}  // namespace lvs::vrrp::io
