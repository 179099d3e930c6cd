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

enum class StartState : std::uint8_t { unknown, up, down };
enum class Via : std::uint8_t {
    server,   // straight to the server
    service,  // to the service's address, through IPVS, to this server alone
};
[[nodiscard]] std::string_view to_string(Via value);  // "server"

struct Check {
    std::string kind;  // "tcp", "http"; one of the KindSpecs the checkers publish
    Duration interval = std::chrono::seconds(2);
    Duration timeout = std::chrono::seconds(1);  // one absolute deadline for the whole check
    std::uint32_t rise = 2;                      // successes in a row before a server counts as up
    std::uint32_t fall = 3;                      // failures in a row before it counts as down
    std::optional<IpAddress> address;            // check another address than the server's
    std::optional<std::uint16_t> port;           // check another port than the server's
    Duration fast_interval{};                    // while results contradict the state; 0 = interval
    Duration jitter{};                           // each run starts up to this much later
    StartState start = StartState::unknown;      // until there are results; unknown: the first one decides
    std::optional<IpAddress> source;             // of the packets
    std::string interface {};                    // they leave and come back by this one only; empty = any
    std::optional<Fwmark> fwmark;                // of the packets
    Via via = Via::server;
    Params params;                               // the kind's own keys
    friend bool operator==(const Check&, const Check&) = default;
};

// From `check_mark` on so many firewall marks are for checks through services, where there are any.
inline constexpr std::uint32_t kCheckMarks = 1U << 20U;
// So many servers can have such checks: a reload needs marks for the old ones and the new ones.
inline constexpr std::uint32_t kMaxThrough = kCheckMarks / 2;

// ---- services ---------------------------------------------------------------------------------------------

enum class Require : std::uint8_t { all, any };
enum class Protocol : std::uint8_t { tcp = 6, udp = 17, sctp = 132 };
enum class Forward : std::uint8_t { nat, dr, tun };
enum class OnFailure : std::uint8_t { weight0, remove };
enum class OnStop : std::uint8_t { remove, keep };
enum class Active : std::uint8_t { always, master };
enum class TunnelType : std::uint8_t { ipip = 0, gue = 1, gre = 2 };  // the kernel's numbers
enum class TunnelChecksum : std::uint8_t { none = 0, checksum = 1, remote = 2 };

[[nodiscard]] std::string_view to_string(StartState value);  // "unknown"
[[nodiscard]] std::string_view to_string(Require value);     // "all"
[[nodiscard]] std::string_view to_string(Protocol value);   // "tcp"
[[nodiscard]] std::string_view to_string(Forward value);    // "nat"
[[nodiscard]] std::string_view to_string(OnFailure value);  // "weight0"
[[nodiscard]] std::string_view to_string(OnStop value);     // "remove"
[[nodiscard]] std::string_view to_string(Active value);     // "always"
[[nodiscard]] std::string_view to_string(TunnelType value);
[[nodiscard]] std::string_view to_string(TunnelChecksum value);

struct Tunnel {  // how packets are wrapped, with forward "tun"
    TunnelType type = TunnelType::ipip;
    std::uint16_t port = 0;  // gue
    TunnelChecksum checksum = TunnelChecksum::none;
    friend bool operator==(const Tunnel&, const Tunnel&) = default;
};

struct RealServer {
    Endpoint address;
    Weight weight = Weight::of(1);
    Forward forward = Forward::nat;
    Tunnel tunnel;
    std::uint32_t upper_threshold = 0;  // connections; no new ones above this; 0 = no limit
    std::uint32_t lower_threshold = 0;  // new ones again below this; 0 = three quarters of the upper
    std::uint8_t tier = 0;              // serves while the tiers below it do not reach the quorum
    bool follows_port = false;          // its port is that of the service, whichever of several
    std::vector<Check> checks;          // empty = always up
    Require require = Require::all;     // how many of them must pass
    friend bool operator==(const RealServer&, const RealServer&) = default;
};

