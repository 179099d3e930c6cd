// SPDX-License-Identifier: GPL-2.0-or-later
//
// Keeping the kernel's IPVS table equal to the desired one: the decisions, and the two interfaces they need.
//
//   Reconcile     a machine without I/O (lvs_ipvs). It asks for reads, hands out commands, remembers what is
//                 ours, and says what it found. Driven by Reconciler (reconciler.hpp) on the loop's thread.
//   KernelPort    reads and changes a kernel's table; Kernel (netlink.hpp), and fakes in tests.
//   StateStore    remembers across restarts which services are ours; FileStore (reconciler.hpp).
//
// One cycle: read -> diff -> apply -> read again -> compare. A change of the desired table reads and writes
// only the services it touches; every `interval`, and after any trouble, the whole table is read. What
// changes while a cycle runs is taken up by one more cycle, so a burst costs two. Nothing is written that is
// there.
//
// Ownership: a service is noted as ours before it is written to the kernel and forgotten after it was seen to
// be gone from it. So whenever the process dies, the next one finds everything of ours in its notes, keeps
// what is still desired and deletes the rest. What nobody noted is foreign and left alone.
//
// Drift: once the kernel was seen equal to the desired table, any later difference was made by somebody else.
// It is reported and repaired.
//
// The first table given to set_desired() is applied as it is: to hold a server back until it was checked is
// the engine's decision, not one of this part.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "ipvs/ipvs.hpp"

namespace lvs::ipvs {

// ---- interfaces -----------------------------------------------------------------------------------------

using Scope = std::optional<std::set<ServiceKey>>;  // nothing: the whole table

struct CommandError {
    Command command;
    Error error;
};

struct ApplyReport {
    std::size_t done = 0;              // commands whose effect is in the kernel
    std::vector<CommandError> errors;  // refused one by one, the rest went on
    std::size_t skipped = 0;           // servers of a service that was itself refused
    std::optional<Error> fatal;        // why the remaining commands were not tried
};

using ReadHandler = std::function<void(Result<Table>)>;
using ApplyHandler = std::function<void(ApplyReport)>;

class KernelPort {
public:
    virtual ~KernelPort() = default;
    // Handlers run later on the loop, never inside the call, and not after the port was closed.
    virtual void read(Scope scope, ReadHandler handler) = 0;
    virtual void apply(std::vector<Command> commands, ApplyHandler handler) = 0;
};

class StateStore {
public:
    virtual ~StateStore() = default;
    [[nodiscard]] virtual Result<Owned> load() = 0;
    [[nodiscard]] virtual Result<void> store(const Owned& owned) = 0;
};

// One key per line under a head line that names the boot. Notes of another boot are empty: a kernel starts
// without anything of ours, and what somebody else has put there since must not be taken for it.
[[nodiscard]] std::string encode_owned(const Owned& owned, std::string_view boot_id);
[[nodiscard]] Result<Owned> parse_owned(std::string_view text, std::string_view boot_id);

// ---- the machine ----------------------------------------------------------------------------------------

enum class AtStop : std::uint8_t { remove, keep };  // what becomes of our entries

// Effects that act, in the order in which they are to be carried out.
struct StoreOwned {
    Owned owned;
};
struct StartRead {
    Scope scope;
};
struct StartApply {
    std::vector<Command> commands;
};
struct Stopped {};

// Effects that tell.
struct Applied {  // commands were carried out and seen in the kernel
    std::size_t commands = 0;
    Duration took{};
};
struct Drifted {  // somebody else changed what is ours; `repairs` undo it
    std::vector<Command> repairs;
};
struct Troubled {  // the kernel is not as desired; tried again after `retry_after`
    std::optional<Error> error;
    std::vector<CommandError> errors;
    Duration retry_after{};
};
struct Recovered {};  // the kernel is as desired again after trouble

using Effect =
    std::variant<StoreOwned, StartRead, StartApply, Stopped, Applied, Drifted, Troubled, Recovered>;
using Effects = std::vector<Effect>;

struct ReconcileOptions {
    Duration interval = std::chrono::seconds(10);     // between looks at the whole table
    Duration retry_first = std::chrono::seconds(1);   // after trouble: doubled from here ...
    Duration retry_limit = std::chrono::seconds(30);  // ... up to here
};

class Reconcile {
public:
    // `owned`: what a former run noted.
    Reconcile(ReconcileOptions options, Owned owned) : options_(options), owned_(std::move(owned)) {}

    void set_desired(Time now, Table desired, Effects& out);
    void set_interval(Time now, Duration interval);
    void look_now(Time now, Effects& out);  // compare the whole table as soon as possible
    // Read and compare these. Nothing happens while a cycle runs: it reads anyway.
    void look_at(Time now, std::set<ServiceKey> keys, Effects& out);
    // set_desired() for those who know what changed: the named services, absent ones go.
    void change_desired(Time now, const std::map<ServiceKey, std::optional<Service>>& changes, Effects& out);
    // Ends with Stopped after one attempt, successful or not.
    void stop(Time now, AtStop what, Effects& out);

    void on_read(Time now, Result<Table> table, Effects& out);    // answers StartRead
    void on_applied(Time now, ApplyReport report, Effects& out);  // answers StartApply
    void on_store_failed() { store_failed_ = true; }              // the next cycle notes again

    void advance(Time now, Effects& out);
    [[nodiscard]] std::optional<Time> deadline() const;

    [[nodiscard]] const Table& table() const { return known_; }  // the kernel's, as last read
    [[nodiscard]] const Table& desired() const { return desired_; }
    [[nodiscard]] const Owned& owned() const { return owned_; }
    [[nodiscard]] bool is_settled() const { return settled_; }  // the kernel was seen as desired

private:
    enum class State : std::uint8_t { idle, reading, applying, verifying, stopped };

    void begin(Time now, Scope scope, Effects& out);
    void begin_next(Time now, Effects& out);
    void merge(Table table);
    void decide(Time now, Effects& out);
    void verify(Time now, Effects& out);
    void settle(Time now, Effects& out);
    void trouble(Time now, std::optional<Error> error, Effects& out);
    void finish_cycle(Time now, Effects& out);
    void own(Owned owned, Effects& out);
    [[nodiscard]] Scope scope_of_change() const;
    void take_up(Time now, Scope scope, Effects& out);

    ReconcileOptions options_;
    Table desired_;
    Table known_;
    Owned owned_;
    State state_ = State::idle;
    bool has_desired_ = false;  // until then there is nothing to compare with
    bool dirty_ = false;        // desired_ changed after the running cycle decided
    bool look_again_ = false;   // a whole look was asked for during a cycle
    bool read_whole_ = false;   // known_ holds the whole table
    bool settled_ = false;
    bool troubled_ = false;
    bool store_failed_ = false;
    std::optional<AtStop> stopping_;
    bool removing_ = false;             // the last cycle, the one that removes, has begun
    Scope scope_;                       // of the running read
    Time began_{};                      // the running cycle ...
    std::size_t commands_ = 0;          // ... what it wrote ...
    std::vector<CommandError> errors_;  // ... and what was refused
    Duration retry_{};                  // the last back-off; 0 = none
    std::optional<Time> next_look_;
    std::optional<Time> postponed_;  // the whole look that was due when a look_at() began
};

}  // namespace lvs::ipvs
