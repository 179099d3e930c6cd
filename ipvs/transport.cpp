// SPDX-License-Identifier: GPL-2.0-or-later
#include "ipvs/transport.hpp"

#include <linux/netlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>

namespace lvs::ipvs {
namespace {

constexpr std::size_t kReceiveRoom = 64 * 1024;  // the kernel fills at most 32 KiB per read
constexpr int kSocketQueue = 1024 * 1024;        // room for a window of answers many times over
constexpr int kLongestRequest = 2 * 1024 * 1024;
constexpr std::size_t kMessagesPerTurn = 256;  // then the loop gets to do something else

Error lost(const char* what) {
    return {std::make_error_code(std::errc::no_buffer_space), what};
}

}  // namespace

void ask_for_room(int fd, int beyond_limit, int within_limit, int bytes) {
    if (setsockopt(fd, SOL_SOCKET, beyond_limit, &bytes, sizeof bytes) != 0)
        (void)setsockopt(fd, SOL_SOCKET, within_limit, &bytes, sizeof bytes);
}

Result<int> open_generic_netlink() {
    const int fd = ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_GENERIC);
    if (fd < 0) return fail_errno(errno, "netlink: open a socket");
    const int on = 1;
    // All three are improvements only; an old kernel or a missing capability is no reason to stop.
    (void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
    (void)setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
    ask_for_room(fd, SO_RCVBUFFORCE, SO_RCVBUF, kSocketQueue);
    ask_for_room(fd, SO_SNDBUFFORCE, SO_SNDBUF, kLongestRequest);
    sockaddr_nl kernel{};
    kernel.nl_family = AF_NETLINK;
    // Connected to the kernel: what other processes send us is dropped before we see it.
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&kernel), sizeof kernel) == 0) return fd;
    const int error = errno;
    ::close(fd);
    return fail_errno(error, "netlink: connect to the kernel");
}

Transport::Transport(asio::io_context& loop, Options options)
    : loop_(loop), options_(std::move(options)), socket_(loop), timer_(loop), buffer_(kReceiveRoom) {
    if (!options_.open) options_.open = open_generic_netlink;
}

void Transport::send(Request request) {
    queue_.push_back(std::move(request));
    schedule_pump();
}

void Transport::close() {
    closed_ = true;
    queue_.clear();
    in_flight_.clear();
    timer_.cancel();
    error_code ignored;
    socket_.close(ignored);
}

void Transport::schedule_pump() {
    if (pump_scheduled_ || closed_) return;
    pump_scheduled_ = true;
    asio::post(loop_, [weak = weak_from_this()] {
        const auto self = weak.lock();
        if (self) self->pump();
    });
}

// Writes and reads until nothing is to be done or the turn is over.
void Transport::pump() {
    if (closed_) return;
    pump_scheduled_ = true;  // what the handlers below send is taken up by this loop
    std::size_t budget = kMessagesPerTurn;
    while (budget > 0 && !closed_) {
        flush();
        const auto handled = drain();
        if (handled == 0 && (queue_.empty() || !in_flight_.empty())) break;
        budget -= std::min(budget, std::max<std::size_t>(handled, 1));
    }
    pump_scheduled_ = false;
    if (closed_) return;
    if (in_flight_.empty()) {
        timer_.cancel();
        if (!queue_.empty()) schedule_pump();
        return;
    }
    await_input();
    await_deadline();
}

bool Transport::ensure_open() {
    if (socket_.is_open()) return true;
    const auto fd = options_.open();
    if (!fd) {
        reset(fd.error());
        return false;
    }
    socket_.assign(*fd);
    return true;
}

void Transport::flush() {
    if (queue_.empty()) return;
    if (!ensure_open()) return;
    codec::Bytes bytes;
    if (take_from_queue(bytes) > 0) write(bytes);
}

std::size_t Transport::take_from_queue(codec::Bytes& out) {
    const auto deadline = std::chrono::steady_clock::now() + options_.timeout;
    const auto is_dump = [](const auto& entry) { return entry.second.request.is_dump; };
    bool dumping = std::any_of(in_flight_.begin(), in_flight_.end(), is_dump);
    std::size_t taken = 0;
    while (!queue_.empty() && in_flight_.size() < options_.window) {
        if (queue_.front().is_dump && std::exchange(dumping, dumping || queue_.front().is_dump)) break;
        const auto sequence = next_sequence_++;
        if (next_sequence_ == 0) next_sequence_ = 1;  // 0 marks what nobody asked for
        queue_.front().encode(sequence, out);
        in_flight_.emplace(sequence, InFlight{std::move(queue_.front()), deadline});
        queue_.pop_front();
        ++taken;
    }
    return taken;
}

