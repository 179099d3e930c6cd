// SPDX-License-Identifier: GPL-2.0-or-later
//
// A Speaker without the daemon around it, for tests in network namespaces. One line per event on stdout:
//
//     SECONDS state NAME FAMILY FROM TO REASON
//     SECONDS waiting NAME FAMILY WHAT
//     SECONDS trouble NAME FAMILY WHAT ERROR ADDRESS
//
// Commands on stdin: `priority N`, `fault on|off`, `hold`, `release`, `failover`, `interval DURATION`, `add
// ADDRESS`, `drop ADDRESS`, `status`. End of input is ignored; SIGTERM and SIGINT stop it in order.
#include <fmt/format.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <sstream>

#include "vrrp/io.hpp"

namespace {

// Of all threads but the first: what the speaker's own allocate.
const pid_t first_thread = ::getpid();
std::atomic<std::uint64_t> allocations{0};

}  // namespace

// Not inlined: the compiler would see free() meet new and warn.
[[gnu::noinline]] void* operator new(std::size_t size) {
    if (::gettid() != first_thread) ++allocations;
    if (void* memory = std::malloc(size)) return memory;
    throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
    std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}

namespace {

using namespace lvs;
using namespace lvs::vrrp;

struct Options {
    RouterSpec spec;
    std::uint32_t copies = 1;  // routers with VRID, VRID+1, ... and addresses counted up
    bool spread = false;       // 255 to an interface: NAME0, NAME1, ...
    SpeakerOptions speaker;
};

// Same as the option, with the next VRID and the next address, for tests with many routers.
std::vector<RouterSpec> expand(const Options& options) {
    std::vector<RouterSpec> routers;
    for (std::uint32_t i = 0; i < options.copies; ++i) {
        auto spec = options.spec;
        spec.name += i == 0 ? "" : std::to_string(i);
        if (options.spread) spec.interface += std::to_string(i / 255);
        spec.vrid = *Vrid::make((options.spec.vrid.value() - 1 + static_cast<int>(i)) % 255 + 1);
        for (auto& prefix : spec.addresses)
            if (prefix.address.is_v4()) prefix.address = IpAddress::from_v4(prefix.address.v4() + i);
        routers.push_back(spec);
    }
    return routers;
}

double seconds(Time time) {
    return std::chrono::duration<double>(time.time_since_epoch()).count();
}

void print(const Event& event) {
    const auto head = fmt::format("{:.6f} ", seconds(event.time));
    const auto who =
        fmt::format(" {} {} ", event.router.empty() ? "-" : event.router, to_string(event.family));
    switch (event.kind) {
        case Event::Kind::state:
            fmt::print("{}state{}{} {} {}\n", head, who, to_string(event.from), to_string(event.to),
                       to_string(event.reason));
            return;
        case Event::Kind::waiting:
            fmt::print("{}waiting{}{}\n", head, who, to_string(event.waiting));
            return;
        case Event::Kind::trouble:
            fmt::print("{}trouble{}{} {} {}\n", head, who, to_string(event.trouble), event.error,
                       event.trouble == Trouble::discarded ? std::string(to_string(event.discard))
                       : event.address                     ? to_string(*event.address)
                                                           : "-");
            return;
    }
}

void print(const Snapshot& snapshot, std::uint64_t seen) {
    for (const auto& r : snapshot.routers)
        fmt::print(
            "status {} {} state={} addresses={} sent={} received={} became_master={} contests={} stalls={} "
            "interval_ms={}\n",
            r.name, to_string(r.family), to_string(r.state), r.addresses, r.counters.adverts_sent,
            r.counters.adverts_received, r.counters.became_master, r.counters.contests, r.counters.stalls,
            r.interval / std::chrono::milliseconds(1));
    for (const auto& r : snapshot.routers)
        for (std::size_t i = 0; i < kDiscards; ++i)
            if (r.counters.discarded[i] != 0)
                fmt::print("discarded {} {} {}={}\n", r.name, to_string(r.family),
                           to_string(static_cast<Discard>(i)), r.counters.discarded[i]);
    const auto& late = snapshot.lateness;
    fmt::print("speaker realtime={} locked={} wakeups={} timers={} worst_us={} classes={} allocations={}\n",
               snapshot.realtime, snapshot.memory_locked, snapshot.wakeups, late.count(),
               late.worst / std::chrono::microseconds(1), fmt::join(late.classes, ","), seen);
}

void command(Speaker& speaker, Options& options, const std::string& line) {
    std::istringstream words(line);
    std::string verb, value;
    words >> verb >> value;
    auto& spec = options.spec;
    if (verb == "status") {
        const auto seen = allocations.load();  // before the snapshot allocates its own
        return print(speaker.snapshot(), seen);
    }
    if (verb == "hold") return speaker.hold(spec.name);
    if (verb == "release") return speaker.release(spec.name);
    if (verb == "failover") return speaker.failover(spec.name);
    if (verb == "fault") return speaker.set_fault(spec.name, value == "on");
    if (verb == "priority") return speaker.set_priority(spec.name, Priority::make(std::stoi(value)).value());
    if (verb == "interval") spec.config.interval = parse_duration(value).value();
    if (verb == "add") spec.addresses.push_back(parse_prefix(value).value());
    if (verb == "drop") std::erase(spec.addresses, VirtualAddress(parse_prefix(value).value()));
    if (const auto done = speaker.apply(expand(options)); !done)
        fmt::print("error {}\n", to_string(done.error()));
}

int run(Options& options) {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    const int signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);

