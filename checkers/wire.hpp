// SPDX-License-Identifier: GPL-2.0-or-later
//
// The language between the daemon and its checker workers: datagrams on a SOCK_SEQPACKET pair, each one
// message.
//
//   daemon -> worker   Put (checks to add or change), Drop (checks to forget), Sockets, CommandDone,
//                      FileHolds (what Ask asked for)
//   worker -> daemon   Hello (first message), Changes (transitions), Statuses (last results), Heartbeat (once
//                      a second), Ask (checks that are about to run and need something of the daemon)
//
// A worker asks by the name of a check and gets what the daemon's own copy of that check says, so one that
// was taken over cannot have a socket with a mark or device of its choice. It asks shortly before the run,
// many checks in one message; the answer carries the sockets (SCM_RIGHTS), one for each entry without an
// error, in the order of the entries. An answer that comes after its check changed is of no use and closed.
//
// A message is a type byte and its body; numbers are little-endian, strings carry a 16-bit length. Both ends
// are of one build, so there is no negotiation: Hello's version must be equal. A message that is not exactly
// what encode() would have made is refused as a whole; the daemon kills a worker that sends one.
//
// Lists are cut into messages of at most kMaxMessage bytes by Batch. Ids are dense small numbers chosen by
// the daemon; the worker uses them as indices, bounded by kMaxChecks.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "checkers/checkers.hpp"
#include "checkers/lag.hpp"

namespace lvs::checkers {

// A change of health, or of the weight a server asks for.
struct Transition {
    CheckId id{};
    State state = State::unknown;
    std::optional<std::uint16_t> weight_percent;
    Advice advice = Advice::none;
    Duration latency{};  // of the run that decided
    Time at{};           // CLOCK_MONOTONIC, the same in both processes
    std::string reason;
    bool is_assumed = false;  // no run has said so yet, the check's start state does; never in a message
    friend bool operator==(const Transition&, const Transition&) = default;
};

struct Status {
    CheckId id{};
    State state = State::unknown;
    Outcome outcome = Outcome::unchecked;  // of the last run
    std::uint32_t against = 0;             // results in a row that contradict the state
    std::optional<std::uint16_t> weight_percent;
    Advice advice = Advice::none;
    std::optional<std::int32_t> certificate_days;
    Duration latency{};
    Duration lag{};  // actual start - scheduled start
    Time at{};
    std::uint64_t runs = 0;
    std::uint64_t failures = 0;
    std::string reason;
    friend bool operator==(const Status&, const Status&) = default;
};

}  // namespace lvs::checkers

namespace lvs::checkers::wire {

inline constexpr std::size_t kMaxMessage = std::size_t{96} * 1024;
inline constexpr std::uint32_t kMaxChecks = 1'000'000;
inline constexpr std::uint32_t kVersion = 4;
inline constexpr std::size_t kMaxAsks = 1024;    // in one message
inline constexpr std::size_t kMaxSockets = 250;  // in one message; the kernel takes 253

using Bytes = std::vector<std::uint8_t>;

struct Put {
    std::vector<CheckSpec> checks;
    friend bool operator==(const Put&, const Put&) = default;
};
struct Drop {
    std::vector<CheckId> ids;
    friend bool operator==(const Drop&, const Drop&) = default;
};
struct SocketAnswer {
    CheckId id{};
    std::uint16_t error = 0;  // errno; 0 = the next socket is for this check
    friend bool operator==(const SocketAnswer&, const SocketAnswer&) = default;
};
struct Sockets {
    std::vector<SocketAnswer> answers;
    friend bool operator==(const Sockets&, const Sockets&) = default;
};
// What became of the command of a check that asked.
struct CommandDone {
    CheckId id{};
    CommandEnd end;
    friend bool operator==(const CommandDone&, const CommandDone&) = default;
};
// What the file of a check holds: when it asks, and when that changes.
struct FileHolds {
    CheckId id{};
    FileText file;
    friend bool operator==(const FileHolds&, const FileHolds&) = default;
};
using ToWorker = std::variant<Put, Drop, Sockets, CommandDone, FileHolds>;

struct Hello {
    std::uint32_t version = kVersion;
    std::uint32_t max_files = 0;  // how many runs can be under way at once
    friend bool operator==(const Hello&, const Hello&) = default;
};
struct Changes {
    std::vector<Transition> transitions;
    friend bool operator==(const Changes&, const Changes&) = default;
};
struct Statuses {
    std::vector<Status> statuses;
    friend bool operator==(const Statuses&, const Statuses&) = default;
};
// Since the previous heartbeat, except for the gauges.
struct Heartbeat {
    Time at{};
    Duration lag_p50{};  // actual start - scheduled start
    Duration lag_p99{};
    Duration lag_max{};
    std::uint64_t started = 0;
    std::uint64_t unchecked = 0;
    std::uint32_t configured = 0;  // gauge
    std::uint32_t running = 0;     // gauge
    LagCounts lag_counts{};        // by kLagBounds
    friend bool operator==(const Heartbeat&, const Heartbeat&) = default;
};
struct Ask {
    std::vector<CheckId> ids;
    friend bool operator==(const Ask&, const Ask&) = default;
};
using FromWorker = std::variant<Hello, Changes, Statuses, Heartbeat, Ask>;

[[nodiscard]] Bytes encode(const ToWorker& message);
[[nodiscard]] Bytes encode(const FromWorker& message);
[[nodiscard]] Result<ToWorker> decode_to_worker(std::span<const std::uint8_t> bytes);
[[nodiscard]] Result<FromWorker> decode_from_worker(std::span<const std::uint8_t> bytes);

// Whether every text and list is short enough for a message. Asserted by what follows.
[[nodiscard]] bool is_encodable(const CheckSpec& spec);
// The bytes of one spec but for the wishes of its server, the same in every process.
[[nodiscard]] Bytes encode_spec(const CheckSpec& spec);

// Collects entries of one list message until it is full. Entry: CheckSpec, CheckId, Transition or Status.
template <class Entry>
class Batch {
public:
    Batch();
    // False, and nothing added, when the message would grow beyond kMaxMessage.
    [[nodiscard]] bool add(const Entry& entry);
    [[nodiscard]] bool is_empty() const { return count_ == 0; }
    // The message so far; the batch begins anew.
    [[nodiscard]] Bytes take();

private:
    Bytes bytes_;
    std::uint32_t count_ = 0;
};

}  // namespace lvs::checkers::wire
