// SPDX-License-Identifier: GPL-2.0-or-later
//
// Virtual routers and trackers: from the configuration to what the speaker wants.
#include <algorithm>
#include <map>

#include "lvsd/app/convert.hpp"

namespace lvs::app {
namespace {

vrrp::VirtualAddress address(const config::VirtualAddress& from) {
    vrrp::VirtualAddress out(from);
    out.device = from.device;
    out.label = from.label;
    out.dad = from.dad;
    return out;
}

vrrp::Route route(const config::Route& from) {
    vrrp::Route out;
    switch (from.type) {
        case config::RouteType::unicast:
            out.kind = vrrp::Route::Kind::unicast;
            break;
        case config::RouteType::blackhole:
            out.kind = vrrp::Route::Kind::blackhole;
            break;
        case config::RouteType::unreachable:
            out.kind = vrrp::Route::Kind::unreachable;
            break;
        case config::RouteType::prohibit:
            out.kind = vrrp::Route::Kind::prohibit;
            break;
    }
    out.to = from.to;
    out.via = from.via;
    out.device = from.device;
    out.table = from.table;
    out.metric = from.metric;
    out.source = from.source;
    out.onlink = from.onlink;
    return out;
}

vrrp::Rule rule(const config::Rule& from) {
    vrrp::Rule out;
    switch (from.action) {
        case config::RuleAction::lookup:
            out.kind = vrrp::Rule::Kind::lookup;
            break;
        case config::RuleAction::blackhole:
            out.kind = vrrp::Rule::Kind::blackhole;
            break;
        case config::RuleAction::unreachable:
            out.kind = vrrp::Rule::Kind::unreachable;
            break;
        case config::RuleAction::prohibit:
            out.kind = vrrp::Rule::Kind::prohibit;
            break;
    }
    out.family = from.family;
    out.from = from.from;
    out.to = from.to;
    out.input = from.input;
    out.output = from.output;
    out.mark = from.mark;
    out.table = from.table;
    out.priority = from.priority;
    return out;
}

vrrp::Config machine(const config::VirtualRouter& router) {
    vrrp::Config out;
    out.version = router.version == 2 ? vrrp::Version::v2 : vrrp::Version::v3;
    out.priority = router.priority;
    out.interval = router.advert_interval;
    out.preempt = router.preempt;
    out.preempt_delay = router.preempt_delay;
    out.startup_delay = router.startup_delay;
    out.refresh_interval = router.announce_refresh;
    out.announce_repeat = {.at = {}, .count = std::min(router.announce_repeat.size(), vrrp::Repeats::kMax)};
    std::copy_n(router.announce_repeat.begin(), out.announce_repeat.count, out.announce_repeat.at.begin());
    return out;
}

vrrp::ChecksumMode checksum(config::AdvertChecksum from) {
    switch (from) {
        case config::AdvertChecksum::automatic:
            return vrrp::ChecksumMode::automatic;
        case config::AdvertChecksum::message:
            return vrrp::ChecksumMode::message;
        case config::AdvertChecksum::pseudo_header:
            return vrrp::ChecksumMode::pseudo_header;
    }
    return vrrp::ChecksumMode::automatic;
}

vrrp::RouterSpec spec(const config::VirtualRouter& router) {
    vrrp::RouterSpec out;
    out.name = router.name;
    out.interface = router.interface;
    out.vrid = router.vrid;
    out.config = machine(router);
    out.virtual_mac = router.virtual_mac;
    for (const auto& one : router.addresses)
        out.addresses.push_back(address(one));
    for (const auto& one : router.excluded)
        out.excluded.push_back(address(one));
    for (const auto& one : router.routes)
        out.routes.push_back(route(one));
    for (const auto& one : router.rules)
        out.rules.push_back(rule(one));
    for (const auto& one : router.track)
        out.tracks.push_back({one.tracker, one.weight});
    for (const auto& one : router.peers)
        out.peers.push_back({one.address, one.min_ttl});
    out.checksum = checksum(router.checksum);
    out.password = router.password;
    out.source4 = router.source4;
    out.source6 = router.source6;
    return out;
}

bool has_both_families(const config::VirtualRouter& router) {
    const auto is_v4 = [](const Prefix& prefix) { return prefix.address.is_v4(); };
    return std::ranges::any_of(router.addresses, is_v4) && !std::ranges::all_of(router.addresses, is_v4);
}

}  // namespace

// Two families that go together are a group like any other. Names hold neither "/", so no group of the
// operator's has such a name.
std::vector<vrrp::RouterSpec> router_specs(const config::Config& config) {
    std::map<std::string, std::string> groups;
    for (const auto& group : config.sync_groups)
        for (const auto& router : group.routers)
            groups[router] = group.name;
    std::vector<vrrp::RouterSpec> out;
    out.reserve(config.routers.size());
    for (const auto& router : config.routers) {
        out.push_back(spec(router));
        if (const auto group = groups.find(router.name); group != groups.end())
            out.back().group = group->second;
        else if (router.families == config::Families::together && has_both_families(router))
            out.back().group = "router/" + router.name;
    }
    return out;
}

std::vector<vrrp::TrackerSpec> tracker_specs(const config::Config& config) {
    using Kind = config::Tracker::Kind;
    std::vector<vrrp::TrackerSpec> out;
    for (const auto& tracker : config.trackers) {
        vrrp::TrackerSpec one;
        one.name = tracker.name;
        if (tracker.kind == Kind::interface) one.kind = vrrp::TrackerSpec::Kind::interface;
        if (tracker.kind == Kind::router) one.kind = vrrp::TrackerSpec::Kind::router;
        one.target = tracker.target;
        one.address = tracker.address;
        one.config = {
            .invert = tracker.invert, .up_delay = tracker.up_delay, .down_delay = tracker.down_delay};
        out.push_back(std::move(one));
    }
    return out;
}

}  // namespace lvs::app
