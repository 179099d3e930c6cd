// SPDX-License-Identifier: GPL-2.0-or-later
//
// lvs_engine: what the kernel's table should be, and which checks that takes. Pure.
//
//   configuration ─┐
//   verdicts ──────┼─► Engine ─► desired ipvs::Table, list of checks, events
//   kernel seen ───┘
//
// It is the one place that knows both the configuration and IPVS. It knows no checker and no VRRP: a check is
// a number with a description, main turns it into whatever runs it. Owned by main, on the loop. No clock, no
// I/O; same inputs, same outputs. A verdict costs what the services that use the check cost, a configuration
// O(n log n).
//
// Checks. Equal checks of the same target run once and serve every server that names them. A check keeps its
// number and its health as long as some configuration names it.
//
// Servers. A server with no checks is up. One whose checks have all passed is up; one with a failed check is
// down. While a check has no verdict yet, the server
//   - is up, if it was up before: before a reload changed its checks, or before lvsd was restarted, as the
//   kernel's
//     table shows by a weight above 0. Neither a restart nor a reload takes a working server out.
//   - is starting otherwise and gets no traffic. Checkers give the first verdict after one run, whatever rise
//   and fall
//     say, so this lasts for one check.
// A server that is not up has weight 0 (its connections go on) or is not in the table, by `on_failure`.
//
// The sorry server serves, if its own checks let it, when no other server is up or starting, until one is up.
// Otherwise it stands by: at weight 0 with `on_failure = "weight0"`, so that what it was asked can end, else
// not in the table.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "ipvs/ipvs.hpp"
#include "lvsd/base/base.hpp"
#include "lvsd/config/model.hpp"

namespace lvs::engine {

using CheckId = std::uint64_t;  // never used twice

struct CheckWanted {
    CheckId id = 0;
    config::Check check;
    Endpoint target;  // the server's address, with what the check says otherwise
    friend bool operator==(const CheckWanted&, const CheckWanted&) = default;
};

enum class Health : std::uint8_t { unknown, up, down };

enum class ServerState : std::uint8_t {
    starting,
    up,
    down,
    standby,
    sorry
};  // the last two: the sorry server
enum class ServiceState : std::uint8_t { up, degraded, sorry, down };
[[nodiscard]] std::string_view to_string(ServerState state);
[[nodiscard]] std::string_view to_string(ServiceState state);

// ---- inputs ---------------------------------------------------------------------------------------------

struct Verdict {
    CheckId check = 0;
    bool up = false;
    std::string reason;  // "200 OK", "connection refused"
};

// ---- outputs --------------------------------------------------------------------------------------------

struct ChecksChanged {};  // checks() is another list
struct TableChanged {};   // desired() is another table
struct ServerChanged {
    std::string service;
    Endpoint server;
    bool is_sorry = false;
    ServerState from = ServerState::starting;
    ServerState to = ServerState::starting;
    std::string reason;
    friend bool operator==(const ServerChanged&, const ServerChanged&) = default;
};
struct ServiceChanged {
    std::string service;
    ServiceState from = ServiceState::down;
    ServiceState to = ServiceState::down;
    std::string reason;
    friend bool operator==(const ServiceChanged&, const ServiceChanged&) = default;
};
// Servers before their service, both before TableChanged.
using Effect = std::variant<ChecksChanged, ServerChanged, ServiceChanged, TableChanged>;
using Effects = std::vector<Effect>;

// ---- status ---------------------------------------------------------------------------------------------

struct CheckStatus {
    CheckWanted wanted;
    Health health = Health::unknown;
    std::string reason;
    Time since{};
};

struct ServerStatus {
    config::RealServer config;
    bool is_sorry = false;
    ServerState state = ServerState::starting;
    std::string reason;
    Time since{};
    std::int32_t effective_weight = 0;  // in the desired table; 0 also when not in it
    std::vector<CheckId> checks;
    bool held_up = false;  // up without a verdict, see above
};

struct ServiceStatus {
    config::VirtualService config;
    ipvs::ServiceKey key;
    ServiceState state = ServiceState::down;
    std::string reason;
    Time since{};
    std::vector<ServerStatus> servers;  // as configured, then the sorry server if there is one
};

[[nodiscard]] ipvs::ServiceKey service_key(const config::VirtualService& service);
[[nodiscard]] ipvs::ServiceSettings service_settings(const config::VirtualService& service);
[[nodiscard]] ipvs::DestSettings dest_settings(const config::RealServer& server, std::int32_t weight);

// ---- the engine -----------------------------------------------------------------------------------------

class Engine {
public:
    Engine();
    Engine(Engine&&) noexcept;
    Engine& operator=(Engine&&) noexcept;
    ~Engine();

    // The table as found at start. Best before the first configuration, so that the first desired table is
    // right.
    void on_kernel(Time now, const ipvs::Table& table, Effects& out);
    void configure(Time now, const config::Config& config, Effects& out);
    void on_verdict(Time now, const Verdict& verdict, Effects& out);  // of an unknown check: ignored

    [[nodiscard]] const ipvs::Table& desired() const;
    [[nodiscard]] std::vector<CheckWanted> checks() const;  // by id
    [[nodiscard]] const CheckStatus* check(CheckId id) const;
    [[nodiscard]] const std::vector<ServiceStatus>& services() const;  // as configured

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace lvs::engine
