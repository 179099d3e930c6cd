// SPDX-License-Identifier: GPL-2.0-or-later
#include "tests/sim/sim.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <utility>

namespace lvs::sim {

namespace {

using namespace std::chrono_literals;

constexpr Family kFamily = Family::ipv4;
constexpr std::array<Duration, 5> kIntervals{10ms, 20ms, 100ms, 1s, 40950ms};
constexpr std::size_t kInboxBound = 40;
const std::array<std::uint8_t, 4> kAddressList{192, 0, 2, 100};

}  // namespace

Simulation::Simulation(std::uint64_t seed, bool keep_transcript)
    : random_(seed), keep_transcript_(keep_transcript) {
    make_nodes();
    make_faults();
}

// ---- what a seed makes ------------------------------------------------------------------------------------

void Simulation::make_nodes() {
    segments_ = random_.chance(25) ? 2 : 1;
    const auto hosts = static_cast<std::size_t>(random_.between(2, segments_ == 2 ? 3 : 5));
    Config common;
    common.version = random_.chance(15) ? Version::v2 : Version::v3;
    common.grouped = segments_ > 1;
    common.priority = *Priority::make(random_.between(1, 254));
    equal_ = random_.chance(25);
    mixed_intervals_ = common.version == Version::v3 && random_.chance(25);
    speed_ = static_cast<std::size_t>(random_.between(0, mixed_intervals_ ? 2 : 4));
    common.interval = kIntervals[speed_];
    if (common.version == Version::v2) common.interval = std::chrono::seconds(random_.between(1, 3));
    mixed_versions_ = segments_ == 1 && random_.chance(10);
    if (mixed_versions_) common.interval = 1s;
    const bool owner = segments_ == 1 && !mixed_versions_ && random_.chance(15);
    for (std::size_t host = 0; host < hosts; ++host) {
        Node node = make_node(host, 0, common);
        if (owner && host == 0) node.config.priority = Priority::of(255);
        for (std::size_t segment = 1; segment < segments_; ++segment) {
            auto other = make_node(host, segment, common);
            other.config = node.config;  // members of a group share their settings
            other.drift_ppm = node.drift_ppm;
            nodes_.push_back(std::move(other));
        }
        nodes_.push_back(std::move(node));
    }
    const auto faster = [](const Node& a, const Node& b) { return a.config.interval < b.config.interval; };
    slowest_ = std::max_element(nodes_.begin(), nodes_.end(), faster)->config.interval;
    fastest_ = std::min_element(nodes_.begin(), nodes_.end(), faster)->config.interval;
}

Node Simulation::make_node(std::size_t host, std::size_t segment, const Config& common) {
    Node node;
    node.host = host;
    node.segment = segment;
    node.name = segments_ > 1 ? fmt::format("n{}.{}", host, segment) : fmt::format("n{}", host);
    // Who has the higher address differs from wire to wire.
    const auto order = static_cast<std::uint32_t>(segment == 0 ? (host * 7) % 5 : 4 - (host * 7) % 5);
    node.address = IpAddress::from_v4(0x0a000001 + static_cast<std::uint32_t>(segment) * 256 + order);
    node.config = common;
    if (!equal_) node.config.priority = *Priority::make(random_.between(1, 254));
    if (mixed_versions_)
        node.config.version = random_.chance(50) ? Version::v2 : Version::v3;
    else if (mixed_intervals_ && random_.chance(50))
        node.config.interval = kIntervals[speed_ + 1];
    node.config.preempt = !random_.chance(25);
    if (random_.chance(20)) node.config.preempt_delay = common.interval * random_.between(1, 10);
    if (random_.chance(20)) node.config.startup_delay = common.interval * random_.between(1, 10);
    node.drift_ppm = random_.between(-3000, 3000);
    return node;
}

void Simulation::make_faults() {
    loss_percent_ = random_.chance(50) ? static_cast<int>(random_.between(0, 60)) : 0;
    duplicate_percent_ = random_.chance(30) ? 30 : 0;
    delay_ = random_.chance(50) ? fastest_ / random_.between(4, 100) : Duration(0);
    for (std::size_t i = 0; i < nodes_.size(); ++i)
        schedule({.kind = Happening::Kind::restart, .node = i}, Time(slowest_ * random_.between(0, 50) / 10));
    const auto faults = random_.between(0, 8);
    for (std::int64_t i = 0; i < faults; ++i)
        add_fault(Time(slowest_ * random_.between(0, 200) / 10));
}

void Simulation::add_fault(Time at) {
    using Kind = Happening::Kind;
    static constexpr std::array kFaults{Kind::crash, Kind::pause,  Kind::freeze, Kind::step,    Kind::cut,
                                        Kind::split, Kind::unplug, Kind::reload, Kind::tracker, Kind::stop};
    Happening what;
    what.kind = kFaults[static_cast<std::size_t>(random_.between(0, kFaults.size() - 1))];
    what.node = static_cast<std::size_t>(random_.between(0, static_cast<std::int64_t>(nodes_.size()) - 1));
    what.other = static_cast<std::size_t>(random_.between(0, static_cast<std::int64_t>(nodes_.size())));
    what.length = slowest_ * random_.between(1, 80) / 10;
    schedule(what, at);
    const auto undo = [&](Kind kind) {
        what.kind = kind;
        schedule(what, at + what.length);
    };
    if (what.kind == Kind::crash || what.kind == Kind::stop) undo(Kind::restart);
    if (what.kind == Kind::pause) undo(Kind::resume);
    if (what.kind == Kind::freeze) undo(Kind::thaw);
    if (what.kind == Kind::cut) undo(Kind::mend);
    if (what.kind == Kind::split) undo(Kind::join);
    if (what.kind == Kind::unplug) undo(Kind::plug);
}

// ---- running ----------------------------------------------------------------------------------------------

std::string Simulation::run() {
    run_until(Time(slowest_ * 25));
    heal();
    run_until(now_ + bound());
    std::uint64_t before = 0;
    for (const auto& node : nodes_)
        before += node.transitions;
    if (failure_.empty()) failure_ = who_is_master();
    run_until(now_ + 20 * slowest_);
    std::uint64_t after = 0;
    for (const auto& node : nodes_)
        after += node.transitions;
    if (failure_.empty() && before != after) failure_ = "unrest after the liveness bound";
    if (failure_.empty()) failure_ = who_is_master();
    return failure_;
}

void Simulation::run_until(Time end) {
    schedule({.kind = Happening::Kind::end}, end);
    while (failure_.empty()) {
        Node* first = nullptr;
        Time at = queue_.top().at;
        for (auto& node : nodes_) {
            const auto& due = node.due;
            if (!due || *due > at || (*due == at && first == nullptr)) continue;
            first = &node;
            at = *due;
        }
        ++steps_;
        now_ = std::max(now_, at);
        if (first != nullptr) {
            wake(*first);
            continue;
        }
        const Happening what = queue_.top();
        queue_.pop();
        if (what.kind == Happening::Kind::end) return;
        happen(what);
    }
}

// No more faults: packets in flight arrive, everybody runs.
void Simulation::heal() {
    decltype(queue_) packets;
    for (; !queue_.empty(); queue_.pop())
        if (queue_.top().kind == Happening::Kind::arrive) packets.push(queue_.top());
    queue_ = std::move(packets);
    loss_percent_ = duplicate_percent_ = 0;
    delay_ = fastest_ / 200;
    cut_ = {};
    for (auto& node : nodes_) {
        node.linked = true;
        if (node.frozen_at)
            schedule({.kind = Happening::Kind::thaw, .node = index_of(node)}, now_);
        else if (node.paused)
            schedule({.kind = Happening::Kind::resume, .node = index_of(node)}, now_);
        schedule({.kind = Happening::Kind::restart, .node = index_of(node)}, now_);
    }
}

// Start-up delay, a full master-down, the caution after a stall, a preempt delay that starts with the first
// advert of the lower master, and one more master-down, all on slow clocks.
Duration Simulation::bound() const {
    Duration delays{};
    for (const auto& node : nodes_)
        delays = std::max(delays, node.config.startup_delay + node.config.preempt_delay);
    const Duration skew = std::max(slowest_, Duration(1s));
    const int rounds = segments_ > 1 ? 4 : 1;  // groups of equal priority may step down together a few times
    return (delays + rounds * (10 * slowest_ + 3 * skew)) * 101 / 100;
}

std::string Simulation::who_is_master() const {
    std::size_t host = 0, other = 0;
    if (mixed_versions_) {  // they do not understand each other: two elections
        auto wrong = master_of(0, Version::v2, host);
        return wrong.empty() ? master_of(0, Version::v3, host) : wrong;
    }
    const auto version = nodes_.front().config.version;
    auto wrong = master_of(0, version, host);
    for (std::size_t segment = 1; wrong.empty() && segment < segments_; ++segment) {
        wrong = master_of(segment, version, other);
        if (wrong.empty() && other != host) wrong = "the group is torn";
    }
    return wrong;
}

// The one router that is master on this wire must be one whom no other would preempt.
std::string Simulation::master_of(std::size_t segment, Version version, std::size_t& host) const {
    const Node* master = nullptr;
    const auto here = [&](const Node& node) {
        return node.segment == segment && node.config.version == version;
    };
    if (std::none_of(nodes_.begin(), nodes_.end(), here)) return {};
    for (const auto& node : nodes_) {
        if (!here(node) || node.machine->state() != State::master) continue;
        if (master != nullptr) return "two masters: " + master->name + " and " + node.name;
        master = &node;
    }
    if (master == nullptr) return "no master";
    host = master->host;
    for (const auto& node : nodes_) {
        const bool wants = node.config.preempt || node.machine->priority().value() == kOwner;
        const bool rival = here(node) && segments_ == 1;
        if (rival && wants && node.machine->priority() > master->machine->priority())
            return master->name + " is master, " + node.name + " has the higher priority";
    }
    return {};
}

// ---- faults and packets -----------------------------------------------------------------------------------

void Simulation::happen(const Happening& what) {
    using Kind = Happening::Kind;
    const auto kind = what.kind;
    const bool to_host = kind == Kind::crash || kind == Kind::restart || kind == Kind::stop ||
                         kind == Kind::pause || kind == Kind::resume || kind == Kind::reload ||
                         kind == Kind::tracker || kind == Kind::freeze || kind == Kind::thaw ||
                         kind == Kind::step;
    if (!to_host) return happen_to(nodes_[what.node], what);
    const auto host = nodes_[what.node].host;
    bool woken = kind != Kind::resume;
    moving_ = true;  // a host acts as one: its group moves when all its routers have had their turn
    for (auto& node : nodes_)
        if (node.host == host && kind == Kind::resume && !node.frozen_at)
            woken = std::exchange(node.paused, false) || woken;
    for (auto& node : nodes_)
        if (node.host == host && woken) happen_to(node, what);
    moving_ = false;
    if (segments_ > 1) regroup(host);
}

void Simulation::happen_to(Node& node, const Happening& what) {
    switch (what.kind) {
        case Happening::Kind::arrive:
            return deliver(node, what.packet);
        case Happening::Kind::crash:
            return crash(node);
        case Happening::Kind::restart:
            return start(node);
        case Happening::Kind::stop:
            if (node.machine && !node.paused) give(node, Stop{});
            return;
        case Happening::Kind::pause:
            node.paused = true;
            return rearm(node);
        case Happening::Kind::resume:
            return resume(node);
        case Happening::Kind::freeze:
            return freeze(node);
        case Happening::Kind::thaw:
            return thaw(node);
        case Happening::Kind::step:
            return step(node, what.length);
        case Happening::Kind::split:
        case Happening::Kind::join:
            return split(what.other + what.node * 8, what.kind == Happening::Kind::split);
        case Happening::Kind::cut:
        case Happening::Kind::mend:
            for (std::size_t i = 0; i < nodes_.size(); ++i)
                if (what.other == nodes_.size() || what.other == i)
                    cut_[what.node][i] = what.kind == Happening::Kind::cut;
            return;
        case Happening::Kind::unplug:
            node.linked = false;
            if (node.machine && !node.paused) give(node, Stop{Reason::interface});
            return;
        case Happening::Kind::plug:
            node.linked = true;
            return start(node);
        case Happening::Kind::reload:
            return reload(node);
        case Happening::Kind::tracker:
            return tracker(node);
        case Happening::Kind::end:
            return;
    }
}

// What a driver does after every change of a member.
void Simulation::regroup(std::size_t host) {
    std::vector<Member> members;
    for (const auto& node : nodes_) {
        if (node.host != host) continue;
        if (node.paused) return;
        members.push_back(node.machine ? node.machine->member() : Member{});
    }
    const auto decision = decide(members);
    if (decision == Decision::none || !failure_.empty()) return;
    moving_ = true;
    for (auto& node : nodes_) {
        if (node.host != host || !node.machine) continue;
        if (decision == Decision::promote)
            give(node, Promote{});
        else
            give(node, Demote{});
    }
    moving_ = false;
}

// The configuration as the others see it: with what the trackers add, over a reload too.
Config Simulation::adjusted(const Node& node) {
    auto config = node.config;
    const int sum = config.priority.value() + node.adjust;
    if (config.priority.value() != kOwner) config.priority = *Priority::make(std::clamp(sum, 1, kOwner - 1));
    return config;
}

void Simulation::start(Node& node) {
    if (!node.linked || node.paused) return;
    if (!node.machine) {
        node.machine = std::make_unique<Machine>(node.config);
        node.model = Model();
        node.inbox.clear();
        node.adjust = 0;
    }
    if (node.machine->running()) return;
    node.model.start(local(node, now_), adjusted(node), node.address);
    give(node, Start{node.address});
}

void Simulation::crash(Node& node) {
    note(node, "crash");
    node.machine.reset();
    node.holds = false;
    node.paused = false;
    node.frozen_at.reset();  // its clock goes on from where it would be
    rearm(node);
}

void Simulation::reload(Node& node) {
    if (node.paused) return;
    if (node.config.version != Version::v2 && random_.chance(50))
        node.config.interval = random_.chance(50) ? fastest_ : slowest_;
    if (node.config.priority.value() != kOwner)
        node.config.priority = *Priority::make(random_.between(1, 254));
    node.config.preempt = random_.chance(50);
    if (!node.machine) return;
    note(node, fmt::format("reload: priority {} interval {}", node.config.priority.value(),
                           to_string(node.config.interval)));
    const State before = node.machine->state();
    node.model.configure(local(node, now_), adjusted(node));
    Effects effects;
    node.machine->configure(local(node, now_), node.config, effects);
    settle(node, before, effects);
}

void Simulation::tracker(Node& node) {
    if (!node.machine || node.paused) return;
    const auto priority = *Priority::make(random_.between(1, 254));
    note(node, fmt::format("tracker: priority {}", priority.value()));
    if (node.config.priority.value() != kOwner) node.adjust = priority.value() - node.config.priority.value();
    node.model.set_priority(local(node, now_), priority.value());
    give(node, SetPriority{priority});
}

// A process that wakes up reads what waited for it before it looks at its timers; that is the driver's duty.
void Simulation::resume(Node& node) {
    if (!node.machine) return;
    note(node, "resume");
    node.model.woke_late();
    const auto inbox = std::exchange(node.inbox, {});
    if (!node.linked && node.machine->running()) give(node, Stop{Reason::interface});
    for (const auto packet : inbox)
        deliver(node, packet);
    start(node);
    rearm(node);
}

// A machine that is paused as a whole does not notice: its clock stands still. Nor does anything reach it.
void Simulation::freeze(Node& node) {
    if (node.paused) return;
    node.paused = true;
    node.frozen_at = local(node, now_);
    rearm(node);
}

void Simulation::thaw(Node& node) {
    if (!node.frozen_at) return;
    note(node, "thaw");
    node.offset += *std::exchange(node.frozen_at, std::nullopt) - local(node, now_);
    node.paused = false;
    node.inbox.clear();
    if (!node.machine) return;
    if (!node.linked && node.machine->running()) give(node, Stop{Reason::interface});
    start(node);
    rearm(node);
}

// The clock that a suspended machine finds is ahead of what it knew.
void Simulation::step(Node& node, Duration length) {
    if (node.frozen_at) return;
    note(node, fmt::format("its clock steps {}", to_string(length)));
    node.offset += length;
    node.model.woke_late();
    rearm(node);
}

void Simulation::split(std::size_t mask, bool cut) {
    for (std::size_t i = 0; i < nodes_.size(); ++i)
        for (std::size_t j = 0; j < nodes_.size(); ++j)
            if (((mask >> i ^ mask >> j) & 1) != 0) cut_[i][j] = cut;
}

void Simulation::deliver(Node& node, std::size_t packet) {
    if (!node.machine || !node.linked || !failure_.empty()) return;
    if (node.paused) {
        if (node.inbox.size() < kInboxBound) node.inbox.push_back(packet);
        return;
    }
    const auto& [envelope, bytes, size] = packets_[packet];
    const auto advert = parse(envelope, std::span(bytes).first(size));
    if (!advert)
        return fail(node, "a packet of ours does not parse: " + std::string(to_string(advert.error())));
    note(node, fmt::format("hears priority {} from {}", advert->priority, to_string(envelope.source)));
    node.model.hear(local(node, now_), *advert, envelope.source);
    give(node, Received{*advert, envelope.source});
}

void Simulation::wake(Node& node) {
    const State before = node.machine->state();
    Effects effects;
    const Time at = local(node, now_);
    node.machine->advance(at, effects);
    settle(node, before, effects);
    if (const auto due = node.machine->deadline(); due && *due <= at) fail(node, "the timer stays due");
}

void Simulation::give(Node& node, const Input& input) {
    const State before = node.machine->state();
    if (std::holds_alternative<Stop>(input)) node.model.stop();
    Effects effects;
    node.machine->handle(local(node, now_), input, effects);
    settle(node, before, effects);
}

// Holds the step against the model and carries out its effects.
void Simulation::settle(Node& node, State before, const Effects& effects) {
    const State after = node.machine->state();
    if (before != after) {
        ++node.transitions;
        note(node, fmt::format("{} -> {}", to_string(before), to_string(after)));
    }
    for (const auto& effect : effects) {
        if (const auto* send = std::get_if<SendAdvert>(&effect)) transmit(node, send->priority);
        if (std::holds_alternative<AddAddresses>(effect)) node.holds = true;
        if (std::holds_alternative<RemoveAddresses>(effect)) node.holds = false;
    }
    const auto wrong = node.model.check(local(node, now_), *node.machine, before, effects);
    if (!wrong.empty()) fail(node, wrong);
    if (node.holds != (after == State::master))
        fail(node, "holds the address without being master, or the reverse");
    rearm(node);
    if (segments_ > 1 && !moving_) regroup(node.host);
}

void Simulation::transmit(Node& node, std::uint8_t priority) {
    if (!node.linked) return;
    const Advert advert{.version = node.config.version,
                        .family = kFamily,
                        .vrid = Vrid::of(7),
                        .priority = priority,
                        .interval = node.machine->config().interval,
                        .addresses = kAddressList};
    Packet packet;
    packet.envelope = {.source = node.address, .destination = group_address(kFamily)};
    packet.size = encode(advert, packet.envelope, packet.bytes);
    packets_.push_back(packet);
    note(node, fmt::format("sends priority {}", priority));
    for (std::size_t to = 0; to < nodes_.size(); ++to)
        if (&nodes_[to] != &node && nodes_[to].segment == node.segment)
            put_on_wire(index_of(node), to, packets_.size() - 1);
}

void Simulation::put_on_wire(std::size_t from, std::size_t to, std::size_t packet) {
    const int copies = random_.chance(duplicate_percent_) ? 2 : 1;
    for (int i = 0; i < copies; ++i) {
        const auto jitter =
            Duration(random_.between(0, delay_.count()));  // different per packet: they reorder
        if (cut_[from][to] || random_.chance(loss_percent_)) continue;
        schedule({.kind = Happening::Kind::arrive, .node = to, .packet = packet}, now_ + jitter + 20us);
    }
}

// ---- time -------------------------------------------------------------------------------------------------

std::size_t Simulation::index_of(const Node& node) const {
    return static_cast<std::size_t>(&node - nodes_.data());
}

Time Simulation::local(const Node& node, Time time) const {
    const auto t = time.time_since_epoch();
    return Time(t + t * node.drift_ppm / 1'000'000 + node.offset);
}

// When, in global time, a node's own clock shows its deadline.
std::optional<Time> Simulation::next_wake(const Node& node) const {
    if (!node.machine || node.paused) return std::nullopt;
    const auto due = node.machine->deadline();
    if (!due) return std::nullopt;
    const auto d = due->time_since_epoch() - node.offset;
    Time at(d - d * node.drift_ppm / (1'000'000 + node.drift_ppm));
    while (local(node, at) < *due)
        at += 1ns;
    while (at > Time() && local(node, at - 1ns) >= *due)
        at -= 1ns;
    return std::max(at, now_);
}

void Simulation::rearm(Node& node) {
    node.due = next_wake(node);
}

void Simulation::schedule(Happening what, Time at) {
    what.at = at;
    what.seq = ++seq_;
    queue_.push(what);
}

void Simulation::note(const Node& node, const std::string& text) {
    if (!keep_transcript_) return;
    transcript_.push_back(fmt::format(
        "{:>14.6f} ms {} {}", static_cast<double>(now_.time_since_epoch().count()) / 1e6, node.name, text));
}

void Simulation::fail(const Node& node, const std::string& what) {
    if (failure_.empty()) failure_ = node.name + ": " + what;
    note(node, "FAILURE " + what);
}

}  // namespace lvs::sim
