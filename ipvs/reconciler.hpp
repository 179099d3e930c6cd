// SPDX-License-Identifier: GPL-2.0-or-later
//
// Drives Reconcile (reconcile.hpp) on the daemon's loop: carries out its effects, arms its timer, tells main
// what happened. Part of lvs_ipvs_io.
//
// Owner: main, which also owns the port and the store; both outlive this. Thread: the loop. Events are told
// from the loop or from inside the calls below; the handler may call back into this object but not destroy
// it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <variant>

#include "ipvs/reconcile.hpp"
#include "lvsd/runtime/asio.hpp"
#include "lvsd/runtime/runtime.hpp"

namespace lvs::ipvs {

struct NotStored {  // the notes of what is ours could not be read or written; going on without
    Error error;
};
struct WasRead {  // the kernel's table, or some services of it
    Duration took{};
    bool whole = false;
};
struct WasAsked {};  // instead of reading: the module said of which generation its table is
using ReconcileEvent = std::variant<Applied, Drifted, Troubled, Recovered, NotStored, WasRead, WasAsked>;

class Reconciler {
public:
    using Events = std::function<void(const ReconcileEvent&)>;

    // Loads what a former run noted. `events` may be told NotStored before the constructor returns.
    Reconciler(asio::io_context& loop, KernelPort& kernel, StateStore& store, ReconcileOptions options,
               Events events);
    Reconciler(const Reconciler&) = delete;
    Reconciler& operator=(const Reconciler&) = delete;
    ~Reconciler();

    void set_desired(Table desired);
    void set_interval(Duration interval);
    void change_desired(std::map<ServiceKey, std::optional<Service>> changes);
    void look_now();
    void want_counters() { machine_.want_counters(monotonic_now()); }
    void look_at(std::set<ServiceKey> keys);
    // Called whenever (part of) the kernel's table was read; table() is up to date then.
    void on_table(std::function<void()> handler) { on_table_ = std::move(handler); }
    // `done` is called once our entries are removed, or could not be, or at once when they are kept.
    void stop(AtStop what, std::function<void()> done);

    [[nodiscard]] const Table& table() const { return machine_.table(); }  // the kernel's, as last read
    [[nodiscard]] const Owned& owned() const { return machine_.owned(); }
    [[nodiscard]] bool is_settled() const { return machine_.is_settled(); }
    [[nodiscard]] const std::set<ServiceKey>& refused() const { return machine_.refused(); }
    [[nodiscard]] std::optional<Generation> generation() const { return machine_.generation(); }

private:
    void perform(Effects effects);
    void read(const StartRead& effect);
    void apply(StartApply& effect);
    void ask_generation();
    void store();
    void arm();

    KernelPort& kernel_;
    StateStore& store_;
    Events events_;
    Reconcile machine_;
    asio::steady_timer timer_;
    std::function<void()> stopped_;
    std::function<void()> on_table_;
    std::shared_ptr<Reconciler*> self_;  // handlers in flight hold it weakly; dies with this object
};

// The notes as a file, replaced as a whole: after a crash it is the old one or the new one.
class FileStore final : public StateStore {
public:
    FileStore(std::string path, std::string boot_id) : path_(std::move(path)), boot_id_(std::move(boot_id)) {}
    [[nodiscard]] Result<Owned> load() override;  // no file: nothing is ours
    [[nodiscard]] Result<void> store(const Owned& owned) override;

private:
    std::string path_;
    std::string boot_id_;
};

// Differs after every boot of this machine.
[[nodiscard]] Result<std::string> read_boot_id();

}  // namespace lvs::ipvs
