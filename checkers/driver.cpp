// SPDX-License-Identifier: GPL-2.0-or-later
#include "checkers/driver.hpp"

#include <sys/epoll.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "checkers/hash.hpp"
#include "checkers/reason.hpp"

namespace lvs::checkers {

namespace {

constexpr std::uint64_t kWatchedTag = ~std::uint64_t{0};
constexpr int kStartsPerPoll = 64;  // answers are looked at in between

// First runs are this far apart, so that a big configuration does not start as one burst.
constexpr Duration kFirstGap = std::chrono::microseconds(100);

constexpr Duration kAskAhead = std::chrono::milliseconds(50);

// A way through IPVS that is not there yet is asked for again after a part of the interval, and not sooner
// than this.
constexpr Duration kAskAgain = std::chrono::milliseconds(100);

std::uint64_t tag_of(std::uint32_t slot, std::uint32_t run) {
    return std::uint64_t{run} << 32U | slot;
}

// The deadline of a command is the runner's business; this is for a runner that says nothing.
constexpr Duration kRunnerMargin = std::chrono::seconds(2);

bool has_no_socket(Transport transport) {
    return transport == Transport::command || transport == Transport::file;
}

std::string no_socket(int error_number) {
    if (is_own_fault(error_number)) return connect_error(error_number);
    if (error_number == ENODEV) return "not checked: there is no such interface";
    if (error_number == EAGAIN) return "not checked: the way through IPVS is not in the kernel yet";
    if (error_number == ENETUNREACH) return "not checked: this host has no route to the service's address";
    if (error_number == kAnswersAreRefused)
        return "not checked: this host refuses answers from the service's address by the interface of the "
               "server (sysctl accept_local or rp_filter)";
    if (error_number == EPERM) return "not checked: lvsd may not make such a socket";
    return "not checked: lvsd could not make the socket: " + std::generic_category().message(error_number);
}

}  // namespace

struct Driver::Check {
    // Of a check that needs a ready-made socket.
    struct Aid {
        bool is_asked = false;
        bool is_late = false;  // the start has passed without an answer
        Fd socket{};
    };

    Check(const CheckSpec& spec, PlanPtr shared_plan)
        : id(spec.id),
          target(spec.target),
          plan(std::move(shared_plan)),
          schedule(spec.interval, spec.jitter, identity(spec)),
          health(plan->transport() == Transport::file ? 1 : spec.rise,
                 plan->transport() == Transport::file ? 1 : spec.fall, spec.initial),
          interval(spec.interval),
          timeout(spec.timeout),
          fast_interval(spec.fast_interval == Duration::zero() ? spec.interval : spec.fast_interval) {
        if (spec.source) binding = std::make_unique<Binding>(Binding{spec.source});
        if (needs_made_socket(spec, plan->transport())) aid = std::make_unique<Aid>();
        last.weight_percent = spec.initial_weight_percent;
        last.advice = spec.initial_advice;
    }

    CheckId id;
    Endpoint target;
    PlanPtr plan;
    std::unique_ptr<Binding> binding;
    std::unique_ptr<Aid> aid;
    Schedule schedule;
    Health health;
    Duration interval;
    Duration timeout;
    Duration fast_interval;

