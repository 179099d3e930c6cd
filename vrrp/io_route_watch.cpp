// SPDX-License-Identifier: GPL-2.0-or-later
#include <linux/fib_rules.h>
#include <linux/filter.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <sys/socket.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <utility>

#include "vrrp/io_route.hpp"

namespace lvs::vrrp::io {

namespace {

constexpr int kRounds = 256;  // messages of one turn

// A filter reads in network order what netlink writes in the machine's.
constexpr std::uint32_t as_read(std::uint16_t value) {
    return std::endian::native == std::endian::little ? static_cast<std::uint16_t>(value << 8U | value >> 8U)
                                                      : value;
}

// Every change of every route passes here: a router with a full table must not wake us for each.
bool only_removals(int fd) {
    constexpr auto type_at = offsetof(nlmsghdr, nlmsg_type);
    constexpr auto protocol_at = NLMSG_HDRLEN + offsetof(rtmsg, rtm_protocol);
    std::array<sock_filter, 7> code{{
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, type_at),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, as_read(RTM_DELRULE), 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, as_read(RTM_DELROUTE), 0, 3),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, protocol_at),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kAddressMark, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
        BPF_STMT(BPF_RET | BPF_K, 0),
    }};
    const sock_fprog program{.len = code.size(), .filter = code.data()};
    return ::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

bool is_our_rule(nlmsghdr* message) {
    auto* protocol = nlmsg_find_attr(message, sizeof(fib_rule_hdr), FRA_PROTOCOL);
    return protocol != nullptr && nla_len(protocol) == 1 && nla_get_u8(protocol) == kAddressMark;
}

}  // namespace

Result<void> RouteWatch::open(std::uint32_t ours) {
    ours_ = ours;
    fd_ = Fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE));
    if (!fd_ || !only_removals(fd_.get())) return fail_errno(errno, "vrrp: open a netlink socket");
    sockaddr_nl local{};
    local.nl_family = AF_NETLINK;
    local.nl_groups =
        RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE | RTMGRP_IPV4_RULE | (1U << (RTNLGRP_IPV6_RULE - 1));
    if (::bind(fd_.get(), reinterpret_cast<sockaddr*>(&local), sizeof local) != 0)
        return fail_errno(errno, "vrrp: watch routes");
    buffer_.resize(32 * 1024);
    return {};
}

RouteWatch::Gone RouteWatch::read() {
    Gone gone;
    for (int round = 0; round < kRounds; ++round) {
        const auto size = ::recv(fd_.get(), buffer_.data(), buffer_.size(), 0);
        if (size < 0 && errno == ENOBUFS) {
            gone = {.ipv4 = true, .ipv6 = true};
            missed_ = true;
            continue;
        }
        if (size <= 0) {
            if (std::exchange(missed_, false)) gone = {.ipv4 = true, .ipv6 = true};
            break;
        }
        int left = static_cast<int>(size);
        for (auto* message = reinterpret_cast<nlmsghdr*>(buffer_.data()); nlmsg_ok(message, left);
             message = nlmsg_next(message, &left)) {
            if (message->nlmsg_pid == ours_ || nlmsg_datalen(message) < 1) continue;
            if (message->nlmsg_type == RTM_DELRULE && !is_our_rule(message)) continue;
            const auto family =
                *static_cast<const std::uint8_t*>(nlmsg_data(message));  // first in both headers
            gone.ipv4 = gone.ipv4 || family == AF_INET;
            gone.ipv6 = gone.ipv6 || family == AF_INET6;
        }
    }
    return gone;
}

}  // namespace lvs::vrrp::io
