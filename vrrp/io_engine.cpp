// SPDX-License-Identifier: GPL-2.0-or-later
#include "vrrp/io_engine.hpp"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include <algorithm>
#include <cerrno>

namespace lvs::vrrp::io {

namespace {

constexpr std::size_t kReceiveBound = 1024;     // packets of one socket in one turn
constexpr std::uint32_t kAnnounceBudget = 256;  // frames of one router in one turn
constexpr std::uint32_t kAnnounceSlice = 64;    // tokens worth waking up for
constexpr Duration kLate = std::chrono::milliseconds(5);
constexpr Duration kReread = std::chrono::milliseconds(100);

Time read_clock(clockid_t clock) {
    timespec now{};
    ::clock_gettime(clock, &now);
    return Time(std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec));
}

// The owner's clock stands still meanwhile. Never stays never.
Time owners(Time time) {
    if (time == Time{}) return time;
    return time - (read_clock(CLOCK_BOOTTIME) - read_clock(CLOCK_MONOTONIC));
}

// Memory locked as it is touched: resident size stays what is used. Memory mapped later is not covered.
bool lock_memory() {
    return ::mlockall(MCL_CURRENT | MCL_ONFAULT) == 0;
}

}  // namespace

// The clock of the machines. It goes on while the computer sleeps, so that a sleep is noticed as a stall.
Time monotonic_now() {
    return read_clock(CLOCK_BOOTTIME);
}

Engine::Engine(SpeakerOptions options, Shared& shared) : options_(options), shared_(shared) {}

Result<void> Engine::open() {
    epoll_ = Fd(::epoll_create1(EPOLL_CLOEXEC));
    if (!epoll_) return fail_errno(errno, "vrrp: epoll");
    if (auto done = links_.open(); !done) return done;
    dumps_ = links_.dumps();
    if (auto done = frames_.open(); !done) return done;
    if (auto done = clear_leftovers(); !done) return done;
    if (auto done = routes_.open(addresses_.port()); !done) return done;
    if (auto done = addresses_.start(options_.realtime ? options_.realtime_priority - 1 : 0); !done)
        return done;
    const bool watching = watch(shared_.commands_ready.fd(), &shared_) && watch(links_.fd(), &links_) &&
                          watch(addresses_.result_fd(), &addresses_) && watch(routes_.fd(), &routes_);
    if (!watching) return fail_errno(errno, "vrrp: epoll");
    return {};
}

Result<void> Engine::clear_leftovers() {
    if (auto done = addresses_.open(); !done) return done;
    std::vector<MarkedDevice> devices;
    for (const auto& [index, device] : links_.devices())
        devices.push_back(device);
    addresses_.clear(devices);
    std::vector<std::pair<int, Prefix>> leftovers;
    for (const auto& [index, prefix] : links_.leftovers())
        if (!links_.devices().contains(index)) leftovers.emplace_back(index, prefix);
    remove_now(leftovers);
    return clear_routes();
}

bool Engine::watch(int fd, void* who) {
    epoll_event event{.events = EPOLLIN, .data = {.ptr = who}};
    return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0;
}

// ---- the loop ---------------------------------------------------------------------------------------------

void Engine::run() {
    become_realtime();
    while (!quit_) {
        wait();
        if (reread_ && *reread_ <= look_at_clock()) on_links();
        run_timers();
        run_trackers();
        announce();
    }
    addresses_.stop();
    on_results();
}

void Engine::become_realtime() {
    ::prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    const auto report = [this](Trouble trouble, int error) {
        emit({.kind = Event::Kind::trouble, .time = monotonic_now(), .trouble = trouble, .error = error});
    };
    if (options_.realtime) {
        const sched_param parameters{.sched_priority = options_.realtime_priority};
        const int error =
            ::pthread_setschedparam(::pthread_self(), SCHED_FIFO | SCHED_RESET_ON_FORK, &parameters);
        realtime_ = error == 0;
        if (error != 0) report(Trouble::realtime, error);
    }
    if (options_.lock_memory) {
        memory_locked_ = lock_memory();
        if (!memory_locked_) report(Trouble::memory_lock, errno);
    }
}

// Between two steps of a turn, never within one: a step goes through several machines, some of them more than
// once (a group moves together), and for none of them may time run backwards.
Time Engine::look_at_clock() {
    return now_ = monotonic_now();
}