void Transport::write(const codec::Bytes& bytes) {
    const auto sent = ::send(socket_.native_handle(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent == static_cast<ssize_t>(bytes.size())) return;
    const int error = sent < 0 ? errno : EMSGSIZE;
    reset({std::error_code(error, std::generic_category()), "netlink: send requests"});
}

std::size_t Transport::drain() {
    std::size_t handled = 0;
    while (!closed_ && socket_.is_open() && !in_flight_.empty() && handled < kMessagesPerTurn) {
        const auto size = receive();
        if (!size) break;
        std::span<const std::uint8_t> rest(buffer_.data(), *size);
        while (auto message = codec::next_message(rest)) {
            ++handled;
            handle(*message);
            if (closed_) break;
        }
    }
    return handled;
}

std::optional<std::size_t> Transport::receive() {
    const auto size = ::recv(socket_.native_handle(), buffer_.data(), buffer_.size(), MSG_TRUNC);
    if (size > 0 && static_cast<std::size_t>(size) <= buffer_.size()) return static_cast<std::size_t>(size);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return std::nullopt;
    if (size > 0 || (size < 0 && errno == ENOBUFS))
        reset(lost("netlink: the kernel's answers did not fit into the socket's queue"));
    else
        reset({std::error_code(size == 0 ? EPIPE : errno, std::generic_category()), "netlink: receive"});
    return std::nullopt;
}

void Transport::handle(const codec::Message& message) {
    const auto found = in_flight_.find(message.sequence);
    if (found == in_flight_.end()) return;  // an answer to what was given up
    auto& [sequence, flight] = *found;
    flight.interrupted = flight.interrupted || message.interrupted;
    if (message.kind == codec::Message::Kind::data) {
        if (flight.request.on_message) flight.request.on_message(message);
        return;
    }
    if (message.error != 0) {
        finish(sequence, fail_errno(message.error, message.text.empty() ? "netlink" : message.text));
    } else if (flight.interrupted) {
        finish(sequence, fail(std::errc::interrupted, "netlink: the table changed while it was read"));
    } else {
        finish(sequence, {});
    }
}

void Transport::finish(std::uint32_t sequence, Result<void> result) {
    auto node = in_flight_.extract(sequence);
    if (!node.empty() && node.mapped().request.on_done) node.mapped().request.on_done(std::move(result));
}

// Everything asked for so far fails; later requests start on a new socket.
void Transport::reset(const Error& error) {
    error_code ignored;
    socket_.close(ignored);
    auto failed = std::exchange(in_flight_, {});
    if (failed.empty()) {  // could not even open: those in the queue are the ones to tell
        const auto waiting = std::exchange(queue_, {});
        for (const auto& request : waiting)
            if (!closed_ && request.on_done) request.on_done(std::unexpected(error));
        return;
    }
    for (const auto& [sequence, flight] : failed)
        if (!closed_ && flight.request.on_done) flight.request.on_done(std::unexpected(error));
}

void Transport::await_input() {
    if (waiting_) return;
    waiting_ = true;
    socket_.async_wait(asio::posix::stream_descriptor::wait_read, [weak = weak_from_this()](error_code) {
        const auto self = weak.lock();
        if (!self) return;
        self->waiting_ = false;
        self->pump();  // also after a reset: then there is a new socket to wait for
    });
}

void Transport::await_deadline() {
    timer_.expires_at(in_flight_.begin()->second.deadline);
    timer_.async_wait([weak = weak_from_this()](error_code error) {
        const auto self = weak.lock();
        if (self && !error) self->on_deadline();
    });
}

void Transport::on_deadline() {
    if (closed_ || in_flight_.empty()) return;
    if (in_flight_.begin()->second.deadline > std::chrono::steady_clock::now()) return;
    reset({std::make_error_code(std::errc::timed_out), "netlink: no answer from the kernel"});
    schedule_pump();
}

}  // namespace lvs::ipvs