    Speaker speaker(options.speaker);
    auto done = speaker.start();
    if (done) done = speaker.apply(expand(options));
    if (!done) {
        fmt::print(stderr, "{}\n", to_string(done.error()));
        return 1;
    }
    pollfd waiters[] = {{signal_fd, POLLIN, 0}, {speaker.event_fd(), POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}};
    while ((waiters[0].revents & POLLIN) == 0) {
        if (poll(waiters, 3, -1) < 0) continue;
        for (const auto& event : speaker.drain())
            print(event);
        if (waiters[2].revents != 0) {
            char line[256];
            if (std::fgets(line, sizeof line, stdin) == nullptr)
                waiters[2].fd = -1;
            else
                command(speaker, options, line);
        }
        std::fflush(stdout);
    }
    speaker.stop();
    for (const auto& event : speaker.drain())
        print(event);
    print(speaker.snapshot(), allocations.load());
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    std::setvbuf(stdin, nullptr, _IONBF, 0);  // poll must see what fgets left
    CLI::App app("a VRRP speaker for tests");
    Options options;
    std::string interval = "1s", preempt_delay = "0s", startup_delay = "0s";
    int vrid = 1, priority = 100, version = 3;
    std::vector<std::string> addresses, peers, excluded;
    std::string checksum;
    std::uint32_t more = 0;  // excluded addresses, counted up
    bool no_preempt = false, plain = false;
    options.spec.name = "r";
    app.add_option("--name", options.spec.name);
    app.add_option("--interface", options.spec.interface)->required();
    app.add_option("--vrid", vrid);
    app.add_option("--priority", priority);
    app.add_option("--interval", interval);
    app.add_option("--address", addresses)->required();
    app.add_option("--copies", options.copies);
    app.add_option("--preempt-delay", preempt_delay);
    app.add_option("--startup-delay", startup_delay);
    app.add_option("--version", version);
    app.add_option("--password", options.spec.password);
    app.add_option("--group", options.spec.group);
    app.add_option("--peer", peers);
    app.add_option("--excluded", excluded);
    app.add_option("--checksum", checksum);
    app.add_option("--more", more);
    app.add_flag("--no-preempt", no_preempt);
    app.add_flag("--virtual-mac", options.spec.virtual_mac);
    app.add_flag("--spread", options.spread);
    app.add_flag("--no-realtime", plain);
    CLI11_PARSE(app, argc, argv);
    options.spec.vrid = Vrid::make(vrid).value();
    options.spec.config.priority = Priority::make(priority).value();
    options.spec.config.interval = parse_duration(interval).value();
    options.spec.config.preempt_delay = parse_duration(preempt_delay).value();
    options.spec.config.startup_delay = parse_duration(startup_delay).value();
    options.spec.config.preempt = !no_preempt;
    options.speaker.realtime = options.speaker.lock_memory = !plain;
    if (version == 2) options.spec.config.version = Version::v2;
    if (checksum == "message") options.spec.checksum = ChecksumMode::message;
    if (checksum == "pseudo-header") options.spec.checksum = ChecksumMode::pseudo_header;
    for (const auto& text : peers)
        options.spec.peers.push_back({.address = IpAddress::parse(text).value()});
    for (const auto& text : excluded)
        options.spec.excluded.push_back(parse_prefix(text).value());
    for (std::uint32_t i = 0; i < more; ++i)
        options.spec.excluded.push_back(Prefix{IpAddress::from_v4(0x0ac80001 + i), 32});
    for (const auto& text : addresses)
        options.spec.addresses.push_back(parse_prefix(text).value());
    return run(options);
}
