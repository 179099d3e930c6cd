// SPDX-License-Identifier: GPL-2.0-or-later
#include "checkers/worker.hpp"

#include <malloc.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "checkers/fd_link.hpp"

namespace lvs::checkers {

namespace {

constexpr Duration kBeat = std::chrono::seconds(1);
constexpr Duration kLookAtMemory = std::chrono::seconds(10);
constexpr std::size_t kMemoryAtHand = std::size_t{2} << 20;
constexpr Duration kAskTogether = std::chrono::milliseconds(10);
constexpr std::uint32_t kStatusesPerBeat = 10'000;  // slots; 50,000 checks report every 5 s

}  // namespace

Worker::Worker(Fd link)
    : link_(std::move(link)),
      driver_([this](CheckId id) { changes_[id] = driver_.transition(id); },
              [this](CheckId id) { ask(id); }) {}

Result<void> Worker::open(std::uint32_t max_files) {
    if (auto opened = driver_.open(); !opened) return opened;
    if (auto watched = driver_.watch(link_.get(), EPOLLIN, [this](std::uint32_t events) { on_link(events); });
        !watched)
        return watched;
    if (!send(wire::encode(wire::Hello{.max_files = max_files})))
        return fail(std::errc::not_connected, "worker: the daemon does not listen");
    return {};
}

Result<void> Worker::run() {
    while (!stopped_) {
        driver_.poll(asks_.empty() || link_full_ ? next_beat_ : std::min(next_beat_, asks_due_));
        if (const auto now = monotonic_time(); now >= next_beat_) beat(now);
        send_pending();
    }
    if (error_) return std::unexpected(*error_);
    return {};
}

void Worker::give_up(Error why) {
    error_ = std::move(why);
    stopped_ = true;
}

void Worker::on_link(std::uint32_t events) {
    if ((events & EPOLLOUT) != 0) link_full_ = false;
    if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) receive();
    if (!stopped_ && !link_full_) driver_.change_watch(link_.get(), EPOLLIN);
}

// One message per wakeup, so that a big configuration does not hold up runs under way.
void Worker::receive() {
    static std::array<std::uint8_t, wire::kMaxMessage + 1> buffer;
    std::vector<Fd> sockets;
    const auto size = receive_message(link_.get(), buffer, sockets);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size <= 0) {
        stopped_ = true;
        return;
    }
    const auto message = wire::decode_to_worker({buffer.data(), static_cast<std::size_t>(size)});
    if (!message) return give_up(message.error());
    obey(*message, sockets);
}

void Worker::obey(const wire::ToWorker& message, std::vector<Fd>& sockets) {
    const auto now = monotonic_time();
    if (const auto* put = std::get_if<wire::Put>(&message)) {
        for (const auto& spec : put->checks) {
            changes_.erase(spec.id);
            if (auto added = driver_.put(spec, now); !added) return give_up(added.error());
        }
    } else if (const auto* drop = std::get_if<wire::Drop>(&message)) {
        for (const auto id : drop->ids) {
            changes_.erase(id);
            driver_.drop(id);
        }
    } else if (const auto* done = std::get_if<wire::CommandDone>(&message)) {
        driver_.tell(done->id, done->end, now);
    } else if (const auto* holds = std::get_if<wire::FileHolds>(&message)) {
        driver_.tell(holds->id, holds->file, now);
    } else {
        hand_over(std::get<wire::Sockets>(message), sockets);
    }
}

void Worker::hand_over(const wire::Sockets& message, std::vector<Fd>& sockets) {
    const auto now = monotonic_time();
    auto next = sockets.begin();
    for (const auto& answer : message.answers) {
        if (answer.error != 0) {
            driver_.refuse(answer.id, answer.error, now);
        } else if (next != sockets.end()) {
            driver_.give(answer.id, std::move(*next++), now);
        } else {  // the kernel could not hand over what was sent: our limit of open files
            driver_.refuse(answer.id, EMFILE, now);
        }
    }
}

void Worker::ask(CheckId id) {
    if (asks_.empty()) asks_due_ = monotonic_time() + kAskTogether;
    asks_.push_back(id);
}

bool Worker::send_asks(Time now) {
    if (asks_.empty() || now < asks_due_) return true;
    const auto end = asks_.begin() + static_cast<std::ptrdiff_t>(std::min(asks_.size(), wire::kMaxAsks));
    if (!send(wire::encode(wire::Ask{{asks_.begin(), end}}))) return false;
    asks_.erase(asks_.begin(), end);
    return true;
}

void Worker::beat(Time now) {
    next_beat_ = now + kBeat;
    if (link_full_) return;  // the daemon judges us by what it reads
    const auto counters = driver_.take_counters();
    const wire::Heartbeat heartbeat{.at = now,
                                    .lag_p50 = counters.lag.quantile(0.5),
                                    .lag_p99 = counters.lag.quantile(0.99),
                                    .lag_max = counters.lag.max(),
                                    .started = counters.started,
                                    .unchecked = counters.unchecked,
                                    .configured = driver_.configured(),
                                    .running = driver_.running(),
                                    .lag_counts = counters.lag.counts()};
    static_cast<void>(send(wire::encode(heartbeat)));
    give_memory_back(now);
    statuses_due_ = std::min(kStatusesPerBeat, driver_.slots());
}

// What many connections at once needed, when a server was slow: the C library gives back of itself only what lies at the
// end.
void Worker::give_memory_back(Time now) {
    if (now < next_look_at_memory_) return;
    next_look_at_memory_ = now + kLookAtMemory;
    if (mallinfo2().fordblks > kMemoryAtHand) malloc_trim(kMemoryAtHand / 2);
}

void Worker::send_pending() {
    if (link_full_ || stopped_) return;
    if (!changes_.empty() && !send_changes()) return;
    if (!send_asks(monotonic_time())) return;
    if (statuses_due_ > 0) static_cast<void>(send_statuses());
}

bool Worker::send_changes() {
    wire::Batch<Transition> batch;
    auto end = changes_.begin();
    while (end != changes_.end() && batch.add(end->second))
        ++end;
    if (!send(batch.take())) return false;
    changes_.erase(changes_.begin(), end);
    return true;
}

bool Worker::send_statuses() {
    wire::Batch<Status> batch;
    std::optional<Status> left_over;
    while (statuses_due_ > 0 && !left_over) {
        if (next_status_ >= driver_.slots()) next_status_ = 0;
        --statuses_due_;
        if (auto status = driver_.take_status(CheckId{next_status_++}); status && !batch.add(*status))
            left_over = std::move(status);
    }
    // A status that does not get out is made up for by the check's next one.
    if (!batch.is_empty() && !send(batch.take())) return false;
    return !left_over || (batch.add(*left_over) && send(batch.take()));
}

bool Worker::send(const wire::Bytes& message) {
    if (send_message(link_.get(), message) >= 0) return true;
    if (errno == EAGAIN || errno == ENOBUFS) {
        link_full_ = true;
        driver_.change_watch(link_.get(), EPOLLIN | EPOLLOUT);
        return false;
    }
    stopped_ = true;
    return false;
}

}  // namespace lvs::checkers
