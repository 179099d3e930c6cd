// SPDX-License-Identifier: GPL-2.0-or-later
//
// lvs_vrrp_io: carries out what the machines of vrrp.hpp decide. One Speaker runs all virtual routers of a
// network namespace.
//
// Threads
//   - The owner's thread (the daemon's main loop) makes, commands and destroys the Speaker. All public
//   functions are
//     for that one thread. None of them waits for a packet, an interface or the kernel's routing lock, except
//     start(), stop() and snapshot(), which wait for the speaker thread to answer (microseconds, it runs at
//     real-time priority).
//   - The speaker thread ("vrrp") owns sockets, timers and machines. It runs SCHED_FIFO and with locked
//   memory where
//     that is allowed, in a plain epoll loop with nanosecond timeouts on CLOCK_MONOTONIC. It never logs,
//     never waits for another thread and, between reloads, never allocates. io_engine.cpp
//   - The address thread ("vrrp-address") adds and removes the virtual addresses. The kernel's routing lock
//   may make
//     it wait; adverts go on meanwhile. io_address.cpp
//   Commands travel through a lock-free stack, events and results through bounded rings; an eventfd wakes the
//   reader.
//
// What it promises
//   - apply() absorbs a new configuration: a router whose spec did not change keeps its state and its timers.
//   - A router whose interface is missing, down or without address waits; that is no fault, and it starts by
//   itself.
//   - Routes and rules of a master are there after its addresses and go before them.
//   - What somebody else takes away from a master is put back at once, ten times a second at most, and
//   reported.
//   - Virtual addresses carry the mark kAddressMark in IFA_PROTO (Linux 5.18 and later), so that start()
//   removes what
//     a killed run left behind, and only that. An address that was there before, unmarked, is used but never
//     removed.
//   - The same holds for the devices of routers with a virtual MAC (io_device.hpp): their mark is
//   kDeviceMark.
//     What was changed on the interface below is changed back.
//   - stop() says goodbye (priority 0), removes the addresses and joins the threads.
//   - A second Speaker in the same network namespace is refused.
//
// Files: io_speaker.cpp (the owner's side), io_engine.cpp (the loop), io_instance.cpp (one machine and its
// effects), io_restore.cpp (what others take from it), io_link.cpp (interfaces and addresses by rtnetlink),
// io_socket.cpp (adverts and announcements), io_address.cpp (addresses, routes and rules in the kernel),
// io_route.cpp (the latter's messages), io_route_watch.cpp (who removes them), io_device.cpp (virtual MAC),
// io_track.cpp (trackers, the operator's hand).
#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "vrrp/vrrp.hpp"

