// SPDX-License-Identifier: GPL-2.0-or-later
//
// Value tree -> Draft: the file as objects. What concerns one object alone is checked here, what concerns
// several in validate.cpp. Every function goes on after an error, so that one run finds them all.
#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "lvsd/config/choice.hpp"

namespace lvs::config {
namespace {

constexpr std::array<std::string_view, 12> kTopLevel{
    "global",     "notify",  "metrics",         "virtual_router", "virtual_service",  "sync_group",
    "tracker",    "server_template", "server_group",   "service_defaults", "server_defaults", "include"};

const KeySpec& spec_of(std::span<const KeySpec> keys, std::string_view name) {
    return *std::ranges::find(keys, name, &KeySpec::key);
}

constexpr std::array kProtocols{Protocol::tcp, Protocol::udp, Protocol::sctp};
constexpr std::array kForwards{Forward::nat, Forward::dr, Forward::tun};
constexpr std::array kOnFailures{OnFailure::weight0, OnFailure::remove};
constexpr std::array kOnStops{OnStop::remove, OnStop::keep};
constexpr std::array kVias{Via::server, Via::service};
constexpr std::array kActives{Active::always, Active::master};
constexpr std::array kRequires{Require::all, Require::any};
constexpr std::array kStarts{StartState::unknown, StartState::up, StartState::down};
constexpr std::array kTunnels{TunnelType::ipip, TunnelType::gue, TunnelType::gre};
constexpr std::array kTunnelChecksums{TunnelChecksum::none, TunnelChecksum::checksum, TunnelChecksum::remote};

// ---- checks -----------------------------------------------------------------------------------------------

// Common keys and those of the kind, joined once per kind.
class CheckBuilder {
public:
    CheckBuilder(std::span<const KindSpec> kinds, const ReadFile& read_file, Report& report)
        : kinds_(kinds), files_(read_file), report_(report) {
        for (const auto& kind : kinds) {
            names_.push_back(kind.kind);
            auto& keys = keys_.emplace_back(check_keys().begin(), check_keys().end());
            keys.insert(keys.end(), kind.keys.begin(), kind.keys.end());
        }
    }

    // From `check` or `checks`; nullopt when neither is there.
    std::optional<std::vector<CheckDraft>> read(const Fields& owner, std::string_view where) {
        const auto* one = owner.table ? find(*owner.table, "check") : nullptr;
        const auto* many = owner.table ? find(*owner.table, "checks") : nullptr;
        if (one && many)
            report_.add(std::max(one->place, many->place),
                        "`check` and `checks` exclude each other, expected one of them");
        if (many) return read_list(many->value, where);
        if (!one) return std::nullopt;
        std::vector<CheckDraft> out;
        add(one->value, where, out);
        return out;
    }

private:
    std::vector<CheckDraft> read_list(const Value& value, std::string_view where) {
        std::vector<CheckDraft> out;
        const auto& spec = spec_of(service_keys(), "checks");
        const auto* list = std::get_if<List>(&value.data);
        if (!list || list->size() > static_cast<std::size_t>(spec.max)) {
            report_.add(value.place,
                        fmt::format("`checks` {}, expected {}",
                                    list ? "has too many items" : "is " + show(value), expectation(spec)));
            return out;
        }
        for (const auto& item : *list)
            add(item, where, out);
        return out;
    }

    void add(const Value& value, std::string_view where, std::vector<CheckDraft>& out) {
        auto draft = build_one(value, where);
        if (!draft) return;
        const auto same = std::ranges::find(out, draft->check, &CheckDraft::check);
        if (same != out.end()) report_.add(value.place, "the same check twice, expected different ones");
        out.push_back(std::move(*draft));
    }

    std::optional<CheckDraft> build_one(const Value& value, std::string_view where) {
        if (std::holds_alternative<std::string>(value.data))  // the short form: only the kind
            return from_table({value.place, Table{{"kind", value.place, value}}}, where);
        if (std::holds_alternative<Table>(value.data)) return from_table(value, where);
        report_.add(value.place, fmt::format("a check is {}, expected {}", show(value),
                                             expectation(spec_of(service_keys(), "check"))));
        return std::nullopt;
    }

