// SPDX-License-Identifier: GPL-2.0-or-later
//
// N virtual routers on a lossy wire, in virtual time. One seed makes one schedule: the routers and their
// settings, the faults and every packet's fate.
//
//   safety phase     faults of all kinds; every step of every machine is held against the model.
//   liveness phase   faults stop, every router runs: within a bound exactly one is master, the right one, and
//                    nothing changes any more.
#pragma once

#include <array>
#include <memory>
#include <queue>
#include <string>
#include <vector>

#include "tests/sim/model.hpp"
#include "tests/sim/random.hpp"

namespace lvs::sim {

struct Node {
    std::string name;
    std::size_t host = 0;     // routers of one host crash and pause together, and form a sync group
    std::size_t segment = 0;  // the wire it is on
    Config config;
    IpAddress address;
    std::int64_t drift_ppm = 0;
    Duration offset{};                 // of its clock: pauses of the whole machine and steps add up here
    std::optional<Time> frozen_at;     // what its clock showed when the whole machine was paused
    int adjust = 0;                    // by trackers
    std::unique_ptr<Machine> machine;  // null: crashed
    Model model;
    bool linked = true;  // the interface is up
    bool holds = false;  // the virtual address
    bool paused = false;
    std::vector<std::size_t> inbox;  // packets that arrived during a pause
    std::uint64_t transitions = 0;
    std::optional<Time> due;  // in global time; kept up to date by rearm()
};

struct Packet {
    Envelope envelope;
    std::array<std::uint8_t, 64> bytes{};
    std::size_t size = 0;
};

struct Happening {
    enum class Kind : std::uint8_t {
        arrive,
        crash,
        restart,
        stop,
        pause,  // of the process: its clock goes on
        resume,
        freeze,  // of the whole machine: its clock stands still
        thaw,
        step,  // its clock jumps ahead
        cut,   // one way, between two nodes or to all
        mend,
        split,  // both ways, in two parts
        join,
        unplug,
        plug,
        reload,
        tracker,
        end,
    };
    Time at{};
    std::uint64_t seq = 0;
    Kind kind = Kind::end;
    std::size_t node = 0, other = 0;
    std::size_t packet = 0;
    Duration length{};
    friend bool operator>(const Happening& a, const Happening& b) {
        return a.at != b.at ? a.at > b.at : a.seq > b.seq;
    }
};

class Simulation {
public:
    Simulation(std::uint64_t seed, bool keep_transcript);
    // What went wrong, or nothing.
    [[nodiscard]] std::string run();
    [[nodiscard]] const std::vector<std::string>& transcript() const { return transcript_; }
    [[nodiscard]] std::uint64_t steps() const { return steps_; }

private:
    static constexpr std::size_t kMaxNodes = 6;

    void make_nodes();
    [[nodiscard]] Node make_node(std::size_t host, std::size_t segment, const Config& common);
    void make_faults();
    void add_fault(Time at);
    void run_until(Time end);
    void heal();
    [[nodiscard]] Duration bound() const;
    [[nodiscard]] std::string who_is_master() const;
    [[nodiscard]] std::string master_of(std::size_t segment, Version version, std::size_t& host) const;

    void happen(const Happening& what);
    void happen_to(Node& node, const Happening& what);
    void regroup(std::size_t host);
    void deliver(Node& node, std::size_t packet);
    void wake(Node& node);
    [[nodiscard]] static Config adjusted(const Node& node);
    void start(Node& node);
    void crash(Node& node);
    void reload(Node& node);
    void tracker(Node& node);
    void resume(Node& node);
    void freeze(Node& node);
    void thaw(Node& node);
    void step(Node& node, Duration length);
    void split(std::size_t mask, bool cut);
    void rearm(Node& node);
    void give(Node& node, const Input& input);
    void settle(Node& node, State before, const Effects& effects);
    void transmit(Node& node, std::uint8_t priority);
    void put_on_wire(std::size_t from, std::size_t to, std::size_t packet);

    [[nodiscard]] std::size_t index_of(const Node& node) const;
    [[nodiscard]] Time local(const Node& node, Time time) const;
    [[nodiscard]] std::optional<Time> next_wake(const Node& node) const;
    void schedule(Happening what, Time at);
    void note(const Node& node, const std::string& text);
    void fail(const Node& node, const std::string& what);

    Random random_;
    bool keep_transcript_;
    Time now_{};
    std::vector<Node> nodes_;
    std::priority_queue<Happening, std::vector<Happening>, std::greater<>> queue_;
    std::vector<Packet> packets_;
    std::array<std::array<bool, kMaxNodes>, kMaxNodes> cut_{};
    std::size_t segments_ = 1;
    bool moving_ = false;
    bool equal_ = false, mixed_intervals_ = false, mixed_versions_ = false;
    std::size_t speed_ = 0;
    int loss_percent_ = 0, duplicate_percent_ = 0;
    Duration delay_{};
    Duration slowest_{}, fastest_{};
    std::uint64_t seq_ = 0, steps_ = 0;
    std::string failure_;
    std::vector<std::string> transcript_;
};

}  // namespace lvs::sim
