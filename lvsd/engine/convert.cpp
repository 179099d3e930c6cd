// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/engine/convert.hpp"

#include <fmt/format.h>

namespace lvs::engine {
namespace {

struct FlagName {
    std::string_view name;
    std::uint32_t flag;
};
// What the three scheduler flags mean to sh and mh has names of its own.
constexpr FlagName kFlagNames[] = {
    {"flag-1", ipvs::kSched1},      {"flag-2", ipvs::kSched2},  {"flag-3", ipvs::kSched3},
    {"sh-fallback", ipvs::kSched1}, {"sh-port", ipvs::kSched2}, {"mh-fallback", ipvs::kSched1},
    {"mh-port", ipvs::kSched2},
};

std::uint32_t scheduler_flags(const std::vector<std::string>& names) {
    std::uint32_t flags = 0;
    for (const auto& name : names)
        for (const auto& known : kFlagNames)
            if (known.name == name) flags |= known.flag;
    return flags;
}

std::uint32_t v4_mask(std::uint8_t prefix) {
    return prefix == 0 ? 0 : ~std::uint32_t{0} << (32U - prefix);
}

ipvs::Protocol to_ipvs(config::Protocol protocol) {
    return static_cast<ipvs::Protocol>(protocol);
}

ipvs::Forward to_ipvs(config::Forward forward) {
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

struct ValueText {
    std::string operator()(const std::string& value) const {
        return fmt::format("s{}:{}", value.size(), value);
    }
    // What is in the file counts; a hash of it is short, and these texts are kept for every check.
    std::string operator()(const FileText& value) const {
        const auto hash = value.text ? std::hash<std::string>{}(*value.text) : 0;
        return fmt::format("f{}:{}:{:x}", value.path.size(), value.path, hash);
    }
    std::string operator()(bool value) const { return value ? "true" : "false"; }
    std::string operator()(std::int64_t value) const { return fmt::format("{}", value); }
    std::string operator()(Duration value) const { return lvs::to_string(value); }
    std::string operator()(const IpAddress& value) const { return to_string(value); }
    std::string operator()(const Endpoint& value) const { return to_string(value); }
    std::string operator()(const Prefix& value) const { return to_string(value); }
    std::string operator()(const StatusRange& value) const {
        return fmt::format("{}-{}", value.first, value.last);
    }
    template <class T>
    std::string operator()(const std::vector<T>& values) const {
        std::string out = "[";
        for (const auto& value : values)
            out += (*this)(value) + ",";
        return out + "]";
    }
};

}  // namespace

std::vector<ipvs::ServiceKey> service_keys(const config::VirtualService& service) {
    if (const auto* mark = std::get_if<Fwmark>(&service.match))
        return {ipvs::FwmarkKey{service.family, mark->value()}};
    std::vector<ipvs::ServiceKey> out{
        ipvs::AddressKey{to_ipvs(service.protocol), std::get<Endpoint>(service.match)}};
    for (const auto& address : service.more)
        out.emplace_back(ipvs::AddressKey{to_ipvs(service.protocol), address});
    return out;
}

ipvs::ServiceSettings service_settings(const config::VirtualService& service) {
    const bool v4 = service.family == Family::ipv4;
    ipvs::ServiceSettings out;
    out.scheduler = service.scheduler;
    out.flags = scheduler_flags(service.scheduler_flags);
    if (service.one_packet) out.flags |= ipvs::kOnePacket;
    out.netmask = v4 ? v4_mask(32) : 128;
    out.persistence_engine = service.persistence_engine;
    if (!service.persistence) return out;
    out.flags |= ipvs::kPersistent;
    out.persistence_seconds = static_cast<std::uint32_t>(
        std::chrono::duration_cast<std::chrono::seconds>(*service.persistence).count());
    out.netmask = v4 ? v4_mask(service.persistence_prefix) : service.persistence_prefix;
    return out;
}

ipvs::DestSettings dest_settings(const config::RealServer& server, std::int32_t weight) {
    ipvs::DestSettings out;
    out.forward = to_ipvs(server.forward);
    out.weight = weight;
    out.upper_threshold = server.upper_threshold;
    out.lower_threshold = server.lower_threshold;
    if (server.forward != config::Forward::tun) return out;
    out.tunnel_type = static_cast<std::uint8_t>(server.tunnel.type);
    out.tunnel_port = server.tunnel.port;
    out.tunnel_flags = static_cast<std::uint16_t>(server.tunnel.checksum);
    return out;
}

std::string settings_text(const config::Check& check) {
    auto text = fmt::format("{} {} {} {} {}", check.kind, lvs::to_string(check.interval), lvs::to_string(check.timeout),
                            check.rise, check.fall);
    text += fmt::format(" {} {} {} {} {} {}", lvs::to_string(check.fast_interval), lvs::to_string(check.jitter),
                        to_string(check.start), check.source ? to_string(*check.source) : "-",
                        check.fwmark ? check.fwmark->value() : 0, check.interface);
    for (const auto& [key, value] : check.params)
        text += fmt::format(" {}={}", key, std::visit(ValueText{}, value));
    return text;
}

}  // namespace lvs::engine
