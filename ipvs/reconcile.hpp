// SPDX-License-Identifier: GPL-2.0-or-later
//
// Keeping the kernel's IPVS table equal to the desired one: the decisions, and the two interfaces they need.
//
//   Reconcile     a machine without I/O (lvs_ipvs). It asks for reads, hands out commands, remembers what is
//                 ours, and says what it found. Driven by Reconciler (reconciler.hpp) on the loop's thread.
//   KernelPort    reads and changes a kernel's table; Kernel (netlink.hpp), and fakes in tests.
//   StateStore    remembers across restarts which services are ours; FileStore (reconciler.hpp).
//
// Our kernel module numbers and tells the changes of its table (ipvs.hpp, Generation). As long as the number
// is known, nothing has to be read: a look is one question for it, a change of the desired table one batch
// that expects it, and what somebody else changes is read, service by service, as soon as it is told.
// Whenever the numbers do not fit, the whole table is read, as with the kernel's own module.
//
// What the kernel refuses is tried again later and later; everything else goes on meanwhile, drift included.
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
    std::size_t lost = 0;              // answers that did not come: who knows
    // The table is exactly the one of Job::expect with these commands, and nobody else changed it since.
    std::optional<Generation> generation;
    std::vector<Command> commands;  // with the generation: those of the job
    bool stale = false;             // it was no longer that of Job::expect, so (the rest) was not tried
};

// Commands in the order of diff(): those of one service stand together. And for a module that takes a whole
// service at once what they lead to: what an added one has, its commands say.
struct Job {
    std::vector<Command> commands;
    Table services;                    // those that change; if not in it, command by command
    std::optional<Generation> expect;  // of the table the commands are made for
};

// What somebody changed, in order; lost: more than that, or everything.
struct Changes {
    bool lost = false;
    std::vector<Change> changes;
};
using ChangesHandler = std::function<void(const Changes&)>;
using GenerationHandler = std::function<void(Result<std::optional<Generation>>)>;

// The generation is one that what was read is at least as new as; absent: the module counts none.
using ReadHandler = std::function<void(Result<Table>, std::optional<Generation>)>;
using ApplyHandler = std::function<void(ApplyReport)>;

class KernelPort {
public:
    virtual ~KernelPort() = default;
    // Handlers run later on the loop, never inside the call, and not after the port was closed.
    virtual void read(Scope scope, ReadHandler handler) = 0;
    virtual void apply(Job job, ApplyHandler handler) = 0;
    virtual void generation(GenerationHandler handler) = 0;  // absent: the module counts none
    virtual void watch(ChangesHandler handler) = 0;          // may be told nothing, ever
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
    Job job;
};
struct AskGeneration {};
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

using Effect = std::variant<StoreOwned, StartRead, StartApply, AskGeneration, Stopped, Applied, Drifted,
                            Troubled, Recovered>;
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
    void change_desired(Time now, std::map<ServiceKey, std::optional<Service>> changes, Effects& out);
    // Somebody wants to see counters: for a while they are read at every look.
    void want_counters(Time now) { counters_wanted_ = now; }
    // Ends with Stopped after one attempt, successful or not.
    void stop(Time now, AtStop what, Effects& out);

    void on_read(Time now, Result<Table> table, std::optional<Generation> generation,
                 Effects& out);  // answers StartRead
    void on_read(Time now, Result<Table> table, Effects& out) {
        on_read(now, std::move(table), std::nullopt, out);
    }
    void on_applied(Time now, ApplyReport report, Effects& out);  // answers StartApply
    void on_generation(Time now, const Result<std::optional<Generation>>& generation,
                       Effects& out);  // answers AskGeneration
    void on_changes(Time now, const Changes& changes, Effects& out);
    void on_store_failed() { store_failed_ = true; }  // the next cycle notes again

    void advance(Time now, Effects& out);
    [[nodiscard]] std::optional<Time> deadline() const;

    [[nodiscard]] const Table& table() const { return known_; }  // the kernel's, as last read
    [[nodiscard]] const Table& desired() const { return desired_; }
    [[nodiscard]] const Owned& owned() const { return owned_; }
    // The kernel was seen as desired.
    [[nodiscard]] bool is_settled() const { return settled_ && refused_.empty(); }
    // Services with something the kernel refused.
    [[nodiscard]] const std::set<ServiceKey>& refused() const { return refused_; }
    // Of the kernel's table, as far as it is known.
    [[nodiscard]] std::optional<Generation> generation() const { return at_; }

private:
    enum class State : std::uint8_t { idle, asking, reading, applying, verifying, stopped };

    void begin(Time now, Scope scope, Effects& out);
    void begin_next(Time now, Effects& out);
    void begin_known(Time now, Scope scope, Effects& out);
    void begin_changed(Time now, Effects& out);
    void take_changes(const Changes& changes);
    void lose_track();
    [[nodiscard]] bool is_read_due(Time now) const;
    [[nodiscard]] std::set<ServiceKey> services_changed(
        const std::map<ServiceKey, std::optional<Service>>& changes) const;
    [[nodiscard]] Table services_for(const std::vector<Command>& commands) const;
    void drop_refused(std::vector<Command>& commands) const;
    void merge(Table table);
    void decide(Time now, Effects& out);
    void verify(Time now, Effects& out);
    void settle(Time now, Effects& out);
    void trouble(Time now, std::optional<Error> error, Effects& out);
    void finish_cycle(Time now, Effects& out);
    // Enough to tell what a change of the desired table touches.
    [[nodiscard]] bool is_known() const { return read_whole_ && (!troubled_ || !refused_.empty()); }
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
    bool settled_ = false;      // but for refused_
    bool troubled_ = false;
    bool store_failed_ = false;
    std::optional<AtStop> stopping_;
    bool removing_ = false;             // the last cycle, the one that removes, has begun
    Scope scope_;                       // of the running read
    Time began_{};                      // the running cycle ...
    std::size_t commands_ = 0;          // ... what it wrote ...
    std::vector<CommandError> errors_;  // ... and what was refused
    Duration retry_{};                  // the last back-off; 0 = none
    std::set<ServiceKey> refused_;
    Time retry_at_{};  // when those are tried again
    // known_ is the table of this generation once changed_ is read anew. Absent: nobody counts.
    std::optional<Generation> at_;
    std::set<ServiceKey> changed_;
    Changes heard_;       // during a cycle, to be taken up at its end
    unsigned stale_ = 0;  // applies in a row that somebody was faster than
    Time read_at_{};      // the last time everything was read
    std::optional<Time> counters_wanted_;
    std::optional<Time> next_look_;
    std::optional<Time> postponed_;  // the whole look that was due when a look_at() began
};

}  // namespace lvs::ipvs
