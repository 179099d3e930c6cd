// SPDX-License-Identifier: GPL-2.0-or-later
#include "checkers/socket_maker.hpp"

#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sys/random.h>
#include <sys/socket.h>

#include <cerrno>

#include "checkers/socket_address.hpp"

namespace lvs::checkers {

namespace {

template <class T>
bool set_option(int fd, int level, int name, const T& value) {
    return setsockopt(fd, level, name, &value, sizeof value) == 0;
}

Fd open_socket(Family family, Transport transport) {
    const bool v4 = family == Family::ipv4;
    const int icmp = v4 ? static_cast<int>(IPPROTO_ICMP) : static_cast<int>(IPPROTO_ICMPV6);
    const int type = transport == Transport::tcp   ? SOCK_STREAM
                     : transport == Transport::udp ? SOCK_DGRAM
                                                   : SOCK_RAW;
    const int protocol = transport == Transport::icmp ? icmp : 0;
    return Fd(socket(v4 ? AF_INET : AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
}

// Takes no message in (the worker lets echo replies through once it is connected), but reports errors.
bool close_icmp_ears(int fd, Family family) {
    const int on = 1;
    if (family == Family::ipv4)
        return set_option(fd, SOL_RAW, ICMP_FILTER, icmp_filter{.data = ~0U}) &&
               set_option(fd, IPPROTO_IP, IP_RECVERR, on);
    icmp6_filter none{};
    ICMP6_FILTER_SETBLOCKALL(&none);
    return set_option(fd, IPPROTO_ICMPV6, ICMP6_FILTER, none) &&
           set_option(fd, IPPROTO_IPV6, IPV6_RECVERR, on);
}

bool bind_source(int fd, const IpAddress& source) {
    const auto address = socket_address({source, 0});
    return set_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1) &&
           bind(fd, address.get(), address.size) == 0;
}

// IPVS remembers for minutes which server the datagrams of a port went to, whatever their mark. Ports in
// turn, so that one comes back late: with fewer than 90 such checks a second, after IPVS has forgotten.
bool bind_in_turn(int fd, const IpAddress& source) {
    constexpr std::uint32_t kFirst = 32'768, kPorts = 28'232, kTries = 64;
    static std::uint32_t turn = [] {
        std::uint32_t random = 0;
        return getrandom(&random, sizeof random, GRND_NONBLOCK) == sizeof random ? random % kPorts : 0;
    }();
    for (std::uint32_t i = 0; i < kTries; ++i) {
        turn = (turn + 1) % kPorts;
        const auto address = socket_address({source, static_cast<std::uint16_t>(kFirst + turn)});
        if (bind(fd, address.get(), address.size) == 0) return true;
        if (errno != EADDRINUSE) return false;
    }
    return false;
}

}  // namespace

std::optional<IpAddress> source_towards(const IpAddress& server) {
    const Fd fd(socket(server.is_v4() ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const auto address = socket_address({server, 9});
    if (!fd.is_open() || connect(fd.get(), address.get(), address.size) != 0) return std::nullopt;
    SocketAddress own;
    own.size = sizeof own.storage;
    if (getsockname(fd.get(), reinterpret_cast<sockaddr*>(&own.storage), &own.size) != 0) return std::nullopt;
    if (server.is_v4()) {
        const auto& in = reinterpret_cast<const sockaddr_in&>(own.storage);
        return IpAddress::from_bytes({reinterpret_cast<const std::uint8_t*>(&in.sin_addr), 4});
    }
    const auto& in = reinterpret_cast<const sockaddr_in6&>(own.storage);
    return IpAddress::from_bytes({reinterpret_cast<const std::uint8_t*>(&in.sin6_addr), 16});
}

Result<Fd> make_socket(const CheckSpec& spec, Transport transport) {
    const auto family = spec.target.address.family();
    auto fd = open_socket(family, transport);
    if (!fd.is_open()) return fail_errno(errno, "socket");
    if (transport == Transport::icmp && !close_icmp_ears(fd.get(), family))
        return fail_errno(errno, "ICMP filter");
    if (spec.fwmark != 0 && !set_option(fd.get(), SOL_SOCKET, SO_MARK, spec.fwmark))
        return fail_errno(errno, "SO_MARK");
    if (!spec.interface.empty() && setsockopt(fd.get(), SOL_SOCKET, SO_BINDTODEVICE, spec.interface.data(),
                                              static_cast<socklen_t>(spec.interface.size())) != 0)
        return fail_errno(errno, "SO_BINDTODEVICE");
    // Where the target is an address of ours, as a virtual one may be, it would be the source, too.
    if (spec.through && !spec.source && spec.through->family() == family)
        if (const auto source = source_towards(*spec.through);
            source && !(transport == Transport::udp ? bind_in_turn : bind_source)(fd.get(), *source))
            return fail_errno(errno, "bind to the source");
    return fd;
}

}  // namespace lvs::checkers
