// SPDX-License-Identifier: GPL-2.0-or-later
//
// lvs_engine: what should be in the kernel. A machine without clock or I/O.
//
//   configuration ─┐
//   verdicts      ─┼─► Engine ─► desired ipvs::Table, the checks that should run, what changed
//   kernel table  ─┘
//
// The life of a server
//   starting   no verdict yet. It gets no traffic, unless the kernel's table showed it in use when lvsd started
//              (kernel_seen): a restart of lvsd never takes a working server out.
//   up         all its checks pass; without checks from the beginning.
//   down       a check fails. Weight 0, or out of the table, as on_failure says.
//   standby    the sorry server while it is not needed.
//   sorry      the sorry server, serving because no other server can.
// The first verdict of a check decides at once; later ones come after rise and fall (the checker's business).
//
// Checks are told apart by what they do: the same check of the same target runs once and serves every server that
// asks for it. A check keeps its id as long as somebody wants it, over any number of reloads, and a server keeps its
// state and history over a reload as long as its address in its service stays.
//
// Everything is found by key: a verdict costs the servers that use the check, a reload O(n log n).
//
// Owner: main. Thread: the loop.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ipvs/ipvs.hpp"
#include "lvsd/base/base.hpp"
#include "lvsd/config/model.hpp"

namespace lvs::engine {

enum class CheckId : std::uint32_t {};

struct CheckWanted {
    CheckId id{};
    config::Check check;  // address and port are already in `target`
    Endpoint target;
};

enum class CheckState : std::uint8_t { unknown, up, down };
enum class ServerState : std::uint8_t { starting, up, down, standby, sorry };
enum class ServiceState : std::uint8_t { up, degraded, sorry, down };
[[nodiscard]] std::string_view to_string(ServerState state);
[[nodiscard]] std::string_view to_string(ServiceState state);

// What changed, for log, D-Bus and whoever wants to know. In the order in which it happened.
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
using Change = std::variant<ServerChanged, ServiceChanged>;
using Changes = std::vector<Change>;

struct ServerStatus {
    Endpoint address;
    bool is_sorry = false;
    ServerState state = ServerState::starting;
    std::string reason;
    Time since{};
    std::int32_t weight = 1;            // configured
    std::int32_t effective_weight = 0;  // desired in the kernel; 0 also when out of the table
    config::Forward forward = config::Forward::nat;
    std::vector<CheckId> checks;
};
struct ServiceStatus {
    const config::VirtualService* config = nullptr;  // valid until the next configure()
    ipvs::ServiceKey key;
    ServiceState state = ServiceState::down;
    std::string reason;
    Time since{};
    std::uint32_t servers_up = 0;
    std::vector<ServerStatus> servers;  // in file order, the sorry server last
};

class Engine {
   public:
    // Replaces the configuration. Health of what stays is kept.
    void configure(Time now, config::Config config, Changes& out);
    // What the kernel held before this run wrote anything. To be given before the first configure(), or never.
    void kernel_seen(const ipvs::Table& table);
    // Unknown ids are ignored: a verdict may cross a reload.
    void on_verdict(Time now, CheckId id, bool up, std::string_view reason, Changes& out);

    [[nodiscard]] const ipvs::Table& desired() const { return desired_; }
    [[nodiscard]] std::vector<CheckWanted> checks() const;  // by id
    [[nodiscard]] bool is_waiting_for_verdicts() const { return unknown_checks_ != 0; }
    [[nodiscard]] const config::Config& config() const { return config_; }
    [[nodiscard]] std::vector<ServiceStatus> services() const;  // in file order

   private:
    struct CheckKey {
        Endpoint target;
        std::string settings;  // every setting of the check as one comparable text
        friend auto operator<=>(const CheckKey&, const CheckKey&) = default;
    };
    struct CheckSlot {
        CheckWanted wanted;
        CheckState state = CheckState::unknown;
        std::string reason;
        std::vector<std::size_t> services;  // that use it, by position, each once
    };
    struct Service {
        ServiceStatus status;
        std::vector<bool> in_use;  // per server: served by the kernel when lvsd started
    };
    using Former = std::map<std::string, Service, std::less<>>;

    void intern_checks();
    [[nodiscard]] CheckId intern(const config::Check& check, const Endpoint& server, std::size_t service);
    void build_service(Time now, std::size_t index, const Former& former);
    [[nodiscard]] ServerStatus new_server(Time now, const config::RealServer& server, bool is_sorry) const;
    [[nodiscard]] bool was_in_use(const ipvs::ServiceKey& key, const Endpoint& server) const;
    void judge(Time now, Service& service, Changes& out);
    void judge_server(Time now, Service& service, std::size_t index, Changes& out) const;
    void judge_sorry(Time now, Service& service, Changes& out) const;
    void judge_whole(Time now, Service& service, Changes& out) const;
    void set_state(Time now, const Service& service, ServerStatus& server, ServerState to, std::string reason,
                   Changes& out) const;
    void write_desired(Service& service);

    config::Config config_;
    std::vector<Service> services_;
    std::map<CheckId, CheckSlot> slots_;
    std::map<CheckKey, CheckId> ids_;
    std::vector<std::vector<std::vector<CheckId>>> interned_;  // by service and server; used while configuring
    std::uint32_t next_id_ = 1;
    std::size_t unknown_checks_ = 0;
    ipvs::Table desired_;
    ipvs::Table seen_;
};

}  // namespace lvs::engine