    std::unique_ptr<Run> run;  // while running
    std::uint32_t run_number = 0;
    Time due{};      // when the next run should start, or the current one should have
    Time started{};  // of the current or last run
    Duration lag{};  // how late it started
    Time ended{};    // of the last run
    Duration latency{};
    Verdict last{.outcome = Outcome::unchecked, .reason = "not checked yet"};
    std::uint64_t runs = 0;
    std::uint64_t failures = 0;
    bool has_news = false;  // since take_status()
};

Driver::Driver(std::function<void(CheckId)> on_change, std::function<void(CheckId)> on_ask)
    : on_change_(std::move(on_change)), on_ask_(std::move(on_ask)) {}
Driver::~Driver() = default;

Result<void> Driver::open() {
    epoll_ = Fd(epoll_create1(EPOLL_CLOEXEC));
    if (!epoll_.is_open()) return fail_errno(errno, "checks: epoll_create1");
    if (getrandom(&secret_, sizeof secret_, 0) != sizeof secret_)
        return fail_errno(errno, "checks: getrandom");
    return {};
}

Driver::Check* Driver::find(CheckId id) const {
    const auto slot = static_cast<std::uint32_t>(id);
    return slot < checks_.size() ? checks_[slot].get() : nullptr;
}

// Checks with equal keys share one plan: 50,000 servers usually have a handful of different ones.
// Making one may be costly, too: certificates are parsed for it.
Result<PlanPtr> Driver::plan_of(const CheckSpec& spec) {
    CheckSpec key;
    key.kind = spec.kind;
    key.params = spec.params;
    auto bytes = wire::encode_spec(key);
    if (const auto known = plans_.find(bytes); known != plans_.end())
        if (auto shared = known->second.lock()) return shared;
    auto plan = make_plan(spec.kind, spec.params);
    if (!plan) return plan;
    plans_[std::move(bytes)] = *plan;
    if (plans_.size() > sweep_plans_at_) {
        std::erase_if(plans_, [](const auto& entry) { return entry.second.expired(); });
        sweep_plans_at_ = 2 * plans_.size() + 64;
    }
    return plan;
}

Result<void> Driver::put(const CheckSpec& spec, Time now) {
    LVS_ASSERT(static_cast<std::uint32_t>(spec.id) < wire::kMaxChecks);
    if (auto valid = validate_settings(spec); !valid) return valid;
    auto plan = plan_of(spec);
    if (!plan) return std::unexpected(plan.error());
    drop(spec.id);
    const auto slot = static_cast<std::uint32_t>(spec.id);
    if (slot >= checks_.size()) checks_.resize(slot + std::size_t{1});
    checks_[slot] = std::make_unique<Check>(spec, *std::move(plan));
    ++configured_;
    auto& check = *checks_[slot];
    check.due = first_start(check, now);
    timers_.set(slot, check.due);
    return {};
}

Time Driver::first_start(const Check& check, Time now) {
    next_first_ = std::max(next_first_ + kFirstGap, now);
    return next_first_ - now < check.interval ? next_first_ : check.schedule.next_after(now);
}

void Driver::drop(CheckId id) {
    auto* check = find(id);
    if (!check) return;
    if (check->run) --running_;
    timers_.clear(static_cast<std::uint32_t>(id));
    checks_[static_cast<std::uint32_t>(id)].reset();
    --configured_;
}

void Driver::ask(Check& check, Time now) {
    *check.aid = {.is_asked = true};
    timers_.set(static_cast<std::uint32_t>(check.id), std::max(check.due, now));
    on_ask_(check.id);
}

void Driver::give(CheckId id, Fd socket, Time now) {
    auto* check = find(id);
    if (!check || !check->aid || !std::exchange(check->aid->is_asked, false)) return;
    if (check->aid->is_late)
        start(*check, now, std::move(socket));
    else
        check->aid->socket = std::move(socket);
}

void Driver::refuse(CheckId id, int error_number, Time now) {
    auto* check = find(id);
    if (!check || !check->aid || !std::exchange(check->aid->is_asked, false)) return;
    check->started = std::max(check->due, now);
    conclude(*check, Verdict::skipped(no_socket(error_number)), now);
    if (error_number != EAGAIN) return;
    check->due = std::min(check->due, now + std::max(kAskAgain, check->interval / 4));
    timers_.set(static_cast<std::uint32_t>(id), std::max(now, check->due - kAskAhead));
}

void Driver::tell(CheckId id, const CommandEnd& end, Time now) {
    auto* check = find(id);
    if (!check || !check->run || check->plan->transport() != Transport::command) return;
    auto verdict = check->run->on_command(end);
    finish(*check, std::move(verdict), now);
}

void Driver::tell(CheckId id, const FileText& file, Time now) {
    auto* check = find(id);
    if (!check || check->plan->transport() != Transport::file) return;
    if (!check->run) begin(*check, now);
    auto verdict = check->run->on_file(file);
    finish(*check, std::move(verdict), now);
}

void Driver::begin(Check& check, Time now) {
    ++counters_.started;
    check.started = now;
    check.run_number = ++run_number_;
    check.run = std::make_unique<Run>(check.plan, check.target, mix(secret_ + check.run_number));
    ++running_;
}

void Driver::start(Check& check, Time now, Fd made) {
    check.lag = std::max(Duration{}, now - check.due);
    counters_.lag.add(now - check.due);
    begin(check, now);
    if (has_no_socket(check.plan->transport())) {
        timers_.set(static_cast<std::uint32_t>(check.id), now + check.timeout + kRunnerMargin);
        on_ask_(check.id);
        return;
    }
    if (auto verdict = check.run->open(check.target, check.binding.get(), std::move(made))) {
        finish(check, *std::move(verdict), now);
        return;
    }
    const auto slot = static_cast<std::uint32_t>(check.id);
    epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data = {}};
    event.data.u64 = tag_of(slot, check.run_number);
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, check.run->fd(), &event) != 0) {
        finish(check, Verdict::skipped("not checked: no memory left in the kernel"), now);
        return;
    }
    timers_.set(slot, now + check.timeout);
}

void Driver::finish(Check& check, Verdict verdict, Time now) {
    check.run.reset();
    --running_;
    check.latency = now - check.started;
    conclude(check, std::move(verdict), now);
}

