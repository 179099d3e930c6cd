// SPDX-License-Identifier: GPL-2.0-or-later
//
// Servers for the drivers to meet, honest and hostile, on the loopback; each on a thread of its own.
#pragma once

#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <functional>
#include <thread>

#include "checkers/fd.hpp"

namespace lvs::checkers {

// A listening socket on 127.0.0.1. Not accepting is up to the owner.
class Listener {
   public:
    explicit Listener(int backlog = 128, std::uint16_t port = 0);
    [[nodiscard]] Endpoint endpoint() const { return endpoint_; }
    [[nodiscard]] int fd() const { return fd_.get(); }
    void close() { fd_.reset(); }

   private:
    Fd fd_;
    Endpoint endpoint_;
};

// Accepts connections one after the other and treats each as `behaviour` says; the socket is closed after it.
class Server {
   public:
    // stopping() becomes true when the server is being destroyed; a behaviour must then return soon.
    using Stopping = std::function<bool()>;
    using Behaviour = std::function<void(int fd, const Stopping& stopping)>;

    explicit Server(Behaviour behaviour, std::uint16_t port = 0);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;
    [[nodiscard]] Endpoint endpoint() const { return listener_.endpoint(); }
    [[nodiscard]] int accepted() const { return accepted_; }

   private:
    void serve();
    Listener listener_;
    Behaviour behaviour_;
    std::atomic<bool> stop_ = false;
    std::atomic<int> accepted_ = 0;
    std::thread thread_;
};

// Behaviours.
Server::Behaviour answers(std::string text);              // after the first bytes of the request
Server::Behaviour drips(std::string text, Duration gap);  // one byte at a time, over and over
Server::Behaviour floods(std::string head, std::string again);
Server::Behaviour resets(bool after_request, std::string first = {});
Server::Behaviour half_closes();  // ends its side at once and keeps the connection
Server::Behaviour says_nothing();
Server::Behaviour closes_at_once();

}  // namespace lvs::checkers