// Sleeps until something happened or the next timer is due, and hands over what was received.
void Engine::wait() {
    std::array<epoll_event, 64> events;
    timespec timeout{};
    const timespec* limit = nullptr;
    auto until = next_announcement();
    if (const auto* first = timers_.first())
        until = until ? std::min(*until, *first->heap_time) : *first->heap_time;
    for (const auto due : {next_tracker(), reread_})
        if (due) until = until ? std::min(*until, *due) : *due;
    if (until) {
        const auto left = std::max(Duration(0), *until - monotonic_now()).count();
        timeout = {.tv_sec = left / 1'000'000'000, .tv_nsec = left % 1'000'000'000};
        limit = &timeout;
    }
    const int count =
        ::epoll_pwait2(epoll_.get(), events.data(), static_cast<int>(events.size()), limit, nullptr);
    ++wakeups_;
    for (int i = 0; i < count; ++i) {
        look_at_clock();
        dispatch(events[static_cast<std::size_t>(i)].data.ptr);
    }
}

void Engine::dispatch(void* who) {
    if (who == &shared_) return take_commands();
    if (who == &links_) return on_links();
    if (who == &routes_) return on_routes();
    if (who == &addresses_) return on_results();
    // A wire may have been closed by an earlier event of the same turn.
    const auto known =
        std::find_if(wires_.begin(), wires_.end(), [&](const auto& w) { return w.second.get() == who; });
    if (known != wires_.end()) receive(*known->second);
}

void Engine::run_timers() {
    const Time now = look_at_clock();
    const auto* first = timers_.first();
    if (first == nullptr || *first->heap_time > now) return;
    const Duration late = now - *first->heap_time;
    lateness_.add(late);
    if (late > kLate) receive_all();  // a machine may only decide after it heard everything
    // Each once, and some again: whatever a timer does, commands and packets get their turn.
    for (auto left = 2 * instances_.size(); left > 0; --left) {
        auto* due = timers_.first();
        if (due == nullptr || *due->heap_time > now) break;
        due->advance(std::max(now, *due->heap_time));
        after(*due);
    }
}

void Engine::after(Instance& instance) {
    timers_.set(instance, instance.deadline());
    const auto listed = std::find(announcing_.begin(), announcing_.end(), &instance);
    if (instance.announcing() && listed == announcing_.end()) announcing_.push_back(&instance);
    if (instance.spec().group.empty() || moving_) return;
    const auto group = groups_.find(instance.spec().group);
    if (group == groups_.end()) return;
    moving_ = true;  // the members' own changes are part of this move
    move_group(group->second);
    moving_ = false;
}

// A slice for every router that has something to announce; adverts go out between two slices.
void Engine::announce() {
    if (announcing_.empty()) return;
    const Time now = look_at_clock();
    std::erase_if(announcing_, [&](Instance* instance) {
        return !instance->announce(pacer(instance->index()), now, kAnnounceBudget);
    });
}

Pacer& Engine::pacer(int index) {
    return pacers_.try_emplace(index, options_.announce_rate, options_.announce_burst).first->second;
}

void Engine::set_announce_rate(std::uint32_t per_second, std::uint32_t burst) {
    if (per_second == options_.announce_rate && burst == options_.announce_burst) return;
    options_.announce_rate = per_second;
    options_.announce_burst = burst;
    pacers_.clear();
}

std::optional<Time> Engine::next_announcement() {
    std::optional<Time> next;
    for (const auto* instance : announcing_) {
        const auto at =
            std::max(pacer(instance->index()).ready_at(kAnnounceSlice), instance->announces_after());
        next = next ? std::min(*next, at) : at;
    }
    return next;
}

// ---- sync groups ------------------------------------------------------------------------------------------

// After a change of the configuration: who belongs together.
void Engine::regroup() {
    groups_.clear();
    for (auto& [key, instance] : instances_)
        if (!instance->spec().group.empty()) groups_[instance->spec().group].push_back(instance.get());
}

void Engine::move_group(std::vector<Instance*>& group) {
    members_.clear();
    for (const auto* instance : group)
        members_.push_back(instance->member());
    const auto decision = decide(members_);
    if (decision == Decision::none) return;
    for (auto* instance : group) {
        if (decision == Decision::promote)
            instance->promote(now_);
        else
            instance->demote(now_);
        after(*instance);
    }
}

// ---- packets ----------------------------------------------------------------------------------------------

void Engine::receive_all() {
    for (auto& [key, wire] : wires_)
        receive(*wire);
}

