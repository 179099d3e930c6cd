// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <deque>

#include "load.hpp"

namespace lab {
namespace {

constexpr std::size_t kMaxResponse = 4096;
constexpr std::uint64_t kReportToken = ~0ULL;

// The value of a response's header field, or an empty string.
std::string field(const std::string& response, const std::string& name) {
    const std::size_t start = response.find("\r\n" + name + ": ");
    if (start == std::string::npos) return {};
    const std::size_t value = start + name.size() + 4;
    return response.substr(value, std::min<std::size_t>(response.find("\r\n", value) - value, 32));
}

struct Request {
    int fd = -1;
    bool connected = false;
    Nanoseconds deadline = 0;
    std::uint64_t number = 0;  // tells a slot's requests apart in the queue of deadlines
    std::string response;
};

class HttpLoad {
public:
    explicit HttpLoad(const Arguments& arguments)
        : arguments_(arguments), slots_(arguments.concurrency), report_(now()), next_send_(now()) {
        for (std::size_t slot = slots_.size(); slot > 0; --slot)
            free_.push_back(slot - 1);
        request_ = "GET " + arguments.path + " HTTP/1.1\r\nHost: lab\r\nConnection: close\r\n\r\n";
        period_ = static_cast<Nanoseconds>(static_cast<double>(kSecond) / arguments.rate);
    }

    int run() {
        epoll_ = epoll_create1(EPOLL_CLOEXEC);
        const int timer = make_timer(arguments_.report);
        watch(epoll_, timer, EPOLLIN, kReportToken);
        const Nanoseconds end = arguments_.duration > 0 ? now() + arguments_.duration : 0;
        while (!stopping() && (end == 0 || now() < end))
            turn(timer, end);
        report_.print_summary(now());
        close(timer);
        close(epoll_);
        return 0;
    }

private:
    void turn(int timer, Nanoseconds end) {
        start_due();
        std::array<epoll_event, 64> events{};
        const int count = epoll_wait(epoll_, events.data(), events.size(), wait_ms(end));
        for (int index = 0; index < count; ++index) {
            const std::uint64_t token = events[static_cast<std::size_t>(index)].data.u64;
            if (token != kReportToken)
                advance(static_cast<std::size_t>(token));
            else if (read_timer(timer) > 0)
                report_.print_interval(now());
        }
        expire();
    }

    // Until the next thing is due, rounded up: epoll_wait counts in whole milliseconds.
    int wait_ms(Nanoseconds end) const {
        Nanoseconds due = free_.empty() ? now() + kSecond : next_send_;
        if (!deadlines_.empty()) due = std::min(due, deadlines_.front().at);
        if (end > 0) due = std::min(due, end);
        return static_cast<int>(std::max<Nanoseconds>(0, (due - now() + kMillisecond - 1) / kMillisecond));
    }

    // The schedule does not depend on the answers. After a stall of this very program it does not send a
    // burst to catch up.
    void start_due() {
        const Nanoseconds at = now();
        if (at - next_send_ > kSecond / 10) next_send_ = at;
        while (next_send_ <= at && !free_.empty()) {
            start(at);
            next_send_ += period_;
        }
        if (free_.empty()) next_send_ = std::max(next_send_, at);
    }

    void start(Nanoseconds at) {
        const std::size_t slot = free_.back();
        free_.pop_back();
        Request& request = slots_[slot];
        request = Request{.fd = socket(arguments_.to.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
                          .connected = false,
                          .deadline = at + arguments_.timeout,
                          .number = ++number_,
                          .response = {}};
        if (request.fd < 0) die("socket");
        report_.on_sent();
        deadlines_.push_back({.at = request.deadline, .slot = slot, .number = request.number});
        if (connect(request.fd, arguments_.to.raw(), arguments_.to.size) != 0 && errno != EINPROGRESS)
            return failed(slot, "connect");
        watch(epoll_, request.fd, EPOLLOUT, slot);
    }

    void advance(std::size_t slot) {
        Request& request = slots_[slot];
        if (request.fd < 0) return;
        if (!request.connected)
            on_connected(slot);
        else
            on_readable(slot);
    }

    void on_connected(std::size_t slot) {
        Request& request = slots_[slot];
        int error = 0;
        socklen_t size = sizeof error;
        getsockopt(request.fd, SOL_SOCKET, SO_ERROR, &error, &size);
        if (error != 0) return failed(slot, error == ECONNREFUSED ? "refused" : "connect");
        request.connected = true;
        // A fresh connection takes this little at once.
        const ssize_t sent = send(request.fd, request_.data(), request_.size(), MSG_NOSIGNAL);
        if (sent != static_cast<ssize_t>(request_.size())) return failed(slot, "send");
        watch(epoll_, request.fd, EPOLLIN, slot);
    }

    void on_readable(std::size_t slot) {
        Request& request = slots_[slot];
        char buffer[kMaxResponse];
        const ssize_t size = recv(request.fd, buffer, sizeof buffer, 0);
        if (size < 0 && errno == EAGAIN) return;
        if (size < 0) return failed(slot, "reset");
        if (size == 0) return on_complete(slot);
        if (request.response.size() + static_cast<std::size_t>(size) <= kMaxResponse)
            request.response.append(buffer, static_cast<std::size_t>(size));
    }

    void on_complete(std::size_t slot) {
        const std::string& response = slots_[slot].response;
        if (!response.starts_with("HTTP/1.1 200 ") && !response.starts_with("HTTP/1.0 200 "))
            return failed(slot, response.empty() ? "closed" : "status");
        std::string server = field(response, "X-Server");
        if (server.find_first_of("\"\\") != std::string::npos || server.empty()) server = "unnamed";
        report_.on_ok(now(), server);
        release(slot);
    }

    void failed(std::size_t slot, const char* why) {
        report_.on_failed(now(), why);
        release(slot);
    }

    void release(std::size_t slot) {
        close(slots_[slot].fd);
        slots_[slot].fd = -1;
        free_.push_back(slot);
    }

    // All requests have the same timeout, so the queue is in order of time.
    void expire() {
        const Nanoseconds at = now();
        while (!deadlines_.empty()) {
            const Deadline first = deadlines_.front();
            const Request& request = slots_[first.slot];
            const bool open = request.fd >= 0 && request.number == first.number;
            if (open && first.at > at) return;
            deadlines_.pop_front();
            if (open) failed(first.slot, "timeout");
        }
    }

    struct Deadline {
        Nanoseconds at;
        std::size_t slot;
        std::uint64_t number;
    };

    const Arguments& arguments_;
    std::vector<Request> slots_;
    std::vector<std::size_t> free_;
    std::deque<Deadline> deadlines_;
    std::string request_;
    Report report_;
    Nanoseconds next_send_;
    Nanoseconds period_ = 0;
    std::uint64_t number_ = 0;
    int epoll_ = -1;
};

}  // namespace

int run_http(const Arguments& arguments) {
    return HttpLoad(arguments).run();
}

}  // namespace lab
