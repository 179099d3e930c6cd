// SPDX-License-Identifier: GPL-2.0-or-later
//
// Random valid configurations: everything a Config can hold, in the combinations validate() lets pass.
#pragma once

#include <fmt/core.h>

#include <random>

#include "tests/unit/config/kinds.hpp"

namespace lvs::config::test {

class RandomConfig {
public:
    explicit RandomConfig(std::uint64_t seed) : random_(seed) {}

    Config make() {
        Config out;
        out.global.on_stop = flip() ? OnStop::keep : OnStop::remove;
        out.global.reconcile_interval = std::chrono::milliseconds(number(1000, 3'600'000));
        out.global.guard = static_cast<std::uint8_t>(number(0, 100));
        if (flip()) out.global.checker_user = name(32);
        out.global.checker_workers = static_cast<std::uint32_t>(number(1, 16));
        out.global.announce_rate = static_cast<std::uint32_t>(number(1, 10'000'000));
        out.global.announce_burst = static_cast<std::uint32_t>(number(1, 1'000'000));
        out.global.expire_nodest_conn = flip();
        out.global.expire_quiescent_template = flip();
        for (std::int64_t i = number(0, 3); i > 0; --i)
            out.trackers.push_back(tracker());
        for (std::int64_t i = number(0, 3); i > 0; --i)
            out.routers.push_back(router(out));
        for (const auto& one : out.routers)
            if (one.families == Families::together && flip())
                out.sync_groups.push_back({name(64), {one.name}});
        for (std::int64_t i = number(0, 3); i > 0; --i)
            out.services.push_back(service());
        return out;
    }

private:
    std::int64_t number(std::int64_t low, std::int64_t high) {
        return std::uniform_int_distribution<std::int64_t>(low, high)(random_);
    }
    bool flip() { return number(0, 1) == 1; }

    template <class Items>
    auto pick(const Items& items) {
        return items[static_cast<std::size_t>(number(0, std::ssize(items) - 1))];
    }

    std::string characters(std::string_view from, std::int64_t longest) {
        std::string out;
        for (std::int64_t i = number(1, longest); i > 0; --i)
            out += pick(from);
        return out;
    }
    // A counter keeps names, addresses and ports apart.
    std::string name(std::int64_t longest) {
        return characters("abcXYZ019._-", longest - 8) + fmt::format("{}", ++count_ % 10'000'000);
    }
    std::string any_text() { return characters("a0 \"\\'\n\t\r\x01\x7f#=[]{},.", 12); }

    IpAddress address(Family family) {
        ++count_;
        if (family == Family::ipv4) return IpAddress::from_v4(0x0a000000U + count_);
        return IpAddress::parse(fmt::format("2001:db8::{:x}:{:x}", count_ >> 16U, count_ & 0xffffU)).value();
    }
    Family family() { return flip() ? Family::ipv4 : Family::ipv6; }
    Prefix prefix(Family of) {
        const auto value = address(of);
        return {value, static_cast<std::uint8_t>(number(1, value.max_prefix_length()))};
    }
    Endpoint endpoint(Family of) { return {address(of), static_cast<std::uint16_t>(number(1, 65535))}; }

    VirtualRouter router(const Config& config) {
        VirtualRouter out;
        out.name = name(64);
        out.interface = fmt::format("eth{}", ++count_);
        out.vrid = Vrid::make(number(1, 255)).value();
        out.version = flip() ? 2 : 3;
        const bool owner = number(0, 9) == 0;
        out.priority = Priority::make(owner ? 255 : number(1, 254)).value();
        out.advert_interval =
            std::chrono::milliseconds(out.version == 2 ? 1000 * number(1, 40) : 10 * number(1, 4095));
        out.preempt = owner || flip();
        if (out.preempt && !owner) out.preempt_delay = std::chrono::milliseconds(number(0, 3'600'000));
        out.virtual_mac = flip();
        out.startup_delay = std::chrono::milliseconds(number(0, 3'600'000));
        out.families = flip() ? Families::together : Families::independent;
        const auto first = out.version == 2 ? Family::ipv4 : family();
        const auto other = [&] { return out.version == 2 ? Family::ipv4 : family(); };
        for (std::int64_t i = number(1, 4); i > 0; --i)
            out.addresses.push_back(virtual_address(i == 1 ? first : other(), out.interface));
        for (std::int64_t i = number(0, 2); i > 0; --i)
            out.excluded.push_back(virtual_address(first, out.interface));
        for (std::int64_t i = number(0, 2); i > 0; --i)
            out.routes.push_back(route(first));
        for (std::int64_t i = number(0, 2); i > 0; --i)
            out.rules.push_back(rule(first));
        for (const auto& tracker : config.trackers)
            if (flip())
                out.track.push_back({tracker.name, owner ? 0 : static_cast<std::int32_t>(number(-253, 253))});
        for (std::int64_t i = number(0, 2); i > 0; --i)
            out.peers.push_back({address(first), static_cast<std::uint8_t>(number(1, 255))});
        if (out.version == 2 && flip()) out.password = "pass";
        if (out.version == 3 && flip()) out.checksum = AdvertChecksum::pseudo_header;
        out.announce_repeat.resize(static_cast<std::size_t>(number(0, 3)));
        if (flip()) out.announce_refresh = Duration(0);
        if (flip() && first == Family::ipv4) out.source4 = address(Family::ipv4);
        if (flip() && first == Family::ipv6) out.source6 = address(Family::ipv6);
        return out;
    }

