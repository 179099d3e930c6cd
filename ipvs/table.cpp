// SPDX-License-Identifier: GPL-2.0-or-later
//
// Names of keys and commands, and the model kernel: what IPVS does with a command, on a Table in memory.
#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "ipvs/ipvs.hpp"

namespace lvs::ipvs {
namespace {

std::string to_string(Protocol protocol) {
    switch (protocol) {
        case Protocol::tcp:
            return "TCP";
        case Protocol::udp:
            return "UDP";
        case Protocol::sctp:
            return "SCTP";
    }
    return fmt::format("IP{}", static_cast<unsigned>(protocol));  // somebody else's: netlink takes any number
}

std::optional<Protocol> parse_protocol(std::string_view text) {
    if (text == "TCP") return Protocol::tcp;
    if (text == "UDP") return Protocol::udp;
    if (text == "SCTP") return Protocol::sctp;
    if (!text.starts_with("IP")) return std::nullopt;
    const auto number = parse_number(text.substr(2));
    if (!number || *number > 255) return std::nullopt;
    return static_cast<Protocol>(*number);
}

std::optional<ServiceKey> parse_fwmark_key(std::string_view text) {
    const auto space = text.find(' ');
    if (space == std::string_view::npos) return std::nullopt;
    const auto mark = parse_number(text.substr(0, space));
    const auto family = text.substr(space + 1);
    if (!mark || *mark > 0xffffffffU || (family != "IPv4" && family != "IPv6")) return std::nullopt;
    return FwmarkKey{family == "IPv4" ? Family::ipv4 : Family::ipv6, static_cast<std::uint32_t>(*mark)};
}

std::string_view to_string(Forward forward) {
    switch (forward) {
        case Forward::nat:
            return "nat";
        case Forward::local:
            return "local";
        case Forward::tun:
            return "tun";
        case Forward::dr:
            return "dr";
        case Forward::bypass:
            return "bypass";
    }
    return "unknown";
}

std::string describe(const ServiceSettings& settings) {
    auto text = settings.scheduler;
    if ((settings.flags & kPersistent) != 0)
        text += fmt::format(", persistent {}s", settings.persistence_seconds);
    if ((settings.flags & kOnePacket) != 0) text += ", one-packet";
    constexpr std::array flags{kSched1, kSched2, kSched3};
    for (std::size_t i = 0; i < flags.size(); ++i)
        if ((settings.flags & flags.at(i)) != 0) text += fmt::format(", flag-{}", i + 1);
    if (!settings.persistence_engine.empty()) text += ", engine " + settings.persistence_engine;
    return text;
}

std::string describe(const DestSettings& settings) {
    auto text = fmt::format("{}, weight {}", to_string(settings.forward), settings.weight);
    if (settings.upper_threshold != 0 || settings.lower_threshold != 0)
        text += fmt::format(", thresholds {}..{}", settings.lower_threshold, settings.upper_threshold);
    if (settings.tunnel_type == 1) text += fmt::format(", gue port {}", settings.tunnel_port);
    if (settings.tunnel_type == 2) text += ", gre";
    return text;
}

// `at`: where the service is or belongs; stays right.
std::errc execute_on_service(const Command& command, Table& table, Table::iterator& at) {
    const bool exists = at != table.end() && at->first == command.service;
    if (command.verb == Verb::add_service) {
        if (exists) return std::errc::file_exists;
        at = table.try_emplace(at, command.service);
        at->second.settings = command.service_settings;
        return {};
    }
    if (!exists) return std::errc::no_such_process;
    if (command.verb == Verb::set_service)
        at->second.settings = command.service_settings;
    else
        at = table.erase(at);
    return {};
}

std::errc execute_on_dest(const Command& command, std::map<DestKey, Dest>& dests) {
    const auto found = dests.lower_bound(command.dest);
    const bool exists = found != dests.end() && found->first == command.dest;
    if (command.verb == Verb::add_dest) {
        if (exists) return std::errc::file_exists;
        dests.try_emplace(found, command.dest)->second.settings = command.dest_settings;
        return {};
    }
    if (!exists) return std::errc::no_such_file_or_directory;
    if (command.verb == Verb::set_dest)
        found->second.settings = command.dest_settings;
    else
        dests.erase(found);
    return {};
}

std::errc execute_at(const Command& command, Table& table, Table::iterator& at) {
    if (!is_dest_verb(command.verb)) return execute_on_service(command, table, at);
    if (at == table.end() || at->first != command.service) return std::errc::no_such_process;
    return execute_on_dest(command, at->second.dests);
}

}  // namespace

Family family_of(const ServiceKey& key) {
    if (const auto* mark = std::get_if<FwmarkKey>(&key)) return mark->family;
    return std::get<AddressKey>(key).address.address.family();
}

std::string to_string(const ServiceKey& key) {
    if (const auto* mark = std::get_if<FwmarkKey>(&key))
        return fmt::format("FWM {} {}", mark->mark, lvs::to_string(mark->family));
    const auto& address = std::get<AddressKey>(key);
    return fmt::format("{} {}", to_string(address.protocol), lvs::to_string(address.address));
}

std::optional<ServiceKey> parse_service_key(std::string_view text) {
    const auto space = text.find(' ');
    if (space == std::string_view::npos) return std::nullopt;
    if (text.substr(0, space) == "FWM") return parse_fwmark_key(text.substr(space + 1));
    const auto protocol = parse_protocol(text.substr(0, space));
    const auto address = parse_endpoint(text.substr(space + 1));
    if (!protocol || !address) return std::nullopt;
    return AddressKey{*protocol, *address};
}

bool is_dest_verb(Verb verb) {
    return verb == Verb::add_dest || verb == Verb::set_dest || verb == Verb::delete_dest;
}

std::string to_string(const Command& command) {
    const auto service = to_string(command.service);
    const auto dest = lvs::to_string(command.dest.address);
    switch (command.verb) {
        case Verb::add_service:
            return fmt::format("add service {} ({})", service, describe(command.service_settings));
        case Verb::set_service:
            return fmt::format("set service {} ({})", service, describe(command.service_settings));
        case Verb::delete_service:
            return fmt::format("delete service {}", service);
        case Verb::add_dest:
            return fmt::format("add server {} to {} ({})", dest, service, describe(command.dest_settings));
        case Verb::set_dest:
            return fmt::format("set server {} of {} ({})", dest, service, describe(command.dest_settings));
        case Verb::delete_dest:
            return fmt::format("delete server {} from {}", dest, service);
    }
    return service;
}

std::errc execute(const Command& command, Table& table) {
    auto at = table.lower_bound(command.service);
    return execute_at(command, table, at);
}

// The commands for one service stand together: it is looked up once.
void execute_all(const std::vector<Command>& commands, Table& table) {
    auto at = table.end();
    for (const auto& command : commands) {
        if (at == table.end() || at->first != command.service) at = table.lower_bound(command.service);
        (void)execute_at(command, table, at);
    }
}

bool same_settings(const Table& a, const Table& b) {
    const auto same_dest = [](const auto& x, const auto& y) {
        return x.first == y.first && x.second.settings == y.second.settings;
    };
    const auto same_service = [&same_dest](const auto& x, const auto& y) {
        return x.first == y.first && x.second.settings == y.second.settings &&
               std::equal(x.second.dests.begin(), x.second.dests.end(), y.second.dests.begin(),
                          y.second.dests.end(), same_dest);
    };
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), same_service);
}

}  // namespace lvs::ipvs
