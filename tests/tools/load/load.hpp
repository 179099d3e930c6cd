// SPDX-License-Identifier: GPL-2.0-or-later
//
// lab-load: the traffic of the lab, and the servers that answer it.
//
//   lab-load http   one new TCP connection per request, at a steady rate, whatever happens to the earlier
//   ones lab-load udp    a stream of numbered datagrams, to measure for how long nobody answered lab-load
//   echo   a server for both: its name over HTTP, datagrams back to their sender
//
// Results are JSON lines on stdout, one object each; times called "t", "from", "to" and "..._at" are seconds
// since 1970, all durations are milliseconds. Every object is flushed at once: the reader watches live. One
// thread, one epoll loop, nothing but libc. A failure of the network is a number in the report; only a wrong
// argument or a socket that cannot be made ends the program with an error.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace lab {

// Monotonic time in nanoseconds; all measuring is done in it.
using Nanoseconds = std::int64_t;
constexpr Nanoseconds kMillisecond = 1'000'000;
constexpr Nanoseconds kSecond = 1'000 * kMillisecond;

struct Address {
    sockaddr_storage storage{};
    socklen_t size = 0;
    const sockaddr* raw() const { return reinterpret_cast<const sockaddr*>(&storage); }
    int family() const { return storage.ss_family; }
};

struct Arguments {
    std::string mode;
    Address to;
    std::vector<Address> listen;
    std::string path = "/";
    std::string id = "server";
    double rate = 100;              // requests per second
    std::size_t concurrency = 256;  // requests under way at once; above it the next ones wait
    Nanoseconds timeout = kSecond;
    Nanoseconds report = kSecond;
    Nanoseconds interval = kMillisecond;
    Nanoseconds threshold = 10 * kMillisecond;
    Nanoseconds duration = 0;  // 0: until SIGINT or SIGTERM
};

// Ends the program with status 2 and a text on stderr when an argument is wrong.
Arguments parse_arguments(int argc, char** argv);

// "192.0.2.1:80" or "[2001:db8::1]:80"; false when it is neither.
bool parse_address(const std::string& text, Address& address);

// Prints "lab-load: WHAT: strerror" and ends the program with status 1.
[[noreturn]] void die(const char* what);

Nanoseconds now();
double wall(Nanoseconds at);  // the same moment in seconds since 1970
double milliseconds(Nanoseconds duration);

// Set by SIGINT and SIGTERM. Wakes epoll_wait with EINTR.
bool stopping();

// A periodic timerfd, already running.
int make_timer(Nanoseconds period);
std::uint64_t read_timer(int timer);  // how many periods passed since the last read

int watch(int epoll, int fd, std::uint32_t events, std::uint64_t token);

// Counts completions, keeps the longest time between two of them, and writes the JSON lines.
class Report {
public:
    explicit Report(Nanoseconds start) : last_ok_(start) {}

    void on_sent() { ++interval_.sent; }
    void on_ok(Nanoseconds at, const std::string& server);
    void on_failed(Nanoseconds at, const char* why);

    void print_interval(Nanoseconds at);
    void print_summary(Nanoseconds at);

private:
    struct Counts {
        std::uint64_t sent = 0;
        std::uint64_t ok = 0;
        std::uint64_t failed = 0;
        Nanoseconds gap = 0;
        Nanoseconds gap_from = 0;
        std::map<std::string, std::uint64_t> servers;  // at most kMaxServers; the rest count as "other"
    };
    static void add(Counts& to, const Counts& from);
    static void print_counts(const Counts& counts);

    Counts interval_;
    Counts total_;
    Nanoseconds last_ok_;
    std::uint64_t events_ = 0;
};

int run_http(const Arguments& arguments);
int run_udp(const Arguments& arguments);
int run_echo(const Arguments& arguments);

}  // namespace lab
