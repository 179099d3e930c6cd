// SPDX-License-Identifier: GPL-2.0-or-later
//
// The owner's side of the Speaker: checks, names and numbers, starting and stopping. No machine is touched
// here.
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <numeric>
#include <set>
#include <thread>
#include <tuple>

#include "vrrp/io_engine.hpp"

namespace lvs::vrrp {

using io::Command;

struct Speaker::Impl {
    explicit Impl(SpeakerOptions given) : options(given) {}

    SpeakerOptions options;
    io::Shared shared;
    io::Fd guard;  // taken by the one Speaker of this network namespace
    std::unique_ptr<io::Engine> engine;
    std::thread thread;
    std::map<std::string, std::uint32_t> ids;
    std::map<std::uint32_t, std::string> names;  // never shrinks: late events keep their name
    std::uint32_t last_id = 0;
    Snapshot last;  // what was true when the thread stopped

    [[nodiscard]] bool running() const { return thread.joinable(); }
    void send(std::unique_ptr<Command> command) {
        shared.commands.put(std::move(command));
        shared.commands_ready.notify();
    }
    std::uint32_t id_of(const std::string& name) {
        const auto [it, is_new] = ids.try_emplace(name, last_id + 1);
        if (is_new) names.emplace(++last_id, name);
        return it->second;
    }
    Event translate(const io::RawEvent& raw) const;
    Result<void> take_guard();
    void steer(const std::string& router, Command::Kind kind);
};

namespace {

// An abstract name belongs to the network namespace and vanishes with its owner.
constexpr std::string_view kGuard = "lvsd/vrrp";

Result<void> check_one(const RouterSpec& spec) {
    const auto refuse = [&](const std::string& why) {
        return fail(std::errc::invalid_argument, "vrrp: router " + spec.name + ": " + why);
    };
    const auto& config = spec.config;
    if (spec.name.empty()) return refuse("no name");
    if (spec.addresses.empty()) return refuse("no addresses");
    if (spec.password.size() > 8) return refuse("the password is longer than 8 bytes");
    if (!spec.password.empty() && config.version != Version::v2)
        return refuse("only version 2 knows passwords");
    if (config.version == Version::v2 && config.interval % std::chrono::seconds(1) != Duration(0))
        return refuse("version 2 knows whole seconds only");
    if (config.interval < kMinInterval || config.interval > kMaxInterval ||
        config.interval % kMinInterval != Duration(0))
        return refuse("advert interval out of range");
    for (const auto& prefix : spec.addresses)
        if (config.version == Version::v2 && prefix.address.is_v6()) return refuse("version 2 knows no IPv6");
    return {};
}

Result<void> check(const std::vector<RouterSpec>& routers) {
    std::set<std::string> names;
    std::set<std::tuple<std::string, Vrid, Family>> places;
    for (const auto& spec : routers) {
        if (auto fine = check_one(spec); !fine) return fine;
        if (!names.insert(spec.name).second)
            return fail(std::errc::invalid_argument, "vrrp: two routers named " + spec.name);
        std::set<Family> families;
        for (const auto& prefix : spec.addresses)
            families.insert(prefix.address.family());
        for (const auto family : families)
            if (!places.emplace(spec.interface, spec.vrid, family).second)
                return fail(std::errc::invalid_argument, "vrrp: router " + spec.name + ": VRID " +
                                                             std::to_string(spec.vrid.value()) +
                                                             " is taken on interface " + spec.interface);
    }
    return {};
}

Result<void> check(const std::vector<RouterSpec>& routers, const std::vector<TrackerSpec>& trackers) {
    std::set<std::string> names;
    for (const auto& tracker : trackers)
        if (!names.insert(tracker.name).second)
            return fail(std::errc::invalid_argument, "vrrp: two trackers named " + tracker.name);
    for (const auto& router : routers)
        for (const auto& track : router.tracks)
            if (!names.contains(track.tracker))
                return fail(std::errc::invalid_argument,
                            "vrrp: router " + router.name + ": there is no tracker " + track.tracker);
    return {};
}

}  // namespace

std::string_view to_string(Waiting waiting) {
    switch (waiting) {
        case Waiting::none:
            return "none";
        case Waiting::interface:
            return "interface";
        case Waiting::link:
            return "link";
        case Waiting::address:
            return "address";
        case Waiting::fault:
            return "fault";
    }
    return "?";
}

std::string_view to_string(Trouble trouble) {
    switch (trouble) {
        case Trouble::none:
            return "none";
        case Trouble::realtime:
            return "realtime";
        case Trouble::memory_lock:
            return "memory-lock";
        case Trouble::socket:
            return "socket";
        case Trouble::send:
            return "send";
        case Trouble::address_add:
            return "address-add";
        case Trouble::address_remove:
            return "address-remove";
        case Trouble::virtual_mac:
            return "virtual-mac";
        case Trouble::misconfigured:
            return "misconfigured";
        case Trouble::not_owner:
            return "not-owner";
        case Trouble::route_add:
            return "route-add";
        case Trouble::route_remove:
            return "route-remove";
        case Trouble::restored:
            return "restored";
        case Trouble::netlink:
            return "netlink";
        case Trouble::discarded:
            return "discarded";
    }
    return "?";
}

void Lateness::add(Duration late) {
    const auto place = std::lower_bound(kBounds.begin(), kBounds.end(), late) - kBounds.begin();
    ++classes[static_cast<std::size_t>(place)];
    sum += late;
    worst = std::max(worst, late);
}

std::uint64_t Lateness::count() const {
    return std::accumulate(classes.begin(), classes.end(), std::uint64_t{0});
}

Speaker::Speaker(SpeakerOptions options) : impl_(std::make_unique<Impl>(options)) {}
Speaker::~Speaker() {
    stop();
}

void Speaker::Impl::steer(const std::string& router, Command::Kind kind) {
    const auto id = ids.find(router);
    if (id == ids.end() || !running()) return;
    auto command = std::make_unique<Command>();
    command->kind = kind;
    command->router = id->second;
    send(std::move(command));
}

Result<void> Speaker::Impl::take_guard() {
    guard = io::Fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_un name{};
    name.sun_family = AF_UNIX;
    std::memcpy(name.sun_path + 1, kGuard.data(), kGuard.size());
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + kGuard.size());
    if (!guard || ::bind(guard.get(), reinterpret_cast<sockaddr*>(&name), size) != 0)
        return fail_errno(errno, "vrrp: another lvsd runs in this network namespace");
    return {};
}