void Engine::receive(Wire& wire) {
    std::expected<Datagram, Discard> packet;
    for (std::size_t n = 0; n < kReceiveBound && wire.socket.receive(packet); ++n) {
        const auto count = [&](Discard why) { ++discarded_[static_cast<std::size_t>(why)]; };
        if (!packet) {
            count(packet.error());
            continue;
        }
        const auto vrid = packet->message.size() > 1 ? packet->message[1] : 0;
        Instance* instance = wire.by_vrid[vrid];
        if (instance != nullptr)
            packet->envelope.minimum_ttl = minimum_ttl(instance->policy(), packet->envelope.source);
        const auto advert = parse(packet->envelope, packet->message);
        if (instance == nullptr) {
            count(advert ? Discard::vrid : advert.error());
        } else if (!advert) {
            instance->refuse(now_, advert.error());
        } else {
            instance->receive(now_, *advert, packet->envelope);
            after(*instance);
        }
    }
}

Wire* Engine::join(Instance& instance, const Link& link, int& error) {
    auto& wire = wires_[{link.index, instance.family()}];
    if (!wire) {
        auto socket = AdvertSocket::open(instance.family(), link.index, link.name);
        if (socket) wire = std::make_unique<Wire>(Wire{std::move(*socket), link.index, instance.family()});
        if (!socket || !watch(wire->socket.fd(), wire.get())) {
            error = socket ? errno : socket.error().code.value();
            wires_.erase({link.index, instance.family()});
            return nullptr;
        }
    }
    wire->by_vrid[instance.spec().vrid.value()] = &instance;
    ++wire->users;
    filter(*wire);
    return wire.get();
}

void Engine::filter(Wire& wire) {
    std::array<std::uint8_t, 255> vrids{};
    std::size_t count = 0;
    for (std::size_t vrid = 1; vrid < wire.by_vrid.size(); ++vrid)
        if (wire.by_vrid[vrid] != nullptr) vrids[count++] = static_cast<std::uint8_t>(vrid);
    wire.socket.only({vrids.data(), count});
}

void Engine::leave(Instance& instance, Wire& wire) {
    auto& place = wire.by_vrid[instance.spec().vrid.value()];
    if (place == &instance) place = nullptr;
    if (--wire.users == 0)
        wires_.erase({wire.index, wire.family});
    else
        filter(wire);
}

std::expected<std::size_t, int> Engine::send_frames(int index, std::span<const FrameSocket::Frame> frames) {
    return frames_.send(index, frames);
}

int Engine::send_frame(int index, std::span<const std::uint8_t> frame) {
    return frames_.send_one(index, frame);
}

// ---- interfaces and addresses -----------------------------------------------------------------------------

void Engine::on_links() {
    const bool changed = links_.read();
    const Time now = now_;
    reread_ = links_.is_stale() ? std::optional(now + kReread) : std::nullopt;
    if (links_.overruns() != overruns_) {
        overruns_ = links_.overruns();
        emit({.kind = Event::Kind::trouble, .time = now, .trouble = Trouble::netlink, .error = ENOBUFS});
    }
    const bool reread = std::exchange(dumps_, links_.dumps()) != dumps_;
    if (changed && watch_interfaces(now)) retrack(now);
    for (auto& [key, instance] : instances_) {
        const auto* link = links_.find(instance->spec().interface);
        if (changed) instance->update(now, link);
        // That an address vanished may be what was lost; and a route that the kernel takes away it does not
        // tell of.
        if (reread || (changed && instance->depends_on_any_link())) instance->restore(now);
        for (const auto& gone : links_.removed())
            instance->on_address_removed(now, gone);
        for (const auto& taken : links_.duplicates())
            instance->on_duplicate(now, taken);
        for (const int device : links_.downed_devices())
            instance->on_device_down(now, device);
        for (const int gone : links_.removed_devices())
            instance->on_device_removed(now, gone, link);
        after(*instance);
    }
    links_.forget();
}

void Engine::on_routes() {
    const auto gone = routes_.read();
    const Time now = now_;
    for (auto& [key, instance] : instances_) {
        if (!gone.of(key.second) || !instance->has_routes()) continue;
        instance->restore(now);
        after(*instance);
    }
}

void Engine::on_results() {
    addresses_.clear_wakeup();
    AddressResult result;
    while (addresses_.next(result)) {
        const auto found = instances_.find({result.router, result.family});
        if (found == instances_.end()) continue;
        found->second->on_result(now_, result);
        after(*found->second);
    }
}

// ---- commands ---------------------------------------------------------------------------------------------

void Engine::take_commands() {
    shared_.commands_ready.clear();
    for (auto command = shared_.commands.take(); command; command = std::move(command->next)) {
        look_at_clock();
        carry_out(*command);
    }
}

