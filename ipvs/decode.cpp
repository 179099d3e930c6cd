// SPDX-License-Identifier: GPL-2.0-or-later
//
// Replies. The kernel is trusted to mean well but not to be the version this was written for: every length is
// checked, unknown attributes are skipped, a message without its key is an error of that message.
#include <arpa/inet.h>
#include <linux/genetlink.h>
#include <linux/ip_vs.h>

#include <cstring>

#include "ipvs/kmod/uapi/lvsd_ipvs.h"
#include "ipvs/reader.hpp"

namespace lvs::ipvs::codec {
namespace {

constexpr std::uint32_t kSettableFlags = kPersistent | kOnePacket | kSched1 | kSched2 | kSched3;

using Top = Attributes<IPVS_CMD_ATTR_MAX>;
using DestNest = Attributes<IPVS_DEST_ATTR_MAX>;
using StatsNest = Attributes<IPVS_STATS_ATTR_MAX>;

// 64-bit statistics where the kernel has them, else the 32-bit ones.
Counters parse_counters(const nlattr* wide, const nlattr* narrow) {
    const StatsNest stats(wide != nullptr ? wide : narrow);
    const auto value = [&stats](int type) -> std::uint64_t {
        if (const auto v = stats.number<std::uint64_t>(type)) return *v;
        return stats.number<std::uint32_t>(type).value_or(0);
    };
    Counters out;
    out.connections = value(IPVS_STATS_ATTR_CONNS);
    out.in_packets = value(IPVS_STATS_ATTR_INPKTS);
    out.out_packets = value(IPVS_STATS_ATTR_OUTPKTS);
    out.in_bytes = value(IPVS_STATS_ATTR_INBYTES);
    out.out_bytes = value(IPVS_STATS_ATTR_OUTBYTES);
    out.connection_rate = value(IPVS_STATS_ATTR_CPS);
    out.in_packet_rate = value(IPVS_STATS_ATTR_INPPS);
    out.out_packet_rate = value(IPVS_STATS_ATTR_OUTPPS);
    out.in_byte_rate = value(IPVS_STATS_ATTR_INBPS);
    out.out_byte_rate = value(IPVS_STATS_ATTR_OUTBPS);
    return out;
}

ServiceSettings parse_settings(const ServiceNest& nest, Family family) {
    ServiceSettings out;
    out.scheduler = nest.text(IPVS_SVC_ATTR_SCHED_NAME);
    out.persistence_engine = nest.text(IPVS_SVC_ATTR_PE_NAME);
    if (const auto flags = nest.number<ip_vs_flags>(IPVS_SVC_ATTR_FLAGS))
        out.flags = flags->flags & kSettableFlags;
    out.persistence_seconds = nest.number<std::uint32_t>(IPVS_SVC_ATTR_TIMEOUT).value_or(0);
    const auto netmask = nest.number<std::uint32_t>(IPVS_SVC_ATTR_NETMASK).value_or(0);
    out.netmask = family == Family::ipv4 ? ntohl(netmask) : netmask;
    return out;
}

DestSettings parse_dest_settings(const DestNest& nest) {
    DestSettings out;
    const auto method = nest.number<std::uint32_t>(IPVS_DEST_ATTR_FWD_METHOD).value_or(0);
    out.forward = static_cast<Forward>(method & IP_VS_CONN_F_FWD_MASK);
    out.weight = nest.number<std::int32_t>(IPVS_DEST_ATTR_WEIGHT).value_or(0);
    out.upper_threshold = nest.number<std::uint32_t>(IPVS_DEST_ATTR_U_THRESH).value_or(0);
    out.lower_threshold = nest.number<std::uint32_t>(IPVS_DEST_ATTR_L_THRESH).value_or(0);
    out.tunnel_type = nest.number<std::uint8_t>(IPVS_DEST_ATTR_TUN_TYPE).value_or(0);
    out.tunnel_port = ntohs(nest.number<std::uint16_t>(IPVS_DEST_ATTR_TUN_PORT).value_or(0));
    out.tunnel_flags = nest.number<std::uint16_t>(IPVS_DEST_ATTR_TUN_FLAGS).value_or(0);
    return out;
}

// The kernel's own words follow the echoed request: the whole of it, or its header only when it was capped.
std::string extended_text(const nlmsghdr& header, std::span<const std::uint8_t> payload) {
    if ((header.nlmsg_flags & NLM_F_ACK_TLVS) == 0 || payload.size() < sizeof(nlmsgerr)) return {};
    nlmsgerr report{};
    std::memcpy(&report, payload.data(), sizeof report);
    std::size_t skip = sizeof report;
    if ((header.nlmsg_flags & NLM_F_CAPPED) == 0 && report.msg.nlmsg_len > sizeof(nlmsghdr))
        skip += NLMSG_ALIGN(report.msg.nlmsg_len - sizeof(nlmsghdr));
    if (skip >= payload.size()) return {};
    return Attributes<NLMSGERR_ATTR_MAX>(payload.subspan(skip)).text(NLMSGERR_ATTR_MSG);
}

int parse_errno(std::span<const std::uint8_t> payload) {
    int value = 0;
    if (payload.size() < sizeof value) return 0;
    std::memcpy(&value, payload.data(), sizeof value);
    return value < 0 && value > -4096 ? -value : 0;
}

void fill_data(Message& out, std::span<const std::uint8_t> payload) {
    if (payload.size() < GENL_HDRLEN) return;
    out.command = payload[0];
    out.attributes = payload.subspan(GENL_HDRLEN);
}

}  // namespace

std::optional<Message> next_message(std::span<const std::uint8_t>& rest) {
    nlmsghdr header{};
    const auto bytes = std::exchange(rest, {});
    if (bytes.size() < sizeof header) return std::nullopt;
    std::memcpy(&header, bytes.data(), sizeof header);
    if (header.nlmsg_len < sizeof header || header.nlmsg_len > bytes.size()) return std::nullopt;
    rest = bytes.subspan(std::min<std::size_t>(bytes.size(), NLMSG_ALIGN(header.nlmsg_len)));
    const auto payload = bytes.subspan(sizeof header, header.nlmsg_len - sizeof header);
    Message out;
    out.sequence = header.nlmsg_seq;
    out.family = header.nlmsg_type;
    out.interrupted = (header.nlmsg_flags & NLM_F_DUMP_INTR) != 0;
    if (header.nlmsg_type == NLMSG_ERROR || header.nlmsg_type == NLMSG_DONE) {
        const bool done = header.nlmsg_type == NLMSG_DONE;
        out.kind = done ? Message::Kind::done : Message::Kind::status;
        out.error = parse_errno(payload);
        if (!done) out.text = extended_text(header, payload);
    } else {
        fill_data(out, payload);
    }
    return out;
}

Result<std::pair<ServiceKey, Service>> parse_service(const Message& message) {
    const Top top(message.attributes);
    const ServiceNest nest(top.get(IPVS_CMD_ATTR_SERVICE));
    const auto family = family_from(nest.number<std::uint16_t>(IPVS_SVC_ATTR_AF));
    const auto key = family ? parse_key(nest, *family) : std::nullopt;
    if (!key) return fail(std::errc::bad_message, "ipvs: a service in the kernel's answer has no key");
    Service service;
    service.settings = parse_settings(nest, *family);
    service.counters = parse_counters(nest.get(IPVS_SVC_ATTR_STATS64), nest.get(IPVS_SVC_ATTR_STATS));
    return std::pair{*key, std::move(service)};
}

Result<std::pair<DestKey, Dest>> parse_dest(const Message& message, Family service_family) {
    const Top top(message.attributes);
    const DestNest nest(top.get(IPVS_CMD_ATTR_DEST));
    const auto family =
        family_from(nest.number<std::uint16_t>(IPVS_DEST_ATTR_ADDR_FAMILY)).value_or(service_family);
    const auto address = nest.address(IPVS_DEST_ATTR_ADDR, family);
    const auto port = nest.number<std::uint16_t>(IPVS_DEST_ATTR_PORT);
    if (!address || !port)
        return fail(std::errc::bad_message, "ipvs: a server in the kernel's answer has no key");
    Dest dest;
    dest.settings = parse_dest_settings(nest);
    dest.active_connections = nest.number<std::uint32_t>(IPVS_DEST_ATTR_ACTIVE_CONNS).value_or(0);
    dest.inactive_connections = nest.number<std::uint32_t>(IPVS_DEST_ATTR_INACT_CONNS).value_or(0);
    dest.persistent_connections = nest.number<std::uint32_t>(IPVS_DEST_ATTR_PERSIST_CONNS).value_or(0);
    dest.counters = parse_counters(nest.get(IPVS_DEST_ATTR_STATS64), nest.get(IPVS_DEST_ATTR_STATS));
    return std::pair{DestKey{{*address, ntohs(*port)}}, dest};
}

Result<Info> parse_info(const Message& message) {
    const Attributes<IPVS_INFO_ATTR_MAX> top(message.attributes);
    const auto version = top.number<std::uint32_t>(IPVS_INFO_ATTR_VERSION);
    if (!version) return fail(std::errc::bad_message, "ipvs: the kernel did not tell its IPVS version");
    return Info{*version, top.number<std::uint32_t>(IPVS_INFO_ATTR_CONN_TAB_SIZE).value_or(0)};
}

Result<Timeouts> parse_timeouts(const Message& message) {
    const Top top(message.attributes);
    return Timeouts{top.number<std::uint32_t>(IPVS_CMD_ATTR_TIMEOUT_TCP).value_or(0),
                    top.number<std::uint32_t>(IPVS_CMD_ATTR_TIMEOUT_TCP_FIN).value_or(0),
                    top.number<std::uint32_t>(IPVS_CMD_ATTR_TIMEOUT_UDP).value_or(0)};
}

namespace {

std::uint32_t parse_events_group(const nlattr* groups) {
    if (groups == nullptr) return 0;
    int rest = 0;
    nlattr* each = nullptr;
    nla_for_each_nested(each, const_cast<nlattr*>(groups), rest) {
        const Attributes<CTRL_ATTR_MCAST_GRP_MAX> group(each);
        if (group.text(CTRL_ATTR_MCAST_GRP_NAME) == LVSD_IPVS_GROUP_EVENTS)
            return group.number<std::uint32_t>(CTRL_ATTR_MCAST_GRP_ID).value_or(0);
    }
    return 0;
}

}  // namespace

Result<GenericFamily> parse_family(const Message& message) {
    const Attributes<CTRL_ATTR_MAX> top(message.attributes);
    const auto id = top.number<std::uint16_t>(CTRL_ATTR_FAMILY_ID);
    if (!id) return fail(std::errc::bad_message, "netlink: the kernel did not tell the family's number");
    return GenericFamily{*id, parse_events_group(top.get(CTRL_ATTR_MCAST_GROUPS))};
}

std::optional<std::uint16_t> parse_new_family(const Message& message) {
    if (message.kind != Message::Kind::data || message.family != GENL_ID_CTRL ||
        message.command != CTRL_CMD_NEWFAMILY)
        return std::nullopt;
    const Attributes<CTRL_ATTR_MAX> top(message.attributes);
    const auto name = top.text(CTRL_ATTR_FAMILY_NAME);
    if (name != IPVS_GENL_NAME && name != kExtension) return std::nullopt;
    return top.number<std::uint16_t>(CTRL_ATTR_FAMILY_ID);
}

}  // namespace lvs::ipvs::codec
