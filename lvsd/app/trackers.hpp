// SPDX-License-Identifier: GPL-2.0-or-later
//
// What virtual routers depend on and the speaker cannot see itself: files, processes, scripts and virtual
// services. Private to lvs_app. Thread: the loop. Interfaces and other routers are the speaker's own
// business.
//
// A file is looked at when its folder changes (inotify) and once per second in any case: the folder may be
// missing, or of a kind that tells nothing. A process that ends is noticed at once (pidfd); one that starts,
// at the next look.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "lvsd/config/model.hpp"
#include "lvsd/runtime/asio.hpp"

namespace lvs::app {

// "0", "down" or nothing there at all is bad news.
[[nodiscard]] bool file_says_up(const std::string& path);
// A running process of that name, or of that program when it has a slash; 0: none.
[[nodiscard]] int find_process(const std::string& name);

class TrackerSources {
public:
    using Tell = std::function<void(const std::string& tracker, bool good)>;
    // How a script ended; nothing: that is not known, by no fault of its own.
    using Done = std::function<void(std::optional<bool> good)>;
    // Runs the script of a tracker once, without privileges and within its timeout; `done` comes later, or
    // never.
    using Run = std::function<void(const config::Tracker& tracker, Done done)>;
    TrackerSources(asio::io_context& loop, Tell tell, Run run);

    // Replaces what is watched, and tells the state of everything that is known. What stays as it was is not
    // disturbed: a script that runs goes on, and its results so far count.
    void configure(const std::vector<config::Tracker>& trackers);
    // Whether a virtual service has its quorum.
    void set_service(const std::string& service, bool good);
    [[nodiscard]] bool knows_service(const std::string& service) const { return services_.contains(service); }
    void stop();

private:
    struct Process {
        config::Tracker tracker;
        asio::steady_timer timer;
        asio::posix::stream_descriptor running;  // its pidfd, while it runs
        Process(asio::io_context& loop, config::Tracker which)
            : tracker(std::move(which)), timer(loop), running(loop) {}
    };

    struct Script {
        config::Tracker tracker;
        asio::steady_timer timer;
        Script(asio::io_context& loop, config::Tracker which) : tracker(std::move(which)), timer(loop) {}
        bool is_running = false;
        std::optional<bool> good = std::nullopt;  // as it was told
        bool last = false;                        // the results so far, and how many in a row
        std::uint32_t streak = 0;
    };

    // Handlers hold these weakly: what is no longer watched is gone for them.
    using ProcessPtr = std::shared_ptr<Process>;
    using ScriptPtr = std::shared_ptr<Script>;

    void begin(const config::Tracker& tracker);
    void run_script(const ScriptPtr& script);
    void on_script(Script& script, std::optional<bool> result);
    void look_at_files();
    void watch_folders();
    void await_change();
    void await_second();
    void look_for(const ProcessPtr& process);
    void look_again(const ProcessPtr& process, Duration after);
    void await_end(const ProcessPtr& process, int pid);
    void tell_service(const config::Tracker& tracker);

    asio::io_context& loop_;
    Tell tell_;
    Run run_;
    std::vector<config::Tracker> trackers_;
    asio::posix::stream_descriptor folders_;  // inotify
    asio::steady_timer second_;
    std::map<std::string, ProcessPtr> processes_;  // by tracker
    std::map<std::string, ScriptPtr> scripts_;
    std::uint64_t generation_ = 0;  // of configure(): what waits for files since an earlier one does nothing
    std::map<std::string, bool> services_;
};

}  // namespace lvs::app
