// SPDX-License-Identifier: GPL-2.0-or-later
#include "vrrp/io_link.hpp"

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace lvs::vrrp::io {

namespace {

constexpr int kLinkBuffer = 1 << 20;
constexpr int kMaxDumps = 16;
constexpr int kMaxDrained = 8192;  // more than have room

Mac read_mac(nlattr* attr) {
    Mac mac{};
    if (attr != nullptr && nla_len(attr) == static_cast<int>(mac.size()))
        std::memcpy(mac.data(), nla_data(attr), mac.size());
    return mac;
}

std::optional<IpAddress> read_ip(nlattr* attr, int family) {
    const std::size_t size = family == AF_INET ? 4 : 16;
    if (attr == nullptr || nla_len(attr) != static_cast<int>(size)) return std::nullopt;
    return IpAddress::from_bytes({static_cast<const std::uint8_t*>(nla_data(attr)), size});
}

// All three: the group alone might be somebody else's.
bool is_ours(nlattr* const* attrs) {
    if (attrs[IFLA_GROUP] == nullptr || nla_get_u32(attrs[IFLA_GROUP]) != kDeviceMark) return false;
    const auto mac = read_mac(attrs[IFLA_ADDRESS]);
    const auto& ipv4 = virtual_mac(Family::ipv4, Vrid::of(1));
    if (!std::equal(mac.begin(), mac.begin() + 4, ipv4.begin()) || attrs[IFLA_LINKINFO] == nullptr)
        return false;
    auto* info = attrs[IFLA_LINKINFO];
    auto* kind = nla_find(static_cast<nlattr*>(nla_data(info)), nla_len(info), IFLA_INFO_KIND);
    return kind != nullptr && nla_strcmp(kind, "macvlan") == 0;
}

}  // namespace

Result<void> LinkTable::open() {
    fd_ = Fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE));
    if (!fd_) return fail_errno(errno, "vrrp: open a netlink socket");
    // SO_RCVBUFFORCE needs CAP_NET_ADMIN; without it the default is kept and overruns are read again.
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kLinkBuffer, sizeof kLinkBuffer);
    sockaddr_nl local{};
    local.nl_family = AF_NETLINK;
    local.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;
    if (::bind(fd_.get(), reinterpret_cast<sockaddr*>(&local), sizeof local) != 0)
        return fail_errno(errno, "vrrp: watch interfaces");
    buffer_.resize(64 * 1024);
    return dump();
}

// Once it has lost something the kernel keeps nothing more until the socket is empty, and does not say so:
// what changes behind the dump and before that would never be heard of. True: it is empty.
bool LinkTable::drain() {
    for (int rounds = 0; rounds < kMaxDrained; ++rounds) {
        const auto size = ::recv(fd_.get(), buffer_.data(), buffer_.size(), 0);
        if (size < 0 && errno == ENOBUFS) continue;
        if (size <= 0) return true;
        bool done = false;
        (void)read_buffer(static_cast<std::size_t>(size), done);
    }
    return false;
}

// Again and again until nothing was lost meanwhile. What cannot be read is left as it was known.
Result<void> LinkTable::dump() {
    auto links = links_;
    auto devices = devices_;
    for (int attempt = 0; attempt < kMaxDumps; ++attempt) {
        const bool drained = drain();
        links_.clear();
        leftovers_.clear();
        devices_.clear();
        lost_ = !drained;
        dumping_ = true;
        auto done = dump_once();
        dumping_ = false;
        if (!done) {
            links_.swap(links);
            devices_.swap(devices);
            return done;
        }
        if (!lost_) break;
    }
    ++dumps_;
    for (const auto& [index, device] : devices)
        if (!devices_.contains(index) && std::ranges::find(removed_devices_, index) == removed_devices_.end())
            removed_devices_.push_back(index);
    return {};
}

Result<void> LinkTable::dump_once() {
    for (const int type : {RTM_GETLINK, RTM_GETADDR}) {
        if (auto sent = request(type, AF_UNSPEC); !sent) return sent;
        if (auto done = await_dump(); !done) return done;
    }
    return {};
}

Result<void> LinkTable::request(int type, int family) {
    struct {
        nlmsghdr header;
        ifinfomsg body;  // RTM_GETADDR reads only the family, which comes first in both
    } message{};
    message.header.nlmsg_len = sizeof message;
    message.header.nlmsg_type = static_cast<std::uint16_t>(type);
    message.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    message.header.nlmsg_seq = ++seq_;
    message.body.ifi_family = static_cast<std::uint8_t>(family);
    if (::send(fd_.get(), &message, sizeof message, 0) < 0) return fail_errno(errno, "vrrp: list interfaces");
    return {};
}

// Waits for the end of a dump: at start and after an overrun only. The kernel answers without waiting for
// anybody.
Result<void> LinkTable::await_dump() {
    for (bool done = false; !done;) {
        pollfd waiter{.fd = fd_.get(), .events = POLLIN, .revents = 0};
        if (::poll(&waiter, 1, 2000) <= 0) return fail_errno(ETIMEDOUT, "vrrp: list interfaces");
        const auto size = ::recv(fd_.get(), buffer_.data(), buffer_.size(), 0);
        if (size < 0 && errno == ENOBUFS) {
            lost_ = true;
            continue;
        }
        if (size < 0) return fail_errno(errno, "vrrp: list interfaces");
        (void)read_buffer(static_cast<std::size_t>(size), done);
    }
    return {};
}

