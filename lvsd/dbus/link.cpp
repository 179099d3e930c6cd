// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/dbus/link.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "lvsd/dbus/properties.hpp"

namespace lvs::dbus {
namespace {

constexpr int kTurn = 64;              // messages per turn of the loop, so that nobody else waits long
constexpr std::size_t kChunk = 16384;  // bytes read from a client at once
constexpr auto kNoTimeout = UINT64_MAX;

}  // namespace

Link::Link(asio::io_context& loop, Shown& shown, Role role, BusPtr bus, UniqueFd socket, UniqueFd feed,
           Closed on_closed)
    : loop_(loop),
      shown_(shown),
      role_(role),
      bus_(std::move(bus)),
      socket_(loop, socket.release()),
      feed_(std::move(feed)),
      timer_(loop),
      stall_timer_(loop),
      on_closed_(std::move(on_closed)) {}

Link::~Link() {
    if (role_ == Role::client && subscribed_) --shown_.subscribers;
}

Result<void> Link::start() {
    subscribed_ = role_ == Role::bus;
    begin_events();
    const int r = publish_objects(*this);
    if (r < 0) return fail_errno(-r, "publish D-Bus objects");
    schedule_pump();
    return {};
}

void Link::stop() {
    closed_ = true;
    timer_.cancel();
    stall_timer_.cancel();
    ErrorCode ignored;
    socket_.close(ignored);
    polkit_.forget();
    bus_.reset();
}

bool Link::subscribe() {
    if (subscribed_) return true;
    if (shown_.subscribers >= kSubscribersMax) return false;
    ++shown_.subscribers;
    subscribed_ = true;
    begin_events();
    return true;
}

std::uint64_t Link::unsent() const {
    std::uint64_t messages = 0;
    return sd_bus_get_n_queued_write(bus_.get(), &messages) < 0 ? 0 : messages;
}

void Link::notify(std::span<const Change> changes) {
    if (!subscribed_ || closed_) return;
    for (const auto& change : changes)
        outbox_.put(change);
    schedule_pump();
}

void Link::begin_events() {
    if (shown_.events != nullptr) told_event_ = shown_.events->newest();
}

void Link::on_event() {
    if (subscribed_ && !closed_) schedule_pump();
}

// ---- one turn
// -----------------------------------------------------------------------------------------------

void Link::pump() {
    if (closed_) return;
    const int received = role_ == Role::bus ? process() : process_requests();
    int sent = received < 0 ? received : send_signals();
    if (sent == 0) sent = send_events();
    if (sent < 0) return lose(-sent, "connection");
    if (sd_bus_is_open(bus_.get()) <= 0) return lose(ECONNRESET, "connection");
    if (received > 0 || sent > 0) {
        schedule_pump();
    } else {
        arm();
    }
}

int Link::process() {
    for (int i = 0; i < kTurn; ++i) {
        const int r = sd_bus_process(bus_.get(), nullptr);
        if (r <= 0) return r;
    }
    return 1;
}

// A client gets its next request served when it has read the answer to the last one: whatever it asks, we
// hold one answer for it.
int Link::process_requests() {
    for (int i = 0; i < kTurn; ++i) {
        int r = sd_bus_process(bus_.get(), nullptr);
        if (r < 0) return r;
        if (r > 0) continue;
        if (unsent() > 0) return 0;
        r = hand_over();
        if (r <= 0) return r;
    }
    return 1;
}

int Link::hand_over() {
    if (inbox_.empty()) {
        const int r = read_client();
        if (r <= 0) return r;
    }
    const auto count = guard_.take(inbox_);
    if (!count) return -EPROTO;
    const auto written = ::send(feed_.get(), inbox_.data(), *count, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (written != static_cast<ssize_t>(*count)) return -ENOBUFS;  // sd-bus read all before: there is room
    inbox_.erase(inbox_.begin(), inbox_.begin() + written);
    return 1;
}

// Bytes read; 0 = none there now.
int Link::read_client() {
    std::array<std::uint8_t, kChunk> chunk;
    const auto got = ::recv(socket_.native_handle(), chunk.data(), chunk.size(), MSG_DONTWAIT);
    if (got == 0) return -ECONNRESET;
    if (got < 0) return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    inbox_.assign(chunk.begin(), chunk.begin() + got);
    return static_cast<int>(got);
}

int Link::send_signals() {
    for (int i = 0; i < kTurn; ++i) {
        if (outbox_.empty() || unsent() >= kQueueMax) return 0;  // the rest goes when the receiver has read
        const int r = emit(*outbox_.take());
        if (r < 0) return r;
    }
    return 1;
}

// A receiver that does not read finds out by the numbers what it missed.
int Link::send_events() {
    if (!subscribed_ || shown_.events == nullptr) return 0;
    for (int i = 0; i < kTurn; ++i) {
        const auto* event = shown_.events->first_after(told_event_);
        if (event == nullptr || unsent() >= kQueueMax) return 0;
        const int r = emit_event(bus_.get(), *event);
        if (r < 0) return r;
        told_event_ = event->sequence;
    }
    return 1;
}

int Link::emit(const Outbox::Item& item) {
    const auto* path = item.path.c_str();
    const auto* interface = interface_name(item.kind);
    int r = 0;
    if (item.removed)
        r = sd_bus_emit_interfaces_removed(bus_.get(), path, "org.freedesktop.DBus.Peer",
                                           "org.freedesktop.DBus.Introspectable",
                                           "org.freedesktop.DBus.Properties", interface, nullptr);
    if (r >= 0 && item.added) r = sd_bus_emit_object_added(bus_.get(), path);
    if (r < 0 || item.removed || item.added) return r;
    std::vector<char*> names;
    const auto table = properties(item.kind);
    for (std::size_t i = 0; i < table.size(); ++i)
        if ((item.properties >> i & 1U) != 0) names.push_back(const_cast<char*>(table[i].name));
    names.push_back(nullptr);
    return sd_bus_emit_properties_changed_strv(bus_.get(), path, interface, names.data());
}

// ---- waiting
// ------------------------------------------------------------------------------------------------

bool Link::wants_input() const {
    if (role_ == Role::client)
        return inbox_.empty() && unsent() == 0;  // else it would be read in a busy loop
    const int events = sd_bus_get_events(bus_.get());
    return events >= 0 && (events & POLLIN) != 0;
}

void Link::arm() {
    if (wants_input() && !reading_) arm_read();
    const int events = sd_bus_get_events(bus_.get());
    if (events >= 0 && (events & POLLOUT) != 0 && !writing_) arm_write();
    arm_timer();
    if (role_ == Role::client) watch_stall();
}

void Link::arm_read() {
    reading_ = true;
    socket_.async_wait(asio::posix::stream_descriptor::wait_read, [weak = weak_from_this()](ErrorCode error) {
        const auto self = weak.lock();
        if (error || !self) return;
        self->reading_ = false;
        self->pump();
    });
}

void Link::arm_write() {
    writing_ = true;
    socket_.async_wait(asio::posix::stream_descriptor::wait_write,
                       [weak = weak_from_this()](ErrorCode error) {
                           const auto self = weak.lock();
                           if (error || !self) return;
                           self->writing_ = false;
                           self->stall_armed_ = false;  // it has read something
                           self->pump();
                       });
}

// sd-bus's own deadlines: authentication, replies to our calls.
void Link::arm_timer() {
    std::uint64_t at_us = kNoTimeout;
    if (sd_bus_get_timeout(bus_.get(), &at_us) < 0 || at_us == kNoTimeout) {
        timer_.cancel();
        return;
    }
    timer_.expires_at(asio::steady_timer::time_point(std::chrono::microseconds(at_us)));
    timer_.async_wait([weak = weak_from_this()](ErrorCode error) {
        const auto self = weak.lock();
        if (!error && self) self->pump();
    });
}

void Link::watch_stall() {
    if (unsent() == 0) {
        stall_armed_ = false;
        stall_timer_.cancel();
        return;
    }
    if (stall_armed_) return;
    stall_armed_ = true;
    stall_timer_.expires_after(kStallMax);
    stall_timer_.async_wait([weak = weak_from_this()](ErrorCode error) {
        const auto self = weak.lock();
        if (!error && self) self->lose(ETIMEDOUT, "client does not read");
    });
}

void Link::schedule_pump() {
    if (pump_scheduled_) return;
    pump_scheduled_ = true;
    asio::post(loop_, [weak = weak_from_this()] {
        const auto self = weak.lock();
        if (!self) return;
        self->pump_scheduled_ = false;
        self->pump();
    });
}

void Link::lose(int error, const char* what) {
    if (closed_) return;
    stop();
    const auto why = std::string(what) + ": " + std::strerror(error);
    asio::post(loop_, [weak = weak_from_this(), why] {
        const auto self = weak.lock();
        if (self) self->on_closed_(why);
    });
}

}  // namespace lvs::dbus
