// SPDX-License-Identifier: GPL-2.0-or-later
//
// Private to lvs_vrrp_io: the speaker thread's loop. The owner's thread makes it and reaches it through
// Shared only.
#pragma once

#include <atomic>
#include <future>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "vrrp/io_instance.hpp"
#include "vrrp/io_timers.hpp"

namespace lvs::vrrp::io {

struct Command {
    enum class Kind : std::uint8_t {
        apply,
        priority,
        fault,
        tracker,
        hold,
        release,
        failover,
        announce_rate,
        snapshot,
        stop
    };
    Kind kind = Kind::stop;
    std::vector<std::pair<std::uint32_t, RouterSpec>> routers;  // apply
    std::vector<TrackerSpec> trackers;                          // apply
    std::set<std::uint32_t> held;                               // apply
    std::uint32_t router = 0;                                   // priority, fault, hold, release, failover
    std::string tracker;                                        // tracker
    bool good = false;                                          // tracker
    std::uint32_t rate = 0, burst = 0;                          // announce_rate
    Priority priority = Priority::of(100);
    bool fault = false;
    std::promise<Snapshot> answer;  // snapshot
    std::unique_ptr<Command> next;
};

// What the two threads have in common.
struct Shared {
    Mailbox<Command> commands;
    Wakeup commands_ready;
    Ring<RawEvent, kEventCapacity> events;
    Wakeup events_ready;
    std::atomic<std::uint64_t> events_lost = 0;
};

[[nodiscard]] Time monotonic_now();

class Engine final : public Host {
public:
    Engine(SpeakerOptions options, Shared& shared);
    [[nodiscard]] Result<void> open();  // owner's thread, before run()
    void run();                         // until Command::stop

private:
    using Key = std::pair<std::uint32_t, Family>;

    void emit(RawEvent event) override;
    Wire* join(Instance& instance, const Link& link, int& error) override;
    void leave(Instance& instance, Wire& wire) override;
    void post(AddressJob job) override { addresses_.post(std::move(job)); }
    [[nodiscard]] const Link* link(const std::string& name) const override { return links_.find(name); }
    std::expected<std::size_t, int> send_frames(int index,
                                                std::span<const FrameSocket::Frame> frames) override;
    bool may_tell(Time now) override { return telling_.take(now, 1) == 1; }
    int send_frame(int index, std::span<const std::uint8_t> frame) override;
    [[nodiscard]] Result<void> clear_leftovers();

    void become_realtime();
    Time look_at_clock();
    void wait();
    void dispatch(void* who);
    [[nodiscard]] bool watch(int fd, void* who);

    void take_commands();
    void carry_out(Command& command);
    void apply(Command& command);
    void drop_missing(const std::vector<std::pair<std::uint32_t, RouterSpec>>& routers);
    void apply_one(std::uint32_t id, Family family, const RouterSpec& spec, bool starts_held);
    void on_links();
    void on_routes();
    void on_results();
    void receive(Wire& wire);
    static void filter(Wire& wire);
    void receive_all();
    void run_timers();
    void announce();
    [[nodiscard]] Pacer& pacer(int index);
    [[nodiscard]] std::optional<Time> next_announcement();
    void regroup();
    void move_group(std::vector<Instance*>& group);
    void set_announce_rate(std::uint32_t per_second, std::uint32_t burst);

    // Trackers and the operator: io_track.cpp
    struct Watched {
        TrackerSpec spec;
        Tracker tracker;
        bool late = false;  // came with a reload
    };
    void take_trackers(Time now, std::vector<TrackerSpec>& specs);
    void resolve(Instance& instance) const;
    void hear(Time now, const std::string& tracker, bool good);
    [[nodiscard]] bool watch_interfaces(Time now);
    [[nodiscard]] bool watch_routers(Time now);
    [[nodiscard]] std::optional<Time> next_tracker() const;
    void run_trackers();
    [[nodiscard]] Verdict verdict(const Instance& instance);
    void retrack(Time now);
    void steer(Time now, std::uint32_t router, const Input& input);

    void after(Instance& instance);  // must follow every call into an instance
    [[nodiscard]] Snapshot snapshot() const;

    SpeakerOptions options_;
    Shared& shared_;
    Time now_{};  // of this step
    Fd epoll_;
    LinkTable links_;
    FrameSocket frames_;
    AddressWriter addresses_;
    RouteWatch routes_;
    std::map<std::pair<int, Family>, std::unique_ptr<Wire>> wires_;
    std::map<Key, std::unique_ptr<Instance>> instances_;
    std::vector<Key> order_;  // of apply(), for snapshots
    TimerHeap timers_;
    std::vector<Instance*> announcing_;
    std::map<int, Pacer> pacers_;  // by interface
    std::map<std::string, std::vector<Instance*>> groups_;
    std::vector<Member> members_;  // scratch
    std::vector<Watched> trackers_;
    std::vector<Weighed> weighed_;  // scratch
    bool roles_changed_ = false;    // since the router trackers looked
    bool moving_ = false;
    bool quit_ = false;
    bool realtime_ = false, memory_locked_ = false;
    std::uint64_t seq_ = 0, wakeups_ = 0, overruns_ = 0, dumps_ = 0;
    std::optional<Time> reread_;  // the interfaces could not be read
    Lateness lateness_;
    Pacer telling_{1, 16};  // events that strangers cause
    std::array<std::uint64_t, kDiscards> discarded_{};
};

}  // namespace lvs::vrrp::io
