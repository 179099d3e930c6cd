// SPDX-License-Identifier: GPL-2.0-or-later
//
// What concerns several keys of a router, or several routers, groups and trackers; see validate.cpp.
#include <fmt/core.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <tuple>

#include "lvsd/config/value.hpp"

namespace lvs::config {
namespace {

bool has_family(const VirtualRouter& router, Family family) {
    return std::ranges::any_of(router.addresses,
                               [family](const Prefix& p) { return p.address.family() == family; });
}

// ---- one virtual router -----------------------------------------------------------------------------------

class RouterRules {
public:
    explicit RouterRules(Report& report) : report_(report) {}

    void check(const RouterDraft& draft) {
        check_vrid(draft);
        for (std::size_t i = 0; i < draft.router.addresses.size(); ++i)
            check_address(draft, draft.router.addresses[i], draft.address_places.at(i));
        for (std::size_t i = 0; i < draft.router.excluded.size(); ++i) {
            check_address(draft, draft.router.excluded[i], draft.excluded_places.at(i));
            check_family(draft, draft.router.excluded[i].address.family(), "an excluded address",
                         draft.excluded_places.at(i));
        }
        check_source(draft, "source4", draft.router.source4, Family::ipv4);
        check_source(draft, "source6", draft.router.source6, Family::ipv6);
        check_version(draft);
        check_owner(draft);
        check_schedule(draft);
        check_peers(draft);
        for (std::size_t i = 0; i < draft.router.routes.size(); ++i)
            check_route(draft, draft.router.routes[i], draft.route_places.at(i));
        for (std::size_t i = 0; i < draft.router.rules.size(); ++i)
            check_rule(draft, draft.router.rules[i], draft.rule_places.at(i));
    }

private:
    void check_vrid(const RouterDraft& draft) {
        const auto& router = draft.router;
        if (!draft.fields.get<std::int64_t>("vrid") || router.interface.empty()) return;
        for (const auto family : {Family::ipv4, Family::ipv6}) {
            if (!has_family(router, family)) continue;
            const auto [at, fresh] = vrids_.try_emplace(
                std::tuple(std::string_view(router.interface), router.vrid, family), &draft);
            if (fresh) continue;
            report_.add(
                draft.fields.place_of("vrid"),
                fmt::format("`vrid` {} is used for {} on {} by [virtual_router.{}] ({}) too, expected "
                            "another one",
                            router.vrid.value(), to_string(family), router.interface, at->second->router.name,
                            report_.where(at->second->fields.place, draft.fields.place)));
            return;  // both families clash: say it once
        }
    }

    void check_address(const RouterDraft& draft, const VirtualAddress& prefix, Place place) {
        const auto& address = prefix.address;
        if (address.is_unspecified() || address.is_multicast() || address.is_loopback() || prefix.length == 0)
            report_.add(place,
                        fmt::format("{} cannot be a virtual address, expected a unicast address with prefix "
                                    "length",
                                    to_string(prefix)));
        const auto& device = prefix.device.empty() ? draft.router.interface : prefix.device;
        if (!prefix.label.empty() && (address.is_v6() || !prefix.label.starts_with(device)))
            report_.add(place,
                        fmt::format("`label` is {}, expected none or, with an IPv4 address, one that begins "
                                    "with {}",
                                    in_quotes(prefix.label), in_quotes(device)));
        if (prefix.dad && address.is_v4())
            report_.add(place, "`dad` is of no use with an IPv4 address, expected none");
        // A link-local address means something else on every interface.
        const std::string_view scope = address.is_link_local() ? std::string_view(device) : "";
        const auto [at, fresh] = addresses_.try_emplace(std::pair(address, scope), &draft);
        if (!fresh)
            report_.add(
                place,
                fmt::format("virtual address {} is in [virtual_router.{}] ({}) already, expected it "
                            "once",
                            to_string(address), at->second->router.name, report_.where(at->second->fields.place, place)));
    }

    // What has a family belongs to the election of that family.
    void check_family(const RouterDraft& draft, Family family, std::string_view what, Place place) {
        if (!draft.addresses_known || has_family(draft.router, family)) return;
        report_.add(place, fmt::format("{} is {} and `addresses` has none of that family, expected one", what,
                                       to_string(family)));
    }

    void check_source(const RouterDraft& draft, std::string_view key, const std::optional<IpAddress>& source,
                      Family family) {
        if (!source) return;
        const auto place = draft.fields.place_of(key);
        if (source->family() != family || source->is_unspecified() || source->is_multicast())
            return report_.add(place, fmt::format("`{}` is {}, expected a unicast {} address", key,
                                                  to_string(*source), to_string(family)));
        if (draft.addresses_known && !has_family(draft.router, family))
            report_.add(place,
                        fmt::format("`{}` is of no use without an {} address in `addresses`, expected none",
                                    key, to_string(family)));
    }

