// SPDX-License-Identifier: GPL-2.0-or-later
//
// lvs_state: everything lvsd shows, as one plain value.
//
//   main (facts from VRRP, checks, IPVS) --> Snapshot --> D-Bus objects, private socket, lvsctl
//
// A Snapshot is a copy of what is known at one moment. Main fills a new one when something changed and hands
// it out as shared_ptr<const Snapshot>; nobody writes to it afterwards, so readers need no lock and keep no
// reference into the machines. It holds only types of lvs_base, so whoever shows it (D-Bus, lvsctl, metrics)
// knows no other part.
//
// fields.hpp lists the fields once; to_json() and parse_json() are made from that list, and
// parse_json(to_json(s)) is s again with times cut to microseconds. lvsd/dbus/api.md describes every field,
// unit and enum value.
//
// Pure: no clock, no I/O. Times are wall-clock times main took; the zero time means "never".
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lvsd/base/base.hpp"

namespace lvs::state {

struct WallClock {  // deliberately without now(), like Clock
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<WallClock>;
    static constexpr bool is_steady = false;
};
using WallTime = WallClock::time_point;  // nanoseconds since 1970-01-01 UTC; WallTime{} = never

// Named numbers: frames by reason, and the like. Sorted by name, names unique.
using NamedCounters = std::vector<std::pair<std::string, std::uint64_t>>;

// ---- the daemon
// ---------------------------------------------------------------------------------------------

enum class WorkerState : std::uint8_t {
    off,       // no checks configured, no worker needed
    starting,  // started, has not reported yet
    running,
    lost,  // died, to be started again; the last known health stands
};

struct ConfigStatus {
    std::string path;
    std::uint64_t generation = 0;  // 1 = the first; +1 with each configuration put into force
    WallTime loaded;               // when the configuration in force was loaded
    WallTime last_attempt;         // last load or reload, successful or not
    bool last_ok = true;
    std::string last_error;  // empty when last_ok
    friend bool operator==(const ConfigStatus&, const ConfigStatus&) = default;
};

struct WorkerStatus {
    WorkerState state = WorkerState::off;
    WallTime since;
    std::uint32_t pid = 0;       // of the first; 0 = not running
    std::uint64_t restarts = 0;  // since lvsd started
    std::uint32_t configured = 0;  // how many processes share the checks
    std::uint32_t running = 0;     // of these
    std::uint64_t memory = 0;      // bytes they use, together
    friend bool operator==(const WorkerStatus&, const WorkerStatus&) = default;
};

struct IpvsStatus {
    bool available = false;
    std::string module;          // "stock", "lvsd"; empty when not available
    std::string version;         // of the kernel's IPVS, "1.2.1"
    std::string last_error;      // of the last exchange with the kernel; empty = it went well
    WallTime last_applied;       // the last time the kernel's table was written or found right
    std::uint64_t services = 0;  // entries of ours in the kernel
    std::uint64_t servers = 0;
    std::uint64_t check_ways = 0;  // further entries, each the way of checks through a service to one server
    std::uint64_t refused = 0;     // services with something the kernel refuses, tried again and again
    std::uint64_t repairs = 0;     // entries put right after somebody else changed them
    friend bool operator==(const IpvsStatus&, const IpvsStatus&) = default;
};

// The thread that speaks VRRP.
struct SpeakerStatus {
    bool realtime = false;       // with real-time priority
    bool memory_locked = false;  // it cannot be swapped out
    std::uint64_t wakeups = 0;
    std::uint64_t late_wakeups = 0;  // more than 5 ms after the time
    Duration worst_lateness{};
    std::uint64_t events_lost = 0;
    NamedCounters ignored;  // packets that belong to no virtual router of ours, by reason
    friend bool operator==(const SpeakerStatus&, const SpeakerStatus&) = default;
};

struct Daemon {
    std::string version;
    std::string hostname;
    std::uint32_t pid = 0;
    WallTime started;
    ConfigStatus config;
    WorkerStatus worker;
    IpvsStatus ipvs;
    SpeakerStatus vrrp;
    friend bool operator==(const Daemon&, const Daemon&) = default;
};

// ---- VRRP
// ---------------------------------------------------------------------------------------------------

enum class RouterState : std::uint8_t {
    initialize,  // started, no usable interface or address yet
    backup,
    master,
    waiting,  // something it needs is missing (interface down, tracked thing failed)
    stopped,  // said goodbye
};

struct RouterTracker {  // something a router depends on
    std::string name;
    std::string state;        // "up", "down", "unknown"
    std::int32_t weight = 0;  // added to the priority while it is up, or below 0 while it is not; 0: a fault
    friend bool operator==(const RouterTracker&, const RouterTracker&) = default;
};

struct RouterPeer {  // another director's router of the same number
    IpAddress address;
    std::uint32_t priority = 0;  // as it last said; 0: it stopped
    WallTime heard;
    friend bool operator==(const RouterPeer&, const RouterPeer&) = default;
};

// The election of one address family (RFC 9568: each is its own).
struct RouterInstance {
    Family family = Family::ipv4;
    RouterState state = RouterState::initialize;
    std::string reason;  // why it is in this state, one short clause
    WallTime since;
    std::uint32_t priority = 0;            // configured
    std::uint32_t effective_priority = 0;  // what is advertised now
    Duration advert_interval{};            // ours
    Duration master_interval{};            // the current master's; ours when we are it
    std::optional<IpAddress> master;       // its primary address; absent = unknown
    std::vector<Prefix> addresses;         // the virtual addresses of this family
    std::uint64_t transitions = 0;         // times it became master
    std::uint64_t adverts_sent = 0;
    std::uint64_t adverts_received = 0;  // valid ones
    bool held = false;                   // by the operator: not master until released
    bool yields = false;                 // since a failover by the operator: does not preempt
    std::vector<RouterTracker> trackers;
    std::vector<RouterPeer> peers;
    std::uint64_t late_adverts = 0;  // of ours, more than 5 ms late
    Duration worst_lateness{};       // of an advert of ours
    std::uint64_t stalls = 0;        // times it ran so late that it asked before it spoke
    std::uint64_t contests = 0;      // adverts of a second, lower master heard while master
    NamedCounters ignored;           // received and not used, by reason: "checksum", "ttl", ...
    friend bool operator==(const RouterInstance&, const RouterInstance&) = default;
};

struct Router {
    std::string name;  // unique
    std::string interface;
    std::uint32_t vrid = 0;
    std::vector<RouterInstance> instances;  // one or two, IPv4 first
    friend bool operator==(const Router&, const Router&) = default;
};

// ---- services
// -----------------------------------------------------------------------------------------------

enum class CheckState : std::uint8_t { starting, up, down };

struct CheckChange {  // of a check's state, or of the weight it asks for
    WallTime at;
    CheckState state = CheckState::starting;
    Duration latency{};  // of the run that decided
    std::string reason;
    friend bool operator==(const CheckChange&, const CheckChange&) = default;
};

struct Check {
    std::string kind;    // "tcp", "http"
    std::string target;  // "192.0.2.7:80", "http://192.0.2.7/health"
    CheckState state = CheckState::starting;
    std::string reason;  // of the last result: "200 OK", "connection refused"
    Duration latency{};  // of the last result
    Duration lag{};      // how late the last run started
    WallTime since;      // of state
    WallTime last_run;   // end of the last run
    std::uint64_t runs = 0;
    std::uint64_t failures = 0;
    // Until the server's certificate expires; negative: it has. Absent without TLS.
    std::optional<std::int32_t> certificate_days = std::nullopt;
    std::optional<std::uint32_t> weight_percent = std::nullopt;  // of its weight the server asks for
    std::string output;                // of a script's last run: the ends of its stdout and stderr
    std::vector<CheckChange> history;  // the last changes, oldest first
    friend bool operator==(const Check&, const Check&) = default;
};

enum class ServerState : std::uint8_t {
    starting,  // no verdict yet
    up,
    down,
    draining,     // takes no new connections, old ones run out
    maintenance,  // taken out by the operator
    standby,      // the sorry server, not needed now
    sorry,        // the sorry server, serving because no other server is up
};

struct Traffic {  // from the kernel: cumulative, and current rates per second
    std::uint64_t connections = 0, in_packets = 0, out_packets = 0, in_bytes = 0, out_bytes = 0;
    std::uint64_t connection_rate = 0, in_packet_rate = 0, out_packet_rate = 0, in_byte_rate = 0,
                  out_byte_rate = 0;
    friend bool operator==(const Traffic&, const Traffic&) = default;
};

enum class OverrideKind : std::uint8_t { disabled, draining, maintenance, weight };

struct Override {  // an operator's word about a server
    OverrideKind kind = OverrideKind::disabled;
    std::uint32_t weight = 0;  // of kind weight: in place of the configured one
    std::string reason;
    WallTime expires;   // ends by itself then; zero: when it is dropped
    WallTime deadline;  // draining, maintenance: connections left then are cut
    friend bool operator==(const Override&, const Override&) = default;
};

struct Server {
    Endpoint address;
    bool is_sorry =
        false;  // the service's sorry server; at most one, and its address may also be a plain server
    ServerState state = ServerState::starting;
    std::string reason;
    WallTime since;
    std::uint32_t weight = 0;            // configured
    std::uint32_t effective_weight = 0;  // in the kernel now; 0 also when removed from the table
    std::string forward;                 // "nat", "dr", "tun"
    std::uint32_t active_connections = 0;
    std::uint32_t inactive_connections = 0;
    Traffic traffic;
    std::vector<Override> overrides;  // at most one that takes it out, and one of its weight
    std::vector<Check> checks;
    friend bool operator==(const Server&, const Server&) = default;
};

enum class ServiceState : std::uint8_t {
    up,        // all its servers are up
    degraded,  // some are
    sorry,     // none is, the sorry server serves
    down,      // nothing serves
};

struct Service {
    std::string name;                 // unique
    std::optional<Endpoint> address;  // absent = matched by firewall mark
    std::uint32_t fwmark = 0;         // 0 = matched by address
    Family family = Family::ipv4;
    std::string protocol;  // "tcp", "udp", "sctp"; empty with a firewall mark
    std::string scheduler;
    std::string forward;  // default of its servers
    ServiceState state = ServiceState::down;
    std::string reason;
    WallTime since;
    std::uint32_t servers_up = 0;     // without the sorry server
    std::uint32_t servers_total = 0;  // without the sorry server
    std::uint64_t active_connections = 0;
    std::uint64_t inactive_connections = 0;
    Traffic traffic;
    std::vector<Server> servers;
    friend bool operator==(const Service&, const Service&) = default;
};

// ---- the whole
// ----------------------------------------------------------------------------------------------

struct Snapshot {
    WallTime taken;
    Daemon daemon;
    std::vector<Router> routers;    // in the order of the configuration
    std::vector<Service> services;  // in the order of the configuration
    friend bool operator==(const Snapshot&, const Snapshot&) = default;
};

[[nodiscard]] std::string_view to_string(WorkerState value);
[[nodiscard]] std::string_view to_string(RouterState value);
[[nodiscard]] std::string_view to_string(CheckState value);
[[nodiscard]] std::string_view to_string(ServerState value);
[[nodiscard]] std::string_view to_string(OverrideKind value);
[[nodiscard]] std::string_view to_string(ServiceState value);

// One JSON object on one line. Texts that are not UTF-8 get U+FFFD in place of what is wrong, so the result
// always is. Integers never exceed 2^53 for times: they are whole microseconds.
[[nodiscard]] std::string to_json(const Snapshot& snapshot);
// The same for a part.
[[nodiscard]] std::string to_json(const Service& service);
[[nodiscard]] std::string to_json(const Server& server);
[[nodiscard]] std::string to_json(const RouterInstance& instance);
[[nodiscard]] std::string to_json(const Check& check);
// A text as a JSON string, with its quotes.
[[nodiscard]] std::string json_text(std::string_view text);

// For lvsctl. Unknown members are passed over and missing ones keep their defaults: a newer or older lvsd can
// be asked too. A member of the wrong type is an error.
[[nodiscard]] Result<Snapshot> parse_json(std::string_view text);

// `text` with every byte that is not part of well-formed UTF-8 replaced by U+FFFD, and NUL by U+FFFD (D-Bus
// strings can hold neither).
[[nodiscard]] std::string to_utf8(std::string_view text);

}  // namespace lvs::state
