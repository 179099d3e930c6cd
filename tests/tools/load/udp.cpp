// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>

#include "load.hpp"

namespace lab {
namespace {

constexpr std::size_t kMaxGaps = 100'000;

enum Token : std::uint64_t { kSendToken, kTellToken, kSocketToken };

// A gap is the time between two answers that arrived one after the other; below the threshold it is not told.
class UdpProbe {
public:
    explicit UdpProbe(const Arguments& arguments) : arguments_(arguments) {}

    int run() {
        open_all();
        const Nanoseconds start = now();
        const Nanoseconds end = arguments_.duration > 0 ? start + arguments_.duration : 0;
        while (!stopping() && (end == 0 || now() < end))
            turn();
        print_summary();
        for (const int fd : {socket_, send_timer_, report_timer_, epoll_})
            close(fd);
        return 0;
    }

private:
    void open_all() {
        socket_ = socket(arguments_.to.family(), SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (socket_ < 0) die("socket");
        if (connect(socket_, arguments_.to.raw(), arguments_.to.size) != 0) die("connect");
        epoll_ = epoll_create1(EPOLL_CLOEXEC);
        send_timer_ = make_timer(arguments_.interval);
        report_timer_ = make_timer(arguments_.report);
        watch(epoll_, socket_, EPOLLIN, kSocketToken);
        watch(epoll_, send_timer_, EPOLLIN, kSendToken);
        watch(epoll_, report_timer_, EPOLLIN, kTellToken);
    }

    void turn() {
        std::array<epoll_event, 8> events{};
        const int count = epoll_wait(epoll_, events.data(), events.size(), 200);
        for (int index = 0; index < count; ++index) {
            switch (static_cast<Token>(events[static_cast<std::size_t>(index)].data.u64)) {
                case kSendToken:
                    if (read_timer(send_timer_) > 0) send_one();
                    break;
                case kTellToken:
                    if (read_timer(report_timer_) > 0) print_interval();
                    break;
                case kSocketToken:
                    receive();
                    break;
            }
        }
    }

    void send_one() {
        const std::uint64_t number = ++sent_;
        [[maybe_unused]] const ssize_t size = send(socket_, &number, sizeof number, MSG_NOSIGNAL);
    }

    void receive() {
        std::array<char, 128> buffer{};
        while (true) {
            const ssize_t size = recv(socket_, buffer.data(), buffer.size(), 0);
            if (size < static_cast<ssize_t>(sizeof(std::uint64_t))) return;  // nothing more, or an ICMP error
            ++received_;
            on_answer(now());
        }
    }

    void on_answer(Nanoseconds at) {
        if (last_ > 0) {
            const Nanoseconds gap = at - last_;
            longest_ = std::max(longest_, gap);
            if (gap >= arguments_.threshold && ++gaps_ <= kMaxGaps) {
                printf("{\"gap_ms\": %.3f, \"from\": %.6f, \"to\": %.6f}\n", milliseconds(gap), wall(last_),
                       wall(at));
                fflush(stdout);
            }
        }
        last_ = at;
    }

    void print_interval() {
        printf("{\"t\": %.6f, \"sent\": %ju, \"received\": %ju}\n", wall(now()),
               static_cast<uintmax_t>(sent_), static_cast<uintmax_t>(received_));
        fflush(stdout);
    }

    void print_summary() {
        printf(
            "{\"summary\": true, \"t\": %.6f, \"sent\": %ju, \"received\": %ju, \"gaps\": %zu, "
            "\"longest_gap_ms\": %.3f}\n",
            wall(now()), static_cast<uintmax_t>(sent_), static_cast<uintmax_t>(received_), gaps_,
            milliseconds(longest_));
        fflush(stdout);
    }

    const Arguments& arguments_;
    int socket_ = -1;
    int epoll_ = -1;
    int send_timer_ = -1;
    int report_timer_ = -1;
    std::uint64_t sent_ = 0;
    std::uint64_t received_ = 0;
    std::size_t gaps_ = 0;
    Nanoseconds last_ = 0;
    Nanoseconds longest_ = 0;
};

}  // namespace

int run_udp(const Arguments& arguments) {
    return UdpProbe(arguments).run();
}

}  // namespace lab
