// SPDX-License-Identifier: GPL-2.0-or-later
//
// Virtual routers, and what they depend on; part of model.hpp, which says the rest.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lvsd/base/base.hpp"

namespace lvs::config {

struct VirtualAddress : Prefix {
    std::string device;  // empty: the router's interface
    std::string label;
    bool dad = false;  // IPv6: duplicate address detection
    VirtualAddress() = default;
    VirtualAddress(const Prefix& prefix) : Prefix(prefix) {}
    friend bool operator==(const VirtualAddress&, const VirtualAddress&) = default;
};

struct Peer {
    IpAddress address;
    std::uint8_t min_ttl = 255;
    friend bool operator==(const Peer&, const Peer&) = default;
};

enum class RouteType : std::uint8_t { unicast, blackhole, unreachable, prohibit };
enum class RuleAction : std::uint8_t { lookup, blackhole, unreachable, prohibit };
enum class AdvertChecksum : std::uint8_t { automatic, message, pseudo_header };
enum class Families : std::uint8_t { together, independent };
[[nodiscard]] std::string_view to_string(RouteType value);       // "unicast"
[[nodiscard]] std::string_view to_string(RuleAction value);      // "lookup"
[[nodiscard]] std::string_view to_string(AdvertChecksum value);  // "pseudo-header"
[[nodiscard]] std::string_view to_string(Families value);        // "together"

struct Route {
    RouteType type = RouteType::unicast;
    Prefix to;
    std::optional<IpAddress> via;
    std::string device;  // empty: by `via`, or the router's interface
    std::uint32_t table = 254;
    std::uint32_t metric = 0;  // 0: the kernel's default
    std::optional<IpAddress> source;
    bool onlink = false;
    friend bool operator==(const Route&, const Route&) = default;
};

struct Rule {
    RuleAction action = RuleAction::lookup;
    Family family = Family::ipv4;
    std::optional<Prefix> from, to;
    std::string input, output;  // interfaces
    std::optional<std::uint32_t> mark;
    std::uint32_t table = 254;
    std::uint32_t priority = 1;
    friend bool operator==(const Rule&, const Rule&) = default;
};

struct Track {
    std::string tracker;
    std::int32_t weight = 0;  // 0: a fault while it is down
    friend bool operator==(const Track&, const Track&) = default;
};

// One virtual router object may hold IPv4 and IPv6 addresses; per RFC 9568 each family is an election of its
// own.
struct VirtualRouter {
    std::string name;
    std::string interface;
    Vrid vrid = Vrid::of(1);
    std::uint8_t version = 3;
    Priority priority = Priority::of(100);
    Duration advert_interval = std::chrono::seconds(1);  // 10 ms .. 40.95 s, whole centiseconds
    bool preempt = true;
    bool virtual_mac = false;
    std::vector<std::string> notify;  // argv of a program run for its events; empty: none
    Duration preempt_delay{0};
    Duration startup_delay{0};
    Families families = Families::together;
    std::vector<VirtualAddress> addresses;  // the virtual IPs, in file order
    std::vector<VirtualAddress> excluded;   // not in the advert
    std::vector<Route> routes;
    std::vector<Rule> rules;
    std::vector<Track> track;
    std::vector<Peer> peers;  // unicast; empty: multicast
    std::string password;     // version 2
    AdvertChecksum checksum = AdvertChecksum::automatic;
    std::vector<Duration> announce_repeat{std::chrono::milliseconds(100), std::chrono::seconds(1),
                                          std::chrono::seconds(5)};
    Duration announce_refresh = std::chrono::seconds(60);  // 0: never
    std::optional<IpAddress> source4;  // source of IPv4 adverts; default: the interface's first address
    std::optional<IpAddress> source6;  // source of IPv6 adverts; default: the interface's link-local address
    friend bool operator==(const VirtualRouter&, const VirtualRouter&) = default;
};

struct SyncGroup {
    std::string name;
    std::vector<std::string> routers;  // names; each is in one group at most
    friend bool operator==(const SyncGroup&, const SyncGroup&) = default;
};

// Something routers depend on; which of them, the routers say.
struct Tracker {
    enum class Kind : std::uint8_t { interface, file, process, script, service, router };
    std::string name;
    Kind kind = Kind::interface;
    std::string target;                // interface, path, process name, or the name of a service or router
    std::optional<IpAddress> address;  // interface: has this address
    std::vector<std::string> script;   // program and arguments
    Duration interval = std::chrono::seconds(1);  // script, process
    Duration timeout = std::chrono::seconds(1);   // script
    std::uint32_t rise = 1, fall = 1;             // script
    bool invert = false;
    Duration up_delay{0}, down_delay{0};
    friend bool operator==(const Tracker&, const Tracker&) = default;
};
[[nodiscard]] std::string_view to_string(Tracker::Kind value);  // "interface"

}  // namespace lvs::config
