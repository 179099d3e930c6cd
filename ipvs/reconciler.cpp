// SPDX-License-Identifier: GPL-2.0-or-later
#include "ipvs/reconciler.hpp"

#include <algorithm>
#include <utility>

#include "lvsd/runtime/runtime.hpp"

namespace lvs::ipvs {
namespace {

Owned load(StateStore& store, const Reconciler::Events& events) {
    auto owned = store.load();
    if (owned) return std::move(*owned);
    events(NotStored{owned.error()});
    return {};
}

}  // namespace

Reconciler::Reconciler(asio::io_context& loop, KernelPort& kernel, StateStore& store,
                       ReconcileOptions options, Events events)
    : kernel_(kernel),
      store_(store),
      events_(std::move(events)),
      machine_(options, load(store, events_)),
      timer_(loop),
      self_(std::make_shared<Reconciler*>(this)) {
    kernel_.watch([weak = std::weak_ptr(self_)](const Changes& changes) {
        const auto self = weak.lock();
        if (!self) return;
        Effects effects;
        (*self)->machine_.on_changes(monotonic_now(), changes, effects);
        (*self)->perform(std::move(effects));
    });
}

Reconciler::~Reconciler() {
    self_.reset();
}

void Reconciler::set_desired(Table desired) {
    Effects effects;
    machine_.set_desired(monotonic_now(), std::move(desired), effects);
    perform(std::move(effects));
}

void Reconciler::set_interval(Duration interval) {
    machine_.set_interval(monotonic_now(), interval);
    arm();
}

void Reconciler::change_desired(std::map<ServiceKey, std::optional<Service>> changes) {
    Effects effects;
    machine_.change_desired(monotonic_now(), std::move(changes), effects);
    perform(std::move(effects));
}

void Reconciler::look_at(std::set<ServiceKey> keys) {
    Effects effects;
    machine_.look_at(monotonic_now(), std::move(keys), effects);
    perform(std::move(effects));
}

void Reconciler::look_now() {
    Effects effects;
    machine_.look_now(monotonic_now(), effects);
    perform(std::move(effects));
}

void Reconciler::stop(AtStop what, std::function<void()> done) {
    stopped_ = std::move(done);
    Effects effects;
    machine_.stop(monotonic_now(), what, effects);
    perform(std::move(effects));
}

// The machine is never inside a call while this runs, so events may lead to new inputs.
void Reconciler::perform(Effects effects) {
    for (auto& effect : effects) {
        if (std::holds_alternative<StoreOwned>(effect)) store();
        if (const auto* r = std::get_if<StartRead>(&effect)) read(*r);
        if (auto* a = std::get_if<StartApply>(&effect)) apply(*a);
        if (std::holds_alternative<AskGeneration>(effect)) ask_generation();
        if (const auto* applied = std::get_if<Applied>(&effect)) events_(*applied);
        if (const auto* drifted = std::get_if<Drifted>(&effect)) events_(*drifted);
        if (const auto* troubled = std::get_if<Troubled>(&effect)) events_(*troubled);
        if (const auto* recovered = std::get_if<Recovered>(&effect)) events_(*recovered);
        if (std::holds_alternative<Stopped>(effect) && stopped_) std::exchange(stopped_, {})();
    }
    arm();
}

void Reconciler::read(const StartRead& effect) {
    kernel_.read(effect.scope,
                 [weak = std::weak_ptr(self_), begun = monotonic_now(), whole = !effect.scope](
                     Result<Table> table, std::optional<Generation> generation) {
                     const auto self = weak.lock();
                     if (!self) return;
                     if (table) (*self)->events_(WasRead{monotonic_now() - begun, whole});
                     Effects effects;
                     const bool good = table.has_value();
                     (*self)->machine_.on_read(monotonic_now(), std::move(table), generation, effects);
                     (*self)->perform(std::move(effects));
                     if (good && (*self)->on_table_) (*self)->on_table_();
                 });
}

void Reconciler::apply(StartApply& effect) {
    kernel_.apply(std::move(effect.job), [weak = std::weak_ptr(self_)](ApplyReport report) {
        const auto self = weak.lock();
        if (!self) return;
        Effects effects;
        (*self)->machine_.on_applied(monotonic_now(), std::move(report), effects);
        (*self)->perform(std::move(effects));
    });
}

void Reconciler::ask_generation() {
    kernel_.generation([weak = std::weak_ptr(self_)](const Result<std::optional<Generation>>& generation) {
        const auto self = weak.lock();
        if (!self) return;
        if (generation) (*self)->events_(WasAsked{});
        Effects effects;
        (*self)->machine_.on_generation(monotonic_now(), generation, effects);
        (*self)->perform(std::move(effects));
    });
}

// The newest notes, not those of the effect: an event told on the way may have led to newer ones.
void Reconciler::store() {
    const auto stored = store_.store(machine_.owned());
    if (stored) return;
    machine_.on_store_failed();
    events_(NotStored{stored.error()});
}

void Reconciler::arm() {
    const auto due = machine_.deadline();
    if (!due) {
        timer_.cancel();
        return;
    }
    timer_.expires_after(std::max(Duration{}, *due - monotonic_now()));
    timer_.async_wait([weak = std::weak_ptr(self_)](const error_code& error) {
        const auto self = weak.lock();
        if (!self || error) return;
        Effects effects;
        (*self)->machine_.advance(monotonic_now(), effects);
        (*self)->perform(std::move(effects));
    });
}

// ---- notes ----------------------------------------------------------------------------------------------

Result<Owned> FileStore::load() {
    const auto text = read_file(path_);
    if (text) return parse_owned(*text, boot_id_);
    if (text.error().code == std::errc::no_such_file_or_directory) return Owned{};
    return std::unexpected(text.error());
}

Result<void> FileStore::store(const Owned& owned) {
    return write_file_atomically(path_, encode_owned(owned, boot_id_));
}

Result<std::string> read_boot_id() {
    auto text = read_file("/proc/sys/kernel/random/boot_id");
    if (text && text->ends_with('\n')) text->pop_back();
    return text;
}

}  // namespace lvs::ipvs
