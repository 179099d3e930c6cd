// SPDX-License-Identifier: GPL-2.0-or-later
//
// Keeping the kernel's IPVS table equal to the desired one: the decisions, and the three interfaces they
// need.
//
//   Reconcile     a machine without I/O (lvs_ipvs). It asks for reads, hands out commands, remembers what is
//   ours, and
//                 says what it found. Owned and driven by Reconciler (reconciler.hpp), on the loop's thread.
//   KernelPort    reads and changes a kernel's table; implemented by Kernel (netlink.hpp) and by fakes in
//   tests. StateStore    remembers across restarts which services are ours; implemented by FileStore
//   (reconciler.hpp).
//
// One cycle: read -> diff -> apply -> read again -> compare. A change of the desired table reads and writes
// only the services it touches; every `interval`, and after any trouble, the whole table is read. What
// changes while a cycle runs is taken up by the next one at once, so a burst costs two cycles. Nothing is
// written that is already there.
//
// Ownership: a service is noted as ours before it is written to the kernel and forgotten after it was seen to
// be gone from it. So whenever the process dies, the next one finds everything of ours in its notes, keeps
// what is still desired and deletes the rest. What nobody noted is foreign and left alone.
//
// Drift: once the kernel was seen equal to the desired table, any later difference was made by somebody else.
// It is reported and repaired.
//
// The first table given to set_desired() is applied as it is. To start a server without traffic until it was
// checked is the engine's decision, not one of this part.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "ipvs/ipvs.hpp"

namespace lvs::ipvs {

// ---- interfaces
// ---------------------------------------------------------------------------------------------

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

// One key per line under a head line that names the boot: after a reboot nothing of ours is in the kernel.
[[nodiscard]] std::string encode_owned(const Owned& owned, std::string_view boot_id);
[[nodiscard]] Result<Owned> parse_owned(std::string_view text, std::string_view boot_id);

// ---- the machine
// --------------------------------------------------------------------------------------------

enum class AtStop : std::uint8_t { remove, keep };

// Effects, in the order in which they are to be carried out.
struct StartRead {
    Scope scope;
};
struct StartApply {
    std::vector<Command> commands;
};
struct StoreOwned {
    Owned owned;
};
struct Stopped {};

// Effects that only tell.
struct Applied {  // commands were carried out and seen in the kernel
    std::size_t commands = 0;
    Duration took{};
};
struct Drifted {  // somebody else changed what is ours; `repairs` are the commands that undo it
    std::vector<Command> repairs;
};
struct Troubled {  // the kernel is not as desired and could not be made so; tried again after `retry_after`
    std::optional<Error> error;
    std::vector<CommandError> errors;
    Duration retry_after{};
};
struct Recovered {};  // the kernel is as desired again after trouble

using Effect =
    std::variant<StoreOwned, StartRead, StartApply, Applied, Drifted, Troubled, Recovered, Stopped>;
using Effects = std::vector<Effect>;

class Reconcile {
public:
    struct Options {
        Duration interval = std::chrono::seconds(10);     // between looks at the whole table
        Duration retry_first = std::chrono::seconds(1);   // back-off: doubled from here ...
        Duration retry_limit = std::chrono::seconds(30);  // ... to here
    };

    Reconcile(Options options, Owned owned) : options_(options), owned_(std::move(owned)) {}

    void set_desired(Time now, Table desired, Effects& out);
    void set_interval(Time now, Duration interval);
    void look_now(Time now, Effects& out);  // compare the whole table as soon as possible
    void stop(Time now, AtStop what, Effects& out);

    void on_read(Time now, Result<Table> table, Effects& out);
    void on_applied(Time now, ApplyReport report, Effects& out);

    void advance(Time now, Effects& out);
    [[nodiscard]] std::optional<Time> deadline() const;

    [[nodiscard]] const Table& table() const { return known_; }  // the kernel's, as last read
    [[nodiscard]] const Table& desired() const { return desired_; }
    [[nodiscard]] const Owned& owned() const { return owned_; }
    [[nodiscard]] bool is_settled() const { return settled_; }  // the kernel was seen as desired

private:
    enum class State : std::uint8_t { idle, reading, applying, verifying, stopped };

    void begin(Time now, Scope scope, Effects& out);
    void merge(Table&& table);
    void decide(Time now, Effects& out);
    void verify(Time now, Effects& out);
    void settle(Time now, Effects& out);
    void trouble(Time now, std::optional<Error> error, std::vector<CommandError> errors, Effects& out);
    void finish_cycle(Time now, Effects& out);
    void own(const Owned& owned, Effects& out);
    [[nodiscard]] std::set<ServiceKey> touched() const;

    Options options_;
    Table desired_;
    Table known_;
    Owned owned_;
    State state_ = State::idle;
    Scope scope_;               // of the cycle that runs
    bool has_desired_ = false;  // until then nothing is ours to decide
    bool dirty_ = false;        // desired_ changed after the running cycle read it
    bool look_again_ = false;   // a whole look was asked for during a cycle
    bool settled_ = false;
    bool read_whole_ = false;  // known_ is a whole table
    bool troubled_ = false;
    std::optional<AtStop> stopping_;
    std::size_t commands_ = 0;  // of the running cycle
    std::vector<CommandError> errors_;
    std::optional<Error> fatal_;
    Duration retry_{};
    Time began_{};
    std::optional<Time> next_look_;
};

}  // namespace lvs::ipvs
