// SPDX-License-Identifier: GPL-2.0-or-later
//
// The running daemon; see app.hpp. Private to lvs_app.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>

#include "checkers/client.hpp"
#include "checkers/runner.hpp"
#include "ipvs/netlink.hpp"
#include "ipvs/reconciler.hpp"
#include "ipvs/settings.hpp"
#include "lvsd/app/app.hpp"
#include "lvsd/app/notifier.hpp"
#include "lvsd/app/trackers.hpp"
#include "lvsd/dbus/dbus.hpp"
#include "lvsd/engine/engine.hpp"
#include "lvsd/events/events.hpp"
#include "lvsd/metrics/server.hpp"
#include "lvsd/runtime/asio.hpp"
#include "lvsd/runtime/runtime.hpp"
#include "lvsd/state/state.hpp"
#include "vrrp/io.hpp"

namespace lvs::app {

// What the snapshot shows and no part remembers.
struct Facts {
    std::string hostname;
    std::int64_t started_ns = 0;
    std::int64_t wall_offset_ns = 0;  // wall clock minus monotonic, see steady_offset()
    state::ConfigStatus config;
    state::WorkerStatus worker;
    state::IpvsStatus ipvs;
};

class Daemon {
public:
    Daemon(asio::io_context& loop, const Options& options);

    [[nodiscard]] Result<void> start(config::Config config);

private:
    // start
    [[nodiscard]] Result<void> prepare_folders() const;
    [[nodiscard]] Result<void> start_speaker();
    void apply_routers();  // routers.cpp
    void tell_services();
    void run_tracker(const config::Tracker& tracker, TrackerSources::Done done);
    void begin_with_kernel_table();
    void make_checkers(const config::Global& global);
    void start_machines();
    void start_routers_if_ready();
    [[nodiscard]] bool waits_for_kernel() const;
    void start_routers();
    void watch_signals();
    void arm_watchdog();

    // events
    void reload();
    void put_in_force(config::Config config);
    void on_verdict(const checkers::Transition& transition);
    [[nodiscard]] int refuse_socket(const checkers::CheckSpec& spec);  // through.cpp
    [[nodiscard]] std::optional<Duration> let_answers_in(const checkers::CheckSpec& spec);
    void look_at_way(const checkers::Transition& transition);
    void on_worker(bool up, const std::string& reason);
    void on_check_runner(bool up, const std::string& reason);
    void on_ipvs(const ipvs::ReconcileEvent& event);
    void ask_ipvs_version();
    void keep_settings();
    void watch_routers();
    void on_router_event(const vrrp::Event& event);
    void report(const engine::Changes& changes);
    void tell_some(std::size_t most);
    void name_checks(const std::vector<engine::CheckWanted>& checks);
    void tell_check(const checkers::Transition& transition);

    // tell.cpp: everything that happens passes here, and goes to every reader of the stream
    void tell(events::Event event);
    void tell(events::Event event, Time when);
    void push_desired();

    // measure.cpp
    void serve_metrics();
    [[nodiscard]] metrics::Exposition expose(metrics::Format format);
    void measure_check(const checkers::Status& status);
    void measure_checker(std::size_t worker, const checkers::wire::Heartbeat& heartbeat);
    void measure_workers();
    void measure_kernel(const ipvs::ReconcileEvent& event);
    void probe_loop();

    // control.cpp: what the engine decided, carried to the others
    void after_engine(const engine::Changes& changes);
    void on_role(const std::string& router, Family family, bool is_master);
    void read_roles(std::uint64_t lost);
    void on_table();
    void arm_engine();
    void watch_drains();

    // commands.cpp: what callers ask for
    [[nodiscard]] dbus::Answer on_command(const dbus::Command& command);
    [[nodiscard]] dbus::Answer plan_or_apply(const dbus::Command& command);
    [[nodiscard]] dbus::Answer override_servers(const dbus::Command& command);
    [[nodiscard]] dbus::Answer command_router(const dbus::Command& command);
    [[nodiscard]] std::set<std::string> routers_with(const std::string& router) const;
    [[nodiscard]] std::vector<engine::ServerId> servers_named(const std::string& target) const;
    void note_refusal(const std::vector<config::Diagnostic>& why);
    void take_over(config::Config config);
    bool store_overrides();
    void load_overrides();

    // what is shown
    void touch();  // something changed: show it soon
    void refresh();
    void show();
    [[nodiscard]] std::string status_line(const state::Snapshot& snapshot) const;

    void stop();
    void finish_stop();
    void end_scripts();
    void end_loop();

    asio::io_context& loop_;
    Options options_;
    Facts facts_;
    ServiceManager manager_;
    asio::signal_set signals_;
    asio::steady_timer hold_timer_;
    asio::steady_timer show_timer_;
    asio::steady_timer watchdog_timer_;
    asio::steady_timer stop_timer_;
    asio::steady_timer engine_timer_;
    asio::steady_timer drain_timer_;

    engine::Engine engine_;
    std::unique_ptr<checkers::Runner> check_runner_;  // of scripts and files; outlives checkers_
    std::optional<checkers::WorkerClient> checkers_;
    std::vector<checkers::wire::Heartbeat> beats_;  // the last of each worker
    std::optional<ipvs::Kernel> kernel_;
    std::unique_ptr<ipvs::FileStore> store_;
    std::optional<ipvs::Reconciler> reconciler_;
    ipvs::Settings ipvs_settings_;
    std::optional<vrrp::Speaker> speaker_;
    std::set<std::string> held_;  // by the operator: routers that are not to be master here
    std::optional<TrackerSources> trackers_;
    std::unique_ptr<checkers::Runner> tracker_runner_;  // with the first script of a tracker
    std::optional<asio::posix::stream_descriptor> router_events_;
    std::optional<dbus::BusServer> bus_;

    events::Stream stream_;
    std::deque<std::pair<engine::Change, Time>> untold_;  // in order; told in later turns of the loop
    struct NamedCheck {
        std::string kind, target;
        checkers::State state = checkers::State::unknown;  // as last told
    };
    std::map<std::pair<IpAddress, IpAddress>, Time>
        ready_ways_;  // service and server: answers are taken, until then
    std::unordered_map<std::uint32_t, NamedCheck> check_names_;  // by check id

    metrics::Stats stats_;
    metrics::Server metrics_;
    Notifier notifier_;
    asio::steady_timer loop_probe_;
    asio::steady_timer scripts_timer_;
    Time scripts_end_{};                            // when stopping: not waited for longer
    std::shared_ptr<const state::Snapshot> shown_;  // null: nothing yet

    std::optional<config::Config> first_config_;  // until the kernel's table was read
    std::uint64_t events_lost_ = 0;  // of the speaker's
    bool machines_started_ = false;
    bool routers_started_ = false;
    bool dirty_ = false;
    bool shows_patiently_ = false;  // once the kernel's table is written, or in a second
    Time shown_at_{};
    bool stopping_ = false;
    bool push_scheduled_ = false;
    bool drain_armed_ = false;
    std::string last_status_;
};

[[nodiscard]] std::int64_t wall_offset_ns();  // wall clock minus monotonic, as they are now
// The offset to show times by: the one used before, unless the wall clock was set. Measured anew for each snapshot it
// would differ a little each time, and every time of every object with it.
[[nodiscard]] std::int64_t steady_offset(std::int64_t before_ns, std::int64_t measured_ns);

[[nodiscard]] state::Snapshot build_snapshot(const Facts& facts, const engine::Engine& engine,
                                             const checkers::WorkerClient* checkers,
                                             const ipvs::Table* kernel, const vrrp::Speaker* speaker);

}  // namespace lvs::app
