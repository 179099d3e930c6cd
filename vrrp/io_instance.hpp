// SPDX-License-Identifier: GPL-2.0-or-later
//
// Private to lvs_vrrp_io: one machine, the interface it lives on, and its effects carried out. Owned by the
// engine, speaker thread only.
#pragma once

#include <expected>
#include <memory>
#include <vector>

#include "vrrp/io_address.hpp"
#include "vrrp/io_link.hpp"
#include "vrrp/io_socket.hpp"

namespace lvs::vrrp::io {

// An Event without its strings, so that the speaker thread never allocates one.
struct RawEvent {
    Event::Kind kind = Event::Kind::state;
    std::uint32_t router = 0;  // 0: the speaker as a whole
    std::uint64_t seq = 0;
    Time time{};
    Family family = Family::ipv4;
    State from = State::initialize, to = State::initialize;
    Reason reason = Reason::started;
    Waiting waiting = Waiting::none;
    Trouble trouble = Trouble::none;
    int error = 0;
    Discard discard = Discard::truncated;
    std::optional<IpAddress> address = std::nullopt;
};

class Instance;

// The socket of one interface and family, and who listens there.
struct Wire {
    AdvertSocket socket;
    int index = 0;
    Family family = Family::ipv4;
    std::array<Instance*, 256> by_vrid{};
    std::size_t users = 0;
};

// What instances need from the engine.
class Host {
public:
    virtual ~Host() = default;
    virtual void emit(RawEvent event) = 0;
    // nullptr and errno when the socket cannot be had.
    virtual Wire* join(Instance& instance, const Link& link, int& error) = 0;
    virtual void leave(Instance& instance, Wire& wire) = 0;
    virtual void post(AddressJob job) = 0;
    [[nodiscard]] virtual const Link* link(const std::string& name) const = 0;
    virtual std::expected<std::size_t, int> send_frames(int index,
                                                        std::span<const FrameSocket::Frame> frames) = 0;
    // Whether what a stranger causes may be told now.
    [[nodiscard]] virtual bool may_tell(Time now) = 0;
    virtual int send_frame(int index, std::span<const std::uint8_t> frame) = 0;
};

// When to try again what failed: after a second, and less and less often.
class Retry {
public:
    [[nodiscard]] Time next(Time now);
    void reset() { wait_ = kFirst; }

private:
    static constexpr Duration kFirst = std::chrono::seconds(1), kLongest = std::chrono::seconds(30);
    Duration wait_ = kFirst;
};

class Instance {
public:
    Instance(Host& host, std::uint32_t id, Family family, const RouterSpec& spec);
    ~Instance();
    Instance(const Instance&) = delete;
    Instance& operator=(const Instance&) = delete;

    [[nodiscard]] std::uint32_t id() const { return id_; }
    [[nodiscard]] Family family() const { return family_; }
    [[nodiscard]] const RouterSpec& spec() const { return spec_; }
    [[nodiscard]] std::optional<Time> deadline() const;

    void update(Time now, const Link* link);  // nullptr: there is no such interface
    void receive(Time now, const Advert& advert, const Envelope& envelope);
    void advance(Time now);
    void stop(Time now, Reason reason);
    void retire(Time now);  // stops for good
    void set_priority(Time now, Priority priority);
    void set_fault(Time now, bool fault, const Link* link);
    void track(Time now, const Verdict& verdict, const Link* link);
    void steer(Time now, const Input& input);                   // Hold, Release, Failover
    void prepare(Time now, const Verdict& verdict, bool held);  // before the first update()
    [[nodiscard]] bool held() const { return machine_.held(); }
    [[nodiscard]] bool running() const { return machine_.running(); }
    [[nodiscard]] State state() const { return machine_.state(); }
    // Takes over a new configuration; false: this change needs a new instance.
    [[nodiscard]] bool absorb(Time now, const RouterSpec& spec);
    void on_result(Time now, const AddressResult& result);
    void restore(Time now);  // puts back what may be missing, now or soon
    void on_address_removed(Time now, const PlacedAddress& address);
    void on_duplicate(Time now, const PlacedAddress& address);
    [[nodiscard]] bool has_routes() const { return !routes_.empty() || !rules_.empty(); }
    void on_device_down(Time now, int device);
    void on_device_removed(Time now, int device, const Link* link);
    void refuse(Time now, Discard discard);
    [[nodiscard]] const Policy& policy() const { return policy_; }
    [[nodiscard]] Member member() const { return machine_.member(); }
    void promote(Time now);
    void demote(Time now);
    // Sends up to `budget` announcements; true while there are more.
    bool announce(Pacer& pacer, Time now, std::uint32_t budget);
    [[nodiscard]] int index() const { return index_; }
    [[nodiscard]] bool announcing() const { return !adding_ && next_announcement_ < addresses_.size(); }
    [[nodiscard]] Time announces_after() const { return announces_after_; }
    // It has routes whose interface the kernel finds: any that changes may have taken them away.
    [[nodiscard]] bool depends_on_any_link() const;
    [[nodiscard]] RouterStatus status() const;

