// SPDX-License-Identifier: GPL-2.0-or-later
//
// The ear against a real netlink socket that has lost something.
#include "ipvs/watch.hpp"

#include <gtest/gtest.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include "ipvs/transport.hpp"

namespace lvs::ipvs {
namespace {

constexpr std::uint32_t kGroup = 1;

int open_user_socket(std::uint32_t groups) {
    const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_USERSOCK);
    // More messages than are read in one turn, fewer than come.
    ask_for_room(fd, SO_RCVBUFFORCE, SO_RCVBUF, 300 * 1024);
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = groups;
    EXPECT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    return fd;
}

class WatchTest : public ::testing::Test {
protected:
    ~WatchTest() override { ::close(speaker_); }
    void say() const {
        sockaddr_nl to{};
        to.nl_family = AF_NETLINK;
        to.nl_groups = kGroup;
        const char text[64] = {};
        (void)::sendto(speaker_, text, sizeof text, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to);
    }

    asio::io_context loop_;
    int speaker_ = open_user_socket(0);
};

// What is said between the first word of a loss and the last message that waited is dropped without a word.
TEST_F(WatchTest, ALossIsToldAgainWhenAllThatWaitedIsRead) {
    const auto watch = std::make_shared<Watch>(loop_, [] { return open_user_socket(kGroup); });
    watch->open();
    for (int i = 0; i < 20'000; ++i)
        say();
    int losses = 0;
    bool said = false;
    watch->on_news([&](const News& news) {
        losses += news.lost ? 1 : 0;
        if (!std::exchange(said, true)) say();
    });
    while (loop_.run_one_for(std::chrono::milliseconds(200)) > 0)
        continue;
    EXPECT_EQ(losses, 2);
    watch->close();
}

}  // namespace
}  // namespace lvs::ipvs