void Driver::conclude(Check& check, Verdict verdict, Time now) {
    check.ended = now;
    check.has_news = true;
    ++check.runs;
    bool state_changed = false;
    if (verdict.outcome == Outcome::unchecked) {
        ++counters_.unchecked;
    } else {
        if (verdict.outcome == Outcome::failed) ++check.failures;
        state_changed = check.health.on_result(verdict.outcome == Outcome::ok);
    }
    // What the server asked for stands until it says otherwise or is down.
    if (verdict.outcome == Outcome::unchecked ||
        (verdict.outcome == Outcome::failed && check.health.state() != State::down)) {
        verdict.weight_percent = check.last.weight_percent;
        verdict.advice = check.last.advice;
    }
    const bool weight_changed =
        verdict.weight_percent != check.last.weight_percent || verdict.advice != check.last.advice;
    check.last = std::move(verdict);
    arm(check, now);
    if (state_changed || weight_changed) on_change_(check.id);
}

// Sets the next start. While results contradict the state the checks come faster, if that was asked for: a
// run that took longer is followed at once.
void Driver::arm(Check& check, Time now) {
    check.due = check.schedule.following(check.started);
    if (check.fast_interval < check.interval && check.health.is_settling())
        check.due = std::min(check.due, std::max(now, check.started + check.fast_interval));
    if (check.due < now) check.due = check.schedule.next_after(now);
    if (check.aid) *check.aid = {};
    timers_.set(static_cast<std::uint32_t>(check.id), check.aid ? check.due - kAskAhead : check.due);
}

Result<void> Driver::watch(int fd, std::uint32_t events, std::function<void(std::uint32_t)> handler) {
    on_watched_ = std::move(handler);
    epoll_event event{.events = events, .data = {}};
    event.data.u64 = kWatchedTag;
    if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0)
        return fail_errno(errno, "checks: epoll_ctl");
    return {};
}

void Driver::change_watch(int fd, std::uint32_t events) const {
    epoll_event event{.events = events, .data = {}};
    event.data.u64 = kWatchedTag;
    LVS_ASSERT(epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event) == 0);
}

void Driver::poll(Time until) {
    const auto next = std::min(until, timers_.next().value_or(until));
    // Whole milliseconds, rounded up: starts that are close together share a wakeup.
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(next - monotonic_time()).count();
    std::array<epoll_event, 256> events;
    const auto count = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()),
                                  static_cast<int>(std::clamp<std::int64_t>(wait, 0, 60'000)));
    for (int i = 0; i < count; ++i)
        on_event(events.at(static_cast<std::size_t>(i)).data.u64,
                 events.at(static_cast<std::size_t>(i)).events);
    for (int i = 0; i < kStartsPerPoll; ++i) {
        const auto now = monotonic_time();
        const auto slot = timers_.pop(now);
        if (!slot) break;
        on_timer(*slot, now);
    }
}

void Driver::on_event(std::uint64_t tag, std::uint32_t events) {
    if (tag == kWatchedTag) {
        on_watched_(events);
        return;
    }
    // An event of a run that ended earlier in the same round is stale.
    auto* check = find(CheckId{static_cast<std::uint32_t>(tag)});
    if (!check || !check->run || check->run_number != tag >> 32U) return;
    if (auto verdict = check->run->on_event(events)) finish(*check, *std::move(verdict), monotonic_time());
}

void Driver::on_timer(std::uint32_t slot, Time now) {
    auto& check = *checks_[slot];
    if (check.run) {
        auto verdict = has_no_socket(check.plan->transport())
                           ? Verdict::skipped("not checked: the runner of scripts and files does not answer")
                           : check.run->on_deadline(check.timeout);
        finish(check, std::move(verdict), now);
    } else if (!check.aid) {
        start(check, now, {});
    } else if (check.aid->socket.is_open()) {
        start(check, now, std::move(check.aid->socket));
    } else if (!check.aid->is_asked) {
        ask(check, now);
    } else if (!std::exchange(check.aid->is_late, true)) {
        timers_.set(slot, now + check.timeout);
    } else {
        check.started = now;
        conclude(check, Verdict::skipped("not checked: lvsd made no socket in " + in_words(check.timeout)),
                 now);
    }
}

Transition Driver::transition(CheckId id) const {
    const auto* check = find(id);
    LVS_ASSERT(check);
    return {.id = id,
            .state = check->health.state(),
            .weight_percent = check->last.weight_percent,
            .advice = check->last.advice,
            .latency = check->latency,
            .at = check->ended,
            .reason = check->last.reason};
}

std::optional<Status> Driver::take_status(CheckId id) {
    auto* check = find(id);
    if (!check || !std::exchange(check->has_news, false)) return std::nullopt;
    return Status{.id = id,
                  .state = check->health.state(),
                  .outcome = check->last.outcome,
                  .against = check->health.against(),
                  .weight_percent = check->last.weight_percent,
                  .advice = check->last.advice,
                  .certificate_days = check->last.certificate_days,
                  .latency = check->latency,
                  .lag = check->lag,
                  .at = check->ended,
                  .runs = check->runs,
                  .failures = check->failures,
                  .reason = check->last.reason};
}

}  // namespace lvs::checkers
