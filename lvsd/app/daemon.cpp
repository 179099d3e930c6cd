// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/app/daemon.hpp"

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <filesystem>

#include "lvsd/app/convert.hpp"
#include "lvsd/app/event_of.hpp"
#include "lvsd/base/messages.hpp"

namespace lvs::app {
namespace {

constexpr Duration kShowDelay = std::chrono::milliseconds(20);  // a burst of changes is shown once
constexpr Duration kFirstShowDelay = std::chrono::seconds(5);    // the kernel's table comes first; who asks is not kept
constexpr Duration kFreshFor = std::chrono::milliseconds(100);   // who asks again sooner gets the same
constexpr Duration kStopLimit = std::chrono::seconds(5);
constexpr Duration kScriptsLimit = std::chrono::seconds(3);      // for scripts that are told of the stop
constexpr Duration kScriptsPoll = std::chrono::milliseconds(20);
constexpr std::size_t kTellAtOnce = 64;
constexpr std::size_t kTellInATurn = 8;

std::string host_name() {
    std::array<char, 256> name{};
    gethostname(name.data(), name.size() - 1);
    return name.data();
}

Result<void> make_folder(const std::string& path, mode_t mode) {
    if (path.empty() || ::mkdir(path.c_str(), mode) == 0 || errno == EEXIST) return {};
    return fail_errno(errno, fmt::format("create {}", path));
}

ipvs::WantedSettings settings_of(const config::Global& global) {
    return {.expire_nodest_conn = global.expire_nodest_conn,
            .expire_quiescent_template = global.expire_quiescent_template};
}

// IPVS is there: it answered. What was asked of all of it is asked every interval, in one way or another.
bool shows_ipvs(const ipvs::ReconcileEvent& event) {
    const auto* read = std::get_if<ipvs::WasRead>(&event);
    return (read != nullptr && read->whole) || std::holds_alternative<ipvs::WasAsked>(event) ||
           std::holds_alternative<ipvs::Applied>(event) || std::holds_alternative<ipvs::Recovered>(event);
}

}  // namespace

Daemon::Daemon(asio::io_context& loop, const Options& options)
    : loop_(loop), options_(options), signals_(loop), hold_timer_(loop), show_timer_(loop), watchdog_timer_(loop),
      stop_timer_(loop), engine_timer_(loop), drain_timer_(loop),
      metrics_(loop, [this](metrics::Format format) { return expose(format); }),
      notifier_(loop, options.runner_path, stats_.notify, [this](events::Event event) { tell(std::move(event)); }),
      loop_probe_(loop), scripts_timer_(loop) {
    facts_.hostname = host_name();
    facts_.started_ns = wall_clock_ns();
    facts_.config.path = options.config_path;
}

// ---- start --------------------------------------------------------------------------------------------------

Result<void> Daemon::prepare_folders() const {
    if (auto made = make_folder(std::filesystem::path(options_.socket_path).parent_path(), 0755); !made) return made;
    return make_folder(options_.state_dir, 0755);
}

Result<void> Daemon::start(config::Config config) {
    if (auto made = prepare_folders(); !made) return made;
    bus_.emplace(loop_);
    bus_->on_call([this] { refresh(); });
    bus_->show_events(stream_);
    bus_->on_command([this](const dbus::Command& command) { return on_command(command); });
    if (auto listening = bus_->listen(options_.socket_path); !listening) return listening;
    if (!config.routers.empty()) {
        if (auto started = start_speaker(); !started) return started;
    } else {
        (void)vrrp::clear_leftovers();  // of an lvsd with routers; while another one runs they are its own
    }
    watch_signals();
    arm_watchdog();
    probe_loop();
    bus_->use_system_bus();
    first_config_ = std::move(config);
    begin_with_kernel_table();
    return {};
}

Result<void> Daemon::start_speaker() {
    speaker_.emplace();
    if (auto started = speaker_->start(); !started) {
        speaker_.reset();
        return fail_in("start the virtual routers", started.error());
    }
    watch_routers();
    return {};
}

void Daemon::begin_with_kernel_table() {
    kernel_.emplace(loop_);
    if (first_config_->services.empty()) {  // perhaps a kernel without IPVS: do not ask for it
        start_machines();
        return;
    }
    kernel_->read([this](Result<ipvs::Table> table) {
        if (table) engine_.kernel_seen(*table);
        if (!stopping_) start_machines();
    });
}

void Daemon::start_machines() {
    auto config = std::move(*first_config_);
    first_config_.reset();
    const auto boot = ipvs::read_boot_id();
    store_ = std::make_unique<ipvs::FileStore>(options_.state_dir + "/owned", boot.value_or("unknown"));
    reconciler_.emplace(loop_, *kernel_, *store_, ipvs::ReconcileOptions{.interval = config.global.reconcile_interval},
                        [this](const ipvs::ReconcileEvent& event) { on_ipvs(event); });
    reconciler_->on_table([this] { on_table(); });
    make_checkers(config.global);
    load_overrides();
    machines_started_ = true;
    hold_timer_.expires_after(kRouterHold);
    hold_timer_.async_wait([this](error_code error) {
        if (!error) start_routers();
    });
    put_in_force(std::move(config));
    tell(daemon_event(ev::start, Level::notice, "started",
                      {{"version", LVSD_VERSION},
                       {"config", options_.config_path},
                       {"routers", fmt::format("{}", engine_.config().routers.size())},
                       {"services", fmt::format("{}", engine_.config().services.size())}}));
    start_routers_if_ready();
}

void Daemon::make_checkers(const config::Global& global) {
    checkers_.emplace(
        loop_,
        checkers::WorkerClient::Options{
            .program = options_.checker_path, .user = global.checker_user, .workers = global.checker_workers},
        checkers::WorkerClient::Callbacks{
            .on_transition = [this](const checkers::Transition& transition) { on_verdict(transition); },
            .on_status =
                [this](const checkers::Status& status) { measure_check(status); },  // shown when asked
            .on_worker = [this](bool up, const std::string& reason) { on_worker(up, reason); },
            .on_heartbeat = {},
            .on_beat_of =
                [this](std::size_t worker, const checkers::wire::Heartbeat& heartbeat) {
                    measure_checker(worker, heartbeat);
                },
            .refuse_socket = [this](const checkers::CheckSpec& spec) { return refuse_socket(spec); }});
    // Apart from those of notify programs and trackers: a script that hangs holds up nobody else. No process
    // runs before the first script or file.
    check_runner_ = std::make_unique<checkers::Runner>(
        loop_, checkers::Runner::Options{.program = options_.runner_path},
        [this](bool up, const std::string& reason) { on_check_runner(up, reason); });
    checkers_->use_runner(check_runner_.get());
}

void Daemon::start_routers_if_ready() {
    if (!machines_started_ || engine_.is_waiting_for_verdicts()) return;
    if (!waits_for_kernel()) start_routers();
}

// For its table, while there is hope: a kernel that cannot is not waited for.
bool Daemon::waits_for_kernel() const {
    return !engine_.config().services.empty() && !reconciler_->is_settled() && facts_.ipvs.last_error.empty();
}

// The end of starting: from here on we may be master.
void Daemon::start_routers() {
    if (routers_started_ || stopping_) return;
    routers_started_ = true;
    hold_timer_.cancel();
    apply_routers();
    for (const auto& router : engine_.config().routers)
        if (held_.contains(router.name)) tell(router_order(router.name, "hold"));
    manager_.ready("Running");
    touch();
}

void Daemon::watch_signals() {
    for (const int signal : {SIGTERM, SIGINT, SIGHUP})
        signals_.add(signal);
    signals_.async_wait([this](error_code error, int signal) {
        if (error) return;
        if (signal == SIGHUP) {
            reload();
            watch_signals();
        } else {
            stop();
        }
    });
}

void Daemon::arm_watchdog() {
    const auto interval = ServiceManager::watchdog_interval();
    if (!interval) return;
    manager_.keep_alive();
    watchdog_timer_.expires_after(*interval);
    watchdog_timer_.async_wait([this](error_code error) {
        if (!error) arm_watchdog();
    });
}

// ---- reload -------------------------------------------------------------------------------------------------

void Daemon::reload() {
    if (!machines_started_ || stopping_) return;
    manager_.reloading();
    (void)plan_or_apply({.verb = dbus::Command::Verb::apply, .target = {}, .action = {}, .reason = {}});
    manager_.ready("Running");
}

void Daemon::put_in_force(config::Config config) {
    const auto now = wall_clock_ns();
    engine::Changes changes;
    const bool other_settings = settings_of(config.global) != settings_of(engine_.config().global);
    engine_.configure(monotonic_now(), std::move(config), changes);
    facts_.config.generation += 1;
    facts_.config.loaded = facts_.config.last_attempt = state::WallTime(Duration(now));
    facts_.config.last_ok = true;
    facts_.config.last_error.clear();
    serve_metrics();
    notifier_.configure(engine_.config());
    reconciler_->set_interval(engine_.config().global.reconcile_interval);
    if (other_settings && !engine_.config().services.empty()) reconciler_->look_now();  // then they are kept
    after_engine(changes);
    std::vector<checkers::CheckSpec> specs;
    const auto checks = engine_.checks();
    for (const auto& wanted : checks)
        specs.push_back(check_spec(wanted));
    name_checks(checks);
    if (facts_.worker.state == state::WorkerState::off && !specs.empty()) {
        facts_.worker.state = state::WorkerState::starting;
        facts_.worker.since = state::WallTime(Duration(now));
        checkers_->start();
    }
    checkers_->set_workers(engine_.config().global.checker_workers);
    checkers_->configure(specs);
    if (!routers_started_) return;
    if (!speaker_ && !engine_.config().routers.empty())
        if (auto started = start_speaker(); !started) tell(router_trouble(started.error()));
    apply_routers();
}

// ---- health -------------------------------------------------------------------------------------------------

void Daemon::on_verdict(const checkers::Transition& transition) {
    if (transition.state == checkers::State::unknown || stopping_) return;
    tell_check(transition);
    look_at_way(transition);
    engine::Changes changes;
    engine_.on_verdict(monotonic_now(), engine::CheckId{static_cast<std::uint32_t>(transition.id)},
                       {.up = transition.state == checkers::State::up,
                        .reason = transition.reason,
                        .weight_percent = transition.weight_percent,
                        .is_assumed = transition.is_assumed},
                       changes);
    after_engine(changes);
    start_routers_if_ready();
    touch();
}

void Daemon::on_worker(bool up, const std::string& reason) {
    const bool all = checkers_->ready() == checkers_->workers();
    if (!up) facts_.worker.state = state::WorkerState::lost;
    if (up && all) facts_.worker.state = state::WorkerState::running;
    facts_.worker.since = state::WallTime(Duration(wall_clock_ns()));
    if (!up) ++facts_.worker.restarts;
    tell(worker_event(up, reason));
    touch();
}

// Scripts that were under way say nothing of their servers, and files are watched anew: health stands.
void Daemon::on_check_runner(bool up, const std::string& reason) {
    if (!stopping_) tell(runner_event(up, reason));
}

// A few changes are told at once. Of ten thousand services that begin, most are told between other work, the kernel's
// table first of all, and with the time they happened.
void Daemon::report(const engine::Changes& changes) {
    const auto now = monotonic_now();
    const bool told_later = !untold_.empty();
    for (const auto& change : changes)
        untold_.emplace_back(change, now);
    if (!told_later) tell_some(kTellAtOnce);
    const auto ended = [](const engine::Change& change) { return std::holds_alternative<engine::OverrideEnded>(change); };
    if (std::ranges::any_of(changes, ended)) store_overrides();
    if (!changes.empty()) tell_services();
}

void Daemon::tell_some(std::size_t most) {
    for (; most > 0 && !untold_.empty(); --most) {
        const auto [change, when] = std::move(untold_.front());
        untold_.pop_front();
        tell(std::visit([](const auto& which) { return event_of(which); }, change), when);
    }
    if (!untold_.empty()) asio::post(loop_, [this] { tell_some(kTellInATurn); });
}

// ---- the kernel's table -------------------------------------------------------------------------------------

// Which IPVS this is: ours says so in its version, stock has none.
void Daemon::ask_ipvs_version() {
    kernel_->info([this](Result<ipvs::codec::Info> info) {
        if (!info) return;
        const auto module = read_file("/sys/module/ip_vs/version");
        facts_.ipvs.module = module && module->starts_with("lvsd") ? "lvsd" : "stock";
        facts_.ipvs.version =
            fmt::format("{}.{}.{}", info->version >> 16U, info->version >> 8U & 0xffU, info->version & 0xffU);
        touch();
    });
}

// Whoever has no services has IPVS for something else, or not at all.
void Daemon::keep_settings() {
    if (stopping_ || engine_.config().services.empty()) return;
    for (const auto& kept : ipvs_settings_.keep(settings_of(engine_.config().global)))
        tell(event_of(kept));
}

void Daemon::on_ipvs(const ipvs::ReconcileEvent& event) {
    measure_kernel(event);
    if (shows_ipvs(event)) keep_settings();
    if (std::holds_alternative<ipvs::WasRead>(event) || std::holds_alternative<ipvs::WasAsked>(event)) return;
    const auto now = state::WallTime(Duration(wall_clock_ns()));
    if (const auto* applied = std::get_if<ipvs::Applied>(&event)) {
        tell(event_of(*applied));
        facts_.ipvs.last_applied = now;
        if (facts_.ipvs.module.empty()) ask_ipvs_version();
    } else if (const auto* drifted = std::get_if<ipvs::Drifted>(&event)) {
        facts_.ipvs.repairs += drifted->repairs.size();
        for (auto& told : events_of(*drifted, [this](const ipvs::ServiceKey& key) { return engine_.way(key); }))
            tell(std::move(told));
    } else if (const auto* troubled = std::get_if<ipvs::Troubled>(&event)) {
        facts_.ipvs.last_error = describe(*troubled);
        for (auto& told : events_of(*troubled))
            tell(std::move(told));
    } else if (const auto* recovered = std::get_if<ipvs::Recovered>(&event)) {
        facts_.ipvs.last_error.clear();
        facts_.ipvs.module.clear();  // it may be another one now
        ask_ipvs_version();
        tell(event_of(*recovered));
    } else if (const auto* unstored = std::get_if<ipvs::NotStored>(&event)) {
        tell(event_of(*unstored));
    }
    start_routers_if_ready();
    touch();
}

// ---- virtual routers ----------------------------------------------------------------------------------------

void Daemon::watch_routers() {
    if (!router_events_) router_events_.emplace(loop_, ::dup(speaker_->event_fd()));
    router_events_->async_wait(asio::posix::stream_descriptor::wait_read, [this](error_code error) {
        if (error) return;
        for (const auto& event : speaker_->drain())
            on_router_event(event);
        const auto lost = speaker_->events_lost();
        if (const auto before = std::exchange(events_lost_, lost); lost != before) read_roles(lost - before);
        watch_routers();
    });
}

void Daemon::on_router_event(const vrrp::Event& event) {
    auto told = event_of(event);
    const auto& routers = engine_.config().routers;
    const auto router = std::ranges::find(routers, event.router, &config::VirtualRouter::name);
    if (router != routers.end())
        told.details.emplace_back("priority", fmt::format("{}", router->priority.value()));
    tell(std::move(told), event.time);
    if (event.kind == vrrp::Event::Kind::state && !stopping_)
        on_role(event.router, event.family, event.to == vrrp::State::master);
    touch();
}

// ---- what is shown ------------------------------------------------------------------------------------------

void Daemon::touch() {
    if (stopping_ || !machines_started_) return;
    const bool patient = !shown_ && waits_for_kernel();
    if (dirty_ && (patient || !shows_patiently_)) return;
    dirty_ = true;
    shows_patiently_ = patient;
    show_timer_.expires_after(patient ? kFirstShowDelay : kShowDelay);
    show_timer_.async_wait([this](error_code error) {
        if (!error) show();
    });
}

// Somebody asks. Counters move all the time and are worth no signal of their own.
void Daemon::refresh() {
    if (stopping_ || !machines_started_ || monotonic_now() - shown_at_ < kFreshFor) return;
    show_timer_.cancel();
    reconciler_->want_counters();
    show();
}

void Daemon::show() {
    dirty_ = false;
    shown_at_ = monotonic_now();
    facts_.ipvs.refused = reconciler_->refused().size();
    facts_.wall_offset_ns = steady_offset(facts_.wall_offset_ns, wall_offset_ns());
    facts_.ipvs.available = facts_.ipvs.last_error.empty() && reconciler_->is_settled();
    const auto pids = checkers_->pids();
    facts_.worker.pid = pids.empty() ? 0 : static_cast<std::uint32_t>(pids.front());
    measure_workers();
    auto snapshot = std::make_shared<state::Snapshot>(build_snapshot(
        facts_, engine_, &*checkers_, &reconciler_->table(), speaker_ && routers_started_ ? &*speaker_ : nullptr));
    if (auto line = status_line(*snapshot); routers_started_ && line != last_status_) {
        manager_.status(line);
        last_status_ = std::move(line);
    }
    shown_ = snapshot;
    bus_->update(std::move(snapshot));
}

std::string Daemon::status_line(const state::Snapshot& snapshot) const {
    std::size_t masters = 0, instances = 0, up = 0, total = 0;
    for (const auto& router : snapshot.routers)
        for (const auto& instance : router.instances) {
            ++instances;
            masters += instance.state == state::RouterState::master ? 1 : 0;
        }
    for (const auto& service : snapshot.services) {
        up += service.servers_up;
        total += service.servers_total;
    }
    auto text = fmt::format("Master of {}/{} virtual routers, {}/{} servers up in {} services", masters, instances, up,
                            total, snapshot.services.size());
    if (!facts_.ipvs.last_error.empty()) text += "; IPVS: " + facts_.ipvs.last_error;
    if (!facts_.config.last_ok) text += "; last reload refused: " + facts_.config.last_error;
    return text;
}

// ---- stop ---------------------------------------------------------------------------------------------------

void Daemon::stop() {
    if (stopping_) return;
    stopping_ = true;
    manager_.stopping();
    tell(daemon_event(ev::stop, Level::notice, "stopping"));
    hold_timer_.cancel();
    if (speaker_) {
        speaker_->stop();  // the peer takes over now; everything below is without hurry
        for (const auto& event : speaker_->drain())
            on_router_event(event);
    }
    tell_some(untold_.size());
    if (trackers_) trackers_->stop();
    if (tracker_runner_) tracker_runner_->stop();
    if (router_events_) router_events_->close();
    if (checkers_) checkers_->stop();
    if (check_runner_) check_runner_->stop();
    stop_timer_.expires_after(kStopLimit);
    stop_timer_.async_wait([this](error_code error) {
        if (error) return;
        tell(daemon_event(ev::ipvs_failed, Level::warning,
                          "the kernel does not answer, leaving entries to the next start"));
        finish_stop();
    });
    const bool keep = engine_.config().global.on_stop == config::OnStop::keep;
    if (!keep) ipvs_settings_.restore();
    if (!reconciler_ || (engine_.config().services.empty() && reconciler_->owned().empty())) {
        finish_stop();  // perhaps a kernel without IPVS: there is nothing to ask of it
        return;
    }
    reconciler_->stop(keep ? ipvs::AtStop::keep : ipvs::AtStop::remove, [this] { finish_stop(); });
}

void Daemon::finish_stop() {
    stop_timer_.cancel();
    scripts_end_ = monotonic_now() + kScriptsLimit;
    end_scripts();
}

// Everything that matters to others is done; now there is time to tell of it, to scripts and on the bus.
void Daemon::end_scripts() {
    scripts_timer_.expires_after(kScriptsPoll);
    scripts_timer_.async_wait([this](error_code error) {
        if (error) return;
        if (notifier_.is_idle() || monotonic_now() >= scripts_end_) return end_loop();
        end_scripts();
    });
}

void Daemon::end_loop() {
    notifier_.stop();
    engine_timer_.cancel();
    drain_timer_.cancel();
    show_timer_.cancel();
    watchdog_timer_.cancel();
    loop_probe_.cancel();
    metrics_.stop();
    signals_.cancel();
    bus_->stop();
    kernel_->close();
    loop_.stop();
}

}  // namespace lvs::app
