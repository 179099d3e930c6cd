// SPDX-License-Identifier: GPL-2.0-or-later
//
// Writing the attributes of IPVS, for the requests of either family. Private to the codec.
#pragma once

#include <arpa/inet.h>
#include <linux/genetlink.h>
#include <linux/ip_vs.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "ipvs/codec.hpp"

namespace lvs::ipvs::codec {

// Attributes, one behind the other at the end of `out`. Tens of thousands are written when a table is filled.
class Writer {
public:
    explicit Writer(Bytes& out) : out_(out) {}
    // What is written until end() is inside.
    [[nodiscard]] std::size_t begin(int type) {
        const auto at = out_.size();
        put(type, nullptr, 0);
        return at;
    }
    void end(std::size_t nest) {
        const auto length = out_.size() - nest;
        LVS_ASSERT(length <= UINT16_MAX);
        const auto value = static_cast<std::uint16_t>(length);
        std::memcpy(out_.data() + nest + offsetof(nlattr, nla_len), &value, sizeof value);
    }
    void u8(int type, std::uint8_t value) { put(type, &value, sizeof value); }
    void u16(int type, std::uint16_t value) { put(type, &value, sizeof value); }
    void u32(int type, std::uint32_t value) { put(type, &value, sizeof value); }
    void bytes(int type, const void* data, std::size_t size) { put(type, data, size); }
    void text(int type, const std::string& value) { put(type, value.c_str(), value.size() + 1); }

private:
    void put(int type, const void* data, std::size_t size) {
        const auto at = out_.size();
        out_.resize(at + NLA_ALIGN(NLA_HDRLEN + size));  // what fills up is zero
        const nlattr head{static_cast<std::uint16_t>(NLA_HDRLEN + size), static_cast<std::uint16_t>(type)};
        std::memcpy(out_.data() + at, &head, sizeof head);
        if (size != 0) std::memcpy(out_.data() + at + NLA_HDRLEN, data, size);
    }
    Bytes& out_;
};

// One request at the end of `out`: its headers, then the attributes that `write` writes.
template <class Write>
void put_request(const Header& header, std::uint8_t command, std::uint8_t version, int flags, Bytes& out,
                 Write write) {
    const auto at = out.size();
    nlmsghdr head{};
    head.nlmsg_type = header.family;
    head.nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    head.nlmsg_seq = header.sequence;
    genlmsghdr generic{};
    generic.cmd = command;
    generic.version = version;
    out.resize(at + NLMSG_HDRLEN + GENL_HDRLEN);
    write(out);
    head.nlmsg_len = static_cast<std::uint32_t>(out.size() - at);
    std::memcpy(out.data() + at, &head, sizeof head);
    std::memcpy(out.data() + at + NLMSG_HDRLEN, &generic, sizeof generic);
}

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