Result<void> Speaker::start() {
    LVS_ASSERT(!impl_->running());
    if (auto taken = impl_->take_guard(); !taken) return taken;
    impl_->engine = std::make_unique<io::Engine>(impl_->options, impl_->shared);
    if (auto opened = impl_->engine->open(); !opened) {
        impl_->engine.reset();
        impl_->guard = io::Fd();
        return opened;
    }
    impl_->thread = std::thread([engine = impl_->engine.get()] { engine->run(); });
    pthread_setname_np(impl_->thread.native_handle(), "vrrp");
    return {};
}

Result<void> clear_leftovers() {
    return Speaker({.realtime = false, .lock_memory = false}).start();
}

void Speaker::stop() {
    if (!impl_->running()) return;
    impl_->last = snapshot();
    auto command = std::make_unique<Command>();
    command->kind = Command::Kind::stop;
    impl_->send(std::move(command));
    impl_->thread.join();
    impl_->engine.reset();
    impl_->guard = io::Fd();
}

Result<void> Speaker::apply(std::vector<RouterSpec> routers, std::vector<TrackerSpec> trackers,
                            const std::set<std::string>& held) {
    LVS_ASSERT(impl_->running());
    if (auto fine = check(routers); !fine) return fine;
    if (auto fine = check(routers, trackers); !fine) return fine;
    auto command = std::make_unique<Command>();
    command->kind = Command::Kind::apply;
    for (auto& spec : routers) {
        const auto id = impl_->id_of(spec.name);
        if (held.contains(spec.name)) command->held.insert(id);
        spec.config.grouped = !spec.group.empty();
        command->routers.emplace_back(id, std::move(spec));
    }
    command->trackers = std::move(trackers);
    impl_->send(std::move(command));
    return {};
}

void Speaker::set_announce_rate(std::uint32_t per_second, std::uint32_t burst) {
    if (!impl_->running()) return;
    auto command = std::make_unique<Command>();
    command->kind = Command::Kind::announce_rate;
    command->rate = std::max(1U, per_second);
    command->burst = std::max(1U, burst);
    impl_->send(std::move(command));
}

void Speaker::set_tracker(const std::string& tracker, bool good) {
    if (!impl_->running()) return;
    auto command = std::make_unique<Command>();
    command->kind = Command::Kind::tracker;
    command->tracker = tracker;
    command->good = good;
    impl_->send(std::move(command));
}

void Speaker::hold(const std::string& router) {
    impl_->steer(router, Command::Kind::hold);
}
void Speaker::release(const std::string& router) {
    impl_->steer(router, Command::Kind::release);
}
void Speaker::failover(const std::string& router) {
    impl_->steer(router, Command::Kind::failover);
}

void Speaker::set_priority(const std::string& router, Priority priority) {
    const auto id = impl_->ids.find(router);
    if (id == impl_->ids.end() || !impl_->running()) return;
    auto command = std::make_unique<Command>();
    command->kind = Command::Kind::priority;
    command->router = id->second;
    command->priority = priority;
    impl_->send(std::move(command));
}

void Speaker::set_fault(const std::string& router, bool fault) {
    const auto id = impl_->ids.find(router);
    if (id == impl_->ids.end() || !impl_->running()) return;
    auto command = std::make_unique<Command>();
    command->kind = Command::Kind::fault;
    command->router = id->second;
    command->fault = fault;
    impl_->send(std::move(command));
}

int Speaker::event_fd() const {
    return impl_->shared.events_ready.fd();
}

Event Speaker::Impl::translate(const io::RawEvent& raw) const {
    const auto name = names.find(raw.router);
    return {.kind = raw.kind,
            .seq = raw.seq,
            .time = raw.time,
            .router = name == names.end() ? std::string() : name->second,
            .family = raw.family,
            .from = raw.from,
            .to = raw.to,
            .reason = raw.reason,
            .waiting = raw.waiting,
            .trouble = raw.trouble,
            .error = raw.error,
            .discard = raw.discard,
            .address = raw.address};
}

std::vector<Event> Speaker::drain() {
    impl_->shared.events_ready.clear();
    std::vector<Event> events;
    for (io::RawEvent raw; impl_->shared.events.pop(raw);)
        events.push_back(impl_->translate(raw));
    return events;
}

std::uint64_t Speaker::events_lost() const {
    return impl_->shared.events_lost;
}

Snapshot Speaker::snapshot() const {
    if (!impl_->running()) return impl_->last;
    auto command = std::make_unique<Command>();
    command->kind = Command::Kind::snapshot;
    auto answer = command->answer.get_future();
    impl_->send(std::move(command));
    return answer.get();
}

}  // namespace lvs::vrrp