    VirtualAddress virtual_address(Family of, const std::string& interface) {
        VirtualAddress out(prefix(of));
        if (flip()) out.device = "eth1";
        if (flip() && of == Family::ipv4) out.label = (out.device.empty() ? interface : out.device) + ":a";
        out.dad = of == Family::ipv6 && flip();
        return out;
    }

    Route route(Family of) {
        Route out;
        out.to = prefix(of);
        out.type = flip() ? RouteType::unicast : RouteType::blackhole;
        out.table = static_cast<std::uint32_t>(number(1, 0xffffffff));
        out.metric = static_cast<std::uint32_t>(number(0, 0xffffffff));
        if (flip()) out.source = address(of);
        if (out.type != RouteType::unicast) return out;
        if (flip()) out.via = address(of);
        if (flip()) out.device = "eth1";
        out.onlink = out.via && flip();
        return out;
    }

    Rule rule(Family of) {
        Rule out;
        out.action = flip() ? RuleAction::lookup : RuleAction::prohibit;
        out.family = of;
        if (flip()) out.from = prefix(of);
        if (flip()) out.to = prefix(of);
        if (flip()) out.input = "eth1";
        if (flip()) out.mark = static_cast<std::uint32_t>(number(0, 0xffffffff));
        out.output = "eth2";
        out.table = static_cast<std::uint32_t>(number(1, 0xffffffff));
        out.priority = static_cast<std::uint32_t>(number(1, 32765));
        return out;
    }

    Tracker tracker() {
        using Kind = Tracker::Kind;
        Tracker out;
        out.name = name(64);
        out.kind = pick(std::array{Kind::interface, Kind::file, Kind::process, Kind::script});
        out.target = out.kind == Kind::file ? "/run/" + name(20) : out.kind == Kind::script ? "" : "eth1";
        if (out.kind == Kind::interface && flip()) out.address = address(family());
        if (out.kind == Kind::script) {
            out.script = {"/bin/x", any_text()};
            out.rise = static_cast<std::uint32_t>(number(1, 1000));
            out.fall = static_cast<std::uint32_t>(number(1, 1000));
            out.timeout = std::chrono::milliseconds(number(1, 500));
        }
        if (out.kind == Kind::script || out.kind == Kind::process)
            out.interval = std::chrono::milliseconds(number(500, 3'600'000));
        out.invert = flip();
        out.up_delay = std::chrono::milliseconds(number(0, 3'600'000));
        out.down_delay = std::chrono::milliseconds(number(0, 3'600'000));
        return out;
    }

    VirtualService service() {
        constexpr std::array<std::string_view, 4> kPlain{"rr", "wlc", "twos", "lblcr"};
        VirtualService out;
        out.name = name(64);
        out.family = family();
        out.scheduler = pick(kPlain);
        if (flip()) {
            out.scheduler = "sh";
            out.scheduler_flags =
                flip() ? std::vector<std::string>{"sh-port", "flag-3"} : std::vector<std::string>{"flag-1"};
        }
        out.forward = pick(std::array{Forward::nat, Forward::dr, Forward::tun});
        out.on_failure = flip() ? OnFailure::remove : OnFailure::weight0;
        out.persistence_prefix = out.family == Family::ipv4 ? 32 : 128;
        if (flip()) {
            out.persistence = std::chrono::seconds(number(1, 31 * 86400));
            out.persistence_prefix = static_cast<std::uint8_t>(number(1, out.persistence_prefix));
        }
        match(out);
        policy(out);
        servers(out);
        return out;
    }

    Tunnel tunnel() {
        const auto type = pick(std::array{TunnelType::ipip, TunnelType::gue, TunnelType::gre});
        return {type, static_cast<std::uint16_t>(type == TunnelType::gue ? number(1, 65535) : 0),
                pick(std::array{TunnelChecksum::none, TunnelChecksum::checksum, TunnelChecksum::remote})};
    }

    void policy(VirtualService& out) {
        if (out.persistence && flip()) out.persistence_engine = "sip";
        out.quorum = static_cast<std::uint32_t>(number(1, 100));
        out.quorum_hysteresis = static_cast<std::uint32_t>(number(0, std::int64_t{out.quorum} - 1));
        out.panic_threshold = static_cast<std::uint8_t>(number(0, 100));
        out.slow_start = std::chrono::milliseconds(number(0, 3'600'000));
        out.drain_timeout = std::chrono::milliseconds(number(0, 3'600'000));
        out.tunnel = tunnel();
    }

