// SPDX-License-Identifier: GPL-2.0-or-later
//
// The daemon's virtual routers: configuration and health on their way to the speaker.
#include <pwd.h>

#include <algorithm>
#include <filesystem>

#include "lvsd/app/convert.hpp"
#include "lvsd/app/daemon.hpp"
#include "lvsd/app/event_of.hpp"

namespace lvs::app {

void Daemon::apply_routers() {
    if (!speaker_) return;
    const auto& config = engine_.config();
    speaker_->set_announce_rate(config.global.announce_rate, config.global.announce_burst);
    if (auto applied = speaker_->apply(router_specs(config), tracker_specs(config), held_); !applied) {
        tell(router_trouble(applied.error()));
        return;
    }
    if (!trackers_)
        trackers_.emplace(
            loop_, [this](const std::string& tracker, bool good) { speaker_->set_tracker(tracker, good); },
            [this](const config::Tracker& tracker, TrackerSources::Done done) {
                run_tracker(tracker, std::move(done));
            });
    tell_services();
    trackers_->configure(config.trackers);
}

// A reload cancels nothing: the end of a run that nobody waits for any more is passed over.
void Daemon::run_tracker(const config::Tracker& tracker, TrackerSources::Done done) {
    if (!tracker_runner_) {
        const auto folder = std::filesystem::path(options_.checker_path).parent_path();
        tracker_runner_ = std::make_unique<checkers::Runner>(
            loop_, checkers::Runner::Options{.program = (folder / "lvsd-runner").string()});
    }
    const auto& user = engine_.config().global.checker_user;
    const bool exists = ::getpwnam(user.c_str()) != nullptr;
    checkers::Command command{
        .argv = tracker.script, .user = exists ? user : std::string("nobody"), .timeout = tracker.timeout};
    tracker_runner_->run("tracker/" + tracker.name, std::move(command),
                         [done = std::move(done)](const checkers::CommandEnd& end) {
                             done(end.is_own_fault() ? std::nullopt : std::optional(end.is_success()));
                         });
}

// The quorum is what counts, whoever serves meanwhile: a sorry server is no reason to hold an address. Of a
// service that came with a reload nothing is said before its servers were checked.
void Daemon::tell_services() {
    const auto is_service = [](const auto& tracker) {
        return tracker.kind == config::Tracker::Kind::service;
    };
    if (!trackers_ || std::ranges::none_of(engine_.config().trackers, is_service)) return;
    const auto is_starting = [](const auto& server) { return server.state == engine::ServerState::starting; };
    for (const auto* service : engine_.service_list()) {
        if (service->is_leaving) continue;
        const auto& name = service->config->name;
        const bool is_new =
            !trackers_->knows_service(name) && std::ranges::any_of(service->servers, is_starting);
        if (service->has_quorum || !is_new) trackers_->set_service(name, service->has_quorum);
    }
}

}  // namespace lvs::app
