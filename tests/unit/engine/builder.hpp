// SPDX-License-Identifier: GPL-2.0-or-later
// Configurations for engine tests, in few words.
#pragma once

#include <string>
#include <vector>

#include "lvsd/engine/engine.hpp"

namespace lvs::engine {

inline constexpr const char* kVip = "192.0.2.10:80";

inline config::Check tcp_check(std::uint16_t port = 0) {
    config::Check check;
    check.kind = "tcp";
    if (port != 0) check.port = port;
    return check;
}

inline config::RealServer server(const std::string& address, std::int64_t weight = 1,
                                 std::vector<config::Check> checks = {tcp_check()}) {
    config::RealServer out;
    out.address = *parse_endpoint(address);
    out.weight = *Weight::make(weight);
    out.checks = std::move(checks);
    return out;
}

inline config::VirtualService service(const std::string& name, const std::string& address,
                                      std::vector<config::RealServer> servers) {
    config::VirtualService out;
    out.name = name;
    out.match = *parse_endpoint(address);
    out.servers = std::move(servers);
    return out;
}

inline config::Config config_of(std::vector<config::VirtualService> services) {
    config::Config out;
    out.services = std::move(services);
    return out;
}

// "10.0.0.1:80=1 10.0.0.2:80=0": the servers of a desired service with their weights.
inline std::string dests(const Engine& engine, const std::string& address) {
    const ipvs::ServiceKey key = ipvs::AddressKey{ipvs::Protocol::tcp, *parse_endpoint(address)};
    const auto found = engine.desired().find(key);
    if (found == engine.desired().end()) return "absent";
    std::string out;
    for (const auto& [dest, value] : found->second.dests)
        out += (out.empty() ? "" : " ") + to_string(dest.address) + "=" + std::to_string(value.settings.weight);
    return out;
}

// "web 10.0.0.1:80 starting>up" for each change.
inline std::vector<std::string> words(const Changes& changes) {
    std::vector<std::string> out;
    for (const auto& change : changes) {
        if (const auto* s = std::get_if<ServerChanged>(&change))
            out.push_back(s->service + " " + to_string(s->server) + " " + std::string(to_string(s->from)) + ">" +
                          std::string(to_string(s->to)));
        else if (const auto* v = std::get_if<ServiceChanged>(&change))
            out.push_back(v->service + " " + std::string(to_string(v->from)) + ">" + std::string(to_string(v->to)));
    }
    return out;
}

}  // namespace lvs::engine
