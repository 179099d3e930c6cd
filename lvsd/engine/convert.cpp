// SPDX-License-Identifier: GPL-2.0-or-later
//
// The words of the configuration in the kernel's terms.
#include <algorithm>

#include "lvsd/engine/engine.hpp"

namespace lvs::engine {
namespace {

ipvs::Forward forward_of(config::Forward forward) {
    switch (forward) {
        case config::Forward::nat:
            return ipvs::Forward::nat;
        case config::Forward::dr:
            return ipvs::Forward::dr;
        case config::Forward::tun:
            return ipvs::Forward::tun;
    }
    return ipvs::Forward::nat;
}

// The bits mean what the scheduler makes of them; sh and mh have names for theirs.
std::uint32_t flag_bit(std::string_view name) {
    if (name == "flag-1" || name == "sh-fallback" || name == "mh-fallback") return ipvs::kSched1;
    if (name == "flag-2" || name == "sh-port" || name == "mh-port") return ipvs::kSched2;
    return name == "flag-3" ? ipvs::kSched3 : 0;
}

std::uint32_t mask_of(std::uint8_t prefix_length) {
    return prefix_length == 0 ? 0 : ~std::uint32_t{0} << (32U - std::min<std::uint32_t>(prefix_length, 32));
}

}  // namespace

std::string_view to_string(ServerState state) {
    switch (state) {
        case ServerState::starting:
            return "starting";
        case ServerState::up:
            return "up";
        case ServerState::down:
            return "down";
        case ServerState::standby:
            return "standby";
        case ServerState::sorry:
            return "sorry";
    }
    return "unknown";
}

std::string_view to_string(ServiceState state) {
    switch (state) {
        case ServiceState::up:
            return "up";
        case ServiceState::degraded:
            return "degraded";
        case ServiceState::sorry:
            return "sorry";
        case ServiceState::down:
            return "down";
    }
    return "unknown";
}

ipvs::ServiceKey service_key(const config::VirtualService& service) {
    if (const auto* mark = std::get_if<Fwmark>(&service.match))
        return ipvs::FwmarkKey{service.family, mark->value()};
    return ipvs::AddressKey{static_cast<ipvs::Protocol>(service.protocol), std::get<Endpoint>(service.match)};
}

ipvs::ServiceSettings service_settings(const config::VirtualService& service) {
    const bool v4 = ipvs::family_of(service_key(service)) == Family::ipv4;
    ipvs::ServiceSettings out;
    out.scheduler = service.scheduler;
    out.netmask = v4 ? 0xffffffff : 128;
    for (const auto& flag : service.scheduler_flags)
        out.flags |= flag_bit(flag);
    if (service.one_packet) out.flags |= ipvs::kOnePacket;
    if (!service.persistence) return out;
    out.flags |= ipvs::kPersistent;
    out.persistence_seconds = static_cast<std::uint32_t>(
        std::chrono::duration_cast<std::chrono::seconds>(*service.persistence).count());
    out.netmask = v4 ? mask_of(service.persistence_prefix) : service.persistence_prefix;
    return out;
}

ipvs::DestSettings dest_settings(const config::RealServer& server, std::int32_t weight) {
    ipvs::DestSettings out;
    out.forward = forward_of(server.forward);
    out.weight = weight;
    return out;
}

}  // namespace lvs::engine