bool LinkTable::read_buffer(std::size_t size, bool& done) {
    bool changed = false;
    int left = static_cast<int>(size);
    for (auto* message = reinterpret_cast<nlmsghdr*>(buffer_.data()); nlmsg_ok(message, left);
         message = nlmsg_next(message, &left)) {
        if ((message->nlmsg_flags & NLM_F_DUMP_INTR) != 0) lost_ = true;  // something changed under the dump
        if (message->nlmsg_type == NLMSG_DONE || message->nlmsg_type == NLMSG_ERROR) {
            if (message->nlmsg_seq == seq_) done = true;
            continue;
        }
        changed = take(message) || changed;
    }
    return changed;
}

bool LinkTable::read() {
    bool changed = false;
    if (std::exchange(stale_, false)) {
        stale_ = !dump() || lost_;
        changed = true;
    }
    for (int rounds = 0; rounds < 256; ++rounds) {
        const auto size = ::recv(fd_.get(), buffer_.data(), buffer_.size(), 0);
        if (size < 0 && errno == ENOBUFS) {
            ++overruns_;
            stale_ = !dump() || lost_;
            return true;
        }
        if (size <= 0) break;
        bool done = false;
        changed = read_buffer(static_cast<std::size_t>(size), done) || changed;
    }
    return changed;
}

bool LinkTable::take(const nlmsghdr* message) {
    switch (message->nlmsg_type) {
        case RTM_NEWLINK:
        case RTM_DELLINK:
            return take_link(message);
        case RTM_NEWADDR:
        case RTM_DELADDR:
            return take_address(message);
        default:
            return false;
    }
}

bool LinkTable::take_link(const nlmsghdr* message) {
    auto* header = const_cast<nlmsghdr*>(message);
    nlattr* attrs[IFLA_MAX + 1] = {};
    if (nlmsg_parse(header, sizeof(ifinfomsg), attrs, IFLA_MAX, nullptr) < 0) return false;
    const auto* info = static_cast<const ifinfomsg*>(nlmsg_data(message));
    if (info->ifi_family != AF_UNSPEC) return false;  // bridge ports report themselves a second time
    if (is_ours(attrs)) {
        MarkedDevice device;
        device.index = info->ifi_index;
        device.up = (info->ifi_flags & IFF_UP) != 0;
        if (attrs[IFLA_LINK] != nullptr) device.parent = nla_get_s32(attrs[IFLA_LINK]);
        if (attrs[IFLA_IFALIAS] != nullptr) device.alias = nla_get_string(attrs[IFLA_IFALIAS]);
        take_device(device, message->nlmsg_type == RTM_DELLINK);
        return false;
    }
    if (message->nlmsg_type == RTM_DELLINK) return links_.erase(info->ifi_index) > 0;
    if (attrs[IFLA_IFNAME] == nullptr) return false;

    Link& link = links_[info->ifi_index];
    const bool up = (info->ifi_flags & IFF_UP) != 0 && (info->ifi_flags & IFF_RUNNING) != 0;
    const Mac mac = read_mac(attrs[IFLA_ADDRESS]);
    const std::string name = nla_get_string(attrs[IFLA_IFNAME]);
    const bool changed = link.index == 0 || link.up != up || link.mac != mac || link.name != name;
    if (up && !link.up) ++link.ups;
    link.index = info->ifi_index;
    link.up = up;
    link.mac = mac;
    link.name = name;
    return changed;
}

void LinkTable::take_device(const MarkedDevice& device, bool gone) {
    if (!gone) {
        auto& known = devices_[device.index];
        if (known.up && !device.up) downed_devices_.push_back(device.index);
        known = device;
    } else if (devices_.erase(device.index) > 0) {
        removed_devices_.push_back(device.index);
    }
}

bool LinkTable::take_address(const nlmsghdr* message) {
    auto* header = const_cast<nlmsghdr*>(message);
    nlattr* attrs[IFA_MAX + 1] = {};
    if (nlmsg_parse(header, sizeof(ifaddrmsg), attrs, IFA_MAX, nullptr) < 0) return false;
    const auto* info = static_cast<const ifaddrmsg*>(nlmsg_data(message));
    if (info->ifa_family != AF_INET && info->ifa_family != AF_INET6) return false;
    const auto ip =
        read_ip(attrs[IFA_LOCAL] != nullptr ? attrs[IFA_LOCAL] : attrs[IFA_ADDRESS], info->ifa_family);
    if (!ip) return false;

    LinkAddress address{.prefix = {*ip, info->ifa_prefixlen}, .flags = info->ifa_flags};
    if (attrs[IFA_FLAGS] != nullptr) address.flags = nla_get_u32(attrs[IFA_FLAGS]);
    if (attrs[IFA_PROTO] != nullptr) address.mark = nla_get_u8(attrs[IFA_PROTO]);
    const bool added = message->nlmsg_type == RTM_NEWADDR;
    const int index = static_cast<int>(info->ifa_index);
    if (!added) removed_.push_back({index, address.prefix});
    if (address.mark == kAddressMark) {
        if (added && dumping_) leftovers_.push_back({index, address.prefix});
        if (added && (address.flags & IFA_F_DADFAILED) != 0) duplicates_.push_back({index, address.prefix});
        return false;
    }
    const auto link = links_.find(index);
    if (link == links_.end()) return false;
    auto& list = link->second.addresses;
    const auto same =
        std::find_if(list.begin(), list.end(), [&](const auto& a) { return a.prefix == address.prefix; });
    if (!added) {
        if (same == list.end()) return false;
        list.erase(same);
    } else if (same == list.end()) {
        list.push_back(address);
    } else {
        *same = address;
    }
    return true;
}

void LinkTable::forget() {
    removed_.clear();
    duplicates_.clear();
    removed_devices_.clear();
    downed_devices_.clear();
}

const Link* LinkTable::find(const std::string& name) const {
    for (const auto& [index, link] : links_)
        if (link.name == name) return &link;
    return nullptr;
}

}  // namespace lvs::vrrp::io
