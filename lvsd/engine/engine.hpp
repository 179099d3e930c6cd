// SPDX-License-Identifier: GPL-2.0-or-later
//
// lvs_engine: what should be in the kernel. A machine without clock or I/O.
//
//   configuration ─┐
//   verdicts      ─┤
//   overrides     ─┼─► Engine ─► desired ipvs::Table, the checks that should run, what changed
//   router roles  ─┤
//   kernel table  ─┘
//
// The life of a server
//   starting     no verdict yet. It gets no traffic, unless the kernel's table showed it in use when lvsd
//   started
//                (kernel_seen): a restart of lvsd never takes a working server out.
//   up           its checks pass, all or any of them; without checks from the beginning. After having been out it gets its
//   weight in
//                steps over `slow_start`, unless the whole service comes back.
//   down         its checks fail (weight 0, or out of the table, as on_failure says), or it was disabled or
//   drained. draining     takes no new connections; leaves the table when the old ones are gone or at the
//   deadline. So go servers
//                and services a reload removes, and servers the operator drains.
//   maintenance  taken out by the operator; counts neither for nor against its service.
//   standby      healthy, but of a tier that is not needed; or the sorry server while it is not needed.
//   sorry        the sorry server, serving because there is no quorum.
// The first verdict of a check decides at once; later ones come after rise and fall (the checker's business).
//
// Who serves: the servers that are ready (up, or in use before the first verdict) of as many tiers, from 0
// on, as make the quorum; the quorum is counted by weight. Without quorum the sorry server serves instead, if
// there is one. With fewer healthy servers than panic_threshold all are used, whatever their checks say.
// Quorum is told apart from the kernel's table: a router may follow the quorum of a service that itself
// follows a router.
//
// A check through its service (`via = "service"`) has a way of its own: in desired(), an IPVS service for a
// firewall mark, with the one server, forwarded as the service does; through.hpp. Ways are there whether the
// service is active or not, so a backup knows the health of the servers when it takes over.
//
// Checks are told apart by what they do: the same check of the same target runs once and serves every server
// that asks for it. A check keeps its id as long as somebody wants it, over any number of reloads, and a
// server keeps its state and history over a reload as long as its address in its service stays.
//
// Everything is found by key: a verdict costs the servers that use the check, a reload a look at every
// service and the work on those that changed, O(n log n) at most. preview() is configure() without
// consequences: the plan is made by what later carries it out.
//
// Files: engine.cpp (reloads, verdicts, roles), through.cpp (ways), judge.cpp (one service: who serves),
// life.cpp (drains, ramps, time), overrides.cpp (the operator), convert.cpp (words of ipvs). Owner: main.
// Thread: the loop.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ipvs/ipvs.hpp"
#include "lvsd/base/base.hpp"
#include "lvsd/config/model.hpp"

