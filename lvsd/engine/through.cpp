// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/engine/through.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "lvsd/engine/convert.hpp"

namespace lvs::engine {
namespace {

// Only NAT can bring packets to another port than they were sent to.
Endpoint target_of(const Endpoint& service, const config::RealServer& server, const config::Check& check) {
    const bool keeps_port = server.forward != config::Forward::nat;
    if (check.port && (keeps_port || service.port == 0)) return {service.address, *check.port};
    return {service.address, service.port != 0 ? service.port : server.address.port};
}

// A datagram of a check is one connection to IPVS, remembered for minutes: a later check from the same port
// would be led to the same server, whatever its mark. Where IPVS need not know the answer, it need not
// remember.
std::uint32_t flags_of(const config::VirtualService& service, const config::RealServer& server) {
    const bool forgets = service.protocol == config::Protocol::udp && server.forward != config::Forward::nat;
    return forgets ? ipvs::kOnePacket : 0;
}

}  // namespace

std::optional<Way> way_of(std::uint32_t base, const config::VirtualService& service,
                          const config::RealServer& server, const config::Check& check) {
    const auto* address = std::get_if<Endpoint>(&service.match);
    if (check.via != config::Via::service || address == nullptr) return std::nullopt;
    Way out;
    out.target = target_of(*address, server, check);
    out.key.base = base;
    out.key.service = service_keys(service).front();
    out.key.server = {server.address.address, out.target.port};
    if (server.forward == config::Forward::nat)
        out.key.server.port = check.port.value_or(server.address.port);
    out.forward = server.forward;
    out.label = fmt::format("the check of {} through {}", to_string(server.address), service.name);
    out.entry.settings.scheduler = "rr";
    out.entry.settings.flags = flags_of(service, server);
    out.entry.settings.netmask = service.family == Family::ipv4 ? 0xffffffff : 128;
    auto settings = dest_settings(server, 1);
    settings.upper_threshold = settings.lower_threshold = 0;
    out.entry.dests[{out.key.server}].settings = settings;
    return out;
}

bool has_ways(const config::VirtualService& service) {
    const auto any = [](const config::RealServer& server) {
        return std::ranges::any_of(
            server.checks, [](const config::Check& check) { return check.via == config::Via::service; });
    };
    return std::ranges::any_of(service.servers, any) || (service.sorry_server && any(*service.sorry_server));
}

bool is_entry_of(const Way& way, const ipvs::Service& entry) {
    return entry.settings == way.entry.settings &&
           std::ranges::equal(entry.dests, way.entry.dests, [](const auto& left, const auto& right) {
               return left.first == right.first && left.second.settings == right.second.settings;
           });
}

// ---- marks
// ------------------------------------------------------------------------------------------------------

const Ways::Known& Ways::find_or_add(const Way& way, const ipvs::Table& taken) {
    const auto [at, is_new] = known_.try_emplace(way.key);
    auto& known = at->second;
    known.label = way.label;
    if (!is_new) return known;
    if (base_ != way.key.base) base_ = lowest_ = way.key.base;
    known.mark.family = std::get<ipvs::AddressKey>(way.key.service).address.address.family();
    auto mark = lowest_;
    const auto is_taken = [&](std::uint32_t value) {
        return by_mark_.contains(value) || taken.contains(ipvs::FwmarkKey{known.mark.family, value});
    };
    while (is_taken(mark))
        ++mark;
    known.mark.mark = mark;
    by_mark_.emplace(mark, way.key);
    if (mark == lowest_) ++lowest_;
    return known;
}

const Ways::Known* Ways::find(const WayKey& key) const {
    const auto found = known_.find(key);
    return found == known_.end() ? nullptr : &found->second;
}

std::optional<ipvs::FwmarkKey> Ways::leave(const WayKey& key) {
    const auto found = known_.find(key);
    if (found == known_.end() || --found->second.users != 0) return std::nullopt;
    const auto mark = found->second.mark;
    by_mark_.erase(mark.mark);
    if (mark.mark >= base_) lowest_ = std::min(lowest_, mark.mark);
    known_.erase(found);
    return mark;
}

const std::string* Ways::label(const ipvs::ServiceKey& key) const {
    const auto* mark = std::get_if<ipvs::FwmarkKey>(&key);
    const auto found = mark == nullptr ? by_mark_.end() : by_mark_.find(mark->mark);
    if (found == by_mark_.end()) return nullptr;
    const auto& known = known_.at(found->second);
    return known.mark == *mark ? &known.label : nullptr;
}

}  // namespace lvs::engine
