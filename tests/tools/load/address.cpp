// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "load.hpp"

namespace lab {
namespace {

bool parse_port(const std::string& text, in_port_t& port) {
    if (text.empty() || text.size() > 5 || text.find_first_not_of("0123456789") != std::string::npos)
        return false;
    const unsigned long value = strtoul(text.c_str(), nullptr, 10);
    port = htons(static_cast<in_port_t>(value));
    return value > 0 && value <= 65535;
}

Nanoseconds read_clock(clockid_t clock) {
    timespec time{};
    clock_gettime(clock, &time);
    return time.tv_sec * kSecond + time.tv_nsec;
}

}  // namespace

bool parse_address(const std::string& text, Address& address) {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string::npos || colon == 0) return false;
    in_port_t port = 0;
    if (!parse_port(text.substr(colon + 1), port)) return false;
    if (text[0] == '[' && text[colon - 1] == ']') {
        auto& v6 = reinterpret_cast<sockaddr_in6&>(address.storage);
        v6.sin6_family = AF_INET6;
        v6.sin6_port = port;
        address.size = sizeof v6;
        return inet_pton(AF_INET6, text.substr(1, colon - 2).c_str(), &v6.sin6_addr) == 1;
    }
    auto& v4 = reinterpret_cast<sockaddr_in&>(address.storage);
    v4.sin_family = AF_INET;
    v4.sin_port = port;
    address.size = sizeof v4;
    return inet_pton(AF_INET, text.substr(0, colon).c_str(), &v4.sin_addr) == 1;
}

void die(const char* what) {
    fprintf(stderr, "lab-load: %s: %s\n", what, strerror(errno));
    exit(1);
}

Nanoseconds now() {
    return read_clock(CLOCK_MONOTONIC);
}

double wall(Nanoseconds at) {
    static const Nanoseconds offset = read_clock(CLOCK_REALTIME) - read_clock(CLOCK_MONOTONIC);
    return static_cast<double>(at + offset) / static_cast<double>(kSecond);
}

double milliseconds(Nanoseconds duration) {
    return static_cast<double>(duration) / static_cast<double>(kMillisecond);
}

int make_timer(Nanoseconds period) {
    const int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    const timespec time{.tv_sec = period / kSecond, .tv_nsec = period % kSecond};
    const itimerspec spec{.it_interval = time, .it_value = time};
    if (timer < 0 || timerfd_settime(timer, 0, &spec, nullptr) != 0) die("timerfd");
    return timer;
}

std::uint64_t read_timer(int timer) {
    std::uint64_t periods = 0;
    if (read(timer, &periods, sizeof periods) != sizeof periods) return 0;
    return periods;
}

int watch(int epoll, int fd, std::uint32_t events, std::uint64_t token) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = token;
    if (epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event) == 0) return 0;
    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

}  // namespace lab