namespace lvs::engine {

enum class CheckId : std::uint32_t {};

// How a check with `via = "service"` comes to its server: `target` is the service's address, and packets with
// this mark go to this server alone.
struct Through {
    std::uint32_t mark = 0;
    IpAddress server;
    config::Forward forward = config::Forward::nat;
    friend bool operator==(const Through&, const Through&) = default;
};
struct CheckWanted {
    CheckId id{};
    config::Check check;  // address and port are already in `target`
    Endpoint target;
    std::optional<Through> through = std::nullopt;
};

enum class CheckState : std::uint8_t { unknown, up, down };
enum class ServerState : std::uint8_t { starting, up, down, draining, maintenance, standby, sorry };
enum class ServiceState : std::uint8_t { up, degraded, sorry, down };
[[nodiscard]] std::string_view to_string(ServerState state);
[[nodiscard]] std::string_view to_string(ServiceState state);

// ---- the operator's word
// ------------------------------------------------------------------------------------

using ServerId = std::pair<std::string, Endpoint>;  // service, server

enum class Admin : std::uint8_t { disabled, draining, maintenance };
[[nodiscard]] std::string_view to_string(Admin mode);

struct AdminOverride {
    Admin mode = Admin::disabled;
    std::string reason;
    std::optional<Time> expires;   // back to normal by itself
    std::optional<Time> deadline;  // draining, maintenance: connections left then are cut
};
struct WeightOverride {
    Weight weight = Weight::of(1);
    std::string reason;
    std::optional<Time> expires;
};
struct Overrides {
    std::optional<AdminOverride> admin;
    std::optional<WeightOverride> weight;
    [[nodiscard]] bool empty() const { return !admin && !weight; }
};

// ---- what changed
// -------------------------------------------------------------------------------------------

// For log, D-Bus and whoever wants to know. In the order in which it happened.
struct ServerChanged {
    std::string service;
    Endpoint server;
    bool is_sorry = false;
    ServerState from = ServerState::starting;
    ServerState to = ServerState::starting;
    std::string reason;
};
struct ServiceChanged {
    std::string service;
    ServiceState from = ServiceState::down;
    ServiceState to = ServiceState::down;
    std::string reason;  // "2 of 3 servers up"
};
struct QuorumChanged {
    std::string service;
    bool held = false;
    std::string reason;  // "weight 1 of 2"
};
struct PanicChanged {  // the servers that fail their checks are used, too; or no longer
    std::string service;
    bool panics = false;
    std::string reason;
};
struct OverrideEnded {  // it expired
    ServerId server;
    std::string what;  // "weight", "maintenance"
};
using Change = std::variant<ServerChanged, ServiceChanged, QuorumChanged, PanicChanged, OverrideEnded>;
using Changes = std::vector<Change>;

// ---- what is known
// ------------------------------------------------------------------------------------------

struct DrainStatus {
    Time since{};
    std::optional<Time> deadline;
    std::optional<std::uint32_t> connections;  // left, as the kernel last said
};
struct ServerStatus {
    Endpoint address;
    bool is_sorry = false;
    bool is_leaving = false;  // no longer in the configuration
    std::uint8_t tier = 0;
    ServerState state = ServerState::starting;
    std::string reason;
    Time since{};
    std::int32_t weight = 1;            // configured
    std::int32_t effective_weight = 0;  // desired in the kernel; 0 also when out of the table
    config::Forward forward = config::Forward::nat;
    bool follows_port = false;  // its port is that of the service's address, whichever of several
    std::vector<CheckId> checks;
    std::optional<std::uint16_t> asked_percent;  // what its checks ask for
    std::optional<DrainStatus> drain;
    Overrides overrides;
};
// Where the kernel's table has it, in the entry of that key.
[[nodiscard]] ipvs::DestKey dest_key(const ipvs::ServiceKey& key, const ServerStatus& server);
struct ServiceStatus {
    const config::VirtualService* config = nullptr;  // valid until the next configure()
    std::vector<ipvs::ServiceKey> keys;              // one for each of its addresses
    ipvs::ServiceKey key;                            // the first of them
    ServiceState state = ServiceState::down;
    std::string reason;
    Time since{};
    bool has_quorum = false;
    bool panics = false;
    bool is_active = true;    // false: it follows a router that is not master here
    bool is_leaving = false;  // no longer in the configuration
    std::uint32_t servers_up = 0;
    std::vector<ServerStatus> servers;  // in file order, then the sorry server, then those that leave
};

struct Verdict {
    bool up = false;
    std::string_view reason;
    std::optional<std::uint16_t> weight_percent = std::nullopt;  // of its weight the server asks for
    bool is_assumed = false;  // what the configuration says until the check has run
};

// What a configuration would change, by service key; absent: the key goes.
using Patch = std::map<ipvs::ServiceKey, std::optional<ipvs::Service>>;
struct Preview {
    Patch patch;
    std::map<ipvs::ServiceKey, std::string>
        ways;  // those keys of it that are the ways of checks, as way() names them
    std::vector<ServerId> added, removed;  // servers; not those of services that go or come as a whole
    std::size_t servers_before = 0;        // of the configuration in force
    std::size_t servers_removed = 0;       // with those of whole services
};

class Engine {
public:
    Engine();
    ~Engine();
    Engine(Engine&&) noexcept;
    Engine& operator=(Engine&&) noexcept;

    // Replaces the configuration. Health of what stays is kept.
    void configure(Time now, config::Config config, Changes& out);
    // What configure() would do to the desired table.
    [[nodiscard]] Preview preview(Time now, const config::Config& config) const;
    // What the kernel held before this run wrote anything. To be given before the first configure(), or
    // never.
    void kernel_seen(const ipvs::Table& table);
    // The kernel's table was read: connections of servers that drain.
    void on_kernel(Time now, const ipvs::Table& table, Changes& out);
    // Unknown ids are ignored: a verdict may cross a reload.
    void on_verdict(Time now, CheckId id, const Verdict& verdict, Changes& out);
    void on_verdict(Time now, CheckId id, bool up, std::string_view reason, Changes& out) {
        on_verdict(now, id, Verdict{up, reason}, out);
    }
    // A virtual router became master of a family, or ceased to be.
    void on_role(Time now, std::string_view router, Family family, bool is_master, Changes& out);
    // An override for a server that does not exist waits for it. Absent: dropped.
    void set_admin(Time now, const ServerId& server, std::optional<AdminOverride> value, Changes& out);
    void set_weight(Time now, const ServerId& server, std::optional<WeightOverride> value, Changes& out);

    void advance(Time now, Changes& out);
    [[nodiscard]] std::optional<Time> deadline() const;

    [[nodiscard]] const ipvs::Table& desired() const;
    // The keys of desired() that changed since the last call.
    [[nodiscard]] std::set<ipvs::ServiceKey> take_touched();
    // Services whose connections on_kernel() should be told about, soon.
    [[nodiscard]] std::set<ipvs::ServiceKey> draining() const;
    [[nodiscard]] std::vector<CheckWanted> checks() const;  // by id
    [[nodiscard]] const CheckWanted* check(CheckId id) const;
    // What desired() holds that no client uses, for checks through their service: "the check of 10.0.0.11:80
    // through web". Null: this is no such key.
    [[nodiscard]] const std::string* way(const ipvs::ServiceKey& key) const;
    [[nodiscard]] std::size_t ways() const;
    [[nodiscard]] bool is_waiting_for_verdicts() const;
    [[nodiscard]] const config::Config& config() const;
    // Absent: there is no such service.
    [[nodiscard]] std::optional<bool> has_quorum(std::string_view service) const;
    [[nodiscard]] const std::map<ServerId, Overrides>& overrides() const;
    [[nodiscard]] bool has_server(const ServerId& server) const;

    [[nodiscard]] std::vector<ServiceStatus> services() const;  // in file order, then those that leave
    [[nodiscard]] std::vector<const ServiceStatus*> service_list() const;  // valid until anything changes

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace lvs::engine
