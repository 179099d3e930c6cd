// SPDX-License-Identifier: GPL-2.0-or-later
//
// lvs_vrrp: the Virtual Router Redundancy Protocol as a pure machine, and the bytes it speaks.
//
// What there is
//   Machine      one virtual router of one address family: the three states of RFC 9568 section 6.4. Inputs
//   and the
//                time go in, effects come out. A router with IPv4 and IPv6 addresses is two machines: the RFC
//                holds two elections.                                                          machine.cpp
//   decide()     when the members of a sync group move.                                    sync_group.cpp
//   Tracker, judge()    what trackers do to priority and fitness.                            tracker.cpp
//   Pacer        a token bucket for announcements.                                         pacer.cpp
//   parse(), encode()                     adverts <-> bytes, all checks of section 7.1.  packet.cpp
//   Policy, refuse()                      peers and passwords: whom a router listens to.   policy.cpp
//   encode_garp(), encode_na()            what tells the neighbours where an address lives now. neighbour.cpp
//
// Words. RFC 9568 renamed Master to Active; the code, the logs and the configuration say `master`, as version
// 2 and every operator does. `advert`, `skew`, `master down` and `preempt` are those of the RFC.
//
// The contract (who may call what)
//   - A Machine belongs to one driver on one thread. It reads no clock: every call is given `now`, which
//   never goes
//     back. It makes no system call, no allocation, no log line and no random choice: the same inputs give
//     the same effects.
//   - handle() takes one event, advance() lets time pass, deadline() says when advance() has work. Calls of
//   advance()
//     that come too early do nothing; calls that come late are noticed (see "late" below).
//   - Effects are to be carried out in their order. The order is part of the contract:
//       taking over:    SendAdvert, AddAddresses, Announce, StateChanged. The advert goes first, so that the
//       old master
//                       lets go of the addresses before the neighbours are told to come here.
//       stepping down:  RemoveAddresses, StateChanged; by the operator's or the group's wish after a
//       SendAdvert of
//                       priority 0.
//       stopping:       SendAdvert of priority 0, RemoveAddresses, StateChanged. The next master starts
//       meanwhile.
//   - StateChanged is the only source for logs, D-Bus, scripts and metrics about states.
//   - A master whose priority falls below ours (a tracker of its) is followed no longer: the backup takes
//   over
//     after its skew, as after a goodbye, and not only after the silence that RFC 9568 6.4.2 makes it wait
//     for by discarding such adverts. The old master serves until then. A backup that preempts later, or
//     never, waits as it is configured.
//   - Late: a machine that was not run for so long that others must have taken over does not speak first. A
//   master
//     steps down and listens for one interval and skew; a backup listens the same time again. A driver must
//     hand over all received packets before it calls advance().
//
// Standards: RFC 9568 (version 3), RFC 5798 (its IPv4 checksum with pseudo-header, understood as well), RFC
// 826 and RFC 5227 (ARP announcements), RFC 4861 section 7.2.6 (unsolicited neighbour advertisements).
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

#include "lvsd/base/base.hpp"

