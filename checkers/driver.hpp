// SPDX-License-Identifier: GPL-2.0-or-later
//
// lvs_checkers_io: runs checks against the network, tens of thousands on one core.
//
//   Driver    the checks, one timer each (next start while idle, deadline while running), one epoll set.
//   Plain epoll
//             rather than Asio: a TCP run costs socket, setsockopt, connect, epoll_ctl and close, and nothing
//             else.
//   Worker    (worker.hpp) the driver's link with the daemon
//
// A run has one absolute deadline, set when it starts. When a run ends late, starts that fell into it are
// left out. Faults of our own (no file descriptor left) change no health; the check is tried again at its
// next time.
//
// A check whose socket must be made by the daemon asks for it kAskAhead before its start, so that many
// questions share a message. Without an answer at its start the run waits for it, at most for the check's
// timeout. Owner: the worker process. Thread: that of the loop.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <vector>

#include "checkers/lag.hpp"
#include "checkers/run.hpp"
#include "checkers/timer_queue.hpp"
#include "checkers/wire.hpp"

namespace lvs::checkers {

class Driver {
public:
    struct Counters {
        std::uint64_t started = 0;
        std::uint64_t unchecked = 0;
        LagHistogram lag;
    };

    // on_change: the check's state or weight is another one. on_ask: the check is going to run and needs a
    // ready-made socket, or runs and needs its command or file; give(), refuse() or tell() answers. Neither
    // may call back into the driver but for queries.
    explicit Driver(std::function<void(CheckId)> on_change, std::function<void(CheckId)> on_ask = {});
    ~Driver();
    Driver(const Driver&) = delete;
    Driver& operator=(const Driver&) = delete;

    [[nodiscard]] Result<void> open();

    // Adds a check or replaces the one with this id, which starts over. Ids are below wire::kMaxChecks.
    [[nodiscard]] Result<void> put(const CheckSpec& spec, Time now);
    void drop(CheckId id);

    // The answer to on_ask. Without a question it is dropped.
    void give(CheckId id, Fd socket, Time now);
    void refuse(CheckId id, int error_number, Time now);
    void tell(CheckId id, const CommandEnd& end, Time now);
    void tell(CheckId id, const FileText& file, Time now);  // also without a question

    // Watches one file descriptor for the owner of the driver. events: EPOLLIN, EPOLLOUT.
    [[nodiscard]] Result<void> watch(int fd, std::uint32_t events,
                                     std::function<void(std::uint32_t)> handler);
    void change_watch(int fd, std::uint32_t events) const;

    // Waits for what is next, at the latest until `until`, and does it.
    void poll(Time until);

    [[nodiscard]] bool has(CheckId id) const { return find(id) != nullptr; }
    [[nodiscard]] std::uint32_t slots() const { return static_cast<std::uint32_t>(checks_.size()); }
    [[nodiscard]] std::uint32_t configured() const { return configured_; }
    [[nodiscard]] std::uint32_t running() const { return running_; }
    [[nodiscard]] Transition transition(CheckId id) const;  // asserts has(id)
    // The status when the check ran since it was last asked for.
    [[nodiscard]] std::optional<Status> take_status(CheckId id);
    // Since the last call.
    [[nodiscard]] Counters take_counters() { return std::exchange(counters_, {}); }

private:
    struct Check;
    [[nodiscard]] Check* find(CheckId id) const;
    [[nodiscard]] PlanPtr intern(const CheckSpec& spec, PlanPtr plan);
    [[nodiscard]] Time first_start(const Check& check, Time now);
    void ask(Check& check, Time now);
    void start(Check& check, Time now, Fd made);
    void begin(Check& check, Time now);
    void finish(Check& check, Verdict verdict, Time now);
    void conclude(Check& check, Verdict verdict, Time now);
    void arm(Check& check, Time now);
    void on_event(std::uint64_t tag, std::uint32_t events);
    void on_timer(std::uint32_t slot, Time now);

    std::function<void(CheckId)> on_change_;
    std::function<void(CheckId)> on_ask_;
    std::function<void(std::uint32_t)> on_watched_;
    Fd epoll_;
    std::vector<std::unique_ptr<Check>> checks_;  // by id
    TimerQueue timers_;                           // by id
    std::map<wire::Bytes, std::weak_ptr<const Plan>> plans_;
    std::size_t sweep_plans_at_ = 64;
    Time next_first_{};
    std::uint32_t configured_ = 0;
    std::uint32_t running_ = 0;
    std::uint32_t run_number_ = 0;
    std::uint64_t secret_ = 0;  // seeds of the probes follow from it
    Counters counters_;
};

}  // namespace lvs::checkers
