// SPDX-License-Identifier: GPL-2.0-or-later
//
// check-bench: what checks cost. One real worker runs COUNT checks against a local server process (every
// address of 127.0.0.0/8 is a server); after a warm-up it prints, as JSON, the worker's CPU time, runs, lag
// and memory.
//
//   check-bench KIND COUNT INTERVAL_MS SECONDS [KEY=VALUE...]        KIND: tcp, http, https
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <unordered_map>
#include <vector>

#include "checkers/client.hpp"
#include "tests/unit/checkers/tls_server.hpp"

namespace {

using namespace lvs;
using namespace lvs::checkers;
using namespace std::chrono_literals;

struct Request {
    std::string kind;
    std::uint32_t count = 0;
    Duration interval{};
    Duration time{};
    Params params;
};

// ---- the server ----

Fd listen_everywhere(std::uint16_t& port) {
    Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    socklen_t size = sizeof address;
    LVS_ASSERT(bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size) == 0 &&
               listen(fd.get(), 4096) == 0);
    LVS_ASSERT(getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port = ntohs(address.sin_port);
    return fd;
}

constexpr std::string_view kAnswer =
    "HTTP/1.1 200 OK\r\nServer: bench\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nConnection: "
    "close\r\n\r\nok\n";

void answer_one(int fd) {
    std::array<char, 2048> buffer;
    if (recv(fd, buffer.data(), buffer.size(), 0) > 0) send(fd, kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL);
    ::close(fd);
}

void watch(int epoll, int fd) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = fd}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

template <class Take>
void accept_all(int epoll, int listener, Take take) {
    for (int i = 0; i < 64; ++i) {
        const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) return;
        if (take(fd)) watch(epoll, fd);
    }
}

// take(fd) of every connection; true: answer(fd) when there is something to read.
template <class Take, class Answer>
[[noreturn]] void serve(int listener, int patience_ms, Take take, Answer answer) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int epoll = epoll_create1(EPOLL_CLOEXEC);
    watch(epoll, listener);
    for (;;) {
        std::array<epoll_event, 256> events;
        const int count = epoll_wait(epoll, events.data(), static_cast<int>(events.size()), patience_ms);
        for (int i = 0; i < count; ++i) {
            const int fd = events.at(static_cast<std::size_t>(i)).data.fd;
            fd == listener ? accept_all(epoll, listener, take) : answer(fd);
        }
    }
}

[[noreturn]] void serve_plain(int listener, bool has_answer) {
    const auto take = [has_answer](int fd) { return has_answer || (::close(fd), false); };
    serve(listener, -1, take, answer_one);
}

// Answers the first bytes that come inside; true: all is said, or something is wrong.
bool answer_inside(SSL* connection) {
    std::array<char, 2048> buffer;
    const int size = SSL_read(connection, buffer.data(), static_cast<int>(buffer.size()));
    if (size <= 0 && SSL_get_error(connection, size) == SSL_ERROR_WANT_READ) return false;
    if (size > 0) SSL_write(connection, kAnswer.data(), static_cast<int>(kAnswer.size()));
    ERR_clear_error();
    return true;
}

// One process for all connections, which never sleeps: to wake a server is paid by who sends to it, several times in a
// handshake, and it is the client that is measured.
[[noreturn]] void serve_tls(int listener, SSL_CTX* context) {
    std::unordered_map<int, SSL*> by_fd;
    const auto take = [&by_fd, context](int fd) {
        SSL* connection = by_fd[fd] = SSL_new(context);
        SSL_set_fd(connection, fd);
        SSL_set_accept_state(connection);
        return true;
    };
    const auto answer = [&by_fd](int fd) {
        if (!answer_inside(by_fd.at(fd))) return;
        SSL_free(by_fd.at(fd));
        by_fd.erase(fd);
        ::close(fd);
    };
    serve(listener, 0, take, answer);
}

// ---- the measurement ----

double resident_mib(pid_t pid) {
    std::ifstream in("/proc/" + std::to_string(pid) + "/statm");
    long total = 0;
    long resident = 0;
    in >> total >> resident;
    return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE)) / 1048576.0;
}

