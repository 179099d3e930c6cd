// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/app/notifier.hpp"

#include <fmt/core.h>
#include <pwd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>

#include "lvsd/app/event_of.hpp"
#include "lvsd/base/messages.hpp"

namespace lvs::app {
namespace {

using checkers::CommandEnd;
using events::Event;
using events::Subject;

// The name of a detail as part of a variable's: "retry_in" -> RETRY_IN.
std::string upper(std::string_view name) {
    std::string out;
    for (const char c : name)
        out += std::isalnum(static_cast<unsigned char>(c)) != 0
                   ? static_cast<char>(std::toupper(static_cast<unsigned char>(c)))
                   : '_';
    return out;
}

std::string word(CommandEnd::How how, bool success) {
    switch (how) {
        case CommandEnd::How::exited:
            return success ? "ok" : "failed";
        case CommandEnd::How::signalled:
            return "failed";
        case CommandEnd::How::timed_out:
            return "timeout";
        case CommandEnd::How::not_started:
            return "not-started";
        case CommandEnd::How::lost:
            return "lost";
    }
    return "?";
}

// As for the checks: without the user there is nobody.
std::string existing_user(const std::string& name) {
    return ::getpwnam(name.c_str()) != nullptr ? name : "nobody";
}

}  // namespace

// ---- what is to be run
// --------------------------------------------------------------------------------------

NotifyPlan::NotifyPlan(const config::Config& config, std::string user)
    : events_(config.notify.events.begin(), config.notify.events.end()),
      everything_(config.notify.command),
      user_(std::move(user)),
      timeout_(config.notify.timeout) {
    for (const auto& router : config.routers)
        if (!router.notify.empty()) routers_[router.name] = router.notify;
    for (const auto& service : config.services)
        if (!service.notify.empty()) services_[service.name] = service.notify;
}

const NotifyPlan::Argv* NotifyPlan::own_command(const Event& event) const {
    const auto look = [](const auto& commands, std::string_view name) -> const Argv* {
        const auto found = commands.find(name);
        return found == commands.end() ? nullptr : &found->second;
    };
    const std::string_view object = event.object;
    if (event.subject == Subject::router) return look(routers_, object);
    if (event.subject == Subject::service) return look(services_, object);
    if (event.subject == Subject::server) return look(services_, object.substr(0, object.find(' ')));
    return nullptr;
}

std::vector<checkers::Command> NotifyPlan::commands_for(const Event& event) const {
    std::vector<checkers::Command> out;
    if (!events_.contains(event.name())) return out;
    const auto add = [&](const Argv& argv) {
        out.push_back(
            {.argv = argv, .environment = notify_environment(event), .user = user_, .timeout = timeout_});
    };
    if (const auto* own = own_command(event)) add(*own);
    if (!everything_.empty()) add(everything_);
    return out;
}

std::vector<std::string> notify_environment(const Event& event) {
    std::vector<std::string> out;
    const auto add = [&out](std::string_view name, std::string_view value) {
        std::string text(value);
        std::erase(text, '\0');  // a variable ends there
        out.push_back(fmt::format("LVSD_{}={}", name, text));
    };
    const auto us =
        std::chrono::duration_cast<std::chrono::microseconds>(event.time.time_since_epoch()).count();
    add("EVENT", event.name());
    add("SEQUENCE", fmt::format("{}", event.sequence));
    add("TIME_US", fmt::format("{}", us));
    add("SEVERITY", to_string(event.level));
    add("SUBJECT", events::to_string(event.subject));
    add("OBJECT", event.object);
    add("FROM", event.from);
    add("TO", event.to);
    add("REASON", event.reason);
    add("MESSAGE", event.message);
    for (const auto& [name, value] : event.details)
        add(upper(name), value);
    return out;
}

std::string notify_key(const Event& event) {
    return fmt::format("notify {} {}", events::to_string(event.subject), event.object);
}

// ---- running it
// ---------------------------------------------------------------------------------------------

Notifier::Notifier(asio::io_context& loop, std::string runner_path, metrics::Stats::Notify& stats, Tell tell,
                   std::size_t max_waiting)
    : loop_(loop), runner_path_(std::move(runner_path)), max_waiting_(max_waiting), stats_(stats), tell_(std::move(tell)) {}

void Notifier::configure(const config::Config& config) {
    plan_ = NotifyPlan(config, existing_user(config.notify.user));
}

void Notifier::on_event(const Event& event) {
    if (plan_.empty()) return;
    for (auto& command : plan_.commands_for(event))
        run(event, std::move(command));
}

void Notifier::run(const Event& event, checkers::Command command) {
    if (!runner_)
        runner_ = std::make_unique<checkers::Runner>(
            loop_, checkers::Runner::Options{.program = runner_path_, .max_waiting = max_waiting_});
    ++under_way_;
    const auto program = command.argv.front();
    runner_->run(notify_key(event), std::move(command),
                 [this, sequence = event.sequence, program](const CommandEnd& end) {
                     on_end(sequence, program, end);
                 });
    stats_.waiting = runner_->waiting();
}

void Notifier::on_end(std::uint64_t sequence, const std::string& program, const CommandEnd& end) {
    --under_way_;
    stats_.waiting = runner_->waiting();
    if (end.how == CommandEnd::How::not_started && end.number == ENOBUFS) return on_lost();
    ++stats_.runs[word(end.how, end.is_success())];
    if (lost_since_told_ != 0 && stats_.waiting == 0)
        tell_(daemon_event(ev::notify_lost, Level::warning,
                           "notify programs were too slow, some runs were left out",
                           {{"runs", fmt::format("{}", std::exchange(lost_since_told_, 0))}}));
    if (end.is_success()) return;
    auto told = daemon_event(ev::notify_failed, Level::warning, fmt::format("{} {}", program, to_string(end)),
                             {{"program", program}, {"for_sequence", fmt::format("{}", sequence)}});
    told.reason = end.errors;
    tell_(std::move(told));
}

// The first is told at once, how many there were when the queue is empty again: not one line for each.
void Notifier::on_lost() {
    ++stats_.dropped;
    if (lost_since_told_++ == 0)
        tell_(daemon_event(ev::notify_lost, Level::warning, "notify programs are too slow, runs are left out",
                           {{"waiting", fmt::format("{}", stats_.waiting)}}));
}

void Notifier::stop() {
    if (runner_) runner_->stop();
    under_way_ = 0;
}

}  // namespace lvs::app