    // Kept by the engine: places in its list of trackers, with their weights.
    std::vector<std::pair<std::size_t, std::int32_t>> tracks;
    bool ran_before = false;  // it was running when the last reload came
    Verdict next_verdict;     // scratch: what track() is to be told

    std::size_t heap_place = SIZE_MAX;  // kept by the engine's timer heap
    std::optional<Time> heap_time;

private:
    void perform(Time now);
    void on(Time now, const SendAdvert& effect);
    void on(Time now, const AddAddresses& effect);
    void on(Time now, const RemoveAddresses& effect);
    void on(Time now, const Announce& effect);
    void on(Time now, const Ready& effect);
    void on(Time now, const StateChanged& effect);

    void note_peer(Time now, const IpAddress& source, std::uint8_t priority);
    [[nodiscard]] Waiting missing(const Link* link, IpAddress& source) const;
    [[nodiscard]] std::optional<IpAddress> pick_source(const Link& link) const;
    [[nodiscard]] bool owns(const Link& link) const;
    [[nodiscard]] bool is_virtual(const IpAddress& address) const;
    void begin(Time now, const Link& link, const IpAddress& source);
    void make_set(const Link& link);
    [[nodiscard]] std::shared_ptr<AddressSet> new_set(std::shared_ptr<Device> device) const;
    [[nodiscard]] int number_of(const std::string& device) const;
    void take_routes(const RouterSpec& spec);
    void name_devices();
    [[nodiscard]] bool devices_moved() const;
    struct Found {
        bool were_down = false;  // one of them, meanwhile: the kernel took addresses and routes away from it
        bool renamed = false;    // neighbours know another address of the hardware
    };
    Found find_devices();
    void tell_failures(Time now, const AddressResult& result);
    void drop_device();
    [[nodiscard]] bool has(const PlacedAddress& address) const;
    void post(AddressJob::Kind kind, std::shared_ptr<AddressSet> old_set = nullptr);
    void wait_for(Time now, Waiting waiting);
    void trouble(Time now, Trouble trouble, int error, std::optional<IpAddress> address = std::nullopt);
    void take_addresses(const RouterSpec& spec);
    void take_policy(const RouterSpec& spec);
    void check_list(Time now, const Advert& advert);
    void tell(Time now, Discard discard);
    [[nodiscard]] int transmit(const Advert& advert, const IpAddress& destination);  // 0 or an errno
    [[nodiscard]] FrameSocket::Frame announcement(const IpAddress& address, const Mac& mac) const;
    [[nodiscard]] std::size_t same_place(std::size_t first, std::size_t most) const;

    Host& host_;
    std::uint32_t id_;
    Family family_;
    RouterSpec spec_;
    // Of this family:
    std::vector<VirtualAddress> addresses_;  // those of the advert first
    std::vector<Route> routes_;
    std::vector<Rule> rules_;
    // The other interfaces they name, and what was there when the router started.
    struct Other {
        std::string name;
        int index = 0;
        Mac mac{};
        std::uint32_t ups = 0;
    };
    std::vector<Other> others_;
    std::vector<std::size_t> place_;       // for each address its place in others_; SIZE_MAX: none named
    std::vector<std::uint8_t> wire_list_;  // as an advert lists them
    Policy policy_;
    Checksum checksum_ = Checksum::message;
    Machine machine_;
    Effects effects_;
    int index_ = 0;
    Mac mac_{};
    Wire* wire_ = nullptr;
    std::shared_ptr<AddressSet> set_;
    int device_ = 0;  // the number of the set's device, once it is known
    std::uint32_t held_ = 0;
    bool adding_ = false;
    bool missed_ = false;  // something went while it was added: once more
    std::optional<Time> restore_at_;
    Retry restoring_again_;               // what could not be added
    std::array<int, 3> told_failures_{};  // of the last addition: device, address, route
    std::optional<Time> join_at_;
    Retry joining_again_;
    int join_error_ = 0;
    Pacer restoring_{10, 10};
    std::uint32_t ups_ = 0;  // of the interface
    bool fault_ = false;
    Verdict verdict_;  // of the trackers, its own and those of its group
    std::array<PeerStatus, kMaxPeers> peers_{};
    Duration latest_advert_{};
    std::uint64_t late_adverts_ = 0;
    bool link_lost_ = false;
    std::size_t next_announcement_ = SIZE_MAX;
    Time announces_after_{};  // the queue of the interface was full
    Waiting waiting_ = Waiting::none;
    bool announced_waiting_ = false;
    int send_error_ = 0;
    bool list_differs_ = false;
    std::uint64_t list_mismatches_ = 0;
    std::array<std::optional<Time>, kDiscards> told_{};
    Time since_{};
    Reason reason_ = Reason::started;
};

}  // namespace lvs::vrrp::io
