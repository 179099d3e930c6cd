// SPDX-License-Identifier: GPL-2.0-or-later
#include "vrrp/io_device.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/attr.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "vrrp/io_message.hpp"

namespace lvs::vrrp::io {

namespace {

constexpr ArpSettings kArp{.ignore = 1, .announce = 2};
constexpr std::size_t kAnswer = 64 * 1024;

Message make_message(int type, int flags, int index) {
    Message message(nlmsg_alloc_simple(type, NLM_F_REQUEST | NLM_F_ACK | flags));
    LVS_ASSERT(message != nullptr);
    ifinfomsg body{};
    body.ifi_index = index;
    LVS_ASSERT(nlmsg_append(message.get(), &body, sizeof body, NLMSG_ALIGNTO) == 0);
    return message;
}

// Names have 15 characters; the number of an interface is rarely long.
std::string device_name(Family family, Vrid vrid, int parent) {
    const int digit = family == Family::ipv4 ? 4 : 6;
    auto name = fmt::format("vrrp{}.{}.{}", digit, vrid.value(), parent);
    return name.size() < IFNAMSIZ ? name : fmt::format("v{}.{}.{:x}", digit, vrid.value(), parent);
}

// The sysctls of IPv6 have no other interface. 0 or an errno.
int write_sysctl(const std::string& path, const std::string& value) {
    const Fd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    if (!file) return errno;
    return ::write(file.get(), value.data(), value.size()) < 0 ? errno : 0;
}

std::string read_sysctl(const std::string& path, const std::string& otherwise) {
    const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    char text[16];
    const auto size = file ? ::read(file.get(), text, sizeof text) : -1;
    return size > 0 ? std::string(text, static_cast<std::size_t>(size)) : otherwise;
}

// As strict as the interface below, except that answers leave by another interface than requests came in by.
std::uint32_t reverse_path_filter(std::uint32_t parent) {
    const auto all = static_cast<std::uint32_t>(
        std::strtoul(read_sysctl("/proc/sys/net/ipv4/conf/all/rp_filter", "1").c_str(), nullptr, 10));
    return std::max(all, parent) == 1 ? 2 : parent;
}

std::uint32_t setting(const std::vector<std::uint32_t>& settings, int which) {
    const auto place = static_cast<std::size_t>(which - 1);
    return place < settings.size() ? settings[place] : 0;
}

}  // namespace

Device::Device(int below, std::string below_name, Family its_family, Vrid its_vrid)
    : parent(below),
      parent_name(std::move(below_name)),
      family(its_family),
      vrid(its_vrid),
      name(device_name(its_family, its_vrid, below)) {}

std::string to_alias(const ArpSettings& settings) {
    return fmt::format("lvsd vrrp arp_ignore={} arp_announce={}", settings.ignore, settings.announce);
}

std::optional<ArpSettings> from_alias(const std::string& alias) {
    ArpSettings settings;
    const int found = std::sscanf(alias.c_str(), "lvsd vrrp arp_ignore=%u arp_announce=%u", &settings.ignore,
                                  &settings.announce);
    return found == 2 ? std::optional(settings) : std::nullopt;
}

// ---- what the rest of the address thread asks for ---------------------------------------------------------

Result<void> DeviceKeeper::open() {
    netlink_ = Fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE));
    if (!netlink_) return fail_errno(errno, "vrrp: open a netlink socket");
    answer_.resize(kAnswer);
    return {};
}

int DeviceKeeper::ensure(Device& device) {
    if (device.index != 0) return 0;
    if (const int error = create(device); error != 0) return error;
    std::vector<std::uint32_t> settings;
    int error = take_parent(device, settings);
    const auto alias =
        device.family == Family::ipv4 ? to_alias(parents_[device.parent].before) : std::string("lvsd vrrp");
    // The alias first: from here on a crash can be cleaned up after.
    const int configured =
        configure(device, alias, reverse_path_filter(setting(settings, IPV4_DEVCONF_RP_FILTER)),
                  setting(settings, IPV4_DEVCONF_FORWARDING));
    if (error == 0) error = configured;
    if (error == 0) error = configure_ipv6(device);
    if (error == 0 && device.family == Family::ipv4) error = write_settings(device.parent, kArp);
    if (error != 0) destroy(device);
    return error;
}

