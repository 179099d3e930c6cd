// SPDX-License-Identifier: GPL-2.0-or-later
//
// lvs_checkers: is a server healthy? The deciding part, without sockets, clocks or processes.
//
//   CheckSpec --make_plan--> Plan --start--> Probe --steps--> Verdict --Health--> up / down
//                                              ^                          |
//                          driver (lvs_checkers_io): bytes, deadline   Schedule: when next
//
//   Plan      what is the same in every run of a check: the kind with its keys, parsed once. Immutable and
//   shared by
//             all checks with the same kind and keys (owners: those checks and their running probes).
//   Probe     one run. It is told what happened (connected, data, end, error, deadline) and answers with
//   bytes to
//             send or with a Verdict. It reads no clock: the driver owns ONE absolute deadline for the whole
//             run, so a server that drips bytes cannot prolong it.
//   Verdict   ok, failed or unchecked, with a reason a person understands. "unchecked" is a fault on our side
//             (no file descriptor left): it changes no health.
//   Health    counts verdicts: `rise` successes in a row make a server up, `fall` failures make it down.
//   Schedule  when a check runs: a grid with a phase that follows from the check itself, so a reload or a
//   restarted
//             worker goes on at the same times, and many checks spread by themselves.
//
// A kind is one small file (tcp.cpp, http.cpp, ...) that defines its keys, its documentation and its Plan;
// the list is in kinds.cpp. What is read from a server is bounded in every kind; nothing it sends reaches a
// reason unquoted.
//
// Probes run in a process of their own (worker_main.cpp), driven by driver.hpp; wire.hpp is the language
// between it and the daemon, client.hpp the daemon's end. Everything here belongs to one thread and is not
// locked.
//
// Standards: RFC 9293 (TCP), 9112, 9113 (HTTP), 8446 (TLS), 5321, 3207 (SMTP), 1035 (DNS), 792, 4443 (ICMP).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "checkers/command.hpp"
#include "lvsd/base/base.hpp"
#include "lvsd/base/schema.hpp"

namespace lvs::checkers {

// ---- what is checked
// ----------------------------------------------------------------------------------------

enum class CheckId : std::uint32_t {};  // chosen by whoever asks for the check
enum class State : std::uint8_t { unknown, up, down };
[[nodiscard]] std::string_view to_string(State state);

// What a server asks for beside a weight: that it gets no new connections (drain), or is taken out on purpose
// (maint). Both come with a weight of 0 percent and are no failures.
enum class Advice : std::uint8_t { none, drain, maint };
[[nodiscard]] std::string_view to_string(Advice advice);

struct CheckSpec {
    CheckId id{};
    std::string kind{};  // "tcp"; one of kinds()
    Endpoint target{};
    Duration interval = std::chrono::seconds(2);
    Duration timeout = std::chrono::seconds(1);  // for the whole run, from connect to verdict
    Duration fast_interval{};                    // while results contradict the state; zero = interval
    Duration jitter{};  // each run starts up to this much later; at most interval / 4
    std::uint32_t rise = 2;
    std::uint32_t fall = 3;
    State initial = State::unknown;  // unknown: the first verdict decides
    // What the server asked for before, until a run says otherwise.
    std::optional<std::uint16_t> initial_weight_percent{};
    Advice initial_advice = Advice::none;
    std::optional<IpAddress> source{};
    std::string interface {};  // bind to this device
    std::uint32_t fwmark = 0;  // 0 = none
    // The mark leads the probe to this real server, whatever the target is (a check through the service): the
    // default source is the one packets to this server have.
    std::optional<IpAddress> through{};
    Params params{};  // the kind's own keys, defaults filled in
    friend bool operator==(const CheckSpec&, const CheckSpec&) = default;
};

// Two checks are the same when they differ in id and what they start with only: one run serves both.
[[nodiscard]] bool same_check(const CheckSpec& a, const CheckSpec& b);
// Equal for same checks, stable between processes.
[[nodiscard]] std::uint64_t identity(const CheckSpec& spec);
// What is wrong with a spec, beyond what its key table says: an unknown kind, a timeout of zero, a line break
// in a path.
[[nodiscard]] Result<void> validate(const CheckSpec& spec);
// The part of it that leaves the kind's own keys aside.
[[nodiscard]] Result<void> validate_settings(const CheckSpec& spec);

// The kinds of checks there are, with their keys, for the configuration and the manual.
[[nodiscard]] std::span<const KindSpec> kinds();

// ---- one run
// ------------------------------------------------------------------------------------------------

enum class Outcome : std::uint8_t { ok, failed, unchecked };
[[nodiscard]] std::string_view to_string(Outcome outcome);

// Longest reason; longer ones are cut. A reason is printable ASCII.
inline constexpr std::size_t kMaxReason = 200;

struct Verdict {
    Outcome outcome = Outcome::failed;
    std::string reason;
    std::optional<std::uint16_t> weight_percent = std::nullopt;   // of the configured weight; 0 = drain
    std::optional<std::int32_t> certificate_days = std::nullopt;  // until the server's certificate expires
    Advice advice = Advice::none;

