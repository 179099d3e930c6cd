// SPDX-License-Identifier: GPL-2.0-or-later
#include "vrrp/io_socket.hpp"

#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cerrno>
#include <cstring>

namespace lvs::vrrp::io {

namespace {

constexpr int kReceiveBuffer = 128 * 1024;
constexpr int kPriority = 7;         // TC_PRIO_CONTROL
constexpr int kTrafficClass = 0xc0;  // CS6, network control
constexpr std::size_t kBufferSize = 60 + kMaxAdvertSize + 64;

bool set(int fd, int level, int option, int value) {
    return ::setsockopt(fd, level, option, &value, sizeof value) == 0;
}

in_addr to_in(const IpAddress& address) {
    return {.s_addr = htonl(address.v4())};
}

in6_addr to_in6(const IpAddress& address) {
    in6_addr result{};
    std::memcpy(&result, address.bytes().data(), sizeof result);
    return result;
}

sockaddr_storage to_sockaddr(const IpAddress& address, int index) {
    sockaddr_storage storage{};
    if (address.is_v4()) {
        auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
        v4.sin_family = AF_INET;
        v4.sin_addr = to_in(address);
    } else {
        auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
        v6.sin6_family = AF_INET6;
        v6.sin6_addr = to_in6(address);
        v6.sin6_scope_id =
            address.is_link_local() || address.is_multicast() ? static_cast<std::uint32_t>(index) : 0;
    }
    return storage;
}

IpAddress from_in6(const in6_addr& address) {
    return IpAddress::from_bytes({address.s6_addr, 16});
}

// Room for one control message of either kind we send or receive.
union Control {
    std::array<std::uint8_t, 128> bytes;
    cmsghdr align;
};

template <class T>
void put_control(msghdr& message, Control& control, int level, int type, const T& value) {
    message.msg_control = control.bytes.data();
    message.msg_controllen = CMSG_SPACE(sizeof value);
    auto* header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = level;
    header->cmsg_type = type;
    header->cmsg_len = CMSG_LEN(sizeof value);
    std::memcpy(CMSG_DATA(header), &value, sizeof value);
}

void read_control(msghdr& message, Envelope& envelope) {
    for (auto* header = CMSG_FIRSTHDR(&message); header != nullptr; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != IPPROTO_IPV6) continue;
        if (header->cmsg_type == IPV6_HOPLIMIT) {
            int hops = 0;
            std::memcpy(&hops, CMSG_DATA(header), sizeof hops);
            envelope.ttl = static_cast<std::uint8_t>(hops);
        } else if (header->cmsg_type == IPV6_PKTINFO) {
            in6_pktinfo info{};
            std::memcpy(&info, CMSG_DATA(header), sizeof info);
            envelope.destination = from_in6(info.ipi6_addr);
        }
    }
}

bool set_up_v4(int fd) {
    return set(fd, IPPROTO_IP, IP_MULTICAST_TTL, kTtl) && set(fd, IPPROTO_IP, IP_TTL, kTtl) &&
           set(fd, IPPROTO_IP, IP_MULTICAST_LOOP, 0) && set(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0) &&
           set(fd, IPPROTO_IP, IP_TOS, kTrafficClass);
}

bool set_up_v6(int fd) {
    return set(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, kTtl) &&
           set(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, kTtl) && set(fd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0) &&
           set(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1) && set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1) &&
           set(fd, IPPROTO_IPV6, IPV6_TCLASS, kTrafficClass);
}

}  // namespace

Result<AdvertSocket> AdvertSocket::open(Family family, int index, const std::string& interface) {
    AdvertSocket socket;
    socket.family_ = family;
    socket.index_ = index;
    const int domain = family == Family::ipv4 ? AF_INET : AF_INET6;
    socket.fd_ = Fd(::socket(domain, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, kProtocol));
    if (!socket.fd_) return fail_errno(errno, "vrrp: open a raw socket");
    if (auto done = socket.set_up(interface); !done) return std::unexpected(done.error());
    socket.buffer_.resize(kBufferSize);
    return socket;
}

Result<void> AdvertSocket::set_up(const std::string& interface) {
    const int fd = fd_.get();
    const bool common = ::setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface.c_str(),
                                     static_cast<socklen_t>(interface.size() + 1)) == 0 &&
                        set(fd, SOL_SOCKET, SO_RCVBUF, kReceiveBuffer) &&
                        set(fd, SOL_SOCKET, SO_PRIORITY, kPriority);
    if (!common) return fail_errno(errno, "vrrp: set up the raw socket on " + interface);
    if (!(family_ == Family::ipv4 ? set_up_v4(fd) : set_up_v6(fd)))
        return fail_errno(errno, "vrrp: set up the raw socket on " + interface);
    if (join() != 0)
        return fail_errno(errno, "vrrp: join " + to_string(group_address(family_)) + " on " + interface);
    return {};
}

int AdvertSocket::join() {
    const auto group = group_address(family_);
    if (family_ == Family::ipv4) {
        const ip_mreqn request{.imr_multiaddr = to_in(group), .imr_address = {}, .imr_ifindex = index_};
        if (::setsockopt(fd_.get(), IPPROTO_IP, IP_MULTICAST_IF, &request, sizeof request) != 0) return -1;
        return ::setsockopt(fd_.get(), IPPROTO_IP, IP_ADD_MEMBERSHIP, &request, sizeof request);
    }
    if (!set(fd_.get(), IPPROTO_IPV6, IPV6_MULTICAST_IF, index_)) return -1;
    const ipv6_mreq request{.ipv6mr_multiaddr = to_in6(group),
                            .ipv6mr_interface = static_cast<unsigned>(index_)};
    return ::setsockopt(fd_.get(), IPPROTO_IPV6, IPV6_ADD_MEMBERSHIP, &request, sizeof request);
}

