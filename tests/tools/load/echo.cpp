// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>

#include "load.hpp"

namespace lab {
namespace {

constexpr std::size_t kMaxClients = 4096;
constexpr std::size_t kMaxRequest = 8192;

// One token per descriptor: the descriptor itself, and what it is.
enum class Kind : std::uint32_t { kListener, kDatagrams, kClient };

std::uint64_t token(Kind kind, int fd) {
    return (static_cast<std::uint64_t>(kind) << 32) | static_cast<std::uint32_t>(fd);
}

// Answers GET of any path with its name and of /healthz with "ok". An answer ends the connection.
class EchoServer {
public:
    explicit EchoServer(const Arguments& arguments) : arguments_(arguments) {}

    int run() {
        epoll_ = epoll_create1(EPOLL_CLOEXEC);
        for (const Address& address : arguments_.listen)
            open(address);
        while (!stopping()) {
            std::array<epoll_event, 64> events{};
            const int count = epoll_wait(epoll_, events.data(), events.size(), 1000);
            for (int index = 0; index < count; ++index)
                turn(events[static_cast<std::size_t>(index)].data.u64);
        }
        return 0;
    }

private:
    void open(const Address& address) {
        const int listener = bound(address, SOCK_STREAM);
        if (listen(listener, 4096) != 0) die("listen");
        watch(epoll_, listener, EPOLLIN, token(Kind::kListener, listener));
        const int datagrams = bound(address, SOCK_DGRAM);
        watch(epoll_, datagrams, EPOLLIN, token(Kind::kDatagrams, datagrams));
    }

    static int bound(const Address& address, int type) {
        const int fd = socket(address.family(), type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0) die("socket");
        const int on = 1;
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (address.family() == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
        if (bind(fd, address.raw(), address.size) != 0) die("bind");
        return fd;
    }

    void turn(std::uint64_t of) {
        const int fd = static_cast<int>(of & 0xffffffff);
        switch (static_cast<Kind>(of >> 32)) {
            case Kind::kListener:
                return take_clients(fd);
            case Kind::kDatagrams:
                return return_datagrams(fd);
            case Kind::kClient:
                return answer(fd);
        }
    }

    void take_clients(int listener) {
        while (clients_.size() < kMaxClients) {
            const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (fd < 0) return;
            clients_[fd].clear();
            watch(epoll_, fd, EPOLLIN, token(Kind::kClient, fd));
        }
        // Too many: the oldest is the likeliest to be abandoned, and the listener is asked again at once.
        drop(clients_.begin()->first);
    }

    void return_datagrams(int fd) {
        std::array<char, 2048> buffer{};
        Address from;
        while (true) {
            from.size = sizeof from.storage;
            auto* raw = reinterpret_cast<sockaddr*>(&from.storage);
            const ssize_t size = recvfrom(fd, buffer.data(), buffer.size(), 0, raw, &from.size);
            if (size < 0) return;
            sendto(fd, buffer.data(), static_cast<std::size_t>(size), MSG_NOSIGNAL, from.raw(), from.size);
        }
    }

    void answer(int fd) {
        if (!clients_.contains(fd)) return;  // dropped earlier in this round
        std::array<char, 2048> buffer{};
        const ssize_t size = recv(fd, buffer.data(), buffer.size(), 0);
        if (size < 0 && errno == EAGAIN) return;
        std::string& request = clients_[fd];
        if (size > 0) request.append(buffer.data(), static_cast<std::size_t>(size));
        if (size <= 0 || request.size() > kMaxRequest) return drop(fd);
        if (request.find("\r\n\r\n") == std::string::npos) return;
        const std::string body = request.starts_with("GET /healthz ") ? "ok\n" : arguments_.id + "\n";
        const std::string response =
            "HTTP/1.1 200 OK\r\nX-Server: " + arguments_.id +
            "\r\nContent-Type: text/plain\r\nContent-Length: " + std::to_string(body.size()) +
            "\r\nConnection: close\r\n\r\n" + body;
        // A fresh connection takes this little at once.
        [[maybe_unused]] const ssize_t sent = send(fd, response.data(), response.size(), MSG_NOSIGNAL);
        drop(fd);
    }

    void drop(int fd) {
        clients_.erase(fd);
        close(fd);
    }

    const Arguments& arguments_;
    std::map<int, std::string> clients_;
    int epoll_ = -1;
};

}  // namespace

int run_echo(const Arguments& arguments) {
    return EchoServer(arguments).run();
}

}  // namespace lab
