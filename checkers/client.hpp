// SPDX-License-Identifier: GPL-2.0-or-later
//
// lvs_checkers_client: the daemon's end of health checking. Give it the checks there should be; it has worker
// processes run them and tells what changed.
//
//   configure(specs)  --same checks merged-->  slots  --Put/Drop-->  workers (Supervisor, one each)
//   callbacks         <--fanned out to ids---  slots  <--Changes, Statuses, Heartbeat--
//
// Identical checks (same_check) run once, whatever their ids, and serve all of them. A check that is the same
// after configure() is not touched: it keeps its state, its phase and the run under way. One whose settings
// changed starts with the health it had (heritage.hpp).
//
// When a worker dies or falls silent, the last known health stands, nothing is reported but on_worker, and
// its replacement goes on from there. What a worker says is checked, bounded and never trusted further than
// its checks.
//
// Owner: main. Thread: the loop's. Callbacks come from the loop, on_transition also from within configure(),
// for ids whose check is already known to be up or down. They may call configure() or stop() but not destroy
// the client.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "checkers/checkers.hpp"
#include "checkers/runner.hpp"
#include "checkers/supervisor.hpp"
#include "checkers/wire.hpp"

namespace lvs::checkers {

// What is known of a check: its last change, its last status and the changes before.
struct CheckInfo {
    Transition last;
    Status status;
    std::vector<Transition> history;  // oldest first, at most WorkerClient::kHistory, `last` included
    std::string output;               // of a script's last run: the ends of its stdout and stderr
};

class WorkerClient {
public:
    static constexpr std::size_t kHistory = 8;

    struct Options {
        std::string program = "/usr/libexec/lvsd/lvsd-checker";
        std::string user = "lvsd-check";  // nobody, if there is no such user
        unsigned workers = 1;             // at most 16
        Duration silence = std::chrono::seconds(3);
    };
    struct Callbacks {
        std::function<void(const Transition&)> on_transition;  // health or asked-for weight changed
        std::function<void(const Status&)> on_status;          // may be empty
        std::function<void(bool up, const std::string& reason)> on_worker;
        std::function<void(const wire::Heartbeat&)> on_heartbeat;  // may be empty
        // May be empty. As on_heartbeat, with the number of the worker, from 0.
        std::function<void(std::size_t worker, const wire::Heartbeat&)> on_beat_of{};
        // May be empty. Before a socket is made: 0, or the errno for which there shall be none.
        std::function<int(const CheckSpec&)> refuse_socket{};
    };

    WorkerClient(asio::io_context& io, Options options, Callbacks callbacks);
    ~WorkerClient();
    WorkerClient(const WorkerClient&) = delete;
    WorkerClient& operator=(const WorkerClient&) = delete;

    // Runs the commands and watches the files of checks; without it they stay unchecked. Outlives this object
    // or is taken away (nullptr) before it goes.
    void use_runner(Runner* runner);
    void start();
    // All checks there should be. Every spec is valid (validate()) and every id given once: asserted.
    void configure(const std::vector<CheckSpec>& specs);
    // Ends the workers, now. Health stays readable.
    void stop();

    [[nodiscard]] const CheckInfo* find(CheckId id) const;
    // Another number of workers. They begin anew; health, history and the times of checks stay.
    void set_workers(unsigned count);
    [[nodiscard]] unsigned workers() const { return static_cast<unsigned>(workers_.size()); }
    [[nodiscard]] std::size_t checks_run() const { return slot_of_.size(); }  // after merging
    [[nodiscard]] unsigned ready() const;  // workers that run and have said hello
    [[nodiscard]] std::vector<pid_t> pids() const;

private:
    struct Slot;
    using Slots = std::vector<std::uint32_t>;  // their numbers
    struct SpecHash {
        std::size_t operator()(const CheckSpec* spec) const { return identity(*spec); }
    };
    struct SameSpec {
        bool operator()(const CheckSpec* a, const CheckSpec* b) const { return same_check(*a, *b); }
    };
    using SlotIndex = std::unordered_map<const CheckSpec*, std::uint32_t, SpecHash, SameSpec>;

    void make_workers();
    void on_ready(std::size_t worker);
    [[nodiscard]] Result<void> on_message(std::size_t worker, const wire::FromWorker& message);
    void on_ask(std::size_t worker, const wire::Ask& ask);
    void run_command(std::uint32_t number, Slot& slot);
    void tell_file(std::uint32_t number, Slot& slot);
    void let_go(Slot& slot) const;
    void on_change(std::size_t worker, Transition change);
    void take_change(Slot& slot, Transition change);
    void confirm(Slot& slot, const Status& status);
    void on_status(std::size_t worker, Status status);
    [[nodiscard]] Slot* slot_from(std::size_t worker, CheckId wire_id, Time at);
    [[nodiscard]] Slots add_slots(const std::vector<const CheckSpec*>& missing,
                                  std::unordered_map<CheckId, std::uint32_t>& wanted);
    [[nodiscard]] std::uint32_t take_slot(const CheckSpec& spec, const Transition& inherited);
    void release_unused(const std::unordered_map<CheckId, std::uint32_t>& wanted);
    void send_puts(const Slots& numbers);
    void send_drops(const Slots& numbers);
    [[nodiscard]] CheckSpec wire_spec(std::uint32_t slot) const;

    asio::io_context& io_;
    Options options_;
    Callbacks callbacks_;
    bool is_started_ = false;
    Runner* runner_ = nullptr;
    std::shared_ptr<WorkerClient*> self_;  // the runner's callbacks hold it weakly
    std::vector<std::unique_ptr<Supervisor>> workers_;
    std::vector<std::unique_ptr<Slot>> slots_;
    std::vector<std::uint32_t> free_slots_;
    SlotIndex slot_of_;                                      // keys point into the slots
    std::unordered_map<CheckId, std::uint32_t> slot_of_id_;  // the ids callers know
};

}  // namespace lvs::checkers
