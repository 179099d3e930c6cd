// SPDX-License-Identifier: GPL-2.0-or-later
//
// Runs the programs that are to be told of events: [notify] of the configuration, and `notify` of routers and
// services.
//
//   event --Notifier--> commands, in order per object --checkers::Runner--> programs, in a process of its own
//
// The Runner keeps the order, the timeout, the user and the bound; a program that hangs holds up the later
// ones of its object and nothing else. How a program ended is told as an event when it did not end well;
// those events start no program themselves, so nothing feeds on itself.
//
// Owner: the daemon. Thread: the loop. Private to lvs_app.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "checkers/runner.hpp"
#include "lvsd/config/model.hpp"
#include "lvsd/events/events.hpp"
#include "lvsd/metrics/metrics.hpp"

namespace lvs::app {

// The commands a configuration wants run for an event, and their environment. Pure.
class NotifyPlan {
public:
    NotifyPlan() = default;
    // `user` is the one that exists.
    NotifyPlan(const config::Config& config, std::string user);
    // Those of the object first, then that for everything.
    [[nodiscard]] std::vector<checkers::Command> commands_for(const events::Event& event) const;
    [[nodiscard]] bool empty() const { return everything_.empty() && routers_.empty() && services_.empty(); }

private:
    using Argv = std::vector<std::string>;
    [[nodiscard]] const Argv* own_command(const events::Event& event) const;

    std::set<std::string, std::less<>> events_;
    Argv everything_;
    std::map<std::string, Argv, std::less<>> routers_, services_;
    std::string user_;
    Duration timeout_{};
};

// What an event says, as "NAME=value"; lvsd.toml(5) lists the names.
[[nodiscard]] std::vector<std::string> notify_environment(const events::Event& event);
// Runs of one key are in order.
[[nodiscard]] std::string notify_key(const events::Event& event);

class Notifier {
public:
    static constexpr std::size_t kMaxWaiting = 1024;

    using Tell = std::function<void(events::Event)>;
    Notifier(asio::io_context& loop, std::string runner_path, metrics::Stats::Notify& stats, Tell tell,
             std::size_t max_waiting = kMaxWaiting);

    void configure(const config::Config& config);  // from now on; what waits is run as it was meant
    void on_event(const events::Event& event);
    [[nodiscard]] bool is_idle() const { return under_way_ == 0; }
    void stop();  // kills what runs, forgets what waits

private:
    void run(const events::Event& event, checkers::Command command);
    void on_end(std::uint64_t sequence, const std::string& program, const checkers::CommandEnd& end);
    void on_lost();

    asio::io_context& loop_;
    std::string runner_path_;
    std::size_t max_waiting_;
    metrics::Stats::Notify& stats_;
    Tell tell_;
    NotifyPlan plan_;
    std::unique_ptr<checkers::Runner> runner_;  // made when first needed
    std::size_t under_way_ = 0;                 // given to the runner, not ended
    std::uint64_t lost_since_told_ = 0;
};

}  // namespace lvs::app
