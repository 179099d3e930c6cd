// SPDX-License-Identifier: GPL-2.0-or-later
#include "server.hpp"

#include <netinet/in.h>

#include <array>
#include <cerrno>

namespace lvs::checkers {

Listener::Listener(int backlog, std::uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const int on = 1;
    setsockopt(fd(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    LVS_ASSERT(bind(fd(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    LVS_ASSERT(listen(fd(), backlog) == 0);
    socklen_t size = sizeof address;
    LVS_ASSERT(getsockname(fd(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
    endpoint_ = {IpAddress::from_v4(INADDR_LOOPBACK), ntohs(address.sin_port)};
}

namespace {

// Until there is something to read, or the end.
bool readable(int fd, const Server::Stopping& stopping) {
    while (!stopping()) {
        pollfd entry{.fd = fd, .events = POLLIN, .revents = 0};
        if (::poll(&entry, 1, 10) > 0) return true;
    }
    return false;
}

bool write_all(int fd, std::string_view text, const Server::Stopping& stopping) {
    while (!text.empty() && !stopping()) {
        const auto sent = send(fd, text.data(), text.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0) {
            text.remove_prefix(static_cast<std::size_t>(sent));
        } else if (errno == EAGAIN) {
            pollfd entry{.fd = fd, .events = POLLOUT, .revents = 0};
            ::poll(&entry, 1, 10);
        } else {
            return false;
        }
    }
    return !stopping();
}

void swallow_request(int fd, const Server::Stopping& stopping) {
    std::array<char, 4096> buffer;
    if (readable(fd, stopping)) static_cast<void>(recv(fd, buffer.data(), buffer.size(), 0));
}

void wait_for_end(int fd, const Server::Stopping& stopping) {
    std::array<char, 4096> buffer;
    while (readable(fd, stopping) && recv(fd, buffer.data(), buffer.size(), 0) > 0) {
    }
}

}  // namespace

Server::Server(Behaviour behaviour, std::uint16_t port)
    : listener_(128, port), behaviour_(std::move(behaviour)), thread_([this] { serve(); }) {}

Server::~Server() {
    stop_ = true;
    thread_.join();
}

void Server::serve() {
    const Stopping stopping = [this] { return stop_.load(); };
    while (readable(listener_.fd(), stopping)) {
        const Fd connection(accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC));
        if (!connection.is_open()) continue;
        ++accepted_;
        behaviour_(connection.get(), stopping);
    }
}

Server::Behaviour answers(std::string text) {
    return [text = std::move(text)](int fd, const Server::Stopping& stopping) {
        swallow_request(fd, stopping);
        write_all(fd, text, stopping);
    };
}

Server::Behaviour drips(std::string text, Duration gap) {
    return [text = std::move(text), gap](int fd, const Server::Stopping& stopping) {
        for (std::size_t i = 0; write_all(fd, {&text[i % text.size()], 1}, stopping); ++i)
            std::this_thread::sleep_for(gap);
    };
}

Server::Behaviour floods(std::string head, std::string again) {
    return [head = std::move(head), again = std::move(again)](int fd, const Server::Stopping& stopping) {
        if (!write_all(fd, head, stopping)) return;
        while (write_all(fd, again, stopping)) {
        }
    };
}

Server::Behaviour resets(bool after_request, std::string first) {
    return [after_request, first = std::move(first)](int fd, const Server::Stopping& stopping) {
        if (after_request) swallow_request(fd, stopping);
        write_all(fd, first, stopping);
        const linger abort_on_close{.l_onoff = 1, .l_linger = 0};
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort_on_close, sizeof abort_on_close);
    };
}

Server::Behaviour half_closes() {
    return [](int fd, const Server::Stopping& stopping) {
        shutdown(fd, SHUT_WR);
        wait_for_end(fd, stopping);
    };
}

Server::Behaviour says_nothing() {
    return [](int fd, const Server::Stopping& stopping) { wait_for_end(fd, stopping); };
}

Server::Behaviour closes_at_once() {
    return [](int /*fd*/, const Server::Stopping& /*stopping*/) {};
}

}  // namespace lvs::checkers