struct VirtualService {
    std::string name;
    std::variant<Endpoint, Fwmark> match =
        Endpoint{};                     // the virtual address, or packets with a firewall mark
    std::vector<Endpoint> more;         // further virtual addresses with the same servers, same family
    Protocol protocol = Protocol::tcp;  // unused with a firewall mark
    Family family = Family::ipv4;       // of the address; with a firewall mark: of its servers
    std::string scheduler = "wlc";
    std::vector<std::string> scheduler_flags;  // "flag-1", "sh-port", "sh-fallback", "mh-port", "mh-fallback"
    Forward forward = Forward::nat;            // default of its servers
    OnFailure on_failure = OnFailure::weight0;
    std::optional<Duration> persistence;   // whole seconds
    std::uint8_t persistence_prefix = 32;  // client addresses with this many equal bits share a server
    std::string persistence_engine;        // "sip"; empty = by address
    bool one_packet = false;               // UDP: schedule every packet on its own
    Tunnel tunnel;                         // default of its servers
    Require require = Require::all;        // default of its servers
    Active active = Active::always;        // master: in the kernel only while `router` is master here
    std::string router;                    // of `active`
    std::uint32_t quorum = 1;              // the sum of weights of servers that are up that makes a quorum
    std::uint32_t quorum_hysteresis = 0;   // reached at quorum + this, lost below quorum - this
    std::uint8_t panic_threshold = 0;      // percent: with fewer healthy servers all are used; 0 = never
    Duration slow_start{};                 // a server that comes back gets its weight over this time
    Duration drain_timeout = std::chrono::minutes(1);  // for servers that a reload removes; 0 = at once
    std::vector<RealServer> servers;
    std::optional<RealServer> sorry_server;  // serves while no other server is up
    std::vector<std::string> notify;         // argv of a program run for its events; empty: none
    friend bool operator==(const VirtualService&, const VirtualService&) = default;
};

// ---- the whole --------------------------------------------------------------------------------------------

struct Global {
    OnStop on_stop = OnStop::remove;  // what happens to our IPVS entries when the daemon stops
    Duration reconcile_interval = std::chrono::seconds(10);  // how often the kernel's table is compared
    std::string checker_user = "lvsd-check";  // the worker drops to this user; nobody if absent
    std::uint32_t checker_workers = 1;        // processes that share the checks
    std::uint32_t announce_rate = 200'000;    // announcements per second and interface
    std::uint32_t announce_burst = 2'000;     // of them at once
    std::uint32_t check_mark = 0x1000000;     // the first firewall mark of checks through services
    std::uint8_t guard = 50;  // percent: a reload that removes a larger share of the servers must be forced
    bool expire_nodest_conn = true;         // a sysctl of IPVS, kept so
    bool expire_quiescent_template = true;  // another
    friend bool operator==(const Global&, const Global&) = default;
};

// Whom lvsd tells what happens: programs it runs for events. A command is argv; empty: none is run.
struct Notify {
    std::vector<std::string> command;  // for every event of `events`
    std::vector<std::string> events{"start",         "stop",         "reload",       "reload-refused", "vrrp-state",
                                    "vrrp-trouble",  "service-state", "server-state", "worker-lost",    "worker-ready",
                                    "ipvs-failed",   "ipvs-drift",    "override-changed",
                                    "service-quorum", "service-panic"};  // of etc/messages.md
    std::string user = "lvsd-notify";  // nobody if absent
    Duration timeout = std::chrono::seconds(10);
    friend bool operator==(const Notify&, const Notify&) = default;
};

struct Metrics {
    // Where OpenMetrics are served: an address with a port or the absolute path of a unix socket; absent: nowhere.
    std::variant<std::monostate, Endpoint, std::string> listen;
    friend bool operator==(const Metrics&, const Metrics&) = default;
};

struct Config {
    Global global;
    Notify notify;
    Metrics metrics;
    std::vector<VirtualRouter> routers;
    std::vector<SyncGroup> sync_groups;
    std::vector<Tracker> trackers;
    std::vector<VirtualService> services;
    friend bool operator==(const Config&, const Config&) = default;
};

}  // namespace lvs::config
