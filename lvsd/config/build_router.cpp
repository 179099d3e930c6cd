// SPDX-License-Identifier: GPL-2.0-or-later
//
// Virtual routers, sync groups and trackers from their tables; see build.cpp.
#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "lvsd/config/choice.hpp"

namespace lvs::config {
namespace {

constexpr std::array kChecksums{AdvertChecksum::automatic, AdvertChecksum::message,
                                AdvertChecksum::pseudo_header};
constexpr std::array kFamilyModes{Families::together, Families::independent};
constexpr std::array kRouteTypes{RouteType::unicast, RouteType::blackhole, RouteType::unreachable,
                                 RouteType::prohibit};
constexpr std::array kRuleActions{RuleAction::lookup, RuleAction::blackhole, RuleAction::unreachable,
                                  RuleAction::prohibit};

std::uint32_t number(const Fields& fields, std::string_view key, std::uint32_t otherwise) {
    return static_cast<std::uint32_t>(fields.get_or(key, std::int64_t{otherwise}));
}

VirtualAddress to_address(const Fields& fields) {
    VirtualAddress out(*fields.get<Prefix>("address"));
    out.device = fields.get_or("dev", std::string());
    out.label = fields.get_or("label", std::string());
    out.dad = fields.get_or("dad", false);
    return out;
}

Peer to_peer(const Fields& fields) {
    return {*fields.get<IpAddress>("address"), static_cast<std::uint8_t>(number(fields, "min_ttl", 255))};
}

// "default" takes its family from what goes with it.
std::optional<Prefix> destination(const std::string& text, const Fields& fields) {
    if (text != "default") return parse_prefix(text);
    for (const auto key : {"via", "src"})
        if (const auto* address = fields.get<IpAddress>(key))
            return Prefix{address->is_v4() ? IpAddress() : *IpAddress::parse("::"), 0};
    return Prefix{IpAddress(), 0};
}

std::optional<Route> to_route(const Fields& fields, std::string_view where, Report& report) {
    const auto& text = *fields.get<std::string>("to");
    const auto to = destination(text, fields);
    if (!to) {
        report.add(
            fields.place_of("to"),
            fmt::format(
                "route in {}: `to` is {}, expected \"default\" or a prefix such as \"198.51.100.0/24\"",
                where, in_quotes(text)));
        return std::nullopt;
    }
    Route out;
    out.type = choice(fields, "type", out.type, kRouteTypes);
    out.to = *to;
    out.via = maybe<IpAddress>(fields, "via");
    out.device = fields.get_or("dev", std::string());
    out.table = number(fields, "table", out.table);
    out.metric = number(fields, "metric", out.metric);
    out.source = maybe<IpAddress>(fields, "src");
    out.onlink = fields.get_or("onlink", false);
    return out;
}

Rule to_rule(const Fields& fields) {
    Rule out;
    out.action = choice(fields, "action", out.action, kRuleActions);
    out.from = maybe<Prefix>(fields, "from");
    out.to = maybe<Prefix>(fields, "to");
    out.input = fields.get_or("iif", std::string());
    out.output = fields.get_or("oif", std::string());
    if (const auto* mark = fields.get<std::int64_t>("fwmark")) out.mark = static_cast<std::uint32_t>(*mark);
    out.table = number(fields, "table", out.table);
    out.priority = number(fields, "priority", out.priority);
    const auto* family = fields.get<std::string>("family");
    out.family = family && *family == "ipv6" ? Family::ipv6 : Family::ipv4;
    if (out.from || out.to) out.family = (out.from ? out.from : out.to)->address.family();
    return out;
}

class RouterBuilder {
public:
    RouterBuilder(const std::string& name, const Value& value, Report& report)
        : where_(fmt::format("[virtual_router.{}]", name)), report_(report) {
        out_.router.name = name;
        out_.fields = read_fields(value, where_, router_keys(), report);
    }

    RouterDraft build() {
        read_settings();
        read_lists();
        const auto* list = find(*out_.fields.table, "addresses");
        const auto* items = list ? std::get_if<List>(&list->value.data) : nullptr;
        out_.addresses_known = items && items->size() == out_.router.addresses.size() && !items->empty();
        return std::move(out_);
    }

private:
    void read_settings() {
        const auto& fields = out_.fields;
        auto& router = out_.router;
        router.interface = fields.get_or("interface", router.interface);
        router.vrid = Vrid::make(fields.get_or("vrid", std::int64_t{1})).value();
        router.version = static_cast<std::uint8_t>(number(fields, "version", router.version));
        router.priority = Priority::make(fields.get_or("priority", std::int64_t{100})).value();
        router.advert_interval = fields.get_or("advert_interval", router.advert_interval);
        router.preempt = fields.get_or("preempt", router.preempt);
        router.preempt_delay = fields.get_or("preempt_delay", router.preempt_delay);
        router.startup_delay = fields.get_or("startup_delay", router.startup_delay);
        router.families = choice(fields, "families", router.families, kFamilyModes);
        router.password = fields.get_or("password", router.password);
        router.checksum = choice(fields, "checksum", router.checksum, kChecksums);
        if (const auto* times = fields.get<std::vector<std::string>>("announce_repeat")) {
            router.announce_repeat.clear();
            for (const auto& time : *times)
                router.announce_repeat.push_back(parse_duration(time).value());
        }
        router.announce_refresh = fields.get_or("announce_refresh", router.announce_refresh);
        router.virtual_mac = fields.get_or("virtual_mac", router.virtual_mac);
        router.notify = read_command(fields, "notify", report_);
        router.source4 = maybe<IpAddress>(fields, "source4");
        router.source6 = maybe<IpAddress>(fields, "source6");
    }

