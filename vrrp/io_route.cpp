// SPDX-License-Identifier: GPL-2.0-or-later
#include "vrrp/io_route.hpp"

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>
#include <netlink/attr.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <memory>

#include "vrrp/io_fd.hpp"
#include "vrrp/io_message.hpp"

namespace lvs::vrrp::io {

namespace {

std::uint8_t family_of(const IpAddress& address) {
    return address.is_v4() ? AF_INET : AF_INET6;
}

void put(nl_msg* message, int type, const IpAddress& address) {
    const auto bytes = address.bytes();
    nla_put(message, type, static_cast<int>(bytes.size()), bytes.data());
}

// The kernel refuses prefixes with bits set beyond their length.
IpAddress network_of(const Prefix& prefix) {
    const auto bytes = prefix.address.bytes();
    std::array<std::uint8_t, 16> out{};
    std::copy(bytes.begin(), bytes.end(), out.begin());
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        const int kept = std::clamp(int{prefix.length} - static_cast<int>(i) * 8, 0, 8);
        out[i] = static_cast<std::uint8_t>(out[i] & (0xff00U >> static_cast<unsigned>(kept)));
    }
    return IpAddress::from_bytes({out.data(), bytes.size()});
}

template <class Header>
Message start(int type, int flags, const Header& header) {
    Message message(nlmsg_alloc_simple(type, flags | NLM_F_REQUEST | NLM_F_ACK));
    LVS_ASSERT(message != nullptr);
    Header copy = header;
    LVS_ASSERT(nlmsg_append(message.get(), &copy, sizeof copy, NLMSG_ALIGNTO) == 0);
    return message;
}

std::vector<std::uint8_t> bytes_of(const Message& message) {
    auto* header = nlmsg_hdr(message.get());
    header->nlmsg_pid = 0;
    const auto* begin = reinterpret_cast<const std::uint8_t*>(header);
    std::vector<std::uint8_t> bytes(begin, begin + header->nlmsg_len);
    bytes.resize(NLMSG_ALIGN(bytes.size()));
    return bytes;
}

std::uint8_t type_of(Route::Kind kind) {
    switch (kind) {
        case Route::Kind::unicast:
            return RTN_UNICAST;
        case Route::Kind::blackhole:
            return RTN_BLACKHOLE;
        case Route::Kind::unreachable:
            return RTN_UNREACHABLE;
        case Route::Kind::prohibit:
            return RTN_PROHIBIT;
    }
    return RTN_UNSPEC;
}

std::uint8_t action_of(Rule::Kind kind) {
    switch (kind) {
        case Rule::Kind::lookup:
            return FR_ACT_TO_TBL;
        case Rule::Kind::blackhole:
            return FR_ACT_BLACKHOLE;
        case Rule::Kind::unreachable:
            return FR_ACT_UNREACHABLE;
        case Rule::Kind::prohibit:
            return FR_ACT_PROHIBIT;
    }
    return FR_ACT_UNSPEC;
}

std::uint8_t small_table(std::uint32_t table) {
    return table < 256 ? static_cast<std::uint8_t>(table) : std::uint8_t{RT_TABLE_UNSPEC};
}

std::vector<std::uint8_t> route_message(const Route& route, int device, bool add) {
    rtmsg header{};
    header.rtm_family = family_of(route.to.address);
    header.rtm_dst_len = route.to.length;
    header.rtm_table = small_table(route.table);
    header.rtm_protocol = kAddressMark;
    const bool local = route.kind == Route::Kind::unicast && !route.via && route.to.address.is_v4();
    header.rtm_scope = local ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
    header.rtm_type = type_of(route.kind);
    if (route.onlink) header.rtm_flags = RTNH_F_ONLINK;
    const auto message =
        start(add ? RTM_NEWROUTE : RTM_DELROUTE, add ? NLM_F_CREATE | NLM_F_EXCL : 0, header);
    if (route.to.length > 0) put(message.get(), RTA_DST, network_of(route.to));
    if (route.via) put(message.get(), RTA_GATEWAY, *route.via);
    if (route.source) put(message.get(), RTA_PREFSRC, *route.source);
    if (device != 0) nla_put_u32(message.get(), RTA_OIF, static_cast<std::uint32_t>(device));
    if (route.metric != 0) nla_put_u32(message.get(), RTA_PRIORITY, route.metric);
    nla_put_u32(message.get(), RTA_TABLE, route.table);
    return bytes_of(message);
}

std::vector<std::uint8_t> rule_message(const Rule& rule, bool add) {
    fib_rule_hdr header{};
    header.family = rule.family == Family::ipv4 ? AF_INET : AF_INET6;
    header.action = action_of(rule.kind);
    if (rule.from) header.src_len = rule.from->length;
    if (rule.to) header.dst_len = rule.to->length;
    const bool lookup = rule.kind == Rule::Kind::lookup;
    if (lookup) header.table = small_table(rule.table);
    const auto message = start(add ? RTM_NEWRULE : RTM_DELRULE, add ? NLM_F_CREATE | NLM_F_EXCL : 0, header);
    if (rule.from && rule.from->length > 0) put(message.get(), FRA_SRC, network_of(*rule.from));
    if (rule.to && rule.to->length > 0) put(message.get(), FRA_DST, network_of(*rule.to));
    if (!rule.input.empty()) nla_put_string(message.get(), FRA_IIFNAME, rule.input.c_str());
    if (!rule.output.empty()) nla_put_string(message.get(), FRA_OIFNAME, rule.output.c_str());
    if (rule.mark) {
        nla_put_u32(message.get(), FRA_FWMARK, *rule.mark);
        nla_put_u32(message.get(), FRA_FWMASK, rule.mark_mask);
    }
    if (lookup) nla_put_u32(message.get(), FRA_TABLE, rule.table);
    nla_put_u32(message.get(), FRA_PRIORITY, rule.priority);
    nla_put_u8(message.get(), FRA_PROTOCOL, kAddressMark);
    return bytes_of(message);
}

// ---- leftovers --------------------------------------------------------------------------------------------

bool is_ours(nlmsghdr* message) {
    if (message->nlmsg_type == RTM_NEWROUTE)
        return static_cast<const rtmsg*>(nlmsg_data(message))->rtm_protocol == kAddressMark;
    if (message->nlmsg_type != RTM_NEWRULE) return false;
    auto* protocol = nlmsg_find_attr(message, sizeof(fib_rule_hdr), FRA_PROTOCOL);
    return protocol != nullptr && nla_len(protocol) == 1 && nla_get_u8(protocol) == kAddressMark;
}

// A blocking socket with a time limit: before any router runs.
class Cleaner {
public:
    Result<void> open() {
        fd_ = Fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
        if (!fd_) return fail_errno(errno, "vrrp: open a netlink socket");
        const timeval limit{.tv_sec = 5, .tv_usec = 0};
        const int on = 1;
        ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        // Lets the kernel pick the routes of our protocol; one that does not know it lists all.
        ::setsockopt(fd_.get(), SOL_NETLINK, NETLINK_GET_STRICT_CHK, &on, sizeof on);
        return {};
    }

