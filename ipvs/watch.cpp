// SPDX-License-Identifier: GPL-2.0-or-later
#include "ipvs/watch.hpp"

#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "ipvs/transport.hpp"

namespace lvs::ipvs {
namespace {

constexpr std::size_t kEventRoom = 32 * 1024;
constexpr int kEventQueue = 4 * 1024 * 1024;  // some thousand changes at once
constexpr int kReadsPerTurn = 256;            // then the loop gets to do something else

int set_membership(int fd, int option, std::uint32_t group) {
    const int number = static_cast<int>(group);
    return setsockopt(fd, SOL_NETLINK, option, &number, sizeof number);
}

}  // namespace

Result<int> open_watch() {
    const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_GENERIC);
    if (fd < 0) return fail_errno(errno, "netlink: open a socket");
    ask_for_room(fd, SO_RCVBUFFORCE, SO_RCVBUF, kEventQueue);
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
        set_membership(fd, NETLINK_ADD_MEMBERSHIP, codec::kFamilyNews) == 0)
        return fd;
    const int error = errno;
    ::close(fd);
    return fail_errno(error, "netlink: listen to the kernel");
}

Watch::Watch(asio::io_context& loop, Open open)
    : open_(open ? std::move(open) : open_watch), socket_(loop), buffer_(kEventRoom) {}

void Watch::open() {
    if (socket_.is_open()) return;
    const auto fd = open_();
    if (!fd) return;  // without an ear the table is looked at from time to time
    socket_.assign(*fd);
    await();
}

void Watch::join_changes(std::uint32_t group) {
    if (group_ != 0 || group == 0) return;
    open();
    if (socket_.is_open() && set_membership(socket_.native_handle(), NETLINK_ADD_MEMBERSHIP, group) == 0)
        group_ = group;
}

void Watch::leave_changes() {
    const auto group = std::exchange(group_, 0);
    if (group != 0 &&
        socket_.is_open())  // of a module that is gone: the kernel has forgotten the group as well
        (void)set_membership(socket_.native_handle(), NETLINK_DROP_MEMBERSHIP, group);
}

void Watch::close() {
    handler_ = nullptr;
    group_ = 0;
    error_code ignored;
    socket_.close(ignored);
}

void Watch::await() {
    socket_.async_wait(asio::posix::stream_descriptor::wait_read,
                       [weak = weak_from_this()](error_code error) {
                           const auto self = weak.lock();
                           if (self && !error) self->read();
                       });
}

void Watch::read() {
    News news;
    for (int i = 0; i < kReadsPerTurn; ++i) {
        sockaddr_nl from{};
        socklen_t size_of_from = sizeof from;
        const auto size = ::recvfrom(socket_.native_handle(), buffer_.data(), buffer_.size(), MSG_TRUNC,
                                     reinterpret_cast<sockaddr*>(&from), &size_of_from);
        if (size < 0 && errno == ENOBUFS) {
            news.lost = missed_ = true;
            continue;
        }
        if (size <= 0) {
            if (std::exchange(missed_, false)) news.lost = true;
            break;
        }
        if (from.nl_family == AF_NETLINK && from.nl_pid != 0) continue;  // another process pretends
        if (static_cast<std::size_t>(size) > buffer_.size())
            news.lost = true;
        else
            take({buffer_.data(), static_cast<std::size_t>(size)}, news);
    }
    if (const auto handler = handler_) handler(news);
    if (socket_.is_open()) await();
}

void Watch::take(std::span<const std::uint8_t> bytes, News& news) const {
    while (const auto message = codec::next_message(bytes)) {
        if (const auto family = codec::parse_new_family(*message)) {
            news.families.push_back(*family);
        } else if (const auto change = codec::parse_change(*message)) {
            news.changes.push_back(*change);
        }
    }
}

}  // namespace lvs::ipvs
