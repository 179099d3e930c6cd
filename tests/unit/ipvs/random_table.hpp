// SPDX-License-Identifier: GPL-2.0-or-later
//
// Random tables over a small universe of keys, so that two of them overlap in every way there is. Same seed,
// same table.
#pragma once

#include <random>

#include "ipvs/ipvs.hpp"

namespace lvs::ipvs::test {

class RandomTables {
public:
    explicit RandomTables(std::uint32_t seed) : engine_(seed) {}

    Table table(std::uint32_t universe) {
        Table out;
        for (std::uint32_t i = 0; i < universe; ++i)
            if (below(2) == 0) out[key(i)] = service(family_of(key(i)));
        return out;
    }

    // `from` with a few changes, as in life.
    Table mutated(Table from, std::uint32_t universe) {
        for (std::uint32_t n = below(6); n > 0; --n) {
            const auto k = key(below(universe));
            if (below(4) == 0)
                from.erase(k);
            else if (auto found = from.find(k); found != from.end() && below(2) == 0)
                change_one(found->second, family_of(k));
            else
                from[k] = service(family_of(k));
        }
        return from;
    }

    Owned owned(std::uint32_t universe) {
        Owned out;
        for (std::uint32_t i = 0; i < universe; ++i)
            if (below(3) == 0) out.insert(key(i));
        return out;
    }

    std::uint32_t below(std::uint32_t limit) {
        return std::uniform_int_distribution<std::uint32_t>(0, limit - 1)(engine_);
    }

    static ServiceKey key(std::uint32_t i) {
        if (i % 7 == 3) return FwmarkKey{i % 2 == 0 ? Family::ipv4 : Family::ipv6, i + 1};
        const auto protocol = i % 3 == 0 ? Protocol::udp : Protocol::tcp;
        const auto address = i % 5 == 4 ? v6(i) : IpAddress::from_v4(0xc0000200U + i % 256);
        return AddressKey{protocol, {address, static_cast<std::uint16_t>(80 + i / 256)}};
    }

private:
    static IpAddress v6(std::uint32_t i) {
        std::array<std::uint8_t, 16> bytes{0x20, 0x01, 0x0d, 0xb8};
        bytes[14] = static_cast<std::uint8_t>(i >> 8U);
        bytes[15] = static_cast<std::uint8_t>(i);
        return IpAddress::from_bytes(bytes);
    }

    DestKey dest_key(Family family) {
        const auto i = below(6) + 1;
        return {{family == Family::ipv4 ? IpAddress::from_v4(0x0a000000U + i) : v6(0x100 + i), 8080}};
    }

    DestSettings dest_settings() {
        DestSettings out;
        const auto kind = below(3);
        out.forward = kind == 0 ? Forward::nat : kind == 1 ? Forward::dr : Forward::tun;
        out.weight = static_cast<std::int32_t>(below(4));
        out.upper_threshold = below(3) * 100;
        out.lower_threshold = out.upper_threshold / 2;
        if (out.forward == Forward::tun) {
            out.tunnel_type = static_cast<std::uint8_t>(below(3));
            out.tunnel_port = out.tunnel_type == 1 ? 6080 : 0;
        }
        return out;
    }

    Service service(Family family) {
        Service out;
        out.settings.scheduler = below(2) == 0 ? "wlc" : "rr";
        out.settings.flags = below(2) == 0 ? 0 : kPersistent;
        out.settings.persistence_seconds = out.settings.flags == 0 ? 0 : 300 + below(2);
        out.settings.netmask = family == Family::ipv4 ? 0xffffffff : 128;
        for (auto n = below(5); n > 0; --n)
            out.dests[dest_key(family)].settings = dest_settings();
        return out;
    }

    void change_one(Service& service, Family family) {
        switch (below(3)) {
            case 0:
                service.settings.scheduler = "sh";
                break;
            case 1:
                service.dests[dest_key(family)].settings = dest_settings();
                break;
            default:
                service.dests.erase(dest_key(family));
        }
    }

    std::mt19937 engine_;
};

}  // namespace lvs::ipvs::test
