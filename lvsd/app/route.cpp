// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/app/route.hpp"

#include <fmt/format.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "checkers/fd.hpp"

namespace lvs::app {
namespace {

struct Question {
    nlmsghdr head{};
    rtmsg route{};
    rtattr about{};
    std::uint8_t address[4]{};
};

Question question_about(const IpAddress& address) {
    Question out;
    out.head.nlmsg_len = sizeof out;
    out.head.nlmsg_type = RTM_GETROUTE;
    out.head.nlmsg_flags = NLM_F_REQUEST;
    out.route.rtm_family = AF_INET;
    out.route.rtm_dst_len = 32;
    // The entry of the table: the route made from it names `lo` for every address of this host.
    out.route.rtm_flags = RTM_F_FIB_MATCH;
    out.about.rta_type = RTA_DST;
    out.about.rta_len = RTA_LENGTH(sizeof out.address);
    std::ranges::copy(address.bytes(), out.address);
    return out;
}

void add(Route& route, std::uint32_t index) {
    char name[IF_NAMESIZE];
    if (if_indextoname(index, name) != nullptr) route.interfaces.emplace_back(name);
}

void add_several(Route& route, nlattr* attribute) {
    auto* hop = static_cast<rtnexthop*>(nla_data(attribute));
    for (int left = nla_len(attribute); RTNH_OK(hop, left);) {
        add(route, static_cast<std::uint32_t>(hop->rtnh_ifindex));
        left -= static_cast<int>(RTNH_ALIGN(hop->rtnh_len));
        hop = RTNH_NEXT(hop);
    }
}

std::optional<Route> read_answer(nlmsghdr* answer, int size) {
    nlattr* attributes[RTA_MAX + 1] = {};
    if (!nlmsg_ok(answer, size) || answer->nlmsg_type != RTM_NEWROUTE ||
        nlmsg_parse(answer, sizeof(rtmsg), attributes, RTA_MAX, nullptr) < 0)
        return std::nullopt;
    const auto* route = static_cast<const rtmsg*>(nlmsg_data(answer));
    Route out{.is_local = route->rtm_type == RTN_LOCAL, .interfaces = {}};
    if (auto* one = attributes[RTA_OIF]) add(out, nla_get_u32(one));
    if (auto* several = attributes[RTA_MULTIPATH]) add_several(out, several);
    return out;
}

int setting(const std::string& interface, const char* name) {
    std::ifstream in(fmt::format("/proc/sys/net/ipv4/conf/{}/{}", interface, name));
    int value = 0;
    return in >> value ? value : 0;
}

bool accepts(const std::string& interface) {
    return setting("all", "accept_local") != 0 || setting(interface, "accept_local") != 0;
}

}  // namespace

std::optional<Route> route_to(const IpAddress& address) {
    if (!address.is_v4()) return std::nullopt;
    const checkers::Fd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
    const auto question = question_about(address);
    if (!fd.is_open() || send(fd.get(), &question, sizeof question, 0) != sizeof question)
        return std::nullopt;
    alignas(nlmsghdr) std::uint8_t answer[4096];  // the kernel has answered before send() returned
    const auto size = recv(fd.get(), answer, sizeof answer, MSG_DONTWAIT);
    return size > 0 ? read_answer(reinterpret_cast<nlmsghdr*>(answer), static_cast<int>(size)) : std::nullopt;
}

Accepting accept_local(const std::string& interface) {
    if (accepts(interface)) return Accepting::already;
    std::ofstream(fmt::format("/proc/sys/net/ipv4/conf/{}/accept_local", interface)) << "1\n" << std::flush;
    return accepts(interface) ? Accepting::now : Accepting::no;
}

bool is_strict(const std::string& interface) {
    return std::max(setting("all", "rp_filter"), setting(interface, "rp_filter")) == 1;
}

}  // namespace lvs::app
