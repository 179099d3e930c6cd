// SPDX-License-Identifier: GPL-2.0-or-later
//
// The configuration as the rest of lvsd sees it: immutable, plain, comparable, complete. Every default is
// filled in and every name resolved before a Config exists, so a Config that exists is valid. Only
// config/parse.cpp knows that it came from TOML. Owned by main; parts get a const reference or copy what
// concerns them.
//
// Order: routers and services in the order of the file; that order reaches status output and nothing else.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "lvsd/base/base.hpp"
#include "lvsd/base/schema.hpp"
#include "lvsd/config/model_router.hpp"

namespace lvs::config {

using lvs::to_string;  // or the ones below would hide those of base

// ---- checks -----------------------------------------------------------------------------------------------

struct Check {
    std::string kind;  // "tcp", "http"; one of the KindSpecs the checkers publish
    Duration interval = std::chrono::seconds(2);
    Duration timeout = std::chrono::seconds(1);  // one absolute deadline for the whole check
    std::uint32_t rise = 2;                      // successes in a row before a server counts as up
    std::uint32_t fall = 3;                      // failures in a row before it counts as down
    std::optional<IpAddress> address;            // check another address than the server's
    std::optional<std::uint16_t> port;           // check another port than the server's
    Params params;                               // the kind's own keys
    friend bool operator==(const Check&, const Check&) = default;
};

// ---- services ---------------------------------------------------------------------------------------------

enum class Protocol : std::uint8_t { tcp = 6, udp = 17, sctp = 132 };
enum class Forward : std::uint8_t { nat, dr, tun };
enum class OnFailure : std::uint8_t { weight0, remove };
enum class OnStop : std::uint8_t { remove, keep };

[[nodiscard]] std::string_view to_string(Protocol value);   // "tcp"
[[nodiscard]] std::string_view to_string(Forward value);    // "nat"
[[nodiscard]] std::string_view to_string(OnFailure value);  // "weight0"
[[nodiscard]] std::string_view to_string(OnStop value);     // "remove"

struct RealServer {
    Endpoint address;
    Weight weight = Weight::of(1);
    Forward forward = Forward::nat;
    std::vector<Check> checks;  // all must pass; empty = always up
    friend bool operator==(const RealServer&, const RealServer&) = default;
};

struct VirtualService {
    std::string name;
    std::variant<Endpoint, Fwmark> match =
        Endpoint{};                     // the virtual address, or packets with a firewall mark
    Protocol protocol = Protocol::tcp;  // unused with a firewall mark
    Family family = Family::ipv4;       // of the address; with a firewall mark: of its servers
    std::string scheduler = "wlc";
    std::vector<std::string> scheduler_flags;  // "flag-1", "sh-port", "sh-fallback", "mh-port", "mh-fallback"
    Forward forward = Forward::nat;            // default of its servers
    OnFailure on_failure = OnFailure::weight0;
    std::optional<Duration> persistence;   // whole seconds
    std::uint8_t persistence_prefix = 32;  // client addresses with this many equal bits share a server
    bool one_packet = false;               // UDP: schedule every packet on its own
    std::vector<RealServer> servers;
    std::optional<RealServer> sorry_server;  // serves while no other server is up
    friend bool operator==(const VirtualService&, const VirtualService&) = default;
};

// ---- the whole --------------------------------------------------------------------------------------------

struct Global {
    OnStop on_stop = OnStop::remove;  // what happens to our IPVS entries when the daemon stops
    Duration reconcile_interval = std::chrono::seconds(10);  // how often the kernel's table is compared
    std::string checker_user = "lvsd-check";  // the worker drops to this user; nobody if absent
    std::uint32_t announce_rate = 200'000;    // announcements per second and interface
    std::uint32_t announce_burst = 2'000;     // of them at once
    friend bool operator==(const Global&, const Global&) = default;
};

struct Config {
    Global global;
    std::vector<VirtualRouter> routers;
    std::vector<SyncGroup> sync_groups;
    std::vector<Tracker> trackers;
    std::vector<VirtualService> services;
    friend bool operator==(const Config&, const Config&) = default;
};

}  // namespace lvs::config