    std::optional<CheckDraft> from_table(const Value& value, std::string_view where) {
        const auto name = fmt::format("check in {}", where);
        const auto kind = find_kind(value);
        if (!kind) {  // what its own keys may be is unknown
            (void)read_fields(common_part(value), name, check_keys(), report_);
            return std::nullopt;
        }
        const auto errors_before = report_.count();
        auto fields = read_fields(value, name, keys_.at(*kind), report_);
        files_.read(fields, report_);
        const bool complete = report_.count() == errors_before;
        const auto& spec = kinds_[*kind];
        check_times(fields);
        if (!spec.has_socket) check_no_socket(fields, spec);
        CheckDraft out{to_check(fields, spec), value.place};
        if (complete && spec.validate)
            if (const auto valid = spec.validate(out.check.params); !valid)
                report_.add(place_of_fault(fields, valid.error().context),
                            fmt::format("{}: {}", name, valid.error().context));
        return out;
    }

    // A kind's complaint begins with the key it is about.
    static Place place_of_fault(const Fields& fields, std::string_view complaint) {
        const auto word = complaint.substr(0, complaint.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"));
        return fields.given(word) ? fields.place_of(word) : fields.place;
    }

    std::optional<std::size_t> find_kind(const Value& value) {
        const auto* entry = find(std::get<Table>(value.data), "kind");
        const auto* text = entry ? std::get_if<std::string>(&entry->value.data) : nullptr;
        if (!text) return std::nullopt;  // read_fields() complains
        const auto found = std::ranges::find(names_, *text);
        if (found != names_.end()) return static_cast<std::size_t>(found - names_.begin());
        report_.add(entry->value.place,
                    fmt::format("there is no check of kind {}, expected one of {}{}", in_quotes(*text),
                                listed(names_, '"'), suggest(*text, names_, '"')));
        return std::nullopt;
    }

    static Value common_part(const Value& value) {
        Table out;
        for (const auto& entry : std::get<Table>(value.data)) {
            const bool common =
                std::ranges::find(check_keys(), entry.key, &KeySpec::key) != check_keys().end();
            const bool reported =
                entry.key == "kind" && std::holds_alternative<std::string>(entry.value.data);
            if (reported)
                out.push_back({entry.key, entry.place, {entry.value.place, std::string("known")}});
            else if (common)
                out.push_back(entry);
        }
        return {value.place, std::move(out)};
    }

    void check_times(const Fields& fields) {
        check_timeout(fields);
        const auto* interval = fields.get<Duration>("interval");
        const auto at_most = [&](std::string_view key, Duration most, std::string_view what) {
            const auto* value = fields.get<Duration>(key);
            if (value == nullptr || *value <= most) return;
            report_.add(fields.place_of(key), fmt::format("`{}` is {}, expected at most {}, {}", key,
                                                          to_string(*value), to_string(most), what));
        };
        if (interval == nullptr) return;
        at_most("fast_interval", *interval, "the `interval`");
        at_most("jitter", *interval / 4, "a quarter of the `interval`");
    }

    // A key without an effect is a mistake of whoever wrote it.
    void check_no_socket(const Fields& fields, const KindSpec& kind) {
        for (const auto key : kSocketKeys)
            if (fields.given(key))
                report_.add(fields.place_of(key),
                            fmt::format("`{}` means nothing to a check of kind \"{}\", which sends no packets", key,
                                        kind.kind));
    }

    void check_timeout(const Fields& fields) {
        const auto* interval = fields.get<Duration>("interval");
        const auto* timeout = fields.get<Duration>("timeout");
        if (!interval || !timeout || *timeout <= *interval) return;
        const bool given = fields.given("timeout");
        report_.add(fields.place_of(given ? "timeout" : "interval"),
                    fmt::format("`timeout` is {}{}, expected at most the `interval` of {}",
                                to_string(*timeout), given ? "" : " by default", to_string(*interval)));
    }

    static Check to_check(const Fields& fields, const KindSpec& kind) {
        Check out;
        out.kind = kind.kind;
        out.interval = fields.get_or("interval", out.interval);
        out.timeout = fields.get_or("timeout", out.timeout);
        out.rise = static_cast<std::uint32_t>(fields.get_or("rise", std::int64_t{out.rise}));
        out.fall = static_cast<std::uint32_t>(fields.get_or("fall", std::int64_t{out.fall}));
        out.address = maybe<IpAddress>(fields, "address");
        if (const auto* port = fields.get<std::int64_t>("port")) out.port = static_cast<std::uint16_t>(*port);
        out.fast_interval = fields.get_or("fast_interval", out.fast_interval);
        out.jitter = fields.get_or("jitter", out.jitter);
        out.start = choice(fields, "start", out.start, kStarts);
        out.source = maybe<IpAddress>(fields, "source");
        out.interface = fields.get_or("interface", out.interface);
        if (const auto* mark = fields.get<std::int64_t>("fwmark")) out.fwmark = Fwmark::make(*mark).value();
        out.via = choice(fields, "via", out.via, kVias);
        for (const auto& key : kind.keys)
            if (const auto found = fields.values.find(key.key); found != fields.values.end())
                out.params.insert(*found);
        return out;
    }

    std::span<const KindSpec> kinds_;
    NamedFiles files_;
    Report& report_;
    std::vector<std::string_view> names_;
    std::vector<std::vector<KeySpec>> keys_;
};

// ---- services ---------------------------------------------------------------------------------------------

class ServiceBuilder {
public:
    ServiceBuilder(std::span<const KindSpec> kinds, const ReadFile& read_file, Report& report)
        : checks_(kinds, read_file, report), report_(report) {}

