// SPDX-License-Identifier: GPL-2.0-or-later
//
// IPVS netlink messages <-> values. Memory only: no socket, no clock. Requests are appended to a byte buffer,
// so that many go out in one write; replies are parsed out of what was received, whatever it holds.
//
// Byte orders are the kernel's and are uneven: addresses, ports and the IPv4 netmask in network order; the
// protocol, the firewall mark and the IPv6 prefix length in host order.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ipvs/ipvs.hpp"

namespace lvs::ipvs::codec {

using Bytes = std::vector<std::uint8_t>;

struct Header {
    std::uint16_t family = 0;  // the number the kernel gave to the family "IPVS"
    std::uint32_t sequence = 0;
};

void encode_command(const Header& header, const Command& command, Bytes& out);
void encode_get_services(const Header& header, Bytes& out);  // answered by a dump
void encode_get_service(const Header& header, const ServiceKey& key, Bytes& out);
void encode_get_dests(const Header& header, const ServiceKey& key, Bytes& out);  // answered by a dump
void encode_get_info(const Header& header, Bytes& out);
void encode_get_timeouts(const Header& header, Bytes& out);
void encode_resolve(std::uint32_t sequence, std::string_view family_name, Bytes& out);

// One netlink message. `attributes` points into the received bytes.
struct Message {
    enum class Kind : std::uint8_t { data, done, status };
    Kind kind = Kind::data;
    std::uint32_t sequence = 0;
    std::uint16_t family = 0;
    int error = 0;             // status, done: errno, 0 = success
    bool interrupted = false;  // the kernel says that the dump is not consistent
    std::string text;          // the kernel's words about an error, if it has any
    std::uint8_t command = 0;  // data only
    std::span<const std::uint8_t> attributes;
};

// Takes the first message off `rest`. Nothing when the rest is no whole message; such a rest is dropped.
// The bytes must be aligned like a netlink header (4).
[[nodiscard]] std::optional<Message> next_message(std::span<const std::uint8_t>& rest);

struct Info {
    std::uint32_t version = 0;  // 0x010201 = 1.2.1
    std::uint32_t connection_table_size = 0;
};
struct Timeouts {
    std::uint32_t tcp_seconds = 0, tcp_fin_seconds = 0, udp_seconds = 0;
};

[[nodiscard]] Result<std::pair<ServiceKey, Service>> parse_service(const Message& message);
[[nodiscard]] Result<std::pair<DestKey, Dest>> parse_dest(const Message& message, Family service_family);
[[nodiscard]] Result<Info> parse_info(const Message& message);
[[nodiscard]] Result<Timeouts> parse_timeouts(const Message& message);
struct GenericFamily {
    std::uint16_t id = 0;
    std::uint32_t events = 0;  // the number of its multicast group "events"; 0: it has none
};
[[nodiscard]] Result<GenericFamily> parse_family(const Message& message);
// What nlctrl tells its group: the number of one of our families that has come. Nothing: something else.
[[nodiscard]] std::optional<std::uint16_t> parse_new_family(const Message& message);

// ---- LVSD_IPVS, which only our module has (ipvs/kmod/uapi/lvsd_ipvs.h); extension.cpp
// -----------------------

inline constexpr std::string_view kExtension = "LVSD_IPVS";
inline constexpr std::uint32_t kFamilyNews = 0x10;  // the group of nlctrl

void encode_get_generation(const Header& header, Bytes& out);
// One step of a batch: the service with exactly these servers, or none of it.
void append_service(const ServiceKey& key, const Service& service, Bytes& steps);
void append_addition(std::span<const Command> commands, Bytes& steps);  // add_service, then its add_dests
void append_removal(const ServiceKey& key, Bytes& steps);
void encode_batch(const Header& header, std::optional<Generation> expect, std::span<const std::uint8_t> steps,
                  Bytes& out);

struct ExtensionAnswer {
    std::optional<Generation> generation;
    std::optional<std::uint32_t> step;  // of a batch that failed: the step at fault
};
[[nodiscard]] ExtensionAnswer parse_extension(const Message& message);
// A change somebody made, us included. Nothing: not such a message.
[[nodiscard]] std::optional<Change> parse_change(const Message& message);

}  // namespace lvs::ipvs::codec