    void check_version(const RouterDraft& draft) {
        const auto& router = draft.router;
        const auto& fields = draft.fields;
        if (!fields.get<std::int64_t>("version")) return;
        if (router.version == 3) {
            if (fields.given("password"))
                report_.add(
                    fields.place_of("password"),
                    "`password` is of no use in version 3, which has none, expected none or `version = 2`");
            return;
        }
        const auto place = fields.place_of("version");
        if (has_family(router, Family::ipv6))
            report_.add(place, "version 2 knows no IPv6, expected `version = 3` or IPv4 `addresses` only");
        if (router.advert_interval % std::chrono::seconds(1) != Duration(0))
            report_.add(fields.place_of("advert_interval"),
                        fmt::format("`advert_interval` is {}, expected whole seconds in version 2",
                                    to_string(router.advert_interval)));
        if (fields.given("checksum"))
            report_.add(fields.place_of("checksum"), "`checksum` is of no use in version 2, expected none");
    }

    // RFC 9568 6.1: the owner always preempts, and its priority is always 255.
    void check_owner(const RouterDraft& draft) {
        const auto& router = draft.router;
        const auto& fields = draft.fields;
        if (!router.preempt && fields.given("preempt_delay"))
            report_.add(fields.place_of("preempt_delay"),
                        "`preempt_delay` is of no use with `preempt = false`, expected none");
        if (router.priority.value() != 255) return;
        if (!router.preempt)
            report_.add(fields.place_of("preempt"),
                        "priority 255 is the owner of the addresses, who always preempts, expected `preempt "
                        "= true` or "
                        "another `priority`");
        if (router.preempt_delay > Duration(0))
            report_.add(fields.place_of("preempt_delay"),
                        "priority 255 is the owner of the addresses, who preempts at once, expected no "
                        "`preempt_delay` "
                        "or another `priority`");
        for (std::size_t i = 0; i < router.track.size(); ++i)
            if (router.track[i].weight != 0)
                report_.add(draft.track_places.at(i),
                            "priority 255 is the owner's and never changes, expected no `weight` or another "
                            "`priority`");
    }

    void check_schedule(const RouterDraft& draft) {
        const auto& times = draft.router.announce_repeat;
        const bool ascending = std::ranges::adjacent_find(times, std::greater_equal<>()) == times.end();
        const bool in_range =
            times.empty() || (times.front() > Duration(0) && times.back() <= std::chrono::hours(1));
        if (!ascending || !in_range)
            report_.add(
                draft.fields.place_of("announce_repeat"),
                "`announce_repeat` does not ascend from more than \"0s\" to at most \"1h\", expected it to");
    }

    void check_peers(const RouterDraft& draft) {
        const auto& router = draft.router;
        std::set<IpAddress> seen;
        for (std::size_t i = 0; i < router.peers.size(); ++i) {
            const auto& address = router.peers[i].address;
            const auto place = draft.peer_places.at(i);
            const auto& own = address.is_v4() ? router.source4 : router.source6;
            if (address.is_unspecified() || address.is_multicast() || address.is_loopback() || own == address)
                report_.add(
                    place,
                    fmt::format("{} cannot be a peer, expected the unicast address of another director",
                                to_string(address)));
            if (!seen.insert(address).second)
                report_.add(place,
                            fmt::format("peer {} is there already, expected it once", to_string(address)));
            check_family(draft, address.family(), fmt::format("peer {}", to_string(address)), place);
        }
    }

    void check_route(const RouterDraft& draft, const Route& route, Place place) {
        const auto family = route.to.address.family();
        const auto what = fmt::format("the route to {}", to_string(route.to));
        check_family(draft, family, what, place);
        for (const auto* address : {&route.via, &route.source})
            if (*address && (*address)->family() != family)
                report_.add(place, fmt::format("{} is {} and {} is not, expected one family", what,
                                               to_string(family), to_string(**address)));
        const bool leads = route.via || !route.device.empty() || route.onlink;
        if (route.type != RouteType::unicast && leads)
            report_.add(
                place,
                fmt::format("a route of type \"{}\" leads nowhere, expected no `via`, `dev` and `onlink`",
                            to_string(route.type)));
        if (route.onlink && !route.via && route.type == RouteType::unicast)
            report_.add(place, "`onlink` is of no use without `via`, expected none");
        const auto key = std::tuple(route.to, route.table, route.metric);
        if (!routes_.insert(key).second)
            report_.add(place,
                        fmt::format("{} is there already, expected another `table` or `metric`", what));
    }

    void check_rule(const RouterDraft& draft, const Rule& rule, Place place) {
        const auto what = fmt::format("the rule of priority {}", rule.priority);
        check_family(draft, rule.family, what, place);
        if (rule.from && rule.to && rule.from->address.family() != rule.to->address.family())
            report_.add(
                place,
                fmt::format("{} has `from` and `to` of different families, expected one family", what));
        if (!rule.from && !rule.to && rule.input.empty() && rule.output.empty() && !rule.mark)
            report_.add(
                place,
                fmt::format("{} is for all packets, expected `from`, `to`, `iif`, `oif` or `fwmark`", what));
    }

