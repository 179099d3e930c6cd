// SPDX-License-Identifier: GPL-2.0-or-later
//
// Who listens to the kernel and loses something, in a network namespace of its own. Until the socket is empty
// again the kernel drops what comes, and tells of the loss once.
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <thread>

#include "vrrp/io_link.hpp"
#include "vrrp/io_route.hpp"

namespace lvs::vrrp::io {
namespace {

class LossTest : public ::testing::Test {
protected:
    static void SetUpTestSuite() {
        ASSERT_EQ(::unshare(::geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET), 0)
            << std::strerror(errno);
    }

    static void ip(const std::string& lines, const std::string& option = "-4") {
        FILE* batch = ::popen(("ip " + option + " -batch -").c_str(), "w");
        ASSERT_NE(batch, nullptr);
        std::fwrite(lines.data(), 1, lines.size(), batch);
        ASSERT_EQ(::pclose(batch), 0);
    }

    static void give_room(int fd, int octets) {
        if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &octets, sizeof octets) == 0) return;
        ASSERT_EQ(::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &octets, sizeof octets), 0);
    }

    static bool is_readable(int fd, std::chrono::milliseconds wait = {}) {
        pollfd waiter{.fd = fd, .events = POLLIN, .revents = 0};
        return ::poll(&waiter, 1, static_cast<int>(wait.count())) > 0;
    }
};

TEST_F(LossTest, ARuleThatGoesBehindTheFirstWordOfALossIsMissed) {
    const auto ours = std::to_string(kAddressMark);
    std::string flood;
    for (int i = 0; i < 3000; ++i) {
        const auto rule =
            " to 192.0.2.1 table 7 protocol 99 priority " + std::to_string(1000 + i % 50) + "\n";
        flood += "rule add" + rule + "rule del" + rule;
    }
    ip("rule add to 2001:db8::1 table 7 priority 7 protocol " + ours + "\n", "-6");
    RouteWatch watch;
    ASSERT_TRUE(watch.open(0));
    give_room(watch.fd(), 300 * 1024);  // more messages than are read in one turn, fewer than come
    ip(flood);
    const auto first = watch.read();
    EXPECT_TRUE(first.ipv4 && first.ipv6) << "it may be anything";
    ASSERT_TRUE(is_readable(watch.fd())) << "nothing waits any more: the rest shows nothing";
    ip("rule del priority 7\n", "-6");
    RouteWatch::Gone then;
    while (is_readable(watch.fd())) {
        const auto gone = watch.read();
        then.ipv6 = then.ipv6 || gone.ipv6;
    }
    EXPECT_TRUE(then.ipv6);
}

TEST_F(LossTest, AnInterfaceThatChangesWhileEverythingIsReadAgainIsKnown) {
    ip("link add v0 type veth peer name v1\nlink set v1 up\nlink set v0 up\n");
    std::string flood;
    for (int i = 0; i < 400; ++i)
        flood +=
            "addr add 10.0." + std::to_string(i / 200) + "." + std::to_string(i % 200 + 1) + "/32 dev v1\n";
    flood += "addr flush dev v1\n";
    LinkTable links;
    ASSERT_TRUE(links.open());
    give_room(links.fd(), 64 * 1024);
    const int control = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    std::minstd_rand random(1);
    bool up = true;
    for (int round = 0; round < 150; ++round) {
        ip(flood);
        up = !up;
        ifreq wanted{};
        std::strcpy(wanted.ifr_name, "v0");
        wanted.ifr_flags = static_cast<short>(up ? IFF_UP : 0);
        const auto delay = std::chrono::microseconds(random() % 1500);
        std::thread other([&] {
            for (const auto until = std::chrono::steady_clock::now() + delay;
                 std::chrono::steady_clock::now() < until;)
                continue;
            ASSERT_EQ(::ioctl(control, SIOCSIFFLAGS, &wanted), 0);
        });
        (void)links.read();
        other.join();
        while (is_readable(links.fd()) ||  // a carrier comes some time after its interface
               (links.find("v0")->up != up && is_readable(links.fd(), std::chrono::seconds(5))))
            (void)links.read();
        ASSERT_EQ(links.find("v0")->up, up) << "round " << round;
    }
    EXPECT_GE(links.overruns(), 50U) << "the rounds lose nothing: they show nothing";
    ::close(control);
}

// In a thread that may not send: it stays so.
void without_sending(const std::function<void()>& what) {
    std::thread([&] {
        std::array<sock_filter, 4> code{{
            BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
            BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_sendto, 0, 1),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOMEM),
            BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        }};
        const sock_fprog program{.len = code.size(), .filter = code.data()};
        ASSERT_EQ(::prctl(PR_SET_NO_NEW_PRIVS, 1UL, 0UL, 0UL, 0UL), 0);
        ASSERT_EQ(::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
        what();
    }).join();
}

TEST_F(LossTest, InterfacesThatCannotBeReadAgainStayKnownUntilTheyCan) {
    ip("link add w0 type veth peer name w1\nlink set w1 up\nlink set w0 up\n");
    LinkTable links;
    ASSERT_TRUE(links.open());
    ASSERT_NE(links.find("w0"), nullptr);
    give_room(links.fd(), 4 * 1024);
    std::string flood;
    for (int i = 0; i < 400; ++i)
        flood += "link set w1 alias of-" + std::to_string(i) + "\n";
    ip(flood + "link set w0 down\n");
    without_sending([&] { (void)links.read(); });
    EXPECT_EQ(links.overruns(), 1U);
    EXPECT_TRUE(links.is_stale());
    ASSERT_NE(links.find("w0"), nullptr);
    EXPECT_TRUE(links.find("w0")->up) << "the change was to be lost";
    while (is_readable(links.fd()))
        without_sending([&] { (void)links.read(); });
    ASSERT_TRUE(links.is_stale());
    EXPECT_TRUE(links.read());
    EXPECT_FALSE(links.is_stale());
    EXPECT_FALSE(links.find("w0")->up);
}

}  // namespace
}  // namespace lvs::vrrp::io