void Engine::carry_out(Command& command) {
    const Time now = now_;
    switch (command.kind) {
        case Command::Kind::apply:
            return apply(command);
        case Command::Kind::tracker:
            return hear(now, command.tracker, command.good);
        case Command::Kind::hold:
            return steer(now, command.router, Hold{});
        case Command::Kind::release:
            return steer(now, command.router, Release{});
        case Command::Kind::failover:
            return steer(now, command.router, Failover{});
        case Command::Kind::announce_rate:
            return set_announce_rate(command.rate, command.burst);
        case Command::Kind::snapshot:
            return command.answer.set_value(snapshot());
        case Command::Kind::stop:
            for (auto& [key, instance] : instances_)
                instance->retire(now);
            quit_ = true;
            return;
        case Command::Kind::priority:
        case Command::Kind::fault:
            break;
    }
    for (const auto family : {Family::ipv4, Family::ipv6}) {
        const auto found = instances_.find({command.router, family});
        if (found == instances_.end()) continue;
        auto& instance = *found->second;
        if (command.kind == Command::Kind::priority)
            instance.set_priority(now, command.priority);
        else
            instance.set_fault(now, command.fault, links_.find(instance.spec().interface));
        after(instance);
    }
}

void Engine::apply(Command& command) {
    const auto& routers = command.routers;
    groups_.clear();  // nobody moves while the members change
    take_trackers(now_, command.trackers);
    drop_missing(routers);
    order_.clear();
    for (const auto& [id, spec] : routers) {
        for (const auto family : {Family::ipv4, Family::ipv6}) {
            const bool has = std::any_of(spec.addresses.begin(), spec.addresses.end(),
                                         [&](const auto& p) { return p.address.family() == family; });
            if (has) apply_one(id, family, spec, command.held.contains(id));
        }
    }
    regroup();
    retrack(now_);
    for (auto& [name, group] : groups_)
        move_group(group);
}

// Those that vanished stop before others start: a VRID may have moved from one router to another.
void Engine::drop_missing(const std::vector<std::pair<std::uint32_t, RouterSpec>>& routers) {
    const auto still_there = [&](const Key& key) {
        return std::any_of(routers.begin(), routers.end(), [&](const auto& router) {
            const auto& list = router.second.addresses;
            return router.first == key.first && std::any_of(list.begin(), list.end(), [&](const auto& p) {
                       return p.address.family() == key.second;
                   });
        });
    };
    const Time now = now_;
    for (auto it = instances_.begin(); it != instances_.end();) {
        if (still_there(it->first)) {
            ++it;
            continue;
        }
        it->second->retire(now);
        timers_.set(*it->second, std::nullopt);
        std::erase(announcing_, it->second.get());
        it = instances_.erase(it);
    }
}

void Engine::apply_one(std::uint32_t id, Family family, const RouterSpec& spec, bool starts_held) {
    const Time now = now_;
    order_.emplace_back(id, family);
    auto& instance = instances_[{id, family}];
    const bool ran_before = instance && instance->running();
    if (instance && instance->absorb(now, spec)) {
        instance->ran_before = ran_before;
        resolve(*instance);
        instance->update(now, links_.find(spec.interface));  // it may name other interfaces now
        return after(*instance);
    }
    const bool held = instance ? instance->held() : starts_held;
    if (instance) {
        instance->retire(now);
        timers_.set(*instance, std::nullopt);
        std::erase(announcing_, instance.get());
    }
    instance = std::make_unique<Instance>(*this, id, family, spec);
    resolve(*instance);
    instance->prepare(now, verdict(*instance), held);
    instance->update(now, links_.find(spec.interface));
    after(*instance);
}

void Engine::emit(RawEvent event) {
    if (event.kind == Event::Kind::state) roles_changed_ = true;
    event.seq = ++seq_;
    event.time = owners(event.time);
    if (!shared_.events.push(event)) ++shared_.events_lost;
    shared_.events_ready.notify();
}

Snapshot Engine::snapshot() const {
    Snapshot result;
    for (const auto& key : order_)
        result.routers.push_back(instances_.at(key)->status());
    for (auto& router : result.routers) {
        router.since = owners(router.since);
        for (auto& peer : router.peers)
            peer.heard = owners(peer.heard);
        for (auto& track : router.tracks) {
            const auto found = std::find_if(trackers_.begin(), trackers_.end(),
                                            [&](const auto& w) { return w.spec.name == track.tracker; });
            if (found != trackers_.end()) track.health = found->tracker.health();
        }
    }
    result.realtime = realtime_;
    result.memory_locked = memory_locked_;
    result.wakeups = wakeups_;
    result.lateness = lateness_;
    result.events_lost = shared_.events_lost;
    result.discarded = discarded_;
    return result;
}

}  // namespace lvs::vrrp::io