    ServiceDraft build(const std::string& name, const Value& value) {
        where_ = fmt::format("[virtual_service.{}]", name);
        ServiceDraft out;
        out.service.name = name;
        out.fields = read_fields(value, where_, service_keys(), report_, service_defaults_);
        out.service.notify = read_command(out.fields, "notify", report_);
        read_match(out);
        read_settings(out);
        out.checks = checks_.read(out.fields, where_).value_or(std::vector<CheckDraft>{});
        read_servers(out);
        return out;
    }

private:
    void read_match(ServiceDraft& out) {
        const auto& fields = out.fields;
        const bool one = fields.given("address");
        const bool many = fields.given("addresses");
        const bool address = one || many;
        const bool mark = fields.given("fwmark");
        if (!address && !mark)
            report_.add(fields.place, where_ + " has no `address`, expected it, `addresses` or `fwmark`");
        if (address && mark)
            report_.add(fields.place_of("fwmark"),
                        "`address` and `fwmark` exclude each other, expected one of them");
        if (one && many)
            report_.add(fields.place_of("addresses"),
                        "`address` and `addresses` exclude each other, expected one of them");
        if (address == mark || (one && many)) return;
        const auto misplaced = address ? "family" : "protocol";
        if (fields.given(misplaced))
            report_.add(fields.place_of(misplaced), fmt::format("`{}` goes with `{}`, expected none here",
                                                                misplaced, address ? "fwmark" : "address"));
        if (const auto* endpoint = fields.get<Endpoint>("address")) {
            out.service.match = *endpoint;
            out.service.family = endpoint->address.family();
            out.match_known = true;
        }
        if (fields.get<std::vector<std::string>>("addresses")) read_addresses(out);
        if (const auto* number = fields.get<std::int64_t>("fwmark")) read_mark(out, *number);
    }

    void read_addresses(ServiceDraft& out) {
        std::vector<Endpoint> all;
        for (const auto& item : std::get<List>(find(*out.fields.table, "addresses")->value.data)) {
            const auto& text = std::get<std::string>(item.data);
            const auto range = parse_endpoint_range(text, kMaxAddresses - all.size());
            if (!range || (!all.empty() && range->front().address.family() != all.front().address.family())) {
                report_.add(item.place,
                            fmt::format("{} in `addresses`, expected an address with port or a range such as "
                                        "\"192.0.2.1-192.0.2.4:80-82\", of one family and {} in all",
                                        in_quotes(text), kMaxAddresses));
                return;
            }
            all.insert(all.end(), range->begin(), range->end());
        }
        out.service.match = all.front();
        out.service.family = all.front().address.family();
        out.service.more.assign(all.begin() + 1, all.end());
        out.match_known = true;
    }

    static void read_mark(ServiceDraft& out, std::int64_t number) {
        out.service.match = Fwmark::make(number).value();
        const auto* family = out.fields.get<std::string>("family");
        out.match_known = family || !out.fields.given("family");
        out.service.family = family && *family == "ipv6" ? Family::ipv6 : Family::ipv4;
    }