namespace lvs::vrrp {

// What is ours in the kernel: IFA_PROTO of addresses (the kernel's own values are 1 to 3), the protocol of
// routes and rules.
inline constexpr std::uint8_t kAddressMark = 0x6c;
inline constexpr std::uint32_t kDeviceMark =
    0x6c767364;  // IFLA_GROUP of devices that hold a virtual MAC: "lvsd"

// Which checksum a version 3 IPv4 advert gets. Automatic: that of RFC 9568 until an advert of another router
// of ours was heard, then its convention; many implementations still insist on the pseudo-header of RFC 5798.
enum class ChecksumMode : std::uint8_t { automatic, message, pseudo_header };

// A virtual address and how it is added; a prefix alone will do.
struct VirtualAddress : Prefix {
    std::string device;  // empty: the router's interface
    std::string label;   // IPv4, for old tools: "eth0:web"
    bool dad = false;    // IPv6: duplicate address detection, which makes it wait for a second
    VirtualAddress() = default;
    VirtualAddress(const Prefix& prefix) : Prefix(prefix) {}
    friend bool operator==(const VirtualAddress&, const VirtualAddress&) = default;
};

inline constexpr std::uint32_t kMainTable = 254;

// Routes and rules that exist while the router is master. They belong to the election of their family.
struct Route {
    enum class Kind : std::uint8_t { unicast, blackhole, unreachable, prohibit };
    Kind kind = Kind::unicast;
    Prefix to;  // length 0: default
    std::optional<IpAddress> via;
    std::string device;  // empty: the kernel finds it by `via`; without that, the router's interface
    std::uint32_t table = kMainTable;
    std::uint32_t metric = 0;  // 0: the kernel's default
    std::optional<IpAddress> source;
    bool onlink = false;
    friend bool operator==(const Route&, const Route&) = default;
};

struct Rule {
    enum class Kind : std::uint8_t { lookup, blackhole, unreachable, prohibit };
    Kind kind = Kind::lookup;
    Family family = Family::ipv4;
    std::optional<Prefix> from, to;
    std::string input, output;  // interfaces
    std::optional<std::uint32_t> mark;
    std::uint32_t mark_mask = 0xffffffff;
    std::uint32_t table = kMainTable;
    std::uint32_t priority = 0;
    friend bool operator==(const Rule&, const Rule&) = default;
};

// Something routers depend on; vrrp.hpp has the rules. The speaker watches interfaces and routers itself, of
// the others it is told (Speaker::set_tracker).
struct TrackerSpec {
    enum class Kind : std::uint8_t { external, interface, router };
    std::string name;  // unique
    Kind kind = Kind::external;
    std::string target;                // interface: up with carrier; router: master here, in all its families
    std::optional<IpAddress> address;  // interface: it has this address too
    Tracker::Config config;
    friend bool operator==(const TrackerSpec&, const TrackerSpec&) = default;
};
struct Track {
    std::string tracker;
    std::int32_t weight = 0;  // 0: a fault while it is down
    friend bool operator==(const Track&, const Track&) = default;
};

// One virtual router. Addresses of both families make two elections that share name, VRID and settings.
struct RouterSpec {
    std::string name;  // unique
    std::string interface;
    Vrid vrid = Vrid::of(1);
    Config config;
    std::vector<VirtualAddress> addresses;
    std::vector<VirtualAddress> excluded;  // held and announced like the others, but not in the advert
    std::vector<Route> routes;
    std::vector<Rule> rules;
    std::vector<Track> tracks;  // weights of the members of a group add up for all of them
    std::vector<Peer> peers;    // of either family; a family without peers uses multicast
    ChecksumMode checksum = ChecksumMode::automatic;
    bool virtual_mac = false;          // RFC 9568 7.3: the addresses live on a device of ours with that MAC
    std::string password;              // version 2; up to 8 bytes; empty: none
    std::string group;                 // routers with the same non-empty group move together
    std::optional<IpAddress> source4;  // default: the first address of the interface that is not virtual
    std::optional<IpAddress> source6;  // default: the link-local address
    friend bool operator==(const RouterSpec&, const RouterSpec&) = default;
};

// What a router that is not running waits for.
enum class Waiting : std::uint8_t { none, interface, link, address, fault };
[[nodiscard]] std::string_view to_string(Waiting waiting);  // "interface"

enum class Trouble : std::uint8_t {
    none,
    realtime,        // no SCHED_FIFO: timing depends on the load
    memory_lock,     // memory may be swapped out
    socket,          // the advert socket could not be set up; tried again after 1 s, up to 30 s
    send,            // adverts cannot be sent; reported once until it works again
    address_add,     // `address` could not be added
    address_remove,  // `address` could not be removed
    virtual_mac,     // the device of the virtual MAC could not be made or set up; like all additions
                     // of a master tried again after 1 s, up to 30 s
    misconfigured,   // the master announces other addresses, or another router has priority 255
    not_owner,       // priority 255, but the interface has none of the addresses as its own
    route_add,       // a route or rule could not be added
    route_remove,    // a route or rule could not be removed
    restored,        // `address`, or a route or rule about it, was removed by somebody else and put back
    netlink,         // interface changes were lost and read again
    discarded,       // adverts are refused, for the reason `discard`; told once a minute per reason at most
};
[[nodiscard]] std::string_view to_string(Trouble trouble);  // "address-add"

// Everything that happens, in one order.
struct Event {
    enum class Kind : std::uint8_t { state, waiting, trouble };
    Kind kind = Kind::state;
    std::uint64_t seq = 0;  // without gaps, unless the owner did not drain for kEventCapacity events
    Time time{};
    std::string router;  // empty: the speaker as a whole
    Family family = Family::ipv4;
    State from = State::initialize, to = State::initialize;  // state
    Reason reason = Reason::started;
    Waiting waiting = Waiting::none;  // waiting: none = it runs again
    Trouble trouble = Trouble::none;
    int error = 0;  // trouble: errno
    Discard discard = Discard::truncated;
    std::optional<IpAddress> address = std::nullopt;
};
inline constexpr std::size_t kEventCapacity = 4096;

struct TrackStatus {
    std::string tracker;
    std::int32_t weight = 0;
    Health health = Health::unknown;
};

struct PeerStatus {  // another router of the same VRID
    IpAddress address;
    std::uint8_t priority = 0;  // as it last said
    Time heard{};
};

struct RouterStatus {
    std::string name;
    Family family = Family::ipv4;
    std::string interface;
    Vrid vrid = Vrid::of(1);
    State state = State::initialize;
    Reason reason = Reason::started;  // of the last state change
    Waiting waiting = Waiting::none;
    Priority priority = Priority::of(100);    // effective
    Duration interval{};                      // the master's, as learned
    Time since{};                             // of the last state change
    std::optional<IpAddress> source, master;  // ours; the one we follow
    std::uint32_t addresses = 0;              // virtual addresses held now
    bool held = false, yields = false;        // by the operator: hold(), failover()
    std::vector<TrackStatus> tracks;
    std::vector<PeerStatus> peers;   // heard within the last 255 intervals, at most kMaxPeers
    Duration latest_advert{};        // the worst lateness of an advert of ours
    std::uint64_t late_adverts = 0;  // more than 5 ms late
    std::uint64_t address_list_mismatches = 0;
    Counters counters;
};

inline constexpr std::size_t kMaxPeers = 16;
// How late the timers of the speaker thread were, by the clock that also counts what the machine slept.
struct Lateness {
    static constexpr std::array<Duration, 7> kBounds{
        std::chrono::microseconds(100), std::chrono::milliseconds(1),   std::chrono::milliseconds(5),
        std::chrono::milliseconds(10),  std::chrono::milliseconds(100), std::chrono::seconds(1),
        std::chrono::seconds(10)};
    std::array<std::uint64_t, kBounds.size() + 1> classes{};  // up to each bound, and later
    Duration sum{}, worst{};
    void add(Duration late);
    [[nodiscard]] std::uint64_t count() const;
};

struct Snapshot {
    std::vector<RouterStatus> routers;  // in the order of apply(), IPv4 before IPv6
    bool realtime = false, memory_locked = false;
    std::uint64_t wakeups = 0;
    Lateness lateness;
    std::uint64_t events_lost = 0;
    std::array<std::uint64_t, kDiscards> discarded{};  // packets that belong to no router of ours
};

struct SpeakerOptions {
    std::uint32_t announce_rate = 200'000;  // GARP and NA frames per second and interface
    std::uint32_t announce_burst = 2'000;
    bool realtime = true;
    int realtime_priority = 40;
    bool lock_memory = true;
};

class Speaker {
public:
    explicit Speaker(SpeakerOptions options = {});
    ~Speaker();  // stop() if still running
    Speaker(const Speaker&) = delete;
    Speaker& operator=(const Speaker&) = delete;

