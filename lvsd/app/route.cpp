// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/app/route.hpp"

#include <fmt/format.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <span>

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

template <class T>
std::optional<T> read_at(std::span<const std::uint8_t> bytes, std::size_t at) {
    T out;
    if (at > bytes.size() || bytes.size() - at < sizeof out) return std::nullopt;
    std::memcpy(&out, bytes.data() + at, sizeof out);
    return out;
}

void add_several(Route& route, std::span<const std::uint8_t> bytes) {
    for (std::size_t at = 0;;) {
        const auto hop = read_at<rtnexthop>(bytes, at);
        if (!hop || hop->rtnh_len < sizeof *hop) return;
        add(route, static_cast<std::uint32_t>(hop->rtnh_ifindex));
        at += RTNH_ALIGN(hop->rtnh_len);
    }
}

std::optional<Route> read_answer(std::span<const std::uint8_t> bytes) {
    const auto head = read_at<nlmsghdr>(bytes, 0);
    const auto route = read_at<rtmsg>(bytes, NLMSG_HDRLEN);
    if (!head || !route || head->nlmsg_type != RTM_NEWROUTE) return std::nullopt;
    Route out{.is_local = route->rtm_type == RTN_LOCAL, .interfaces = {}};
    for (std::size_t at = NLMSG_LENGTH(NLMSG_ALIGN(sizeof(rtmsg)));;) {
        const auto attribute = read_at<rtattr>(bytes, at);
        if (!attribute || attribute->rta_len < sizeof *attribute || bytes.size() - at < attribute->rta_len)
            return out;
        const auto value = bytes.subspan(at + RTA_LENGTH(0), attribute->rta_len - RTA_LENGTH(0));
        if (attribute->rta_type == RTA_OIF)
            if (const auto index = read_at<std::uint32_t>(value, 0)) add(out, *index);
        if (attribute->rta_type == RTA_MULTIPATH) add_several(out, value);
        at += RTA_ALIGN(attribute->rta_len);
    }
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
    return size > 0 ? read_answer({answer, static_cast<std::size_t>(size)}) : std::nullopt;
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