double cpu_seconds(pid_t pid) {
    std::ifstream in("/proc/" + std::to_string(pid) + "/stat");
    std::string line;
    std::getline(in, line);
    const auto rest = line.substr(line.rfind(')') + 2);
    unsigned long user = 0;
    unsigned long system = 0;
    std::sscanf(rest.c_str(), "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system);
    return static_cast<double>(user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

// Without the pages of programs and libraries.
double anonymous_mib(pid_t pid) {
    std::ifstream in("/proc/" + std::to_string(pid) + "/status");
    std::string word;
    while (in >> word && word != "RssAnon:") {
    }
    double kib = 0;
    in >> kib;
    return kib / 1024;
}

struct Totals {
    std::uint64_t started = 0;
    std::uint64_t unchecked = 0;
    Duration lag_p50{};
    Duration lag_p99{};
    Duration lag_max{};
    std::uint32_t configured = 0;
    unsigned beats = 0;

    void add(const wire::Heartbeat& beat) {
        started += beat.started;
        unchecked += beat.unchecked;
        lag_p50 = std::max(lag_p50, beat.lag_p50);
        lag_p99 = std::max(lag_p99, beat.lag_p99);
        lag_max = std::max(lag_max, beat.lag_max);
        configured = beat.configured;
        ++beats;
    }
};

std::vector<CheckSpec> specs_of(const Request& request, std::uint16_t port, std::uint32_t count) {
    std::vector<CheckSpec> specs;
    for (std::uint32_t i = 0; i < count; ++i)
        specs.push_back({.id = CheckId{i},
                         .kind = request.kind,
                         .target = {IpAddress::from_v4(0x7f010001U + i), port},
                         .interval = request.interval,
                         .timeout = 2s,
                         .params = request.params});
    return specs;
}

double milliseconds(Duration value) {
    return static_cast<double>(value.count()) / 1e6;
}

void report(const Request& request, const Totals& totals, double cpu, double seconds, double mib,
            double grown_mib, std::size_t up) {
    std::printf(
        "{\"kind\": \"%s\", \"checks\": %u, \"up\": %zu, \"runs_per_s\": %.0f, \"cpu_percent\": %.1f, "
        "\"runs_per_cpu_s\": %.0f, \"lag_p50_ms\": %.2f, \"lag_p99_ms\": %.2f, \"lag_max_ms\": %.2f, "
        "\"unchecked\": %llu, \"rss_MiB\": %.1f, \"bytes_per_check\": %.0f}\n",
        request.kind.c_str(), request.count, up, static_cast<double>(totals.started) / seconds,
        100 * cpu / seconds, static_cast<double>(totals.started) / cpu, milliseconds(totals.lag_p50),
        milliseconds(totals.lag_p99), milliseconds(totals.lag_max),
        static_cast<unsigned long long>(totals.unchecked), mib,
        grown_mib * 1048576.0 / request.count);
}

template <class Condition>
void run_until(asio::io_context& io, Duration patience, Condition condition) {
    for (const auto end = monotonic_time() + patience; monotonic_time() < end && !condition();) {
        io.restart();
        io.run_for(10ms);
    }
}

int measure(const Request& request, std::uint16_t port) {
    asio::io_context io;
    Totals totals;
    std::size_t up = 0;
    std::string trouble;
    WorkerClient client(
        io, {.program = LVSD_CHECKER, .user = "nobody"},
        {.on_transition = [&up](const Transition& change) { up += change.state == State::up ? 1 : 0; },
         .on_status = {},
         .on_worker =
             [&trouble](bool ready, const std::string& why) {
                 if (!ready) std::fprintf(stderr, "check-bench: %s\n", (trouble = why).c_str());
             },
         .on_heartbeat = [&totals](const wire::Heartbeat& beat) { totals.add(beat); }});
    client.start();
    run_until(io, 10s, [&totals] { return totals.beats > 0; });
    if (client.pids().empty()) return std::fprintf(stderr, "check-bench: %s\n", trouble.c_str()), 1;
    const auto pid = client.pids().front();  // a worker that is replaced meanwhile spoils the figures
    client.configure(specs_of(request, port, 1));  // what every kind needs once: a TLS library's tables
    run_until(io, 10s, [&up] { return up == 1; });
    const auto first_mib = anonymous_mib(pid);
    client.configure(specs_of(request, port, request.count));
    run_until(io, request.interval * 3 + 10s, [&] { return up == request.count; });
    run_until(io, request.interval + 1s, [] { return false; });

    const auto beat = totals.beats;  // from one heartbeat to another
    run_until(io, 5s, [&] { return totals.beats > beat; });
    totals = {};
    const auto start = monotonic_time();
    const auto before = cpu_seconds(pid);
    const auto beats = static_cast<unsigned>(request.time / 1s);
    run_until(io, request.time * 3, [&] { return totals.beats >= beats; });
    const auto seconds = static_cast<double>((monotonic_time() - start).count()) / 1e9;
    report(request, totals, cpu_seconds(pid) - before, seconds, resident_mib(pid),
           anonymous_mib(pid) - first_mib, up);
    return 0;
}

int serve_and_measure(Request& request) {
    const bool tls = request.kind == "https";
    const auto pem = make_certificate(-1, 30);
    if (tls) {
        request.params["ca"] = pem.certificate;
        request.params["host"] = std::string("www.example.org");
    }
    std::uint16_t port = 0;
    const auto listener = listen_everywhere(port);
    const TlsServer for_its_context(pem, "");
    const auto server = fork();
    if (server == 0 && tls) serve_tls(listener.get(), for_its_context.context());
    if (server == 0) serve_plain(listener.get(), request.kind == "http");
    const int status = measure(request, port);
    kill(server, SIGKILL);
    waitpid(server, nullptr, 0);
    return status;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 5) {
        std::fprintf(stderr, "check-bench KIND COUNT INTERVAL_MS SECONDS [KEY=VALUE...]\n");
        return 2;
    }
    Request request{.kind = argv[1],
                    .count = static_cast<std::uint32_t>(std::atoi(argv[2])),
                    .interval = std::chrono::milliseconds(std::atoi(argv[3])),
                    .time = std::chrono::seconds(std::atoi(argv[4])),
                    .params = {}};
    for (int i = 5; i < argc; ++i) {
        const std::string word = argv[i];
        const auto equals = word.find('=');
        const auto value = word.substr(equals + 1);
        const bool truth = value == "true" || value == "false";
        request.params[word.substr(0, equals)] = truth ? ParamValue(value == "true") : ParamValue(value);
    }
    return serve_and_measure(request);
}