namespace lvs::vrrp {

// ---- constants of the protocol ----------------------------------------------------------------------------

inline constexpr std::uint8_t kProtocol = 112;                              // RFC 9568 5.1.1.4, 5.1.2.4
inline constexpr std::uint8_t kTtl = 255;                                   // 5.1.1.3, 5.1.2.3
inline constexpr std::uint8_t kOwner = 255;                                 // 5.2.4: owns the addresses
inline constexpr Duration kMinInterval = std::chrono::milliseconds(10);     // one centisecond
inline constexpr Duration kMaxInterval = std::chrono::milliseconds(40950);  // 5.2.7: 12 bits of centiseconds
inline constexpr std::size_t kMaxAddresses = 255;                           // 5.2.5: one byte
inline constexpr std::size_t kMaxAdvertSize = 8 + 16 * kMaxAddresses;       // without IP header
[[nodiscard]] IpAddress group_address(Family family);                       // 224.0.0.18, ff02::12

enum class Version : std::uint8_t { v2 = 2, v3 = 3 };
enum class State : std::uint8_t { initialize, backup, master };
[[nodiscard]] std::string_view to_string(State state);  // "initialize"

enum class Reason : std::uint8_t {
    started,          // Start was given
    stopped,          // Stop was given by the operator
    owner,            // started with priority 255
    master_down,      // the master was silent for the master-down interval
    priority_zero,    // the master said goodbye
    higher_priority,  // heard a master with a higher priority
    higher_address,   // heard a master with the same priority and a higher address
    interface,        // the interface went away or lost what it needs
    fault,            // a tracker said so
    stalled,          // we ran so late that another master is likely
    group,            // the sync group moves together
    lower_priority,   // the master we followed fell below us
    held,             // the operator holds this router
    failover,         // the operator handed mastership over
};
[[nodiscard]] std::string_view to_string(Reason reason);  // "master-down"

// RFC 9568 6.1. In version 2 the skew is a part of one second whatever the interval (RFC 3768 6.1).
[[nodiscard]] Duration skew_time(Version version, Priority priority, Duration master_interval);
[[nodiscard]] Duration master_down_interval(Version version, Priority priority, Duration master_interval);

// ---- packets ----------------------------------------------------------------------------------------------

// How the checksum of a version 3 IPv4 advert is made. RFC 9568 5.2.8 sums the message alone; RFC 5798 and
// most implementations of its time add a pseudo-header. Both are understood; IPv6 always has the
// pseudo-header.
enum class Checksum : std::uint8_t { message, pseudo_header };

struct Advert {
    Version version = Version::v3;
    Family family = Family::ipv4;
    Vrid vrid = Vrid::of(1);
    std::uint8_t priority = 100;  // 0 = the sender stops
    Duration interval = std::chrono::seconds(1);
    Checksum checksum = Checksum::message;
    std::array<std::uint8_t, 8> password{};  // version 2 with simple text authentication, else zero
    bool authenticated = false;              // version 2: authentication type 1
    std::span<const std::uint8_t>
        addresses;  // wire form, 4 or 16 bytes each; points into the caller's buffer
};

// What the IP header says about a packet.
struct Envelope {
    IpAddress source;
    IpAddress destination;
    std::uint8_t ttl = kTtl;
    std::uint8_t minimum_ttl = kTtl;  // lower only for unicast peers behind routers
};

// Why a packet was not processed. Each is a counter; none is ever a log line by itself.
enum class Discard : std::uint8_t {
    truncated,       // shorter than its own fields say
    ttl,             // RFC 9568 5.1.1.3, 5.1.2.3
    version,         // not the version this router speaks
    type,            // 5.2.2
    vrid,            // not configured on this interface
    no_addresses,    // 5.2.5
    interval,        // zero; in version 2 also: another than ours
    checksum,        // 5.2.8
    authentication,  // version 2: other type or password
    source,          // not a configured peer, or our own address
    owner,           // 7.1: we own the addresses
    not_running,     // the machine is in initialize
};
inline constexpr std::size_t kDiscards = 12;
[[nodiscard]] std::string_view to_string(Discard discard);  // "no-addresses"

// Checks everything that needs no configuration. The result points into `message`.
[[nodiscard]] std::expected<Advert, Discard> parse(const Envelope& envelope,
                                                   std::span<const std::uint8_t> message);

// Splits what an IPv4 raw socket delivers: header and message. Bytes after the IP length are padding.
struct Ipv4Packet {
    Envelope envelope;
    std::span<const std::uint8_t> message;
};
[[nodiscard]] std::expected<Ipv4Packet, Discard> split_ipv4(std::span<const std::uint8_t> packet);

// Writes the message without IP header and returns its size; 0 when `out` is too small or there are too many
// addresses. `envelope` is needed for pseudo-headers only.
[[nodiscard]] std::size_t encode(const Advert& advert, const Envelope& envelope, std::span<std::uint8_t> out);

// ---- what one router accepts ------------------------------------------------------------------------------

// Unicast: adverts go to and come from known peers only.
struct Peer {
    IpAddress address;
    std::uint8_t minimum_ttl = kTtl;  // lower for a peer behind routers
    friend bool operator==(const Peer&, const Peer&) = default;
};

struct Policy {
    std::vector<Peer> peers;  // of one family; empty: multicast
    std::optional<std::array<std::uint8_t, 8>>
        password;  // version 2, simple text authentication (RFC 2338 10.2)
    friend bool operator==(const Policy&, const Policy&) = default;
};
// The lowest TTL that parse() shall accept from this source.
[[nodiscard]] std::uint8_t minimum_ttl(const Policy& policy, const IpAddress& source);
// Why this router must not listen to the advert, if so.
[[nodiscard]] std::optional<Discard> refuse(const Policy& policy, const Envelope& envelope,
                                            const Advert& advert);

// ---- neighbour announcements: whole Ethernet frames -------------------------------------------------------

using Mac = std::array<std::uint8_t, 6>;
inline constexpr std::size_t kGarpSize = 42;
inline constexpr std::size_t kNaSize = 86;
[[nodiscard]] Mac virtual_mac(Family family, Vrid vrid);  // RFC 9568 7.3

// Gratuitous ARP request: sender and target protocol address are `address`. RFC 9568 6.4.1, RFC 5227 3.
[[nodiscard]] std::array<std::uint8_t, kGarpSize> encode_garp(const Mac& mac, const IpAddress& address);
// Unsolicited neighbour advertisement to all nodes: R set, S clear, O set. RFC 9568 6.4.1, RFC 4861 7.2.6.
[[nodiscard]] std::array<std::uint8_t, kNaSize> encode_na(const Mac& mac, const IpAddress& source,
                                                          const IpAddress& address);

// An advert to a multicast group as a whole frame, for routers that speak from their virtual MAC. Returns its
// size; 0 when encode() would.
inline constexpr std::size_t kMaxAdvertFrame = 14 + 40 + kMaxAdvertSize;
[[nodiscard]] std::size_t encode_frame(const Mac& from, const Advert& advert, const Envelope& envelope,
                                       std::span<std::uint8_t> out);

// ---- sync groups ------------------------------------------------------------------------------------------

// Routers that are master together or not at all. A grouped machine says it is ready instead of taking over;
// the driver asks decide() after every change of a member and carries the answer out at once for all of them.
struct Member {
    bool running = false;
    State state = State::initialize;
    bool ready = false;
    bool follows = false;  // a backup that heard a master
};
enum class Decision : std::uint8_t { none, promote, demote };
[[nodiscard]] Decision decide(std::span<const Member> members);

// ---- trackers ---------------------------------------------------------------------------------------------

// Something a router depends on. Until it was heard of it counts as down; the first word decides at once, a
// later one after it has stood for the delay.
enum class Health : std::uint8_t { unknown, up, down };
[[nodiscard]] std::string_view to_string(Health health);  // "up"

class Tracker {
public:
    struct Config {
        bool invert = false;  // good is bad: a file that asks for maintenance, say
        Duration up_delay{0}, down_delay{0};
        friend bool operator==(const Config&, const Config&) = default;
    };
    explicit Tracker(const Config& config, Health health = Health::unknown)
        : config_(config), health_(health) {}
    // Each returns whether health() changed.
    [[nodiscard]] bool hear(Time now, bool good);
    [[nodiscard]] bool advance(Time now);  // does nothing before deadline()
    [[nodiscard]] std::optional<Time> deadline() const { return due_; }
    [[nodiscard]] Health health() const { return health_; }
    [[nodiscard]] const Config& config() const { return config_; }

private:
    Config config_;
    Health health_ = Health::unknown;
    std::optional<Time> due_;  // when the other health is believed
};

// What a router makes of one tracker. Weight 0: a fault while it is not up. Above: added while it is up.
// Below: added while it is not.
struct Weighed {
    Health health = Health::unknown;
    std::int32_t weight = 0;
};
struct Verdict {
    std::int32_t adjust = 0;
    bool fault = false;
    friend bool operator==(const Verdict&, const Verdict&) = default;
};
[[nodiscard]] Verdict judge(std::span<const Weighed> trackers);

// ---- pacing -----------------------------------------------------------------------------------------------

// A token bucket: how many announcements may leave an interface now.
class Pacer {
public:
    Pacer(std::uint32_t per_second, std::uint32_t burst)
        : per_second_(per_second), burst_(burst), tokens_(burst) {}
    // Takes up to `wanted` tokens.
    [[nodiscard]] std::uint32_t take(Time now, std::uint32_t wanted);
    void give_back(std::uint32_t tokens) { tokens_ = std::min(burst_, tokens_ + tokens); }
    // When `wanted` (at most the burst) will be there.
    [[nodiscard]] Time ready_at(std::uint32_t wanted) const;

private:
    std::uint32_t per_second_, burst_, tokens_;
    Time filled_{};
};

// ---- the machine ------------------------------------------------------------------------------------------

// When a new master announces its addresses again, counted from the takeover and ascending. The first
// announcement is always at once; after the last repeat comes the slow refresh.
struct Repeats {
    static constexpr std::size_t kMax = 8;
    std::array<Duration, kMax> at{Duration(std::chrono::milliseconds(100)), Duration(std::chrono::seconds(1)),
                                  Duration(std::chrono::seconds(5))};
    std::size_t count = 3;
    friend bool operator==(const Repeats&, const Repeats&) = default;
};

struct Config {
    Version version = Version::v3;
    Priority priority = Priority::of(100);
    Duration interval = std::chrono::seconds(1);
    bool preempt = true;
    Duration preempt_delay{0};  // how long a lower master is tolerated before we take over
    Duration startup_delay{0};  // how long to stay in initialize after Start
    Repeats announce_repeat;    // when a new master announces again
    Duration refresh_interval = std::chrono::seconds(60);  // announcements of a master in peace; 0 = none
    bool grouped = false;  // does not take over by itself: says Ready and waits for Promote
    friend bool operator==(const Config&, const Config&) = default;
};

// Inputs.
struct Start {  // the interface is ready; `source` is our primary address there
    IpAddress source;
};
struct Stop {
    Reason reason = Reason::stopped;
};
struct Received {  // parsed, and meant for this router
    Advert advert;
    IpAddress source;
};
struct SourceChanged {
    IpAddress source;
};
struct SetPriority {  // never to or from 255; the same as an adjustment to this value
    Priority priority;
};
struct Adjust {  // trackers: what is added to the configured priority; the sum stays within 1 to 254
    std::int32_t by = 0;
};
struct Hold {};      // the operator: not master until Release
struct Release {};   // ends Hold and Failover
struct Failover {};  // the operator: hand over now, and leave the next master alone while it lives
struct Promote {};   // sync group: all members are ready
struct Demote {};    // sync group: another member left master
using Input = std::variant<Start, Stop, Received, SourceChanged, SetPriority, Adjust, Hold, Release, Failover,
                           Promote, Demote>;

// Effects.
struct SendAdvert {
    std::uint8_t priority = 0;
    friend bool operator==(const SendAdvert&, const SendAdvert&) = default;
};
struct AddAddresses {
    friend bool operator==(const AddAddresses&, const AddAddresses&) = default;
};
struct RemoveAddresses {
    friend bool operator==(const RemoveAddresses&, const RemoveAddresses&) = default;
};
struct Announce {  // one GARP or NA for every address
    friend bool operator==(const Announce&, const Announce&) = default;
};
struct Ready {  // would take over, waits for Promote
    friend bool operator==(const Ready&, const Ready&) = default;
};
struct StateChanged {
    State from = State::initialize;
    State to = State::initialize;
    Reason reason = Reason::started;
    friend bool operator==(const StateChanged&, const StateChanged&) = default;
};
using Effect = std::variant<SendAdvert, AddAddresses, RemoveAddresses, Announce, Ready, StateChanged>;

// The effects of one call, in order. No call yields more than kMax.
class Effects {
public:
    static constexpr std::size_t kMax = 8;
    void add(const Effect& effect) {
        LVS_ASSERT(size_ < kMax);
        items_[size_++] = effect;
    }
    void clear() { size_ = 0; }
    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] bool empty() const { return size_ == 0; }
    [[nodiscard]] const Effect* begin() const { return items_.data(); }
    [[nodiscard]] const Effect* end() const { return items_.data() + size_; }

private:
    std::array<Effect, kMax> items_{};
    std::size_t size_ = 0;
};

