// SPDX-License-Identifier: GPL-2.0-or-later
//
// What concerns several keys or several objects: nothing used twice, nothing that cannot work. Every rule
// skips what could not be read, so an error is reported once. Everything is looked up in maps: the cost is
// O(n log n).
#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "lvsd/config/value.hpp"

namespace lvs::config {
namespace {

bool has_family(const VirtualRouter& router, Family family) {
    return std::ranges::any_of(router.addresses,
                               [family](const Prefix& p) { return p.address.family() == family; });
}

// ---- virtual services -------------------------------------------------------------------------------------

class ServiceRules {
public:
    ServiceRules(std::span<const KindSpec> kinds, Report& report) : kinds_(kinds), report_(report) {}

    void check(const ServiceDraft& draft) {
        check_match(draft);
        check_persistence(draft);
        check_flags(draft);
        check_policy(draft);
        const auto* endpoint = std::get_if<Endpoint>(&draft.service.match);
        const bool protocol_known =
            draft.fields.get<std::string>("protocol") || !draft.fields.given("protocol");
        if (draft.service.one_packet && endpoint && protocol_known && draft.service.protocol != Protocol::udp)
            report_.add(draft.fields.place_of("one_packet"),
                        fmt::format("`one_packet` needs `protocol = \"udp\"`, which is \"{}\"",
                                    to_string(draft.service.protocol)));
        check_servers(draft);
    }

private:
    using Key = std::tuple<bool, int, Endpoint, std::int64_t>;

    static Key key_of(const VirtualService& service) {
        if (const auto* mark = std::get_if<Fwmark>(&service.match))
            return {true, static_cast<int>(service.family), {}, mark->value()};
        return {false, static_cast<int>(service.protocol), std::get<Endpoint>(service.match), 0};
    }

    void check_match(const ServiceDraft& draft) {
        const auto& service = draft.service;
        if (!draft.match_known) return;
        const auto* endpoint = std::get_if<Endpoint>(&service.match);
        const auto place = draft.fields.place_of(endpoint ? "address" : "fwmark");
        if (endpoint && (endpoint->address.is_unspecified() || endpoint->address.is_multicast()))
            report_.add(place,
                        fmt::format("{} cannot be the address of a service, expected a unicast address",
                                    to_string(endpoint->address)));
        if (endpoint && endpoint->port == 0 && !draft.fields.given("persistence"))
            report_.add(
                place,
                "port 0, which is every port, needs `persistence`, expected it or a port from 1 to 65535");
        if (draft.fields.given("protocol") && !draft.fields.get<std::string>("protocol")) return;
        check_unique(draft, service, place);
        for (const auto& address : service.more) {
            VirtualService other;
            other.match = address;
            other.protocol = service.protocol;
            other.family = service.family;
            check_unique(draft, other, draft.fields.place_of("addresses"));
        }
    }

    void check_unique(const ServiceDraft& draft, const VirtualService& service, Place place) {
        const auto [at, fresh] = matches_.try_emplace(key_of(service), &draft);
        if (!fresh)
            report_.add(place, fmt::format("{} is [virtual_service.{}] ({}) already, expected it once",
                                           describe(service), at->second->service.name,
                                           report_.where(at->second->fields.place, place)));
    }

    void check_policy(const ServiceDraft& draft) {
        const auto& service = draft.service;
        const auto& fields = draft.fields;
        if (service.quorum_hysteresis >= service.quorum && service.quorum_hysteresis != 0)
            report_.add(fields.place_of("quorum_hysteresis"),
                        fmt::format("`quorum_hysteresis` is {}, expected less than the `quorum` of {}",
                                    service.quorum_hysteresis, service.quorum));
        if (fields.given("router") && service.active == Active::always)
            report_.add(fields.place_of("router"),
                        "`router` is of no use without `active = \"master\"`, expected none");
        if (fields.given("persistence_engine") && !fields.given("persistence"))
            report_.add(fields.place_of("persistence_engine"),
                        "`persistence_engine` is of no use without `persistence`, expected none");
    }

