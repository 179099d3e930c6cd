// SPDX-License-Identifier: GPL-2.0-or-later
//
// lvs_ipvs: the IPVS table as values, and the difference between two of them.
//
//   Table        virtual services by key, each with its real servers by key. One type for what we want, for
//                what the kernel holds and for what we last wrote.
//   diff()       (desired, actual, owned) -> the shortest ordered list of commands that turns the entries we
//                own into the desired ones. Foreign services are never touched.
//
// The engine makes desired tables, netlink.hpp (lvs_ipvs_io) reads the kernel's and carries out commands.
// Nothing here does I/O; everything is a value; cost is O(n log n) in the entries looked at.
//
// Terms are those of ipvsadm(8). The kernel interface is described in ipvs/kmod/README.md.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <variant>
#include <vector>

#include "lvsd/base/base.hpp"

namespace lvs::ipvs {

enum class Protocol : std::uint8_t { tcp = 6, udp = 17, sctp = 132 };
enum class Forward : std::uint8_t { nat = 0, local = 1, tun = 2, dr = 3, bypass = 4 };  // kernel numbers

struct AddressKey {
    Protocol protocol = Protocol::tcp;
    Endpoint address;  // port 0: every port (persistent services only)
    friend auto operator<=>(const AddressKey&, const AddressKey&) = default;
};
struct FwmarkKey {
    Family family = Family::ipv4;
    std::uint32_t mark = 0;
    friend auto operator<=>(const FwmarkKey&, const FwmarkKey&) = default;
};
using ServiceKey = std::variant<AddressKey, FwmarkKey>;
[[nodiscard]] std::string to_string(const ServiceKey& key);  // "TCP 192.0.2.10:80", "FWM 7 IPv4"
// Reads what to_string() writes.
[[nodiscard]] std::optional<ServiceKey> parse_service_key(std::string_view text);
[[nodiscard]] Family family_of(const ServiceKey& key);

// Service flags, the uapi bits.
inline constexpr std::uint32_t kPersistent = 0x1;
inline constexpr std::uint32_t kOnePacket = 0x4;
inline constexpr std::uint32_t kSched1 = 0x8;
inline constexpr std::uint32_t kSched2 = 0x10;
inline constexpr std::uint32_t kSched3 = 0x20;

struct Counters {  // cumulative, and current rates per second
    std::uint64_t connections = 0, in_packets = 0, out_packets = 0, in_bytes = 0, out_bytes = 0;
    std::uint64_t connection_rate = 0, in_packet_rate = 0, out_packet_rate = 0, in_byte_rate = 0,
                  out_byte_rate = 0;
};

struct DestKey {
    Endpoint address;
    friend auto operator<=>(const DestKey&, const DestKey&) = default;
};

struct DestSettings {  // what we may set; compared by diff()
    Forward forward = Forward::nat;
    std::int32_t weight = 1;
    std::uint32_t upper_threshold = 0;
    std::uint32_t lower_threshold = 0;
    std::uint8_t tunnel_type = 0;  // 0 ipip, 1 gue, 2 gre
    std::uint16_t tunnel_port = 0;
    std::uint16_t tunnel_flags = 0;
    friend bool operator==(const DestSettings&, const DestSettings&) = default;
};

struct Dest {
    DestSettings settings;
    // Read from the kernel, ignored by diff():
    std::uint32_t active_connections = 0, inactive_connections = 0, persistent_connections = 0;
    Counters counters;
};

struct ServiceSettings {  // compared by diff()
    std::string scheduler = "wlc";
    std::uint32_t flags = 0;
    std::uint32_t persistence_seconds = 0;
    std::uint32_t netmask = 0xffffffff;  // IPv4: mask in host order; IPv6: prefix length
    std::string persistence_engine;
    friend bool operator==(const ServiceSettings&, const ServiceSettings&) = default;
};

struct Service {
    ServiceSettings settings;
    std::map<DestKey, Dest> dests;
    Counters counters;  // read from the kernel, ignored by diff()
};

using Table = std::map<ServiceKey, Service>;

// Our kernel module counts the changes of a table, whoever makes them, and tells each of them.
using Generation = std::uint64_t;
struct Change {
    Generation generation = 0;      // that it made
    std::optional<ServiceKey> key;  // absent: nothing a table shows (timeouts, counters)
};

// ---- commands -------------------------------------------------------------------------------------------

enum class Verb : std::uint8_t { add_service, set_service, delete_service, add_dest, set_dest, delete_dest };

struct Command {
    Verb verb = Verb::add_service;
    ServiceKey service;
    ServiceSettings service_settings;  // for add_service, set_service
    DestKey dest;                      // for *_dest
    DestSettings dest_settings;        // for add_dest, set_dest
    friend bool operator==(const Command&, const Command&) = default;
};
[[nodiscard]] bool is_dest_verb(Verb verb);
// "add server 10.0.0.7:80 to TCP 192.0.2.10:80 (nat, weight 1)"
[[nodiscard]] std::string to_string(const Command& command);

// Services we own: what we put into the kernel, or what a former run of ours left behind.
using Owned = std::set<ServiceKey>;

// Order: services are added before their servers; additions before removals inside a service, so a service is
// never emptied on the way; a service to be deleted goes last and takes its servers with it.
// A service that is in `desired` is ours from then on, also when the kernel already had it.
[[nodiscard]] std::vector<Command> diff(const Table& desired, const Table& actual, const Owned& owned);

// ---- the kernel in memory -------------------------------------------------------------------------------

// What the kernel does with a command, with the kernel's error numbers: EEXIST on add, ESRCH without the
// service, ENOENT without the server. Plans are proved against it.
[[nodiscard]] std::errc execute(const Command& command, Table& table);
// One after the other, in any order; quick in that of diff().
void execute_all(const std::vector<Command>& commands, Table& table);

// Equal but for connections and counters.
[[nodiscard]] bool same_settings(const Table& a, const Table& b);

}  // namespace lvs::ipvs