    static void read_settings(ServiceDraft& out) {
        const auto& fields = out.fields;
        auto& service = out.service;
        if (std::holds_alternative<Endpoint>(service.match))
            service.protocol = choice(fields, "protocol", service.protocol, kProtocols);
        service.scheduler = fields.get_or("scheduler", service.scheduler);
        service.scheduler_flags = fields.get_or("scheduler_flags", service.scheduler_flags);
        service.forward = choice(fields, "forward", service.forward, kForwards);
        service.on_failure = choice(fields, "on_failure", service.on_failure, kOnFailures);
        service.persistence = maybe<Duration>(fields, "persistence");
        const std::int64_t whole = service.family == Family::ipv4 ? 32 : 128;
        service.persistence_prefix = static_cast<std::uint8_t>(fields.get_or("persistence_prefix", whole));
        service.one_packet = fields.get_or("one_packet", service.one_packet);
        service.persistence_engine = fields.get_or("persistence_engine", service.persistence_engine);
        read_policy(fields, service);
    }

    static void read_policy(const Fields& fields, VirtualService& service) {
        service.active = choice(fields, "active", service.active, kActives);
        service.router = fields.get_or("router", service.router);
        const auto number = [&fields](std::string_view key, auto otherwise) {
            return static_cast<decltype(otherwise)>(fields.get_or(key, std::int64_t{otherwise}));
        };
        service.quorum = number("quorum", service.quorum);
        service.quorum_hysteresis = number("quorum_hysteresis", service.quorum_hysteresis);
        service.panic_threshold = number("panic_threshold", service.panic_threshold);
        service.slow_start = fields.get_or("slow_start", service.slow_start);
        service.drain_timeout = fields.get_or("drain_timeout", service.drain_timeout);
        service.tunnel = read_tunnel(fields, service.tunnel);
        service.require = choice(fields, "require", service.require, kRequires);
    }

    static Tunnel read_tunnel(const Fields& fields, Tunnel out) {
        out.type = choice(fields, "tunnel", out.type, kTunnels);
        out.checksum = choice(fields, "tunnel_checksum", out.checksum, kTunnelChecksums);
        if (const auto* port = fields.get<std::int64_t>("tunnel_port"))
            out.port = static_cast<std::uint16_t>(*port);
        if (out.type != TunnelType::gue) out.port = 0;
        return out;
    }

    void read_servers(ServiceDraft& out) {
        short_server_ = {};
        Fields unsaid;
        unsaid.defaults = server_defaults_;
        fill_server(short_server_, unsaid, out);
        if (const auto* sorry = find(*out.fields.table, "sorry_server"))
            out.sorry_server = read_server(sorry->value, out);
        const auto* entry = find(*out.fields.table, "servers");
        if (!entry) return;
        const auto& spec = spec_of(service_keys(), "servers");
        const auto* list = std::get_if<List>(&entry->value.data);
        if (!list || list->size() > static_cast<std::size_t>(spec.max))
            return report_.add(
                entry->value.place,
                fmt::format("`servers` {}, expected {}",
                            list ? "has too many items" : "is " + show(entry->value), expectation(spec)));
        out.servers.reserve(list->size());
        for (const auto& item : *list)
            if (auto server = read_server(item, out)) out.servers.push_back(std::move(*server));
    }

    std::optional<ServerDraft> read_server(const Value& value, const ServiceDraft& service) {
        ServerDraft out;
        if (std::holds_alternative<std::string>(value.data)) {  // the short form: only the address
            out = short_server_;
            out.place = value.place;
            fill_address(out, read_value(spec_of(server_keys(), "address"), value, report_), service);
            return out;
        }
        if (!std::holds_alternative<Table>(value.data)) {
            report_.add(value.place, fmt::format("a server is {}, expected {}", show(value),
                                                 expectation(spec_of(service_keys(), "sorry_server"))));
            return std::nullopt;
        }
        const auto name = fmt::format("server in {}", where_);
        const auto fields = read_fields(value, name, server_keys(), report_, server_defaults_);
        out.place = fields.place_of("address");
        fill_server(out, fields, service);
        const auto address = fields.values.find("address");
        fill_address(out, address != fields.values.end() ? std::optional(address->second) : std::nullopt, service);
        out.checks = checks_.read(fields, name);
        return out;
    }

    static void fill_address(ServerDraft& out, const std::optional<ParamValue>& address, const ServiceDraft& service) {
        const auto* with_port = address ? std::get_if<Endpoint>(&*address) : nullptr;
        const auto* without = address ? std::get_if<IpAddress>(&*address) : nullptr;
        const auto* virtual_address = std::get_if<Endpoint>(&service.service.match);
        if (with_port) out.server.address = *with_port;
        if (without)
            out.server.address = {*without, virtual_address ? virtual_address->port : std::uint16_t{0}};
        out.server.follows_port = without && ports_differ(service.service);
        out.address_known = (with_port || without) && service.match_known;
    }

