// SPDX-License-Identifier: GPL-2.0-or-later
#include "checkers/client.hpp"

#include <pwd.h>

#include <algorithm>
#include <cerrno>

#include "checkers/heritage.hpp"
#include "checkers/socket_maker.hpp"

namespace lvs::checkers {

struct WorkerClient::Slot {
    CheckSpec spec;
    std::vector<CheckId> users;
    CheckInfo info;
    PlanPtr plan;  // known once it was needed
    std::optional<Runner::WatchId> watch;
    std::optional<FileText> file;  // what it held last
    Time since{};  // what a worker found out earlier concerns another check that had this slot

    [[nodiscard]] Transport transport() {
        if (!plan) plan = *make_plan(spec.kind, spec.params);  // specs are valid
        return plan->transport();
    }
};

namespace {

constexpr std::size_t kMaxUnsentAnswers = 64;

std::uint16_t errno_of(const Error& error) {
    const int value = error.code.value();
    return static_cast<std::uint16_t>(value > 0 && value < 4096 ? value : EIO);
}

Supervisor::Program program_of(const WorkerClient::Options& options) {
    uid_t user = 65534;
    gid_t group = 65534;
    if (const auto* entry = getpwnam(options.user.c_str()); entry && entry->pw_uid != 0) {
        user = entry->pw_uid;
        group = entry->pw_gid;
    }
    return {.path = options.program,
            .arguments = {"--user", std::to_string(user), "--group", std::to_string(group)},
            .silence = options.silence};
}

Result<void> check_hello(std::span<const std::uint8_t> bytes) {
    const auto message = wire::decode_from_worker(bytes);
    if (!message) return std::unexpected(message.error());
    const auto* hello = std::get_if<wire::Hello>(&*message);
    if (!hello || hello->version != wire::kVersion)
        return fail(std::errc::protocol_not_supported, "another version");
    return {};
}

}  // namespace

WorkerClient::WorkerClient(asio::io_context& io, Options options, Callbacks callbacks)
    : io_(io),
      options_(std::move(options)),
      callbacks_(std::move(callbacks)),
      self_(std::make_shared<WorkerClient*>(this)) {
    make_workers();
}

void WorkerClient::make_workers() {
    LVS_ASSERT(options_.workers >= 1 && options_.workers <= 16);
    const auto program = program_of(options_);
    for (std::size_t worker = 0; worker < options_.workers; ++worker) {
        Supervisor::Callbacks from_worker{
            .on_hello = check_hello,
            .on_ready = [this, worker] { on_ready(worker); },
            .on_message = [this, worker](std::span<const std::uint8_t> bytes) -> Result<void> {
                const auto message = wire::decode_from_worker(bytes);
                if (!message) return std::unexpected(message.error());
                return on_message(worker, *message);
            },
            .on_lost = [this](const std::string& reason) { callbacks_.on_worker(false, reason); }};
        workers_.push_back(std::make_unique<Supervisor>(io_, program, std::move(from_worker)));
    }
}

void WorkerClient::set_workers(unsigned count) {
    if (count == workers_.size()) return;
    options_.workers = count;
    workers_.clear();
    make_workers();
    if (is_started_) start();
}

WorkerClient::~WorkerClient() = default;

void WorkerClient::use_runner(Runner* runner) {
    runner_ = runner;
}

void WorkerClient::start() {
    is_started_ = true;
    for (const auto& worker : workers_)
        worker->start();
}

void WorkerClient::stop() {
    is_started_ = false;
    for (const auto& worker : workers_)
        worker->stop();
}

unsigned WorkerClient::ready() const {
    return static_cast<unsigned>(std::count_if(workers_.begin(), workers_.end(),
                                               [](const auto& worker) { return worker->is_ready(); }));
}

std::vector<pid_t> WorkerClient::pids() const {
    std::vector<pid_t> out;
    for (const auto& worker : workers_)
        if (const auto pid = worker->pid()) out.push_back(*pid);
    return out;
}

const CheckInfo* WorkerClient::find(CheckId id) const {
    const auto found = slot_of_id_.find(id);
    return found == slot_of_id_.end() ? nullptr : &slots_[found->second]->info;
}

// ---- configuring
// --------------------------------------------------------------------------------------------

void WorkerClient::configure(const std::vector<CheckSpec>& specs) {
    std::unordered_map<CheckId, std::uint32_t> wanted;
    std::vector<const CheckSpec*> missing;
    for (const auto& spec : specs) {
        const auto found = slot_of_.find(&spec);
        if (found == slot_of_.end())
            missing.push_back(&spec);
        else
            wanted.emplace(spec.id, found->second);
    }
    const auto fresh = missing.empty() ? Slots{} : add_slots(missing, wanted);
    LVS_ASSERT(wanted.size() == specs.size());  // every id once
    const auto before = std::exchange(slot_of_id_, wanted);
    release_unused(wanted);
    send_puts(fresh);
    for (const auto& spec : specs) {
        const auto slot = slot_of_id_.find(spec.id);
        if (slot == slot_of_id_.end()) return;  // configured anew by a callback
        const auto old = before.find(spec.id);
        auto change = slots_[slot->second]->info.last;
        change.id = spec.id;
        if ((old == before.end() || old->second != slot->second) && change.state != State::unknown)
            callbacks_.on_transition(change);
    }
}

// `wanted` knows the slots of the others, and learns those of the missing ones.
WorkerClient::Slots WorkerClient::add_slots(const std::vector<const CheckSpec*>& missing,
                                            std::unordered_map<CheckId, std::uint32_t>& wanted) {
    std::vector<bool> stays(slots_.size());
    for (const auto& [id, number] : wanted)
        stays[number] = true;
    Heritage heritage;
    for (std::size_t number = 0; number < slots_.size(); ++number)
        if (const auto& slot = slots_[number]) heritage.add(slot->spec, slot->info.last, !stays[number]);
    Slots fresh;
    for (const auto* spec : missing) {
        const auto twin = slot_of_.find(spec);
        if (twin == slot_of_.end()) fresh.push_back(take_slot(*spec, heritage.find(*spec)));
        wanted.emplace(spec->id, twin == slot_of_.end() ? fresh.back() : twin->second);
    }
    return fresh;
}

std::uint32_t WorkerClient::take_slot(const CheckSpec& spec, const Transition& inherited) {
    if (free_slots_.empty()) {
        free_slots_.push_back(static_cast<std::uint32_t>(slots_.size()));
        slots_.emplace_back();
        LVS_ASSERT(slots_.size() <= wire::kMaxChecks);
    }
    const auto number = free_slots_.back();
    free_slots_.pop_back();
    auto slot = std::make_unique<Slot>();
    slot->spec = spec;
    slot->since = monotonic_time();
    auto& last = slot->info.last;
    last.is_assumed = inherited.state == State::unknown;
    last.state = last.is_assumed ? spec.initial : inherited.state;
    last.weight_percent = inherited.weight_percent;
    last.advice = inherited.advice;
    last.reason = last.is_assumed ? "not checked yet" : "as before the change of the check";
    last.at = slot->since;
    slot_of_[&slot->spec] = number;
    slots_[number] = std::move(slot);
    return number;
}

void WorkerClient::release_unused(const std::unordered_map<CheckId, std::uint32_t>& wanted) {
    for (const auto& slot : slots_)
        if (slot) slot->users.clear();
    for (const auto& [id, number] : wanted)
        slots_[number]->users.push_back(id);
    std::vector<std::uint32_t> dropped;
    for (std::uint32_t number = 0; number < slots_.size(); ++number) {
        auto& slot = slots_[number];
        if (!slot || !slot->users.empty()) continue;
        slot_of_.erase(&slot->spec);
        let_go(*slot);
        slot.reset();
        free_slots_.push_back(number);
        dropped.push_back(number);
    }
    send_drops(dropped);
}

// Slot n belongs to worker n % workers, as its check n / workers.
CheckSpec WorkerClient::wire_spec(std::uint32_t number) const {
    auto spec = slots_[number]->spec;
    spec.id = CheckId{number / static_cast<std::uint32_t>(workers_.size())};
    const auto& last = slots_[number]->info.last;
    spec.initial = last.state;
    spec.initial_weight_percent = last.weight_percent;
    spec.initial_advice = last.advice;
    return spec;
}

void WorkerClient::send_puts(const Slots& numbers) {
    std::vector<wire::Batch<CheckSpec>> batches(workers_.size());
    for (const auto number : numbers) {
        const auto worker = number % workers_.size();
        const auto spec = wire_spec(number);
        if (batches[worker].add(spec)) continue;
        workers_[worker]->send(batches[worker].take());
        LVS_ASSERT(batches[worker].add(spec));
    }
    for (std::size_t worker = 0; worker < workers_.size(); ++worker)
        if (!batches[worker].is_empty()) workers_[worker]->send(batches[worker].take());
}

void WorkerClient::send_drops(const Slots& numbers) {
    std::vector<wire::Batch<CheckId>> batches(workers_.size());
    for (const auto number : numbers) {
        const auto worker = number % workers_.size();
        const CheckId id{number / static_cast<std::uint32_t>(workers_.size())};
        if (batches[worker].add(id)) continue;
        workers_[worker]->send(batches[worker].take());
        LVS_ASSERT(batches[worker].add(id));
    }
    for (std::size_t worker = 0; worker < workers_.size(); ++worker)
        if (!batches[worker].is_empty()) workers_[worker]->send(batches[worker].take());
}

// ---- hearing
// ------------------------------------------------------------------------------------------------

void WorkerClient::on_ready(std::size_t worker) {
    std::vector<std::uint32_t> all;
    for (auto number = static_cast<std::uint32_t>(worker); number < slots_.size();
         number += static_cast<std::uint32_t>(workers_.size()))
        if (slots_[number]) all.push_back(number);
    send_puts(all);
    callbacks_.on_worker(true,
                         "the worker runs as process " + std::to_string(workers_[worker]->pid().value_or(0)));
}

Result<void> WorkerClient::on_message(std::size_t worker, const wire::FromWorker& message) {
    if (const auto* changes = std::get_if<wire::Changes>(&message)) {
        for (const auto& change : changes->transitions)
            on_change(worker, change);
    } else if (const auto* statuses = std::get_if<wire::Statuses>(&message)) {
        for (const auto& status : statuses->statuses)
            on_status(worker, status);
    } else if (const auto* heartbeat = std::get_if<wire::Heartbeat>(&message)) {
        if (callbacks_.on_heartbeat) callbacks_.on_heartbeat(*heartbeat);
        if (callbacks_.on_beat_of) callbacks_.on_beat_of(worker, *heartbeat);
    } else if (const auto* ask = std::get_if<wire::Ask>(&message)) {
        on_ask(worker, *ask);
    } else {
        return fail(std::errc::bad_message, "hello once more");
    }
    return {};
}

// A worker that does not take what it asks for is not asked to wait for it either.
void WorkerClient::on_ask(std::size_t worker, const wire::Ask& ask) {
    if (workers_[worker]->unsent() > kMaxUnsentAnswers) return;
    wire::Sockets answer;
    std::vector<Fd> sockets;
    for (const auto id : ask.ids) {
        const auto number = std::uint64_t{static_cast<std::uint32_t>(id)} * workers_.size() + worker;
        auto* slot = number < slots_.size() ? slots_[number].get() : nullptr;
        if (!slot) continue;
        const auto transport = slot->transport();
        if (transport == Transport::command) run_command(static_cast<std::uint32_t>(number), *slot);
        if (transport == Transport::file) tell_file(static_cast<std::uint32_t>(number), *slot);
        if (!needs_made_socket(slot->spec, transport)) continue;
        if (const int error = callbacks_.refuse_socket ? callbacks_.refuse_socket(slot->spec) : 0;
            error != 0) {
            answer.answers.push_back({id, static_cast<std::uint16_t>(error)});
            continue;
        }
        auto made = make_socket(slot->spec, transport);
        answer.answers.push_back({id, made ? std::uint16_t{0} : errno_of(made.error())});
        if (made) sockets.push_back(*std::move(made));
        if (answer.answers.size() < wire::kMaxSockets) continue;
        workers_[worker]->send(wire::encode(std::exchange(answer, {})), std::exchange(sockets, {}));
    }
    if (!answer.answers.empty()) workers_[worker]->send(wire::encode(answer), std::move(sockets));
}

namespace {

std::string key_of(const CheckSpec& spec) {
    return "check " + std::to_string(identity(spec));
}

}  // namespace

// A command that is still under way for a worker that died is waited for: one at a time.
void WorkerClient::run_command(std::uint32_t number, Slot& slot) {
    if (!runner_) return;
    auto command = slot.plan->command(slot.spec.target);
    command.timeout = slot.spec.timeout;
    auto done = [self = std::weak_ptr(self_), this, number, since = slot.since](const CommandEnd& end) {
        if (self.expired() || number >= slots_.size()) return;
        auto* known = slots_[number].get();
        if (!known || known->since != since) return;
        known->info.output = end.output + end.errors;
        const auto workers = static_cast<std::uint32_t>(workers_.size());
        workers_[number % workers]->send(wire::encode(wire::CommandDone{CheckId{number / workers}, end}));
    };
    runner_->run(key_of(slot.spec), std::move(command), std::move(done));
}

void WorkerClient::tell_file(std::uint32_t number, Slot& slot) {
    if (!runner_) return;
    const auto workers = static_cast<std::uint32_t>(workers_.size());
    if (slot.watch) {
        if (slot.file)
            workers_[number % workers]->send(
                wire::encode(wire::FileHolds{CheckId{number / workers}, *slot.file}));
        return;
    }
    slot.watch =
        runner_->watch(slot.plan->file(), [self = std::weak_ptr(self_), this, number](const FileText& file) {
            if (self.expired()) return;
            slots_[number]->file = file;
            tell_file(number, *slots_[number]);
        });
}

// Before a slot goes.
void WorkerClient::let_go(Slot& slot) const {
    if (!runner_ || !slot.plan) return;
    if (slot.plan->transport() == Transport::command) runner_->cancel(key_of(slot.spec));
    if (slot.watch) runner_->unwatch(*slot.watch);
}

WorkerClient::Slot* WorkerClient::slot_from(std::size_t worker, CheckId wire_id, Time at) {
    const auto number = std::uint64_t{static_cast<std::uint32_t>(wire_id)} * workers_.size() + worker;
    auto* slot = number < slots_.size() ? slots_[number].get() : nullptr;
    return slot && at >= slot->since ? slot : nullptr;
}

void WorkerClient::on_change(std::size_t worker, Transition change) {
    auto* slot = slot_from(worker, change.id, change.at);
    if (!slot || change.state == State::unknown || says_the_same(change, slot->info.last)) return;
    take_change(*slot, std::move(change));
}

void WorkerClient::take_change(Slot& slot, Transition change) {
    auto& info = slot.info;
    if (info.history.size() == kHistory) info.history.erase(info.history.begin());
    info.history.push_back(change);
    info.last = change;
    const auto users = slot.users;  // a callback may configure anew
    for (const auto id : users) {
        change.id = id;
        callbacks_.on_transition(change);
    }
}

// The first results agree with the state a check starts with: nothing changes but why. And what a change
// would have said counts, should that have been lost.
void WorkerClient::confirm(Slot& slot, const Status& status) {
    if (status.state == State::unknown || status.outcome == Outcome::unchecked || status.against != 0) return;
    take_change(slot, {.id = status.id,
                       .state = status.state,
                       .weight_percent = status.weight_percent,
                       .advice = status.advice,
                       .latency = status.latency,
                       .at = status.at,
                       .reason = status.reason});
}

void WorkerClient::on_status(std::size_t worker, Status status) {
    const auto wire_id = status.id;
    auto* slot = slot_from(worker, wire_id, status.at);
    if (!slot) return;
    slot->info.status = status;
    if (slot->info.last.is_assumed || !says_the_same(status, slot->info.last)) confirm(*slot, status);
    slot = slot_from(worker, wire_id, status.at);
    if (!slot || !callbacks_.on_status) return;
    const auto users = slot->users;
    for (const auto id : users) {
        status.id = id;
        callbacks_.on_status(status);
    }
}

}  // namespace lvs::checkers