    void read_lists() {
        auto& router = out_.router;
        read("addresses", router.addresses, out_.address_places, to_address);
        read("excluded_addresses", router.excluded, out_.excluded_places, to_address);
        read("peers", router.peers, out_.peer_places, to_peer);
        read("rules", router.rules, out_.rule_places, to_rule);
        read("track", router.track, out_.track_places, [](const Fields& fields) {
            return Track{*fields.get<std::string>("tracker"),
                         static_cast<std::int32_t>(fields.get_or("weight", std::int64_t{0}))};
        });
        for (const auto& fields : items("routes")) {
            auto route = to_route(fields, where_, report_);
            if (!route) continue;
            router.routes.push_back(std::move(*route));
            out_.route_places.push_back(fields.place);
        }
    }

    std::vector<Fields> items(std::string_view key) {
        return read_items(out_.fields, *std::ranges::find(router_keys(), key, &KeySpec::key), where_,
                          report_);
    }

    template <class T, class Convert>
    void read(std::string_view key, std::vector<T>& list, std::vector<Place>& places, Convert convert) {
        for (const auto& fields : items(key)) {
            list.push_back(convert(fields));
            places.push_back(fields.place);
        }
    }

    std::string where_;
    Report& report_;
    RouterDraft out_;
};

constexpr std::array kTrackerKinds{Tracker::Kind::interface, Tracker::Kind::file,    Tracker::Kind::process,
                                   Tracker::Kind::script,    Tracker::Kind::service, Tracker::Kind::router};

// What belongs to one kind alone.
void check_company(const TrackerDraft& draft, Report& report) {
    using Kind = Tracker::Kind;
    const auto only = [&](std::string_view key, std::initializer_list<Kind> kinds) {
        if (!draft.fields.given(key) || std::ranges::find(kinds, draft.tracker.kind) != kinds.end()) return;
        report.add(draft.fields.place_of(key), fmt::format("`{}` is of no use with `{}`, expected none", key,
                                                           to_string(draft.tracker.kind)));
    };
    only("address", {Kind::interface});
    only("interval", {Kind::script, Kind::process});
    only("timeout", {Kind::script});
    only("rise", {Kind::script});
    only("fall", {Kind::script});
}

void read_kind(TrackerDraft& out, std::string_view where, Report& report) {
    const auto& fields = out.fields;
    std::size_t given = 0;
    for (const auto kind : kTrackerKinds) {
        if (!fields.given(to_string(kind))) continue;
        ++given;
        out.tracker.kind = kind;
    }
    if (given != 1)
        return report.add(
            fields.place,
            fmt::format("{} names {} things to watch, expected one of `interface`, `file`, `process`, "
                        "`script`, `service`, `router`",
                        where, given));
    out.kind_known = fields.values.contains(to_string(out.tracker.kind));
    out.tracker.target = fields.get_or(to_string(out.tracker.kind), std::string());
    out.tracker.script = fields.get_or("script", std::vector<std::string>());
    check_company(out, report);
    const auto& tracker = out.tracker;
    if (!out.kind_known) return;
    const bool relative = (tracker.kind == Tracker::Kind::file && !tracker.target.starts_with('/')) ||
                          (tracker.kind == Tracker::Kind::script && !tracker.script.front().starts_with('/'));
    if (relative)
        report.add(fields.place_of(to_string(tracker.kind)),
                   fmt::format("`{}` is not an absolute path, expected one", to_string(tracker.kind)));
}

}  // namespace

RouterDraft build_router(const std::string& name, const Value& value, Report& report) {
    return RouterBuilder(name, value, report).build();
}

SyncGroupDraft build_sync_group(const std::string& name, const Value& value, Report& report) {
    SyncGroupDraft out;
    out.fields = read_fields(value, fmt::format("[sync_group.{}]", name), sync_group_keys(), report);
    out.group.name = name;
    out.group.routers = out.fields.get_or("routers", out.group.routers);
    return out;
}

TrackerDraft build_tracker(const std::string& name, const Value& value, Report& report) {
    TrackerDraft out;
    const auto where = fmt::format("[tracker.{}]", name);
    out.fields = read_fields(value, where, tracker_keys(), report);
    const auto& fields = out.fields;
    auto& tracker = out.tracker;
    tracker.name = name;
    tracker.address = maybe<IpAddress>(fields, "address");
    tracker.interval = fields.get_or("interval", tracker.interval);
    tracker.timeout = fields.get_or("timeout", tracker.timeout);
    tracker.rise = number(fields, "rise", tracker.rise);
    tracker.fall = number(fields, "fall", tracker.fall);
    tracker.invert = fields.get_or("invert", tracker.invert);
    tracker.up_delay = fields.get_or("up_delay", tracker.up_delay);
    tracker.down_delay = fields.get_or("down_delay", tracker.down_delay);
    read_kind(out, where, report);
    if (out.kind_known && tracker.kind == Tracker::Kind::script && tracker.timeout > tracker.interval)
        report.add(fields.place_of(fields.given("timeout") ? "timeout" : "interval"),
                   fmt::format("`timeout` is {}, expected at most the `interval` of {}",
                               to_string(tracker.timeout), to_string(tracker.interval)));
    return out;
}

}  // namespace lvs::config
