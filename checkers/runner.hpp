// SPDX-License-Identifier: GPL-2.0-or-later
//
// Runs programs for the daemon (check scripts, trackers, notify scripts) and watches small files, in a
// process of its own: forking, waiting for users' names and reading files never hold up the daemon's loop.
//
//   run(key, command, done)   runs the command as its user, with a timeout, without a shell
//
// Rules
//   - Commands of one key run one after another, in the order they were given; those of different keys at the
//     same time, at most Options::max_running, the rest waits in order. The timeout counts from the start.
//   - `done` is called exactly once, from the loop, never from inside run(); not after cancel() or stop().
//   - The program leads a process group and session of its own. At its deadline the whole group is killed
//     (SIGKILL). What is left of the group when the program ends is killed, too: what is to stay must leave
//     the group (setsid). Everything is reaped.
//   - Its standard input is /dev/null, its folder /, its environment PATH and what the command says. The last
//   KiB
//     of stdout and of stderr come back.
//   - When no process, descriptor or memory is left, the command ends as not_started with that error; the
//   next
//     one is tried again.
//   - The process is started with the first command or file. When it dies, its programs die with it and end
//   as
//     `lost`, waiting ones go on in its replacement; files are watched anew.
//   - At most Options::max_waiting commands wait; beyond that a command ends as not_started (ENOBUFS) at
//   once.
//
//   watch(path, changed)      `changed` is told what the file holds, first soon, then whenever it was written
//                             and closed, replaced, made or removed; within a second when a link on the path
//                             leads elsewhere. Local files only: reading one that hangs holds up all scripts
//                             until the runner is replaced.
//
// Owner: main. Thread: the loop's. Callbacks may call back into this object but not destroy it.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "checkers/command.hpp"
#include "checkers/runner_wire.hpp"
#include "checkers/supervisor.hpp"

namespace lvs::checkers {

class Runner {
public:
    struct Options {
        std::string program = "/usr/libexec/lvsd/lvsd-runner";
        std::size_t max_running = 64;
        std::size_t max_waiting = 10'000;
        Duration silence = std::chrono::seconds(5);
    };
    using Done = std::function<void(const CommandEnd&)>;
    using Changed = std::function<void(const FileText&)>;
    enum class WatchId : std::uint32_t {};

    // on_process may be empty: the runner process runs, or is gone and why.
    Runner(asio::io_context& io, Options options,
           std::function<void(bool up, const std::string& reason)> on_process = {});
    ~Runner();
    Runner(const Runner&) = delete;
    Runner& operator=(const Runner&) = delete;

    void run(std::string_view key, Command command, Done done);
    // Forgets what waits under this key and kills what runs. Their `done` is not called.
    void cancel(std::string_view key);

    [[nodiscard]] WatchId watch(std::string path, Changed changed);
    void unwatch(WatchId id);

    // Kills everything, now.
    void stop();

    [[nodiscard]] std::size_t running() const { return running_.size(); }
    [[nodiscard]] std::size_t waiting() const { return waiting_; }
    [[nodiscard]] std::optional<pid_t> pid() const { return process_.pid(); }

private:
    struct Task {
        Command command;
        Done done;
    };
    struct Line {  // of one key
        std::deque<Task> tasks;
        bool is_running = false;  // a task of it is in running_
        bool is_queued = false;   // it is in turns_
    };
    struct Running {
        std::string key;
        Done done;
    };
    struct Watched {
        std::string path;
        Changed changed;
    };

    void start_process();
    void queue_turn(const std::string& key, Line& line);
    void pump();
    [[nodiscard]] Result<void> on_message(std::span<const std::uint8_t> bytes);
    void on_ended(std::uint32_t job, const CommandEnd& end);
    void on_ready();
    void on_lost(const std::string& reason);
    void end_later(Done done, CommandEnd end);

    asio::io_context& io_;
    Options options_;
    std::function<void(bool, const std::string&)> on_process_;
    std::map<std::string, Line, std::less<>> lines_;
    std::deque<std::string> turns_;  // keys whose first task may start
    std::map<std::uint32_t, Running> running_;
    std::map<WatchId, Watched> watches_;
    std::size_t waiting_ = 0;
    std::uint32_t next_job_ = 1;
    std::uint32_t next_watch_ = 1;
    bool is_started_ = false;
    bool was_ready_ = false;         // this process
    std::shared_ptr<Runner*> self_;  // handlers in flight hold it weakly
    Supervisor process_;
};

}  // namespace lvs::checkers