    [[nodiscard]] static Verdict good(std::string why);
    [[nodiscard]] static Verdict bad(std::string why);
    [[nodiscard]] static Verdict skipped(std::string why);
};

// What a probe wants next: bytes to be sent (valid until the next call into the probe), to hear more, or to
// end.
struct Step {
    std::string_view output{};
    std::optional<Verdict> verdict{};

    [[nodiscard]] static Step wait() { return {}; }
    [[nodiscard]] static Step send(std::string_view bytes) { return {bytes, std::nullopt}; }
    [[nodiscard]] static Step done(Verdict verdict) { return {{}, std::move(verdict)}; }
};

// How far a run had come when it was cut short.
struct Progress {
    bool connected = false;
    std::uint64_t received = 0;  // bytes
    Duration timeout{};
};

class Probe {
public:
    Probe() = default;
    Probe(const Probe&) = delete;
    Probe& operator=(const Probe&) = delete;
    virtual ~Probe() = default;

    virtual Step on_connected() = 0;
    virtual Step on_data(std::span<const std::uint8_t> bytes) = 0;
    // The peer will send no more. There is nothing to wait for after it: always a verdict.
    virtual Verdict on_eof(const Progress& progress);
    // The transport failed; error_number is an errno.
    virtual Verdict on_error(int error_number, const Progress& progress);
    virtual Verdict on_deadline(const Progress& progress);
    virtual Verdict on_command(const CommandEnd& end);  // Transport::command
    virtual Verdict on_file(const FileText& file);      // Transport::file; its word counts at once
};

// What a run speaks through. icmp: whole ICMP messages, from the type byte on, to and from the target alone.
// A probe fills in identifier, sequence number and, over IPv4, the checksum (over IPv6 the kernel does); it
// is told of echo replies only, anybody's of that target, and of ICMP errors by on_error().
// command and file have no socket: the daemon has the runner (runner.hpp) run the plan's command or watch its
// file, and the probe is told the outcome.
enum class Transport : std::uint8_t { tcp, udp, icmp, command, file };

class Plan {
public:
    Plan() = default;
    Plan(const Plan&) = delete;
    Plan& operator=(const Plan&) = delete;
    virtual ~Plan() = default;
    [[nodiscard]] virtual Transport transport() const { return Transport::tcp; }
    // For Transport::command and Transport::file.
    [[nodiscard]] virtual Command command(const Endpoint& target) const;  // the timeout is the caller's
    [[nodiscard]] virtual std::string file() const { return ""; }
    // The plan outlives the probe. `seed`: where a probe needs a number a stranger cannot guess.
    [[nodiscard]] virtual std::unique_ptr<Probe> start(const Endpoint& target, std::uint64_t seed) const = 0;
};
using PlanPtr = std::shared_ptr<const Plan>;

[[nodiscard]] Result<PlanPtr> make_plan(std::string_view kind, const Params& params);

// The errno by which the daemon refuses a socket because answers from the target, an address of this host, would be
// dropped by the kernel.
inline constexpr int kAnswersAreRefused = 76;  // ENOTUNIQ

// Whether the run's socket needs a privilege the worker does not have: a mark, a device, ICMP. The daemon
// makes such sockets (socket_maker.hpp) and hands them to the worker ready-made, one for each run.
[[nodiscard]] bool needs_made_socket(const CheckSpec& spec, Transport transport);

// ---- health and schedule
// ------------------------------------------------------------------------------------

class Health {
public:
    Health(std::uint32_t rise, std::uint32_t fall, State initial);
    // True when the state changed. From `unknown` the first result decides.
    bool on_result(bool ok);
    [[nodiscard]] State state() const { return state_; }
    // Results in a row that contradict the state.
    [[nodiscard]] std::uint32_t against() const { return against_; }
    // On the way to another state, or without one.
    [[nodiscard]] bool is_settling() const { return state_ == State::unknown || against_ != 0; }

private:
    std::uint32_t rise_;
    std::uint32_t fall_;
    std::uint32_t against_ = 0;
    State state_;
};

class Schedule {
public:
    // `seed` is the check's identity. jitter is cut to interval / 4.
    Schedule(Duration interval, Duration jitter, std::uint64_t seed);
    // The first start of the grid later than `time`.
    [[nodiscard]] Time next_after(Time time) const;
    // The start that follows one at `started`: at least half an interval later.
    [[nodiscard]] Time following(Time started) const { return next_after(started + interval_ / 2); }

private:
    [[nodiscard]] Time start_of(std::int64_t round) const;
    Duration interval_;
    Duration jitter_;
    std::uint64_t seed_;
};

}  // namespace lvs::checkers