    template <class Header>
    Result<void> clear(int type, const Header& header) {
        const auto request = start(type, NLM_F_DUMP, header);
        nlmsg_hdr(request.get())->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
        std::vector<std::vector<std::uint8_t>> found;
        if (auto done = exchange(bytes_of(request), found); !done) return done;
        for (auto& bytes : found) {
            auto* message = reinterpret_cast<nlmsghdr*>(bytes.data());
            message->nlmsg_type = message->nlmsg_type == RTM_NEWROUTE ? RTM_DELROUTE : RTM_DELRULE;
            message->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
            std::vector<std::vector<std::uint8_t>> none;
            (void)exchange(bytes, none);  // one that cannot be removed keeps nobody from starting
        }
        return {};
    }

private:
    Result<void> exchange(std::vector<std::uint8_t> request, std::vector<std::vector<std::uint8_t>>& found) {
        auto* header = reinterpret_cast<nlmsghdr*>(request.data());
        header->nlmsg_seq = ++seq_;
        header->nlmsg_pid = 0;
        if (::send(fd_.get(), request.data(), request.size(), 0) < 0)
            return fail_errno(errno, "vrrp: look for routes of an earlier run");
        for (bool done = false; !done;) {
            const auto size = ::recv(fd_.get(), buffer_.data(), buffer_.size(), 0);
            if (size <= 0)
                return fail_errno(size == 0 ? EPIPE : errno, "vrrp: look for routes of an earlier run");
            done = take(static_cast<int>(size), found);
        }
        return {};
    }

    bool take(int left, std::vector<std::vector<std::uint8_t>>& found) {
        for (auto* message = reinterpret_cast<nlmsghdr*>(buffer_.data()); nlmsg_ok(message, left);
             message = nlmsg_next(message, &left)) {
            if (message->nlmsg_seq != seq_) continue;
            if (message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR) return true;
            const auto* begin = reinterpret_cast<const std::uint8_t*>(message);
            if (is_ours(message)) found.emplace_back(begin, begin + NLMSG_ALIGN(message->nlmsg_len));
        }
        return false;
    }

    Fd fd_;
    std::uint32_t seq_ = 0;
    alignas(nlmsghdr) std::array<std::uint8_t, 32768> buffer_{};
};

}  // namespace

RouteMessages route_messages(const Route& route, int device) {
    return {.add = route_message(route, device, true),
            .remove = route_message(route, device, false),
            .about = route.to.address};
}

RouteMessages rule_messages(const Rule& rule) {
    IpAddress about;
    if (rule.to) about = rule.to->address;
    if (rule.from) about = rule.from->address;
    return {.add = rule_message(rule, true), .remove = rule_message(rule, false), .about = about};
}

Result<void> clear_routes() {
    const auto cleaner = std::make_unique<Cleaner>();
    if (auto done = cleaner->open(); !done) return done;
    for (const auto family : {std::uint8_t{AF_INET}, std::uint8_t{AF_INET6}}) {
        rtmsg route{};
        route.rtm_family = family;
        route.rtm_protocol = kAddressMark;
        if (auto done = cleaner->clear(RTM_GETROUTE, route); !done) return done;
        fib_rule_hdr rule{};
        rule.family = family;
        if (auto done = cleaner->clear(RTM_GETRULE, rule); !done) return done;
    }
    return {};
}

}  // namespace lvs::vrrp::io
