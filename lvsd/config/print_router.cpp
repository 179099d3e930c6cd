// SPDX-License-Identifier: GPL-2.0-or-later
//
// Virtual routers, sync groups and trackers as TOML; see print.cpp.
#include <fmt/core.h>

#include <utility>

#include "lvsd/config/value.hpp"

namespace lvs::config {
namespace {

std::string item(const VirtualAddress& address) {
    const auto prefix = toml_text_of<Prefix>(address);
    if (address.device.empty() && address.label.empty() && !address.dad) return prefix;
    auto out = "{ address = " + prefix;
    if (!address.device.empty()) out += ", dev = " + toml_text(address.device);
    if (!address.label.empty()) out += ", label = " + toml_text(address.label);
    if (address.dad) out += ", dad = true";
    return out + " }";
}

std::string item(const Peer& peer) {
    return fmt::format("{{ address = {}, min_ttl = {} }}", toml_text_of(peer.address), peer.min_ttl);
}

std::string item(const Route& route) {
    auto out = fmt::format("{{ to = {}, type = {}, table = {}, metric = {}", toml_text_of(route.to),
                           toml_text_of(route.type), route.table, route.metric);
    if (route.via) out += ", via = " + toml_text_of(*route.via);
    if (!route.device.empty()) out += ", dev = " + toml_text(route.device);
    if (route.source) out += ", src = " + toml_text_of(*route.source);
    if (route.onlink) out += ", onlink = true";
    return out + " }";
}

std::string item(const Rule& rule) {
    auto out = fmt::format("{{ priority = {}, action = {}, table = {}", rule.priority,
                           toml_text_of(rule.action), rule.table);
    if (rule.from) out += ", from = " + toml_text_of(*rule.from);
    if (rule.to) out += ", to = " + toml_text_of(*rule.to);
    if (!rule.from && !rule.to)
        out += rule.family == Family::ipv4 ? R"(, family = "ipv4")" : R"(, family = "ipv6")";
    if (!rule.input.empty()) out += ", iif = " + toml_text(rule.input);
    if (!rule.output.empty()) out += ", oif = " + toml_text(rule.output);
    if (rule.mark) out += fmt::format(", fwmark = {}", *rule.mark);
    return out + " }";
}

std::string item(const Track& track) {
    return fmt::format("{{ tracker = {}, weight = {} }}", toml_text(track.tracker), track.weight);
}

template <class T>
std::string items(const std::vector<T>& all) {
    return toml_list(all, [](const T& one) { return item(one); });
}

class RouterPrinter {
public:
    std::string print(const Config& config) {
        for (const auto& router : config.routers)
            print(router);
        for (const auto& group : config.sync_groups)
            print(group);
        for (const auto& tracker : config.trackers)
            print(tracker);
        return std::move(out_);
    }

private:
    template <class... Args>
    void line(fmt::format_string<Args...> format, Args&&... args) {
        out_ += fmt::format(format, std::forward<Args>(args)...);
        out_ += '\n';
    }

    void print(const VirtualRouter& router) {
        line("\n[virtual_router.{}]", toml_header(router.name));
        line("interface = {}", toml_text(router.interface));
        line("vrid = {}", router.vrid.value());
        line("version = {}", router.version);
        line("priority = {}", router.priority.value());
        line("advert_interval = {}", toml_text_of(router.advert_interval));
        line("preempt = {}", router.preempt);
        if (router.preempt) line("preempt_delay = {}", toml_text_of(router.preempt_delay));
        line("startup_delay = {}", toml_text_of(router.startup_delay));
        line("families = {}", toml_text_of(router.families));
        line("addresses = {}", items(router.addresses));
        line("excluded_addresses = {}", items(router.excluded));
        line("routes = {}", items(router.routes));
        line("rules = {}", items(router.rules));
        line("track = {}", items(router.track));
        line("peers = {}", items(router.peers));
        if (!router.password.empty()) line("password = {}", toml_text(router.password));
        if (router.version == 3) line("checksum = {}", toml_text_of(router.checksum));
        line("announce_repeat = {}", toml_list(router.announce_repeat, toml_text_of<Duration>));
        line("announce_refresh = {}", toml_text_of(router.announce_refresh));
        line("virtual_mac = {}", router.virtual_mac);
        if (!router.notify.empty()) line("notify = {}", toml_list(router.notify, toml_text));
        if (router.source4) line("source4 = {}", toml_text_of(*router.source4));
        if (router.source6) line("source6 = {}", toml_text_of(*router.source6));
    }

    void print(const SyncGroup& group) {
        line("\n[sync_group.{}]", toml_header(group.name));
        line("routers = {}", toml_list(group.routers, toml_text));
    }

    void print(const Tracker& tracker) {
        using Kind = Tracker::Kind;
        line("\n[tracker.{}]", toml_header(tracker.name));
        const bool is_script = tracker.kind == Kind::script;
        line("{} = {}", to_string(tracker.kind),
             is_script ? toml_list(tracker.script, toml_text) : toml_text(tracker.target));
        if (tracker.address) line("address = {}", toml_text_of(*tracker.address));
        if (is_script || tracker.kind == Kind::process) line("interval = {}", toml_text_of(tracker.interval));
        if (is_script) {
            line("timeout = {}", toml_text_of(tracker.timeout));
            line("rise = {}", tracker.rise);
            line("fall = {}", tracker.fall);
        }
        line("up_delay = {}", toml_text_of(tracker.up_delay));
        line("down_delay = {}", toml_text_of(tracker.down_delay));
        line("invert = {}", tracker.invert);
    }

    std::string out_;
};

}  // namespace

std::string toml_text(std::string_view value) {
    std::string out = "\"";
    for (const char c : value) {
        if (c == '"' || c == '\\')
            out += fmt::format("\\{}", c);
        else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
            out += fmt::format("\\u{:04X}", static_cast<unsigned>(c));
        else
            out += c;
    }
    return out + '"';
}

std::string toml_header(std::string_view name) {
    return consists_of(name, "A-Za-z0-9_-") ? std::string(name) : toml_text(name);
}

std::string print_routers(const Config& config) {
    return RouterPrinter().print(config);
}

}  // namespace lvs::config