    void match(VirtualService& out) {
        if (flip()) {
            out.match = Fwmark::make(static_cast<std::int64_t>(++count_)).value();
            out.one_packet = flip();
            return;
        }
        out.protocol = pick(std::array{Protocol::tcp, Protocol::udp, Protocol::sctp});
        out.one_packet = out.protocol == Protocol::udp && flip();
        auto virtual_address = endpoint(out.family);
        if (out.persistence && flip()) virtual_address.port = 0;
        out.match = virtual_address;
    }

    void servers(VirtualService& out) {
        const auto shared = checks();
        const bool all_same = flip();
        for (std::int64_t i = number(0, 5); i > 0; --i) {
            out.servers.push_back(server(out));
            out.servers.back().checks = all_same ? shared : checks();
        }
        if (flip()) return;
        out.sorry_server = server(out);
        out.sorry_server->checks = flip() ? checks() : std::vector<Check>{};
    }

    RealServer server(const VirtualService& service) {
        RealServer out;
        out.forward = flip() ? service.forward : pick(std::array{Forward::nat, Forward::dr, Forward::tun});
        out.address = endpoint(out.forward == Forward::tun ? family() : service.family);
        const auto* virtual_address = std::get_if<Endpoint>(&service.match);
        if (out.forward != Forward::nat)
            out.address.port = virtual_address ? virtual_address->port : std::uint16_t{0};
        out.weight = Weight::make(number(0, 65535)).value();
        out.tier = static_cast<std::uint8_t>(number(0, 15));
        out.require = pick(std::array{Require::all, Require::any});
        out.tunnel = flip() ? service.tunnel : tunnel();
        out.upper_threshold = static_cast<std::uint32_t>(number(0, 1000));
        out.lower_threshold = static_cast<std::uint32_t>(number(0, out.upper_threshold));
        return out;
    }

    std::vector<Check> checks() {
        std::vector<Check> out;
        for (std::int64_t i = number(0, 3); i > 0; --i)
            out.push_back(check(pick(kKinds)));
        return out;
    }

    Check check(const KindSpec& kind) {
        Check out;
        out.kind = kind.kind;
        out.interval = std::chrono::microseconds(number(10'000, 86'400'000'000));
        out.timeout = std::chrono::microseconds(
            number(1000, std::min<std::int64_t>(3'600'000'000, out.interval.count() / 1000)));
        out.rise = static_cast<std::uint32_t>(number(1, 1000));
        out.fall = static_cast<std::uint32_t>(number(1, 1000));
        const auto of = family();  // sources are of the family of what is checked
        if (flip()) out.address = address(of);
        if (flip()) out.fast_interval = std::chrono::microseconds(number(10'000, out.interval.count() / 1000));
        if (flip()) out.jitter = std::chrono::microseconds(number(0, out.interval.count() / 4000));
        out.start = pick(std::array{StartState::unknown, StartState::up, StartState::down});
        if (out.address && flip()) out.source = address(of);
        if (flip()) out.interface = name(15);
        if (flip()) out.fwmark = Fwmark::make(number(1, 0xffffffff)).value();
        out.port = static_cast<std::uint16_t>(++count_ % 65535 + 1);
        for (const auto& key : kind.keys)
            if (key.required || !key.fallback.empty() || flip()) out.params.emplace(key.key, value(key));
        return out;
    }

    ParamValue value(const KeySpec& key) {
        switch (key.type) {
            case ValueType::string:
                return any_text();
            case ValueType::boolean:
                return flip();
            case ValueType::integer:
                return number(key.min, key.max);
            case ValueType::duration:
                return Duration(number(0, 1'000'000'000'000));
            case ValueType::address:
                return address(family());
            case ValueType::endpoint:
                return endpoint(family());
            case ValueType::host:
                return flip() ? ParamValue(endpoint(family())) : ParamValue(address(family()));
            case ValueType::prefix:
                return prefix(family());
            case ValueType::choice:
                return std::string(pick(key.choices));
            case ValueType::strings:
                return std::vector<std::string>{any_text(), any_text()};
            case ValueType::prefixes:
                return std::vector<Prefix>{prefix(family()), prefix(family())};
            case ValueType::ranges: {
                const auto first = static_cast<std::uint16_t>(number(100, 599));
                return std::vector<StatusRange>{{first, static_cast<std::uint16_t>(number(first, 599))},
                                                {404, 404}};
            }
            case ValueType::file:
                return FileText{"/etc/" + std::to_string(++count_), std::make_shared<const std::string>("text")};
            case ValueType::durations:
                return std::vector<std::string>{"1s"};
            case ValueType::items:
            case ValueType::server:
            case ValueType::servers:
            case ValueType::check:
            case ValueType::checks:
                break;
        }
        return std::string();
    }

    std::mt19937_64 random_;
    std::uint32_t count_ = 0;
};

}  // namespace lvs::config::test