    Report& report_;
    std::map<std::tuple<std::string_view, Vrid, Family>, const RouterDraft*> vrids_;
    std::map<std::pair<IpAddress, std::string_view>, const RouterDraft*> addresses_;
    std::set<std::tuple<Prefix, std::uint32_t, std::uint32_t>> routes_;
};

// ---- names ------------------------------------------------------------------------------------------------

class NameRules {
public:
    NameRules(const Draft& draft, Report& report) : draft_(draft), report_(report) {
        for (const auto& router : draft.routers)
            routers_.emplace(router.router.name, &router);
        for (const auto& service : draft.services)
            services_.insert(service.service.name);
        for (const auto& tracker : draft.trackers)
            trackers_.emplace(tracker.tracker.name, &tracker);
    }

    void check() {
        for (const auto& group : draft_.sync_groups)
            check_group(group);
        for (const auto& tracker : draft_.trackers)
            check_tracker(tracker);
        for (const auto& router : draft_.routers)
            check_track(router);
        check_circles();
    }

private:
    template <class Names>
    void unknown(Place place, std::string_view what, const std::string& name, const Names& names) {
        std::vector<std::string_view> candidates(names.begin(), names.end());
        report_.add(place, fmt::format("there is no [{}.{}], expected the name of one{}", what, name,
                                       suggest(name, candidates, '"')));
    }

    template <class Map>
    static std::vector<std::string_view> names_of(const Map& map) {
        std::vector<std::string_view> out;
        for (const auto& [name, draft] : map)
            out.push_back(name);
        return out;
    }

    void check_group(const SyncGroupDraft& draft) {
        const auto place = draft.fields.place_of("routers");
        for (const auto& name : draft.group.routers) {
            if (!routers_.contains(name)) {
                unknown(place, "virtual_router", name, names_of(routers_));
                continue;
            }
            const auto [at, fresh] = grouped_.emplace(name, draft.group.name);
            if (!fresh)
                report_.add(
                    place,
                    fmt::format("router \"{}\" is in [sync_group.{}] already, expected it in one group", name,
                                at->second));
            else if (routers_.at(name)->router.families == Families::independent)
                report_.add(
                    place,
                    fmt::format("router \"{}\" has `families = \"independent\"` and cannot move together "
                                "with others, expected \"together\"",
                                name));
        }
    }

    void check_tracker(const TrackerDraft& draft) {
        const auto& tracker = draft.tracker;
        if (!draft.kind_known) return;
        const auto place = draft.fields.place_of(to_string(tracker.kind));
        if (tracker.kind == Tracker::Kind::service && !services_.contains(tracker.target))
            unknown(place, "virtual_service", tracker.target, services_);
        if (tracker.kind == Tracker::Kind::router && !routers_.contains(tracker.target))
            unknown(place, "virtual_router", tracker.target, names_of(routers_));
    }

    void check_track(const RouterDraft& draft) {
        std::set<std::string_view> seen;
        for (std::size_t i = 0; i < draft.router.track.size(); ++i) {
            const auto& name = draft.router.track[i].tracker;
            const auto place = draft.track_places.at(i);
            if (!trackers_.contains(name)) unknown(place, "tracker", name, names_of(trackers_));
            if (!seen.insert(name).second)
                report_.add(place, fmt::format("tracker \"{}\" is there already, expected it once", name));
        }
    }

    // A router that depends on itself, by way of others, would never come to rest.
    void check_circles() {
        std::map<std::string_view, std::set<std::string_view>> needs;
        for (const auto& router : draft_.routers)
            for (const auto& track : router.router.track) {
                const auto tracker = trackers_.find(track.tracker);
                if (tracker == trackers_.end() || tracker->second->tracker.kind != Tracker::Kind::router)
                    continue;
                needs[router.router.name].insert(tracker->second->tracker.target);
            }
        for (const auto& router : draft_.routers)
            if (reaches(needs, router.router.name))
                report_.add(
                    router.fields.place_of("track"),
                    fmt::format("[virtual_router.{}] depends on itself by its trackers, expected no circle",
                                router.router.name));
    }

    static bool reaches(const std::map<std::string_view, std::set<std::string_view>>& needs,
                        std::string_view start) {
        std::set<std::string_view> seen;
        std::vector<std::string_view> open{start};
        while (!open.empty()) {
            const auto found = needs.find(open.back());
            open.pop_back();
            if (found == needs.end()) continue;
            for (const auto& next : found->second) {
                if (next == start) return true;
                if (seen.insert(next).second) open.push_back(next);
            }
        }
        return false;
    }

    const Draft& draft_;
    Report& report_;
    std::map<std::string_view, const RouterDraft*> routers_;
    std::map<std::string_view, const TrackerDraft*> trackers_;
    std::set<std::string_view> services_;
    std::map<std::string, std::string> grouped_;
};

}  // namespace

void validate_routers(const Draft& draft, Report& report) {
    RouterRules routers(report);
    for (const auto& router : draft.routers)
        routers.check(router);
    NameRules(draft, report).check();
}

}  // namespace lvs::config
