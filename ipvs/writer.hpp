// SPDX-License-Identifier: GPL-2.0-or-later
//
// Writing the attributes of IPVS, for the requests of either family. Private to the codec.
#pragma once

#include <arpa/inet.h>
#include <linux/genetlink.h>
#include <linux/ip_vs.h>
#include <netlink/attr.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>

#include <algorithm>
#include <array>
#include <memory>

#include "ipvs/codec.hpp"

namespace lvs::ipvs::codec {

inline constexpr std::size_t kMessageRoom =
    512;  // the longest request, a service and a server, takes about 250
inline constexpr std::size_t kServerRoom = 160;  // one more server, about 100

struct FreeMessage {
    void operator()(nl_msg* message) const { nlmsg_free(message); }
};

// One request under construction. Every put fits by the sizes above, so a failure is a bug.
class Writer {
public:
    Writer(const Header& header, std::uint8_t command, std::uint8_t version, int flags,
           std::size_t room = kMessageRoom)
        : message_(nlmsg_alloc_size(room)) {
        LVS_ASSERT(message_ != nullptr);
        LVS_ASSERT(genlmsg_put(message_.get(), 0, header.sequence, header.family, 0, NLM_F_REQUEST | flags,
                               command, version) != nullptr);
    }
    nlattr* begin(int type) {
        auto* nest = nla_nest_start(message_.get(), type);
        LVS_ASSERT(nest != nullptr);
        return nest;
    }
    void end(nlattr* nest) { LVS_ASSERT(nla_nest_end(message_.get(), nest) == 0); }
    void u8(int type, std::uint8_t value) { put(nla_put_u8(message_.get(), type, value)); }
    void u16(int type, std::uint16_t value) { put(nla_put_u16(message_.get(), type, value)); }
    void u32(int type, std::uint32_t value) { put(nla_put_u32(message_.get(), type, value)); }
    void bytes(int type, const void* data, std::size_t size) {
        put(nla_put(message_.get(), type, static_cast<int>(size), data));
    }
    void text(int type, const std::string& value) {
        put(nla_put_string(message_.get(), type, value.c_str()));
    }
    void append_to(Bytes& out) const {
        const auto* header = nlmsg_hdr(message_.get());
        const auto* first = reinterpret_cast<const std::uint8_t*>(header);
        out.insert(out.end(), first, first + header->nlmsg_len);
        out.resize(out.size() + NLMSG_ALIGN(header->nlmsg_len) - header->nlmsg_len);
    }

    // The attributes only.
    void append_payload_to(Bytes& out) const {
        const auto* header = nlmsg_hdr(message_.get());
        const auto* first = reinterpret_cast<const std::uint8_t*>(header);
        out.insert(out.end(), first + NLMSG_HDRLEN + GENL_HDRLEN, first + NLMSG_ALIGN(header->nlmsg_len));
    }

private:
    static void put(int error) { LVS_ASSERT(error == 0); }
    std::unique_ptr<nl_msg, FreeMessage> message_;
};

inline std::uint16_t kernel_family(Family family) {
    return family == Family::ipv4 ? AF_INET : AF_INET6;
}

// Always 16 bytes, the form the kernel itself uses.
inline void put_address(Writer& out, int type, const IpAddress& address) {
    std::array<std::uint8_t, 16> bytes{};
    std::copy(address.bytes().begin(), address.bytes().end(), bytes.begin());
    out.bytes(type, bytes.data(), bytes.size());
}

inline void put_key(Writer& out, const ServiceKey& key) {
    out.u16(IPVS_SVC_ATTR_AF, kernel_family(family_of(key)));
    if (const auto* mark = std::get_if<FwmarkKey>(&key)) {
        out.u32(IPVS_SVC_ATTR_FWMARK, mark->mark);
        return;
    }
    const auto& address = std::get<AddressKey>(key);
    out.u16(IPVS_SVC_ATTR_PROTOCOL, static_cast<std::uint16_t>(address.protocol));
    put_address(out, IPVS_SVC_ATTR_ADDR, address.address.address);
    out.u16(IPVS_SVC_ATTR_PORT, htons(address.address.port));
}

inline void put_service_settings(Writer& out, const ServiceSettings& settings, Family family) {
    // The kernel takes 15 characters of a scheduler and 16 of an engine; what is longer it would refuse
    // anyway.
    out.text(IPVS_SVC_ATTR_SCHED_NAME, settings.scheduler.substr(0, IP_VS_SCHEDNAME_MAXLEN));
    if (!settings.persistence_engine.empty())
        out.text(IPVS_SVC_ATTR_PE_NAME, settings.persistence_engine.substr(0, IP_VS_PENAME_MAXLEN));
    const ip_vs_flags flags{.flags = settings.flags, .mask = ~0U};
    out.bytes(IPVS_SVC_ATTR_FLAGS, &flags, sizeof flags);
    out.u32(IPVS_SVC_ATTR_TIMEOUT, settings.persistence_seconds);
    out.u32(IPVS_SVC_ATTR_NETMASK, family == Family::ipv4 ? htonl(settings.netmask) : settings.netmask);
}

inline void put_dest_key(Writer& out, const DestKey& key) {
    put_address(out, IPVS_DEST_ATTR_ADDR, key.address.address);
    out.u16(IPVS_DEST_ATTR_PORT, htons(key.address.port));
    out.u16(IPVS_DEST_ATTR_ADDR_FAMILY, kernel_family(key.address.address.family()));
}

inline void put_dest_settings(Writer& out, const DestSettings& settings) {
    out.u32(IPVS_DEST_ATTR_FWD_METHOD, static_cast<std::uint32_t>(settings.forward));
    out.u32(IPVS_DEST_ATTR_WEIGHT, static_cast<std::uint32_t>(settings.weight));
    out.u32(IPVS_DEST_ATTR_U_THRESH, settings.upper_threshold);
    out.u32(IPVS_DEST_ATTR_L_THRESH, settings.lower_threshold);
    if (settings.tunnel_type == 0 && settings.tunnel_port == 0 && settings.tunnel_flags == 0) return;  // as absent
    out.u8(IPVS_DEST_ATTR_TUN_TYPE, settings.tunnel_type);
    out.u16(IPVS_DEST_ATTR_TUN_PORT, htons(settings.tunnel_port));
    out.u16(IPVS_DEST_ATTR_TUN_FLAGS, settings.tunnel_flags);
}

}  // namespace lvs::ipvs::codec
