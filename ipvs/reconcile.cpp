// SPDX-License-Identifier: GPL-2.0-or-later
#include "ipvs/reconcile.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

namespace lvs::ipvs {
namespace {

constexpr std::size_t kMostHeard = 10'000;  // changes during one cycle; then everything is read
constexpr unsigned kMostStale = 2;          // then without expecting anything
constexpr Duration kCountersAge = std::chrono::seconds(60);

std::set<ServiceKey> services_of(const std::vector<Command>& commands) {
    std::set<ServiceKey> out;
    const ServiceKey* last = nullptr;  // the commands for one service stand together, in the order of services
    for (const auto& command : commands) {
        if (last == nullptr || *last != command.service) out.insert(out.end(), command.service);
        last = &command.service;
    }
    return out;
}

Owned keys_of(const Table& table) {
    Owned out;
    for (const auto& [key, service] : table)
        out.insert(out.end(), key);
    return out;
}

std::string head_line(std::string_view boot_id) {
    return fmt::format("lvsd owned 1 {}\n", boot_id);
}

}  // namespace

std::string encode_owned(const Owned& owned, std::string_view boot_id) {
    auto out = head_line(boot_id);
    for (const auto& key : owned)
        out += to_string(key) + '\n';
    return out;
}

Result<Owned> parse_owned(std::string_view text, std::string_view boot_id) {
    const auto end_of_head = text.find('\n');
    if (!text.starts_with("lvsd owned 1 ") || end_of_head == std::string_view::npos)
        return fail(std::errc::bad_message, "ipvs: the notes of the former run have no head line");
    Owned out;
    if (text.substr(0, end_of_head + 1) != head_line(boot_id)) return out;
    for (auto rest = text.substr(end_of_head + 1); !rest.empty();) {
        const auto end = rest.find('\n');
        const auto line = rest.substr(0, end);
        const auto key = parse_service_key(line);
        if (!key || end == std::string_view::npos)
            return fail(std::errc::bad_message,
                        fmt::format("ipvs: in the notes of the former run: \"{}\"", line));
        out.insert(*key);
        rest.remove_prefix(end + 1);
    }
    return out;
}

// ---- inputs ---------------------------------------------------------------------------------------------

void Reconcile::set_desired(Time now, Table desired, Effects& out) {
    if (stopping_) return;
    desired_ = std::move(desired);
    has_desired_ = true;
    if (state_ == State::idle) return take_up(now, scope_of_change(), out);
    dirty_ = true;
    settled_ = false;
}

void Reconcile::change_desired(Time now, std::map<ServiceKey, std::optional<Service>> changes, Effects& out) {
    if (stopping_ || (changes.empty() && has_desired_)) return;
    for (const auto& [key, service] : changes)
        refused_.erase(key);  // something else now, worth a try at once
    has_desired_ = true;
    auto scope = state_ == State::idle && is_known() ? Scope(services_changed(changes)) : Scope();
    for (auto& [key, service] : changes)
        if (service)
            desired_.insert_or_assign(desired_.end(), key, std::move(*service));
        else
            desired_.erase(key);
    if (state_ == State::idle) return take_up(now, std::move(scope), out);
    dirty_ = true;
    settled_ = false;
}

// Those of them that are not so in the kernel.
std::set<ServiceKey> Reconcile::services_changed(
    const std::map<ServiceKey, std::optional<Service>>& changes) const {
    Table wanted, held;
    for (const auto& [key, service] : changes) {
        if (service) wanted.emplace_hint(wanted.end(), key, *service);
        if (const auto found = known_.find(key); found != known_.end()) held.insert(held.end(), *found);
    }
    return services_of(diff(wanted, held, owned_));
}

void Reconcile::take_up(Time now, Scope scope, Effects& out) {
    if (scope && scope->empty()) return;  // nothing changes
    settled_ = false;
    if (scope && at_ && changed_.empty()) return begin_known(now, std::move(scope), out);
    if (scope) scope->merge(changed_);
    begin(now, std::move(scope), out);
}

void Reconcile::look_at(Time now, std::set<ServiceKey> keys, Effects& out) {
    if (state_ != State::idle || !has_desired_ || keys.empty()) return;
    const bool known = is_known();
    const auto next = next_look_;
    begin(now, known ? Scope(std::move(keys)) : Scope(), out);
    if (known) postponed_ = next;
}

void Reconcile::set_interval(Time now, Duration interval) {
    options_.interval = interval;
    if (next_look_ && !troubled_) next_look_ = std::min(*next_look_, now + interval);
}

void Reconcile::look_now(Time now, Effects& out) {
    if (state_ == State::idle && has_desired_)
        begin(now, std::nullopt, out);
    else
        look_again_ = true;
}

void Reconcile::stop(Time now, AtStop what, Effects& out) {
    if (stopping_) return;
    stopping_ = what;
    if (what == AtStop::remove) desired_.clear();
    settled_ = false;
    if (state_ == State::idle) finish_cycle(now, out);
}

void Reconcile::on_read(Time now, Result<Table> table, std::optional<Generation> generation, Effects& out) {
    LVS_ASSERT(state_ == State::reading || state_ == State::verifying);
    if (!table) {
        known_.clear();  // whatever was known, it may be gone
        read_whole_ = false;
        lose_track();
        return trouble(now, table.error(), out);
    }
    if (!scope_) {
        at_ = generation;
        read_at_ = now;
    } else if (at_ && !generation) {  // another module than before
        lose_track();
        look_again_ = true;
    }
    merge(std::move(*table));
    state_ == State::reading ? decide(now, out) : verify(now, out);
}

void Reconcile::on_applied(Time now, ApplyReport report, Effects& out) {
    LVS_ASSERT(state_ == State::applying);
    errors_ = std::move(report.errors);
    if (report.fatal) {
        lose_track();
        return trouble(now, std::move(report.fatal), out);
    }
    if (report.stale) {  // somebody was faster: look at what it did, then do what is left
        ++stale_;
        return begin(now, std::nullopt, out);
    }
    state_ = State::verifying;
    if (!report.generation) {
        if (report.lost > 0) scope_.reset();  // what the kernel did of it, only the kernel knows
        out.emplace_back(StartRead{scope_});
        return;
    }
    execute_all(report.commands, known_);
    at_ = report.generation;
    verify(now, out);
}

void Reconcile::on_generation(Time now, const Result<std::optional<Generation>>& generation, Effects& out) {
    LVS_ASSERT(state_ == State::asking);
    const bool same = generation && *generation && *generation == at_;
    if (same || stopping_) return finish_cycle(now, out);
    begin(now, std::nullopt, out);
}

void Reconcile::on_changes(Time now, const Changes& changes, Effects& out) {
    if (!has_desired_ || stopping_) return;
    if (state_ != State::idle) {
        heard_.lost = heard_.lost || changes.lost || heard_.changes.size() > kMostHeard;
        if (!heard_.lost)
            heard_.changes.insert(heard_.changes.end(), changes.changes.begin(), changes.changes.end());
        return;
    }
    take_changes(changes);
    if (look_again_)
        begin(now, std::nullopt, out);
    else
        begin_changed(now, out);
}

void Reconcile::advance(Time now, Effects& out) {
    const auto due = deadline();
    if (!due || now < *due) return;
    if (is_read_due(now)) return begin(now, std::nullopt, out);
    state_ = State::asking;
    out.emplace_back(AskGeneration{});
}

// Everything, as opposed to asking whether something changed. Counters move without that.
bool Reconcile::is_read_due(Time now) const {
    const auto lately = [now](Time when) { return now - when < kCountersAge; };
    return !at_ || !is_settled() || !lately(read_at_) || (counters_wanted_ && lately(*counters_wanted_));
}

std::optional<Time> Reconcile::deadline() const {
    return state_ == State::idle && has_desired_ ? next_look_ : std::nullopt;
}

// ---- the cycle ------------------------------------------------------------------------------------------

// What set_desired() touches, or everything when the kernel is not known well enough to tell.
Scope Reconcile::scope_of_change() const {
    if (!is_known()) return std::nullopt;
    return services_of(diff(desired_, known_, owned_));
}

void Reconcile::begin(Time now, Scope scope, Effects& out) {
    state_ = State::reading;
    if (!scope) {
        look_again_ = false;
        lose_track();  // until it is read
    }
    scope_ = std::move(scope);
    began_ = now;
    commands_ = 0;
    errors_.clear();
    out.emplace_back(StartRead{scope_});
}

// What is known is right: nothing needs to be read.
void Reconcile::begin_known(Time now, Scope scope, Effects& out) {
    scope_ = std::move(scope);
    began_ = now;
    commands_ = 0;
    errors_.clear();
    decide(now, out);
}

void Reconcile::begin_changed(Time now, Effects& out) {
    if (changed_.empty()) return;
    const auto next = next_look_;
    begin(now, std::exchange(changed_, {}), out);
    postponed_ = next;
}

// Changes that were made before the table was read are among them.
void Reconcile::take_changes(const Changes& changes) {
    if (changes.lost) {
        lose_track();
        look_again_ = true;
    }
    for (const auto& change : changes.changes) {
        if (!at_ || change.generation <= *at_) continue;
        if (change.generation != *at_ + 1) {
            lose_track();
            break;
        }
        at_ = change.generation;
        if (change.key) changed_.insert(*change.key);
    }
    const bool heard = changes.lost || !changes.changes.empty();
    if (heard && !at_ && !troubled_) look_again_ = true;
}

void Reconcile::lose_track() {
    at_.reset();
    changed_.clear();
}

void Reconcile::merge(Table table) {
    if (!scope_) {
        known_ = std::move(table);
        read_whole_ = true;
        return;
    }
    for (const auto& key : *scope_)
        known_.erase(key);
    known_.merge(table);
}

void Reconcile::decide(Time now, Effects& out) {
    dirty_ = false;  // the newest desired table is the one decided on
    auto commands = diff(desired_, known_, owned_);
    if (now < retry_at_) drop_refused(commands);
    if (std::exchange(settled_, false)) {
        auto drift = commands;
        drop_refused(drift);
        if (!drift.empty()) out.emplace_back(Drifted{std::move(drift)});
    }
    if (now >= retry_at_) refused_.clear();
    if (commands.empty()) return settle(now, out);
    auto owned = keys_of(desired_);
    owned.insert(owned_.begin(), owned_.end());
    own(std::move(owned), out);
    commands_ = commands.size();
    scope_ = services_of(commands);
    state_ = State::applying;
    auto services = services_for(commands);
    out.emplace_back(
        StartApply{{std::move(commands), std::move(services), stale_ < kMostStale ? at_ : std::nullopt}});
}

// What a job has to know beyond its commands: the whole of services that are not new.
Table Reconcile::services_for(const std::vector<Command>& commands) const {
    Table out;
    const ServiceKey* last = nullptr;
    for (const auto& command : commands) {
        if (last != nullptr && *last == command.service) continue;
        last = &command.service;
        if (command.verb == Verb::add_service) continue;
        if (const auto found = desired_.find(*last); found != desired_.end()) out.insert(out.end(), *found);
    }
    return out;
}

void Reconcile::drop_refused(std::vector<Command>& commands) const {
    std::erase_if(commands, [this](const Command& command) { return refused_.contains(command.service); });
}

void Reconcile::verify(Time now, Effects& out) {
    for (const auto& error : errors_)
        refused_.insert(error.command.service);
    if (dirty_ && errors_.empty()) {
        out.emplace_back(Applied{std::exchange(commands_, 0), now - began_});
        return finish_cycle(now, out);
    }
    auto rest = diff(desired_, known_, owned_);
    drop_refused(rest);
    if (!errors_.empty()) {
        trouble(now, std::nullopt, out);
        settled_ = rest.empty() && state_ == State::idle;
        return;
    }
    if (rest.empty()) return settle(now, out);
    Error error{std::make_error_code(std::errc::io_error),
                fmt::format("ipvs: {} of {} changes are not to be seen in the kernel, the first: {}",
                            rest.size(), commands_, to_string(rest.front()))};
    trouble(now, std::move(error), out);
}

void Reconcile::settle(Time now, Effects& out) {
    if (commands_ > 0) out.emplace_back(Applied{commands_, now - began_});
    stale_ = 0;
    settled_ = true;
    if (!refused_.empty()) return finish_cycle(now, out);  // all but those
    if (std::exchange(troubled_, false)) out.emplace_back(Recovered{});
    retry_ = {};
    own(keys_of(desired_), out);
    finish_cycle(now, out);
}

void Reconcile::trouble(Time now, std::optional<Error> error, Effects& out) {
    if (errors_.empty()) refused_.clear();  // the trouble is with everything
    troubled_ = true;
    settled_ = false;
    stale_ = 0;
    retry_ = retry_ == Duration{} ? options_.retry_first : std::min(retry_ * 2, options_.retry_limit);
    retry_at_ = now + retry_;
    out.emplace_back(Troubled{std::move(error), std::exchange(errors_, {}), retry_});
    finish_cycle(now, out);
}

void Reconcile::finish_cycle(Time now, Effects& out) {
    state_ = State::idle;
    auto usual = now + (troubled_ && refused_.empty() ? retry_ : options_.interval);
    if (!refused_.empty()) usual = std::min(usual, std::max(now, retry_at_));
    next_look_ = std::min(usual, std::exchange(postponed_, std::nullopt).value_or(usual));
    if (stopping_ == AtStop::remove && !std::exchange(removing_, true)) {
        dirty_ = false;
        return begin(now, owned_, out);
    }
    if (stopping_) {
        state_ = State::stopped;
        out.emplace_back(Stopped{});
        return;
    }
    begin_next(now, out);
}

// What came in during the cycle that just ended.
void Reconcile::begin_next(Time now, Effects& out) {
    take_changes(std::exchange(heard_, {}));
    if (std::exchange(look_again_, false)) return begin(now, std::nullopt, out);
    if (!std::exchange(dirty_, false)) return begin_changed(now, out);
    auto scope = scope_of_change();
    if (scope && scope->empty()) return settle(now, out);
    take_up(now, std::move(scope), out);
}

void Reconcile::own(Owned owned, Effects& out) {
    if (owned == owned_ && !store_failed_) return;
    store_failed_ = false;
    owned_ = std::move(owned);
    out.emplace_back(StoreOwned{owned_});
}

}  // namespace lvs::ipvs