    static std::string describe(const VirtualService& service) {
        if (const auto* mark = std::get_if<Fwmark>(&service.match))
            return fmt::format("firewall mark {} for {}", mark->value(), to_string(service.family));
        return fmt::format("{} {}", to_string(service.protocol),
                           to_string(std::get<Endpoint>(service.match)));
    }

    void check_persistence(const ServiceDraft& draft) {
        const auto* prefix = draft.fields.get<std::int64_t>("persistence_prefix");
        if (!prefix) return;
        const auto place = draft.fields.place_of("persistence_prefix");
        if (!draft.fields.given("persistence"))
            report_.add(place, "`persistence_prefix` is of no use without `persistence`, expected none");
        if (draft.match_known && draft.service.family == Family::ipv4 && *prefix > 32)
            report_.add(place,
                        fmt::format("`persistence_prefix` is {}, expected an integer from 1 to 32 for IPv4",
                                    *prefix));
    }

    void check_flags(const ServiceDraft& draft) {
        if (!draft.fields.get<std::string>("scheduler")) return;
        std::map<std::string_view, std::string_view> seen;
        for (const auto& flag : draft.service.scheduler_flags) {
            const auto place = draft.fields.place_of("scheduler_flags");
            const auto dash = flag.find('-');
            const auto owner = std::string_view(flag).substr(0, dash);
            const bool general = owner == "flag";
            if (!general && owner != draft.service.scheduler)
                report_.add(place, fmt::format("flag \"{}\" is of scheduler \"{}\", expected one of \"{}\"",
                                               flag, owner, draft.service.scheduler));
            const auto what = std::string_view(flag).substr(dash + 1);
            const auto bit = what == "1" ? "fallback" : what == "2" ? "port" : what;
            const auto [at, fresh] = seen.try_emplace(bit, flag);
            if (!fresh)
                report_.add(place, fmt::format("\"{}\" and \"{}\" are the same flag, expected one of them",
                                               at->second, flag));
        }
    }

    void check_servers(const ServiceDraft& draft) {
        std::map<Endpoint, Place> seen;
        bool portless = false;
        for (const auto& server : draft.servers) {
            check_server(draft, server, seen);
            portless =
                portless || (server.address_known && server.server.address.port == 0 && !server.checks);
        }
        if (draft.sorry_server) check_server(draft, *draft.sorry_server, seen);
        if (portless) check_ports(draft.checks);  // once, not for every server
    }

    void check_server(const ServiceDraft& draft, const ServerDraft& server, std::map<Endpoint, Place>& seen) {
        if (!server.address_known) return;
        const auto& address = server.server.address;
        const auto place = server.place;
        const auto [at, fresh] = seen.try_emplace(address, place);
        if (!fresh)
            report_.add(place, fmt::format("server {} is on {} already, expected it once in a service",
                                           to_string(address), report_.where(at->second, place)));
        if (address.address.is_unspecified() || address.address.is_multicast())
            report_.add(place, fmt::format("{} cannot be a server, expected a unicast address",
                                           to_string(address.address)));
        if (server.forward_known) check_forward(draft.service, server.server, place);
        if (server.checks && address.port == 0) check_ports(*server.checks);
        check_sources(address.address, server.checks ? *server.checks : draft.checks);
        check_limits(server.server, place);
    }

    void check_sources(const IpAddress& server, const std::vector<CheckDraft>& checks) {
        for (const auto& draft : checks) {
            if (!draft.check.source) continue;
            const auto target = draft.check.address.value_or(server);
            if (target.family() != draft.check.source->family() && told_.insert(draft.place).second)
                report_.add(draft.place,
                            fmt::format("`source` {} cannot reach {}, expected an {} address",
                                        to_string(*draft.check.source), to_string(target),
                                        to_string(target.family())));
        }
    }

    void check_limits(const RealServer& server, Place place) {
        if (server.lower_threshold > server.upper_threshold)
            report_.add(place, fmt::format("lower threshold {} of {}, expected at most the upper one, {}",
                                           server.lower_threshold, to_string(server.address),
                                           server.upper_threshold));
        if (server.forward == Forward::tun && server.tunnel.type == TunnelType::gue &&
            server.tunnel.port == 0)
            report_.add(place,
                        fmt::format("a \"gue\" tunnel to {} needs `tunnel_port`", to_string(server.address)));
    }