    // Starts the threads and clears leftovers of a killed run. Returns when that is done.
    [[nodiscard]] Result<void> start();
    // Says goodbye, removes the addresses, joins. Events of the stop can be drained afterwards.
    void stop();

    // Replaces the set of routers and their trackers. An invalid set (two routers with one name, or with one
    // VRID on the same interface and family, or without addresses, or with unknown trackers) changes nothing.
    // A tracker that stays keeps its health. Those named in `held` the operator holds from their first
    // moment; routers that are there already stay as they are.
    [[nodiscard]] Result<void> apply(std::vector<RouterSpec> routers, std::vector<TrackerSpec> trackers = {},
                                     const std::set<std::string>& held = {});
    void set_announce_rate(std::uint32_t per_second, std::uint32_t burst);

    // For all functions below: unknown names are ignored.
    void set_tracker(const std::string& tracker, bool good);  // of kind external

    // The operator's hand, on a router and the members of its group. hold(): not master until release().
    // failover(): a master hands over and lets the next one be, until that falls silent or release().
    void hold(const std::string& router);
    void release(const std::string& router);
    void failover(const std::string& router);

    // Without trackers: for who decides elsewhere.
    void set_priority(const std::string& router, Priority priority);
    void set_fault(const std::string& router, bool fault);

    [[nodiscard]] int event_fd() const;  // readable while there is something to drain
    [[nodiscard]] std::vector<Event> drain();
    // How many there was no room for: of what they told only the snapshot knows.
    [[nodiscard]] std::uint64_t events_lost() const;
    [[nodiscard]] Snapshot snapshot() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// What start() does first, for whoever has no routers. Fails while a speaker runs in this network namespace.
[[nodiscard]] Result<void> clear_leftovers();

}  // namespace lvs::vrrp
