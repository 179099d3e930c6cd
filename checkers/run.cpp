// SPDX-License-Identifier: GPL-2.0-or-later
#include "checkers/run.hpp"

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "checkers/reason.hpp"

namespace lvs::checkers {

namespace {

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t size = 0;
    [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

SocketAddress socket_address(const Endpoint& endpoint) {
    SocketAddress out;
    const auto bytes = endpoint.address.bytes();
    if (endpoint.address.is_v4()) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(endpoint.port);
        std::memcpy(&address.sin_addr, bytes.data(), bytes.size());
        std::memcpy(&out.storage, &address, out.size = sizeof address);
    } else {
        sockaddr_in6 address{};
        address.sin6_family = AF_INET6;
        address.sin6_port = htons(endpoint.port);
        std::memcpy(&address.sin6_addr, bytes.data(), bytes.size());
        std::memcpy(&out.storage, &address, out.size = sizeof address);
    }
    return out;
}

bool bind_socket(int fd, const Binding& binding) {
    if (!binding.interface.empty() &&
        setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, binding.interface.c_str(),
                   static_cast<socklen_t>(binding.interface.size())) != 0)
        return false;
    if (!binding.source) return true;
    const int on = 1;  // the port is chosen at connect, per destination
    if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) != 0) return false;
    const auto address = socket_address({*binding.source, 0});
    return bind(fd, address.get(), address.size) == 0;
}

int pending_error(int fd) {
    int error_number = 0;
    socklen_t size = sizeof error_number;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error_number, &size) != 0) return errno;
    return error_number;
}

}  // namespace

std::optional<Verdict> Run::failed(int error_number) {
    return probe_->on_error(error_number, progress());
}

std::optional<Verdict> Run::open(const Endpoint& target, const Binding* binding) {
    const int type = plan_->transport() == Transport::tcp ? SOCK_STREAM : SOCK_DGRAM;
    fd_ = Fd(socket(target.address.is_v4() ? AF_INET : AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd_.is_open()) return failed(errno);
    const linger abort_on_close{.l_onoff = 1, .l_linger = 0};
    if (type == SOCK_STREAM) setsockopt(fd(), SOL_SOCKET, SO_LINGER, &abort_on_close, sizeof abort_on_close);
    if (binding && !bind_socket(fd(), *binding))
        return Verdict::skipped("not checked: cannot bind to the source: " +
                                std::generic_category().message(errno));
    const auto address = socket_address(target);
    if (connect(fd(), address.get(), address.size) != 0 && errno != EINPROGRESS) return failed(errno);
    return std::nullopt;
}

std::optional<Verdict> Run::on_event(std::uint32_t epoll_events) {
    if (!connected_) {
        if ((epoll_events & EPOLLERR) != 0) return failed(pending_error(fd()));
        if ((epoll_events & (EPOLLOUT | EPOLLHUP)) == 0) return std::nullopt;
        if (auto verdict = finish_connecting()) return verdict;
    } else if ((epoll_events & EPOLLOUT) != 0) {
        flush();
    }
    if ((epoll_events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) return read_all();
    return std::nullopt;
}

std::optional<Verdict> Run::finish_connecting() {
    connected_ = true;
    return take(probe_->on_connected());
}

std::optional<Verdict> Run::take(Step step) {
    if (step.verdict) return std::move(step.verdict);
    if (!step.output.empty()) {
        unsent_.append(step.output);
        flush();
    }
    return std::nullopt;
}

// A refused write is no verdict: what the server said before it closed is still to be read, and tells more.
void Run::flush() {
    while (!unsent_.empty()) {
        const auto sent = send(fd(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
        if (sent < 0) return;
        unsent_.erase(0, static_cast<std::size_t>(sent));
    }
}

std::optional<Verdict> Run::read_all() {
    static thread_local std::array<std::uint8_t, 16384> buffer;
    for (;;) {
        const auto size = recv(fd(), buffer.data(), buffer.size(), 0);
        if (size < 0 && (errno == EAGAIN || errno == EINTR)) return std::nullopt;
        if (size < 0) return failed(errno);
        if (size == 0 && plan_->transport() == Transport::tcp) return probe_->on_eof(progress());
        received_ += static_cast<std::uint64_t>(size);
        const std::span<const std::uint8_t> bytes(buffer.data(), static_cast<std::size_t>(size));
        if (auto verdict = take(probe_->on_data(bytes))) return verdict;
        if (received_ > kMaxReceived) return Verdict::bad("more than 1 MiB without an end");
    }
}

}  // namespace lvs::checkers