// An IPv4 raw socket sees the IP header, an IPv6 one does not. Without the filter everything still works,
// only the counting of foreign VRIDs costs a wakeup each; so a failure is ignored.
void AdvertSocket::only(std::span<const std::uint8_t> vrids) {
    std::array<sock_filter, 260> code{};
    unsigned short size = 0;
    const auto put = [&](unsigned op, std::size_t yes, std::uint32_t value) {
        code[size++] = {.code = static_cast<std::uint16_t>(op),
                        .jt = static_cast<std::uint8_t>(yes),
                        .jf = 0,
                        .k = value};
    };
    if (family_ == Family::ipv4) put(BPF_LDX | BPF_B | BPF_MSH, 0, 0);
    put(BPF_LD | BPF_B | (family_ == Family::ipv4 ? BPF_IND : BPF_ABS), 0, 1);
    for (std::size_t i = 0; i < vrids.size(); ++i)
        put(BPF_JMP | BPF_JEQ | BPF_K, vrids.size() - i, vrids[i]);
    put(BPF_RET | BPF_K, 0, 0);
    put(BPF_RET | BPF_K, 0, 0xffffffff);
    const sock_fprog program{.len = size, .filter = code.data()};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
}

int AdvertSocket::send(const IpAddress& source, const IpAddress& destination,
                       std::span<const std::uint8_t> message) {
    auto to = to_sockaddr(destination, index_);
    iovec part{.iov_base = const_cast<std::uint8_t*>(message.data()), .iov_len = message.size()};
    Control control{};
    msghdr header{};
    header.msg_name = &to;
    header.msg_namelen = destination.is_v4() ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    if (source.is_v4())
        put_control(header, control, IPPROTO_IP, IP_PKTINFO,
                    in_pktinfo{.ipi_ifindex = index_, .ipi_spec_dst = to_in(source), .ipi_addr = {}});
    else
        put_control(header, control, IPPROTO_IPV6, IPV6_PKTINFO,
                    in6_pktinfo{.ipi6_addr = to_in6(source), .ipi6_ifindex = static_cast<unsigned>(index_)});
    return ::sendmsg(fd_.get(), &header, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? errno : 0;
}

bool AdvertSocket::receive(std::expected<Datagram, Discard>& out) {
    sockaddr_in6 from{};
    iovec part{.iov_base = buffer_.data(), .iov_len = buffer_.size()};
    Control control{};
    msghdr header{};
    header.msg_name = &from;
    header.msg_namelen = sizeof from;
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control.bytes.data();
    header.msg_controllen = control.bytes.size();
    const auto size = ::recvmsg(fd_.get(), &header, MSG_DONTWAIT);
    if (size < 0) return false;
    const std::span<const std::uint8_t> bytes(buffer_.data(), static_cast<std::size_t>(size));
    if (family_ == Family::ipv4) {
        const auto packet = split_ipv4(bytes);
        if (packet)
            out = Datagram{packet->envelope, packet->message};
        else
            out = std::unexpected(packet.error());
        return true;
    }
    Datagram datagram{.envelope = {.source = from_in6(from.sin6_addr), .destination = {}, .ttl = 0},
                      .message = bytes};
    read_control(header, datagram.envelope);
    out = datagram;
    return true;
}

Result<void> FrameSocket::open() {
    fd_ = Fd(::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd_) return fail_errno(errno, "vrrp: open a packet socket");
    const int size = 4 << 20;
    set(fd_.get(), SOL_SOCKET, SO_PRIORITY, kPriority);
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
    return {};
}

std::expected<std::size_t, int> FrameSocket::send(int index, std::span<const Frame> frames) {
    LVS_ASSERT(frames.size() <= kBatch);
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = index;
    std::array<iovec, kBatch> parts{};
    std::array<mmsghdr, kBatch> messages{};
    for (std::size_t i = 0; i < frames.size(); ++i) {
        parts[i] = {.iov_base = const_cast<std::uint8_t*>(frames[i].bytes.data()), .iov_len = frames[i].size};
        messages[i].msg_hdr.msg_name = &to;
        messages[i].msg_hdr.msg_namelen = sizeof to;
        messages[i].msg_hdr.msg_iov = &parts[i];
        messages[i].msg_hdr.msg_iovlen = 1;
    }
    const int sent =
        ::sendmmsg(fd_.get(), messages.data(), static_cast<unsigned>(frames.size()), MSG_DONTWAIT);
    if (sent < 0) return std::unexpected(errno);
    return static_cast<std::size_t>(sent);
}

int FrameSocket::send_one(int index, std::span<const std::uint8_t> frame) {
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_ifindex = index;
    const auto sent = ::sendto(fd_.get(), frame.data(), frame.size(), MSG_DONTWAIT,
                               reinterpret_cast<sockaddr*>(&to), sizeof to);
    return sent < 0 ? errno : 0;
}

}  // namespace lvs::vrrp::io
