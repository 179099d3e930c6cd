// SPDX-License-Identifier: GPL-2.0-or-later
//
// Reading attributes, and the key of a service out of them. Private to the codec.
#pragma once

#include <arpa/inet.h>
#include <linux/genetlink.h>
#include <linux/ip_vs.h>
#include <netlink/attr.h>
#include <netlink/msg.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "ipvs/codec.hpp"

namespace lvs::ipvs::codec {

// The attributes of one level, by number. Getters answer with nothing unless the length fits exactly.
template <int Max>
class Attributes {
public:
    explicit Attributes(std::span<const std::uint8_t> bytes) {
        const auto* head = reinterpret_cast<const nlattr*>(bytes.data());
        parse(head, static_cast<int>(bytes.size()));
    }
    explicit Attributes(const nlattr* nest) {
        if (nest != nullptr) parse(static_cast<const nlattr*>(nla_data(nest)), nla_len(nest));
    }
    [[nodiscard]] const nlattr* get(int type) const { return table_.at(static_cast<std::size_t>(type)); }

    template <class T>
    [[nodiscard]] std::optional<T> number(int type) const {
        const auto* found = get(type);
        T value{};
        if (found == nullptr || nla_len(found) != int{sizeof value}) return std::nullopt;
        std::memcpy(&value, nla_data(found), sizeof value);
        return value;
    }
    [[nodiscard]] std::string text(int type) const {
        const auto* found = get(type);
        if (found == nullptr) return {};
        const auto* data = static_cast<const char*>(nla_data(found));
        return {data, strnlen(data, static_cast<std::size_t>(nla_len(found)))};
    }
    // The kernel sends 16 bytes for either family; 4 are accepted for IPv4.
    [[nodiscard]] std::optional<IpAddress> address(int type, Family family) const {
        const auto* found = get(type);
        const std::size_t size = family == Family::ipv4 ? 4 : 16;
        if (found == nullptr || static_cast<std::size_t>(nla_len(found)) < size) return std::nullopt;
        return IpAddress::from_bytes({static_cast<const std::uint8_t*>(nla_data(found)), size});
    }

private:
    void parse(const nlattr* head, int length) {
        std::array<nlattr*, Max + 1> found{};
        if (length > 0) (void)nla_parse(found.data(), Max, const_cast<nlattr*>(head), length, nullptr);
        std::copy(found.begin(), found.end(), table_.begin());
    }
    std::array<const nlattr*, Max + 1> table_{};
};

using ServiceNest = Attributes<IPVS_SVC_ATTR_MAX>;

inline std::optional<Family> family_from(std::optional<std::uint16_t> number) {
    if (number == AF_INET) return Family::ipv4;
    if (number == AF_INET6) return Family::ipv6;
    return std::nullopt;
}

inline std::optional<ServiceKey> parse_key(const ServiceNest& nest, Family family) {
    if (const auto mark = nest.number<std::uint32_t>(IPVS_SVC_ATTR_FWMARK)) return FwmarkKey{family, *mark};
    const auto protocol = nest.number<std::uint16_t>(IPVS_SVC_ATTR_PROTOCOL);
    const auto address = nest.address(IPVS_SVC_ATTR_ADDR, family);
    const auto port = nest.number<std::uint16_t>(IPVS_SVC_ATTR_PORT);
    if (!protocol || *protocol > 255 || !address || !port) return std::nullopt;
    return AddressKey{static_cast<Protocol>(*protocol), {*address, ntohs(*port)}};
}

}  // namespace lvs::ipvs::codec
