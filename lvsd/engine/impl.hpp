// SPDX-License-Identifier: GPL-2.0-or-later
//
// Inside the engine: a service with what is known of its servers, and the judging of it. Private to
// lvs_engine.
//
// Two steps, so that a verdict costs what it changes: Judge::server() looks at one server and keeps the sums
// of its service up to date; Judge::whole() derives from the sums who serves (Mode). Only when the mode
// changed are all servers of the service written anew.
#pragma once

#include <array>

#include "lvsd/engine/engine.hpp"
#include "lvsd/engine/through.hpp"

namespace lvs::engine {

inline constexpr std::size_t kTiers = 16;
inline constexpr int kRampSteps = 10;
// So long a TCP server must be without established connections: those just being made are not counted by the
// kernel.
inline constexpr Duration kQuietTime = std::chrono::seconds(3);

enum class Standing : std::uint8_t {
    out,      // of no concern: leaving, or taken out by the operator
    unknown,  // no verdict yet
    ready,
    down,
};

struct Server {
    ipvs::DestSettings dest;  // all but the weight
    bool needs_any = false;  // of its checks; else all
    bool in_use = false;    // served by the kernel when lvsd started
    bool is_first = false;  // of the first configuration, and has not served yet: no slow start
    Standing standing = Standing::unknown;
    CheckState health = CheckState::unknown;
    std::string reason;  // of its checks
    bool serves = false;
    bool drained = false;
    std::optional<Time> quiet_since;  // draining, and no established connections
    std::optional<Time> ramp_since;
};

struct Sums {
    std::size_t total = 0;    // neither sorry nor out
    std::size_t unknown = 0;  // standing of these
    std::size_t ready = 0;
    std::size_t up = 0;  // passed their checks
    std::size_t serving = 0;
    std::array<std::int64_t, kTiers> ready_weight{};
};

struct Mode {
    bool quorum = false;
    bool panic = false;
    bool sorry = false;
    std::size_t last_tier = 0;
    friend bool operator==(const Mode&, const Mode&) = default;
};

struct Service {
    std::uint64_t serial = 0;  // an order that does not depend on memory
    ServiceStatus status;
    std::vector<Server> servers;  // parallel to status.servers
    std::optional<std::size_t> sorry;
    std::size_t configured = 0;  // servers[0, configured) are plain ones of the configuration
    Sums sums;
    Mode mode;
    bool judged = false;
    std::optional<Time> revived;            // when the first server came back after an outage
    std::optional<Time> due;                // when something happens by itself
    std::unique_ptr<const config::VirtualService> leaving;  // of a service that left the configuration: what it was
    std::map<Endpoint, std::size_t> index;  // of all but those that leave

    [[nodiscard]] bool has_leaving() const { return servers.size() > configured + (sorry ? 1 : 0); }
};

struct BySerial {
    bool operator()(const Service* a, const Service* b) const { return a->serial < b->serial; }
};

struct CheckSlot {
    CheckWanted wanted;
    std::optional<WayKey> way;
    CheckState state = CheckState::unknown;
    bool is_assumed = false;  // the state: the check has not run yet
    std::string reason;
    std::optional<std::uint16_t> percent;
    std::map<std::pair<std::uint64_t, std::size_t>, Service*> users;  // by serial and index
};
using Slots = std::map<CheckId, CheckSlot>;

// Keeps what is derived of a service up to date: standing, sums, mode, states, desired entries.
class Judge {
public:
    Judge(const Slots& slots, ipvs::Table& desired, std::set<ipvs::ServiceKey>* touched)
        : slots_(slots), desired_(desired), touched_(touched) {}

    void all(Time now, Service& service, Changes& out);
    void one(Time now, Service& service, std::size_t index, Changes& out);
    void remove(const ipvs::ServiceKey& key);

private:
    void look(Service& service, std::size_t index);
    void look_at_checks(ServerStatus& status, Server& server) const;
    void whole(Time now, Service& service, std::optional<std::size_t> only, Changes& out);
    void update(Time now, Service& service, std::size_t index, bool others, Changes& out);
    void tell(const Service& service, const Mode& before, Changes& out) const;
    void show_server(Time now, const Service& service, std::size_t index, Changes& out);
    void show_service(Time now, Service& service, Changes& out);
    static bool write_server(const ipvs::ServiceKey& key, ipvs::Service& entry, const Service& service,
                             std::size_t index);
    static void write_servers(const ipvs::ServiceKey& key, ipvs::Service& entry, const Service& service);
    void write(Service& service, std::size_t index);
    void write_all(Service& service);
    void touch(const ipvs::ServiceKey& key);