struct Counters {
    std::uint64_t became_master = 0;
    std::uint64_t adverts_sent = 0;
    std::uint64_t adverts_received = 0;  // accepted ones
    std::uint64_t zero_sent = 0;         // of priority 0
    std::uint64_t zero_received = 0;
    std::uint64_t contests = 0;          // adverts of a second, lower master heard while master
    std::uint64_t interval_changes = 0;  // the master's interval became another than the last
    std::uint64_t stalls = 0;            // we ran late enough to ask before speaking
    std::array<std::uint64_t, kDiscards> discarded{};
};

class Machine {
public:
    explicit Machine(const Config& config);

    void handle(Time now, const Input& input, Effects& out);
    void advance(Time now, Effects& out);  // does nothing before deadline()
    // A reload. The state stays; a running timer is touched only when its own interval changed.
    void configure(Time now, const Config& config, Effects& out);

    [[nodiscard]] std::optional<Time> deadline() const;
    [[nodiscard]] State state() const { return state_; }
    [[nodiscard]] bool running() const { return running_; }  // between Start and Stop
    [[nodiscard]] bool ready() const { return ready_; }
    [[nodiscard]] Priority priority() const { return priority_; }
    [[nodiscard]] const Config& config() const { return config_; }
    [[nodiscard]] Duration master_interval() const { return master_interval_; }
    [[nodiscard]] const IpAddress& source() const { return source_; }
    [[nodiscard]] const std::optional<IpAddress>& master() const { return master_; }  // whom a backup follows
    [[nodiscard]] Member member() const {
        return {running_, state_, ready_, state_ == State::backup && (master_ || held_)};
    }
    [[nodiscard]] bool held() const { return held_; }
    [[nodiscard]] bool yields() const { return yields_; }  // since Failover, until it is master again
    [[nodiscard]] const Counters& counters() const { return counters_; }
    void count(Discard discard) { ++counters_.discarded[static_cast<std::size_t>(discard)]; }

private:
    void on(Time now, const Start& input, Effects& out);
    void on(Time now, const Stop& input, Effects& out);
    void on(Time now, const Received& input, Effects& out);
    void on(Time now, const SourceChanged& input, Effects& out);
    void on(Time now, const SetPriority& input, Effects& out);
    void on(Time now, const Adjust& input, Effects& out);
    void on(Time now, const Hold& input, Effects& out);
    void on(Time now, const Release& input, Effects& out);
    void on(Time now, const Failover& input, Effects& out);
    void on(Time now, const Promote& input, Effects& out);
    void on(Time now, const Demote& input, Effects& out);