    static void fill_server(ServerDraft& out, const Fields& fields, const ServiceDraft& service) {
        out.server.tier = static_cast<std::uint8_t>(fields.get_or("tier", std::int64_t{0}));
        out.server.tunnel = read_tunnel(fields, service.service.tunnel);
        const auto threshold = [&](std::string_view key) {
            return static_cast<std::uint32_t>(
                fields.get_or(key, service.fields.get_or(key, std::int64_t{0})));
        };
        out.server.upper_threshold = threshold("upper_threshold");
        out.server.lower_threshold = threshold("lower_threshold");
        out.server.weight = Weight::make(fields.get_or("weight", std::int64_t{1})).value();
        out.server.forward = choice(fields, "forward", service.service.forward, kForwards);
        out.server.require = choice(fields, "require", service.service.require, kRequires);
        out.forward_known = fields.get<std::string>("forward") ||
                            (!fields.given("forward") && service.fields.get<std::string>("forward"));
    }

    static bool ports_differ(const VirtualService& service) {
        const auto* first = std::get_if<Endpoint>(&service.match);
        return first != nullptr && std::ranges::any_of(service.more, [first](const Endpoint& other) {
                   return other.port != first->port;
               });
    }

    CheckBuilder checks_;
    Report& report_;
    std::shared_ptr<const Params> service_defaults_ = defaults_of(service_keys());
    std::shared_ptr<const Params> server_defaults_ = defaults_of(server_keys());
    ServerDraft short_server_;  // of this service, of which only the address is written
    std::string where_;
};

// ---- routers and the whole --------------------------------------------------------------------------------

Global build_global(const Value& value, Report& report) {
    Global out;
    const auto fields = read_fields(value, "[global]", global_keys(), report);
    out.on_stop = choice(fields, "on_stop", out.on_stop, kOnStops);
    out.reconcile_interval = fields.get_or("reconcile_interval", out.reconcile_interval);
    out.checker_user = fields.get_or("checker_user", out.checker_user);
    out.checker_workers =
        static_cast<std::uint32_t>(fields.get_or("checker_workers", std::int64_t{out.checker_workers}));
    out.announce_rate =
        static_cast<std::uint32_t>(fields.get_or("announce_rate", std::int64_t{out.announce_rate}));
    out.announce_burst =
        static_cast<std::uint32_t>(fields.get_or("announce_burst", std::int64_t{out.announce_burst}));
    out.check_mark = static_cast<std::uint32_t>(fields.get_or("check_mark", std::int64_t{out.check_mark}));
    out.guard = static_cast<std::uint8_t>(fields.get_or("guard", std::int64_t{out.guard}));
    out.expire_nodest_conn = fields.get_or("expire_nodest_conn", out.expire_nodest_conn);
    out.expire_quiescent_template = fields.get_or("expire_quiescent_template", out.expire_quiescent_template);
    return out;
}

// Reads a section that is one table; false when it is none of these.
bool build_singleton(const Entry& entry, Draft& out, Report& report) {
    if (entry.key != "global" && entry.key != "notify" && entry.key != "metrics") return false;
    if (!std::holds_alternative<Table>(entry.value.data))
        report.add(entry.value.place,
                   fmt::format("`{}` is {}, expected a table", entry.key, show(entry.value)));
    else if (entry.key == "global")
        out.global = build_global(entry.value, report);
    else if (entry.key == "notify")
        out.notify = build_notify(entry.value, report);
    else
        out.metrics = build_metrics(entry.value, report);
    return true;
}

// The objects of [section.NAME].
std::span<const Entry> named(const Entry& section, Report& report) {
    if (const auto* table = std::get_if<Table>(&section.value.data)) return *table;
    report.add(section.value.place, fmt::format("`{}` is {}, expected tables [{}.NAME]", section.key,
                                                show(section.value), section.key));
    return {};
}

// Calls build_one(name, table) for each of them.
template <class BuildOne>
void each_of(std::span<const Entry> objects, const Entry& section, Report& report, BuildOne build_one) {
    for (const auto& entry : objects) {
        const bool good_name =
            !entry.key.empty() && entry.key.size() <= kMaxName && consists_of(entry.key, kNameChars);
        if (!good_name)
            report.add(entry.place, fmt::format("{} is no name, expected 1 to {} characters from [{}]",
                                                in_quotes(entry.key), kMaxName, kNameChars));
        if (std::holds_alternative<Table>(entry.value.data))
            build_one(entry.key, entry.value);
        else
            report.add(entry.value.place, fmt::format("`{}` is {}, expected a table [{}.NAME]", entry.key,
                                                      show(entry.value), section.key));
    }
}

template <class BuildOne>
void each_named(const Entry& section, Report& report, BuildOne build_one) {
    each_of(named(section, report), section, report, build_one);
}

constexpr std::size_t kManyServices = 1000;

// No service is told of another here, so of many both halves are built at once. The complaints of the second are
// put behind those of the first, as if they had been found one after the other.
std::vector<ServiceDraft> build_services(const Entry& section, std::span<const KindSpec> kinds,
                                         const ReadFile& read_file, const Both& both, Report& report) {
    const auto all = named(section, report);
    const auto build_part = [&](std::span<const Entry> part, Report& complaints) {
        std::vector<ServiceDraft> out;
        out.reserve(all.size());
        ServiceBuilder builder(kinds, read_file, complaints);
        each_of(part, section, complaints, [&](const std::string& name, const Value& value) {
            out.push_back(builder.build(name, value));
        });
        return out;
    };
    if (all.size() < kManyServices || !both) return build_part(all, report);
    auto of_second = report.another();
    std::vector<ServiceDraft> out, second;
    both([&] { out = build_part(all.first(all.size() / 2), report); },
         [&] { second = build_part(all.subspan(all.size() / 2), of_second); });
    std::ranges::move(second, std::back_inserter(out));
    report.add_all(std::move(of_second));
    return out;
}

}  // namespace

Draft build(const Value& root, std::span<const KindSpec> kinds, const ReadFile& read_file, const Both& both,
            Report& report) {
    Draft out;
    for (const auto& entry : std::get<Table>(root.data)) {
        if (entry.key == "virtual_router") {
            each_named(entry, report, [&](const std::string& name, const Value& value) {
                out.routers.push_back(build_router(name, value, report));
            });
        } else if (entry.key == "virtual_service") {
            out.services = build_services(entry, kinds, read_file, both, report);
        } else if (entry.key == "sync_group") {
            each_named(entry, report, [&](const std::string& name, const Value& value) {
                out.sync_groups.push_back(build_sync_group(name, value, report));
            });
        } else if (entry.key == "tracker") {
            each_named(entry, report, [&](const std::string& name, const Value& value) {
                out.trackers.push_back(build_tracker(name, value, report));
            });
        } else if (!build_singleton(entry, out, report) &&
                   std::ranges::find(kTopLevel, std::string_view(entry.key)) == kTopLevel.end()) {
            report.add(entry.place,
                       fmt::format("unknown section or key {}, expected one of {}{}", in_quotes(entry.key),
                                   listed(kTopLevel, '`'), suggest(entry.key, kTopLevel, '`')));
        }
    }
    return out;
}

namespace {

std::vector<Check> plain(std::vector<CheckDraft>&& drafts) {
    std::vector<Check> out;
    out.reserve(drafts.size());
    for (auto& draft : drafts)
        out.push_back(std::move(draft.check));
    return out;
}

RealServer plain(ServerDraft&& draft, const std::vector<Check>& of_service) {
    draft.server.checks = draft.checks ? plain(std::move(*draft.checks)) : of_service;
    return std::move(draft.server);
}

VirtualService plain(ServiceDraft&& draft) {
    const auto checks = plain(std::move(draft.checks));
    auto& service = draft.service;
    service.servers.reserve(draft.servers.size());
    for (auto& server : draft.servers)
        service.servers.push_back(plain(std::move(server), checks));
    if (draft.sorry_server) service.sorry_server = plain(std::move(*draft.sorry_server), {});
    return std::move(service);
}

}  // namespace

Config finish(Draft&& draft) {
    Config out;
    out.global = std::move(draft.global);
    out.notify = std::move(draft.notify);
    out.metrics = std::move(draft.metrics);
    for (auto& router : draft.routers)
        out.routers.push_back(std::move(router.router));
    for (auto& group : draft.sync_groups)
        out.sync_groups.push_back(std::move(group.group));
    for (auto& tracker : draft.trackers)
        out.trackers.push_back(std::move(tracker.tracker));
    out.services.reserve(draft.services.size());
    for (auto& service : draft.services)
        out.services.push_back(plain(std::move(service)));
    return out;
}

}  // namespace lvs::config