    const Slots& slots_;
    ipvs::Table& desired_;
    std::set<ipvs::ServiceKey>* touched_;
};

// life.cpp
void begin_drain(Time now, ServerStatus& status, Server& server, std::optional<Time> deadline);
void end_drain(ServerStatus& status, Server& server);
[[nodiscard]] bool is_draining(const ServerStatus& status, const Server& server);
[[nodiscard]] bool drain_is_over(Time now, const ServerStatus& status, const Server& server);
[[nodiscard]] std::int32_t ramped(Time now, const Server& server, Duration over, std::int32_t weight);
[[nodiscard]] std::optional<Time> next_due(Time now, const Service& service);
[[nodiscard]] std::string connections_left(const ServerStatus& status);  // ", 3 connections left" or nothing
// Configured, or what the operator says.
[[nodiscard]] std::int32_t wanted_weight(const ServerStatus& status);

struct Engine::Impl {
    struct CheckKey {
        Endpoint target;
        std::string settings;  // every setting of the check as one comparable text
        friend auto operator<=>(const CheckKey&, const CheckKey&) = default;
    };
    [[nodiscard]] static CheckKey key_of(const config::RealServer& server, const config::Check& check,
                                         const std::optional<Way>& way);
    class WaysPreview;
    using Services = std::vector<std::unique_ptr<Service>>;
    struct Former {  // what a reload finds; positions in `services`
        std::map<std::string_view, std::size_t> by_name;
        std::map<ipvs::ServiceKey, std::size_t> by_key;  // of those whose name is not configured any more
    };
    using Keys = std::set<ipvs::ServiceKey>;

    void configure(Time now, config::Config config, Changes& out);
    [[nodiscard]] Preview preview(Time now, const config::Config& config) const;
    void on_verdict(Time now, CheckId id, const Verdict& verdict, Changes& out);
    void on_kernel(Time now, const ipvs::Table& table, Changes& out);
    void on_role(Time now, std::string_view router, Family family, bool is_master, Changes& out);
    void set_overrides(Time now, const ServerId& server, Overrides value, Changes& out);
    void advance(Time now, Changes& out);

    [[nodiscard]] Former former(const config::Config& next) const;
    [[nodiscard]] std::optional<std::size_t> find_former(const Former& former,
                                                         const config::VirtualService& config) const;
    [[nodiscard]] std::unique_ptr<Service> build(Time now, const config::VirtualService& config,
                                                 const Service* before) const;
    void add_server(Time now, Service& service, const config::RealServer& server, bool is_sorry) const;
    void take_over(Time now, Service& service, const Service& before) const;
    [[nodiscard]] std::unique_ptr<Service> leave(Time now, const Service& before, const Keys& live) const;
    void leave_all(Time now, const Services& gone, const Keys& live, Changes& out);
    void replace(Time now, std::unique_ptr<Service> service, Changes& out);
    [[nodiscard]] bool is_active(const config::VirtualService& config) const;
    [[nodiscard]] bool was_in_use(const ipvs::ServiceKey& key, const Endpoint& server) const;
    [[nodiscard]] CheckId known_check(const CheckKey& key) const;
    [[nodiscard]] CheckId intern(const config::VirtualService& service, const config::RealServer& server,
                                 const config::Check& check);
    Through enter(const Way& way);
    void leave_way(const WayKey& key);
    void intern_checks(Service& service);
    void drop_checks(Service& service);
    void purge_checks();
    void settle(Time now, Service& service);  // timers and lists, after anything happened to it
    void forget(Service& service);
    void judge_again(Time now, Service& service, Changes& out);
    void finish_drains(Time now, Service& service, Changes& out);
    void expire_overrides(Time now, Changes& out);
    void note_expiry(const ServerId& server, const Overrides& value, bool is_there);
    void apply_overrides(Time now, const ServerId& id, Changes& out);

    config::Config config;
    Services services;
    Services leaving;  // no longer in the configuration, their connections run out
    std::map<std::string, Service*, std::less<>> by_name;
    Slots slots;
    std::map<CheckKey, CheckId> ids;
    Ways ways;
    std::uint32_t next_id = 1;
    std::uint64_t next_serial = 1;
    std::size_t unknown_checks = 0;
    bool is_first = true;
    ipvs::Table desired;
    Keys touched;
    ipvs::Table seen;
    std::map<ServerId, Overrides> overrides;
    std::set<std::pair<Time, ServerId>> expiries;
    std::map<std::pair<Time, std::uint64_t>, Service*> timers;
    std::set<Service*, BySerial> draining;
    std::map<std::pair<std::string, Family>, bool> roles;
};

// reload.cpp, also for preview.cpp
[[nodiscard]] const config::RealServer& server_at(const config::VirtualService& service, std::size_t index);
[[nodiscard]] std::set<ipvs::ServiceKey> keys_of(const config::Config& config);
[[nodiscard]] bool is_unchanged(const config::VirtualService& before, const config::VirtualService& after,
                                bool same_marks);

// How an override looks to a server, at build time and when it changes.
void take_overrides(Time now, ServerStatus& status, Server& server, const Overrides& value);
[[nodiscard]] Standing standing_of(const ServerStatus& status, const Server& server);

}  // namespace lvs::engine
