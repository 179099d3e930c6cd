// SPDX-License-Identifier: GPL-2.0-or-later
#include "checkers/run.hpp"

#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "checkers/reason.hpp"
#include "checkers/socket_address.hpp"

namespace lvs::checkers {

namespace {

bool bind_source(int fd, const IpAddress& source) {
    const int on = 1;  // the port is chosen at connect, per destination
    if (setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) != 0) return false;
    const auto address = socket_address({source, 0});
    return bind(fd, address.get(), address.size) == 0;
}

// From here on echo replies are heard, and of the target only: the socket is connected.
bool open_icmp_ears(int fd, Family family) {
    if (family == Family::ipv4) {
        const icmp_filter filter{.data = ~(1U << ICMP_ECHOREPLY)};
        return setsockopt(fd, SOL_RAW, ICMP_FILTER, &filter, sizeof filter) == 0;
    }
    icmp6_filter filter{};
    ICMP6_FILTER_SETBLOCKALL(&filter);
    ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
    return setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof filter) == 0;
}

int pending_error(int fd) {
    int error_number = 0;
    socklen_t size = sizeof error_number;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error_number, &size) != 0) return errno;
    return error_number;
}

}  // namespace

std::optional<Verdict> Run::failed(int error_number) {
    return probe_->on_error(error_number, progress());
}

std::optional<Verdict> Run::open(const Endpoint& target, const Binding* binding, Fd made) {
    const auto transport = plan_->transport();
    const int type = transport == Transport::tcp ? SOCK_STREAM : SOCK_DGRAM;
    fd_ =
        made.is_open()
            ? std::move(made)
            : Fd(socket(target.address.is_v4() ? AF_INET : AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd_.is_open()) return failed(errno);
    const linger abort_on_close{.l_onoff = 1, .l_linger = 0};
    if (type == SOCK_STREAM) setsockopt(fd(), SOL_SOCKET, SO_LINGER, &abort_on_close, sizeof abort_on_close);
    if (binding && binding->source && !bind_source(fd(), *binding->source))
        return Verdict::skipped("not checked: cannot bind to the source: " +
                                std::generic_category().message(errno));
    const bool is_icmp = transport == Transport::icmp;
    const auto address = socket_address({target.address, is_icmp ? std::uint16_t{0} : target.port});
    if (connect(fd(), address.get(), address.size) != 0 && errno != EINPROGRESS) return failed(errno);
    has_ip_header_ = is_icmp && target.address.is_v4();
    if (is_icmp && !open_icmp_ears(fd(), target.address.family())) return failed(errno);
    return std::nullopt;
}

std::optional<Verdict> Run::on_event(std::uint32_t epoll_events) {
    if (!connected_) {
        if ((epoll_events & EPOLLERR) != 0) return failed(pending_error(fd()));
        if ((epoll_events & (EPOLLOUT | EPOLLHUP)) == 0) return std::nullopt;
        if (auto verdict = finish_connecting()) return verdict;
    } else if ((epoll_events & EPOLLOUT) != 0) {
        flush();
    }
    if ((epoll_events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) return read_all();
    return std::nullopt;
}

std::optional<Verdict> Run::finish_connecting() {
    connected_ = true;
    auto step = probe_->on_connected();
    // An empty datagram is one, too.
    if (plan_->transport() == Transport::udp && step.output.empty() && !step.verdict)
        static_cast<void>(send(fd(), "", 0, MSG_NOSIGNAL));
    return take(std::move(step));
}

std::optional<Verdict> Run::take(Step step) {
    if (step.verdict) return std::move(step.verdict);
    if (!step.output.empty()) {
        unsent_.append(step.output);
        flush();
    }
    return std::nullopt;
}

// A refused write is no verdict: what the server said before it closed is still to be read, and tells more.
void Run::flush() {
    while (!unsent_.empty()) {
        const auto sent = send(fd(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
        if (sent < 0) return;
        unsent_.erase(0, static_cast<std::size_t>(sent));
    }
}

std::span<const std::uint8_t> Run::payload(std::span<const std::uint8_t> received) const {
    if (!has_ip_header_ || received.empty()) return received;
    return received.subspan(std::min<std::size_t>(received.size(), (received[0] & 0xfU) * std::size_t{4}));
}

std::optional<Verdict> Run::read_all() {
    static thread_local std::array<std::uint8_t, 16384> buffer;
    for (;;) {
        const auto size = recv(fd(), buffer.data(), buffer.size(), 0);
        if (size < 0 && (errno == EAGAIN || errno == EINTR)) return std::nullopt;
        if (size < 0) return failed(errno);
        if (size == 0 && plan_->transport() == Transport::tcp) return probe_->on_eof(progress());
        received_ += static_cast<std::uint64_t>(size);
        const auto bytes = payload({buffer.data(), static_cast<std::size_t>(size)});
        if (auto verdict = take(probe_->on_data(bytes))) return verdict;
        if (received_ > kMaxReceived) return Verdict::bad("more than 1 MiB without an end");
    }
}

}  // namespace lvs::checkers