    void check_forward(const VirtualService& service, const RealServer& server, Place place) {
        const auto family = server.address.address.family();
        if (family != service.family && server.forward != Forward::tun)
            report_.add(
                place,
                fmt::format("server {} is {} behind an {} service, expected an {} address or `forward = "
                            "\"tun\"`",
                            to_string(server.address), to_string(family), to_string(service.family),
                            to_string(service.family)));
        const auto* endpoint = std::get_if<Endpoint>(&service.match);
        const std::uint16_t expected = endpoint ? endpoint->port : std::uint16_t{0};
        const auto port = server.address.port;
        if (server.forward != Forward::nat && has_other_port(service, port) && !server.follows_port)
            return report_.add(place,
                               fmt::format("forward \"{}\" cannot change the port to {}, expected an address "
                                           "without port",
                                           to_string(server.forward), port));
        if (server.forward != Forward::nat && port != expected)
            report_.add(place, fmt::format("forward \"{}\" cannot change the port to {}, expected {}",
                                           to_string(server.forward), port,
                                           expected == 0 ? "an address without port"
                                                         : fmt::format("port {} or none", expected)));
        else if (port == 0 && expected != 0)
            report_.add(place, "port 0 of a server, expected a port from 1 to 65535 or none");
    }

    static bool has_other_port(const VirtualService& service, std::uint16_t port) {
        return std::ranges::any_of(service.more, [port](const Endpoint& at) { return at.port != port; });
    }

    void check_ports(const std::vector<CheckDraft>& checks) {
        for (const auto& draft : checks) {
            const auto kind = std::ranges::find(kinds_, std::string_view(draft.check.kind), &KindSpec::kind);
            if (kind != kinds_.end() && kind->needs_port && !draft.check.port)
                report_.add(draft.place,
                            "the check needs a `port`: there are servers without a port of their own");
        }
    }

    std::span<const KindSpec> kinds_;
    Report& report_;
    std::map<Key, const ServiceDraft*> matches_;
    std::set<Place> told_;  // of checks that thousands of servers may share
};

// Services that follow a router: it has to be there, and to hold addresses of the family.
void check_followers(const Draft& draft, Report& report) {
    std::map<std::string_view, const VirtualRouter*> routers;
    for (const auto& router : draft.routers)
        routers.emplace(router.router.name, &router.router);
    for (const auto& each : draft.services) {
        const auto& service = each.service;
        if (service.active != Active::master || !each.match_known) continue;
        const auto found = routers.find(service.router);
        if (service.router.empty()) {
            report.add(each.fields.place_of("active"),
                       "`active = \"master\"` needs `router`: no virtual router holds the address");
        } else if (found == routers.end()) {
            report.add(
                each.fields.place_of("router"),
                fmt::format("there is no [virtual_router.{}], expected one to follow", service.router));
        } else if (!found->second->addresses.empty() && !has_family(*found->second, service.family)) {
            report.add(each.fields.place_of("router"),
                       fmt::format("[virtual_router.{}] has no {} address, the service would never be active",
                                   service.router, to_string(service.family)));
        }
    }
}

}  // namespace

// The router that holds the address, for services that follow one and do not say which.
void find_routers(Draft& draft) {
    std::map<IpAddress, std::string_view> holders;
    for (const auto& router : draft.routers)
        for (const auto& prefix : router.router.addresses)
            holders.emplace(prefix.address, router.router.name);
    for (auto& each : draft.services) {
        auto& service = each.service;
        const auto* endpoint = std::get_if<Endpoint>(&service.match);
        if (service.active != Active::master || !service.router.empty() || endpoint == nullptr) continue;
        const auto found = holders.find(endpoint->address);
        if (found != holders.end()) service.router = found->second;
    }
}

void validate(const Draft& draft, std::span<const KindSpec> kinds, Report& report) {
    validate_routers(draft, report);
    ServiceRules services(kinds, report);
    for (const auto& service : draft.services)
        services.check(service);
    check_followers(draft, report);
    validate_via(draft, kinds, report);
}

}  // namespace lvs::config