    [[nodiscard]] bool acceptable(Time now, const Received& input);
    void hear_as_backup(Time now, const Received& input);
    void hear_as_master(Time now, const Received& input, Effects& out);
    void follow(Time now, const Received& input);
    [[nodiscard]] bool tolerates_lower(Time now);
    void hasten(Time now, Reason reason);
    [[nodiscard]] bool must_ask(Time now) const;
    void ask_first(Time now, Effects& out);
    void note_contest(Time now);
    void reply_to_lower(Time now, Effects& out);

    void enter_election(Time now, Effects& out);
    void on_master_down(Time now, Effects& out);
    void on_advert_due(Time now, Effects& out);
    void on_announce_due(Time now, Effects& out);
    void become_master(Time now, Reason reason, Effects& out);
    void become_backup(Time now, Reason reason, Duration wait, Effects& out);
    void become_initialize(Reason reason, Effects& out);
    void send(Time now, std::uint8_t priority, Effects& out);
    void start_announcing(Time now, std::size_t step);
    [[nodiscard]] Duration announced_at(std::size_t step) const;
    [[nodiscard]] Priority effective_priority() const;
    [[nodiscard]] Duration skew() const;
    [[nodiscard]] Duration master_down() const;
    [[nodiscard]] Duration regroup_delay() const;

    Config config_;
    std::int32_t adjust_ = 0;  // by trackers
    Priority priority_;        // configured and adjusted
    bool held_ = false;
    bool yields_ = false;
    State state_ = State::initialize;
    bool running_ = false;
    bool ready_ = false;
    IpAddress source_;
    std::optional<IpAddress> master_;
    Duration master_interval_;
    std::uint8_t master_priority_ = 0;  // of master_, as it last said
    std::optional<Time> timer_;        // initialize: start-up delay; backup: master down; master: next advert
    std::optional<Time> announce_at_;  // master only
    std::size_t announce_step_ = 0;    // the step announce_at_ belongs to
    bool contested_ = false;           // a second master was heard since the last announcement
    Reason down_reason_ = Reason::master_down;
    std::optional<Time> lower_since_;  // backup: since when a lower master is heard
    Time last_sent_{};
    Duration sent_interval_{};  // as the last advert said
    Time reply_after_{};
    Time last_{};
    Counters counters_;
};

}  // namespace lvs::vrrp