int DeviceKeeper::set_up(const Device& device, bool up) {
    if (device.index == 0) return ENODEV;
    const auto message = make_message(RTM_NEWLINK, 0, device.index);
    auto* body = static_cast<ifinfomsg*>(nlmsg_data(nlmsg_hdr(message.get())));
    body->ifi_change = IFF_UP;
    body->ifi_flags = up ? IFF_UP : 0;
    return transact(message.get());
}

void DeviceKeeper::destroy(Device& device) {
    if (device.index == 0) return;
    (void)remove(device.index);
    device.index = 0;
    leave_parent(device);
}

void DeviceKeeper::clear(const std::vector<MarkedDevice>& devices) {
    for (const auto& device : devices) {
        (void)remove(device.index);
        if (const auto before = from_alias(device.alias)) restore(device.parent, *before);
    }
}

// ---- the device -------------------------------------------------------------------------------------------

int DeviceKeeper::create(Device& device) {
    const auto message = make_message(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
    auto* m = message.get();
    const auto mac = virtual_mac(device.family, device.vrid);
    nla_put_string(m, IFLA_IFNAME, device.name.c_str());
    nla_put_u32(m, IFLA_LINK, static_cast<std::uint32_t>(device.parent));
    nla_put(m, IFLA_ADDRESS, static_cast<int>(mac.size()), mac.data());
    nla_put_u32(m, IFLA_GROUP, kDeviceMark);
    auto* info = nla_nest_start(m, IFLA_LINKINFO);
    nla_put_string(m, IFLA_INFO_KIND, "macvlan");
    auto* data = nla_nest_start(m, IFLA_INFO_DATA);
    nla_put_u32(m, IFLA_MACVLAN_MODE, MACVLAN_MODE_BRIDGE);
    nla_nest_end(m, data);
    nla_nest_end(m, info);
    if (const int error = transact(m); error != 0) return error;
    device.index = static_cast<int>(::if_nametoindex(device.name.c_str()));
    return device.index == 0 ? ENODEV : 0;
}

int DeviceKeeper::configure(const Device& device, const std::string& alias, std::uint32_t rp_filter,
                            std::uint32_t forwarding) {
    const auto message = make_message(RTM_SETLINK, 0, device.index);
    auto* m = message.get();
    nla_put_string(m, IFLA_IFALIAS, alias.c_str());
    auto* families = nla_nest_start(m, IFLA_AF_SPEC);
    auto* inet = nla_nest_start(m, AF_INET);
    auto* conf = nla_nest_start(m, IFLA_INET_CONF);
    nla_put_u32(m, IPV4_DEVCONF_RP_FILTER, rp_filter);
    nla_put_u32(m, IPV4_DEVCONF_FORWARDING, forwarding);
    nla_put_u32(m, IPV4_DEVCONF_ARP_IGNORE, 1);
    nla_nest_end(m, conf);
    nla_nest_end(m, inet);
    nla_nest_end(m, families);
    return transact(m);
}

// No address of its own making, no router advertisements; none of IPv6 at all on a device of IPv4. A kernel
// without IPv6 has none of these files.
int DeviceKeeper::configure_ipv6(const Device& device) {
    const std::string all = "/proc/sys/net/ipv6/conf/";
    const auto directory = all + device.name + "/";
    std::vector<std::pair<std::string, std::string>> values{{"addr_gen_mode", "1"}, {"accept_ra", "0"}};
    if (device.family == Family::ipv4)
        values.emplace_back("disable_ipv6", "1");
    else
        values.emplace_back("forwarding", read_sysctl(all + device.parent_name + "/forwarding", "0"));
    for (const auto& [name, value] : values) {
        const int error = write_sysctl(directory + name, value);
        if (error != 0 && error != ENOENT) return error;
    }
    return 0;
}

int DeviceKeeper::remove(int index) {
    const auto message = make_message(RTM_DELLINK, 0, index);
    return transact(message.get());
}

// ---- the interface below ----------------------------------------------------------------------------------

int DeviceKeeper::take_parent(const Device& device, std::vector<std::uint32_t>& settings) {
    const int error = read_settings(device.parent, settings);
    if (device.family != Family::ipv4) return error;
    auto& parent = parents_[device.parent];
    if (parent.users++ == 0)
        parent.before = {.ignore = setting(settings, IPV4_DEVCONF_ARP_IGNORE),
                         .announce = setting(settings, IPV4_DEVCONF_ARP_ANNOUNCE)};
    return error;
}

void DeviceKeeper::leave_parent(const Device& device) {
    const auto found = parents_.find(device.parent);
    if (device.family != Family::ipv4 || found == parents_.end() || --found->second.users > 0) return;
    restore(device.parent, found->second.before);
    parents_.erase(found);
}

// Puts back only what is still as we made it.
void DeviceKeeper::restore(int parent, const ArpSettings& before) {
    std::vector<std::uint32_t> settings;
    if (read_settings(parent, settings) != 0) return;
    const ArpSettings now{.ignore = setting(settings, IPV4_DEVCONF_ARP_IGNORE),
                          .announce = setting(settings, IPV4_DEVCONF_ARP_ANNOUNCE)};
    (void)write_settings(parent,
                         {.ignore = now.ignore == kArp.ignore ? before.ignore : now.ignore,
                          .announce = now.announce == kArp.announce ? before.announce : now.announce});
}

int DeviceKeeper::read_settings(int index, std::vector<std::uint32_t>& settings) {
    const auto message = make_message(RTM_GETLINK, 0, index);
    nla_put_u32(message.get(), IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
    if (const int error = transact(message.get()); error != 0) return error;
    auto* header = reinterpret_cast<nlmsghdr*>(answer_.data());
    if (header->nlmsg_type != RTM_NEWLINK) return ENODATA;
    auto* families = nlmsg_find_attr(header, sizeof(ifinfomsg), IFLA_AF_SPEC);
    auto* inet = families == nullptr
                     ? nullptr
                     : nla_find(static_cast<nlattr*>(nla_data(families)), nla_len(families), AF_INET);
    auto* conf = inet == nullptr
                     ? nullptr
                     : nla_find(static_cast<nlattr*>(nla_data(inet)), nla_len(inet), IFLA_INET_CONF);
    if (conf == nullptr) return ENODATA;
    settings.resize(static_cast<std::size_t>(nla_len(conf)) / sizeof(std::uint32_t));
    std::memcpy(settings.data(), nla_data(conf), settings.size() * sizeof(std::uint32_t));
    return 0;
}

int DeviceKeeper::write_settings(int index, const ArpSettings& settings) {
    const auto message = make_message(RTM_SETLINK, 0, index);
    auto* m = message.get();
    auto* families = nla_nest_start(m, IFLA_AF_SPEC);
    auto* inet = nla_nest_start(m, AF_INET);
    auto* conf = nla_nest_start(m, IFLA_INET_CONF);
    nla_put_u32(m, IPV4_DEVCONF_ARP_IGNORE, settings.ignore);
    nla_put_u32(m, IPV4_DEVCONF_ARP_ANNOUNCE, settings.announce);
    nla_nest_end(m, conf);
    nla_nest_end(m, inet);
    nla_nest_end(m, families);
    return transact(m);
}

// Sends one request and waits for its end; an answer that came before it stays in answer_.
int DeviceKeeper::transact(nl_msg* message) {
    auto* request = nlmsg_hdr(message);
    request->nlmsg_seq = ++seq_;
    request->nlmsg_pid = 0;
    if (::send(netlink_.get(), request, request->nlmsg_len, 0) < 0) return errno;
    std::array<std::uint8_t, 4096> rest;
    std::span<std::uint8_t> into = answer_;
    for (;;) {
        pollfd waiter{.fd = netlink_.get(), .events = POLLIN, .revents = 0};
        if (::poll(&waiter, 1, 5000) <= 0) return ETIMEDOUT;
        const auto size = ::recv(netlink_.get(), into.data(), into.size(), 0);
        if (size < 0 && (errno == EINTR || errno == EAGAIN)) continue;
        if (size < 0) return errno;
        int left = static_cast<int>(size);
        for (auto* answer = reinterpret_cast<nlmsghdr*>(into.data()); nlmsg_ok(answer, left);
             answer = nlmsg_next(answer, &left)) {
            if (answer->nlmsg_seq != seq_) continue;
            if (answer->nlmsg_type == NLMSG_ERROR)
                return -static_cast<const nlmsgerr*>(nlmsg_data(answer))->error;
            into = rest;  // the answer is kept
        }
    }
}

}  // namespace lvs::vrrp::io
