// SPDX-License-Identifier: GPL-2.0-or-later
//
// Config -> TOML with every value written out; parse() of it gives the same Config. Checks that all servers
// of a service share are written once, with the service.
#include <fmt/core.h>

#include <algorithm>
#include <utility>

#include "lvsd/config/value.hpp"

namespace lvs::config {
namespace {

std::string status(const StatusRange& range) {
    return range.first == range.last ? fmt::format("{}", range.first)
                                     : fmt::format("\"{}-{}\"", range.first, range.last);
}

struct ParamPrinter {
    std::string operator()(const std::string& value) const { return toml_text(value); }
    std::string operator()(const FileText& value) const { return toml_text(value.path); }
    std::string operator()(bool value) const { return value ? "true" : "false"; }
    std::string operator()(std::int64_t value) const { return fmt::format("{}", value); }
    std::string operator()(const std::vector<std::string>& value) const {
        return toml_list(value, toml_text);
    }
    std::string operator()(const std::vector<Prefix>& value) const {
        return toml_list(value, toml_text_of<Prefix>);
    }
    std::string operator()(const std::vector<StatusRange>& value) const { return toml_list(value, status); }
    template <class T>
    std::string operator()(const T& value) const {
        return toml_text_of(value);
    }
};

class Printer {
public:
    explicit Printer(std::span<const KindSpec> kinds) : kinds_(kinds) {}

    std::string print(const Config& config) {
        line("[global]");
        line("on_stop = {}", toml_text_of(config.global.on_stop));
        line("reconcile_interval = {}", toml_text_of(config.global.reconcile_interval));
        line("checker_user = {}", toml_text(config.global.checker_user));
        line("checker_workers = {}", config.global.checker_workers);
        line("check_mark = {}", config.global.check_mark);
        line("guard = {}", config.global.guard);
        line("announce_rate = {}", config.global.announce_rate);
        line("announce_burst = {}", config.global.announce_burst);
        line("expire_nodest_conn = {}", config.global.expire_nodest_conn);
        line("expire_quiescent_template = {}", config.global.expire_quiescent_template);
        print(config.notify);
        print(config.metrics);
        out_ += print_routers(config);
        for (const auto& service : config.services)
            print(service);
        return std::move(out_);
    }

private:
    template <class... Args>
    void line(fmt::format_string<Args...> format, Args&&... args) {
        out_ += fmt::format(format, std::forward<Args>(args)...);
        out_ += '\n';
    }

    void print(const Notify& notify) {
        line("\n[notify]");
        print_command("command", notify.command);
        line("events = {}", toml_list(notify.events, toml_text));
        line("user = {}", toml_text(notify.user));
        line("timeout = {}", toml_text_of(notify.timeout));
    }

    void print(const Metrics& metrics) {
        line("\n[metrics]");
        if (const auto* endpoint = std::get_if<Endpoint>(&metrics.listen))
            line("listen = {}", toml_text_of(*endpoint));
        if (const auto* path = std::get_if<std::string>(&metrics.listen))
            line("listen = {}", toml_text(*path));
    }

    void print_command(std::string_view key, const std::vector<std::string>& command) {
        if (!command.empty()) line("{} = {}", key, toml_list(command, toml_text));
    }

    void print(const VirtualService& service) {
        line("\n[virtual_service.{}]", toml_header(service.name));
        if (const auto* mark = std::get_if<Fwmark>(&service.match)) {
            line("fwmark = {}", mark->value());
            line("family = {}", service.family == Family::ipv4 ? R"("ipv4")" : R"("ipv6")");
        } else {
            std::vector<Endpoint> all{std::get<Endpoint>(service.match)};
            all.insert(all.end(), service.more.begin(), service.more.end());
            all.size() == 1 ? line("address = {}", toml_text_of(all.front()))
                            : line("addresses = {}", toml_list(all, toml_text_of<Endpoint>));
            line("protocol = {}", toml_text_of(service.protocol));
        }
        line("scheduler = {}", toml_text(service.scheduler));
        line("scheduler_flags = {}", toml_list(service.scheduler_flags, toml_text));
        line("forward = {}", toml_text_of(service.forward));
        line("on_failure = {}", toml_text_of(service.on_failure));
        if (service.persistence) {
            line("persistence = {}", toml_text_of(*service.persistence));
            line("persistence_prefix = {}", service.persistence_prefix);
        }
        if (!service.persistence_engine.empty())
            line("persistence_engine = {}", toml_text(service.persistence_engine));
        line("one_packet = {}", service.one_packet);
        line("active = {}", toml_text_of(service.active));
        if (!service.router.empty()) line("router = {}", toml_text(service.router));
        line("quorum = {}", service.quorum);
        line("quorum_hysteresis = {}", service.quorum_hysteresis);
        line("panic_threshold = {}", service.panic_threshold);
        line("slow_start = {}", toml_text_of(service.slow_start));
        line("drain_timeout = {}", toml_text_of(service.drain_timeout));
        line("require = {}", toml_text_of(service.require));
        line("tunnel = {}", toml_text_of(service.tunnel.type));
        if (service.tunnel.port != 0) line("tunnel_port = {}", service.tunnel.port);
        line("tunnel_checksum = {}", toml_text_of(service.tunnel.checksum));
        print_command("notify", service.notify);
        print_servers(service);
    }

    void print_servers(const VirtualService& service) {
        const auto& servers = service.servers;
        const bool shared = std::ranges::all_of(servers, [&servers](const RealServer& server) {
            return server.checks == servers.front().checks;
        });
        if (shared && !servers.empty())
            line("checks = {}", toml_list(servers.front().checks,
                                          [this](const Check& check) { return inline_table(check); }));
        line("servers = [");
        for (const auto& server : servers)
            line("    {},", inline_table(service, server, !shared));
        line("]");
        if (service.sorry_server)
            line("sorry_server = {}", inline_table(service, *service.sorry_server, true));
    }

    std::string inline_table(const VirtualService& service, const RealServer& server, bool with_checks) {
        const auto address =
            server.follows_port ? toml_text_of(server.address.address) : toml_text_of(server.address);
        auto out = fmt::format("{{ address = {}, weight = {}, forward = {}", address, server.weight.value(),
                               toml_text_of(server.forward));
        if (server.require != service.require) out += ", require = " + toml_text_of(server.require);
        if (server.tier != 0) out += fmt::format(", tier = {}", server.tier);
        if (server.tunnel != service.tunnel)
            out += fmt::format(", tunnel = {}, tunnel_checksum = {}", toml_text_of(server.tunnel.type),
                               toml_text_of(server.tunnel.checksum));
        if (server.tunnel != service.tunnel && server.tunnel.port != 0)
            out += fmt::format(", tunnel_port = {}", server.tunnel.port);
        if (server.upper_threshold != 0) out += fmt::format(", upper_threshold = {}", server.upper_threshold);
        if (server.lower_threshold != 0) out += fmt::format(", lower_threshold = {}", server.lower_threshold);
        if (with_checks)
            out += ", checks = " +
                   toml_list(server.checks, [this](const Check& check) { return inline_table(check); });
        return out + " }";
    }

    std::string inline_table(const Check& check) {
        auto out = fmt::format("{{ kind = {}, interval = {}, timeout = {}, rise = {}, fall = {}",
                               toml_text(check.kind), toml_text_of(check.interval),
                               toml_text_of(check.timeout), check.rise, check.fall);
        if (check.address) out += ", address = " + toml_text_of(*check.address);
        if (check.port) out += fmt::format(", port = {}", *check.port);
        if (check.fast_interval != Duration{})
            out += ", fast_interval = " + toml_text_of(check.fast_interval);
        if (check.jitter != Duration{}) out += ", jitter = " + toml_text_of(check.jitter);
        if (check.start != StartState::unknown) out += ", start = " + toml_text_of(check.start);
        if (check.source) out += ", source = " + toml_text_of(*check.source);
        if (!check.interface.empty()) out += ", interface = " + toml_text(check.interface);
        if (check.fwmark) out += fmt::format(", fwmark = {}", check.fwmark->value());
        if (check.via != Via::server) out += ", via = " + toml_text_of(check.via);
        const auto kind = std::ranges::find(kinds_, std::string_view(check.kind), &KindSpec::kind);
        LVS_ASSERT(kind != kinds_.end());
        for (const auto& key : kind->keys)  // in the order of the manual
            if (const auto found = check.params.find(key.key); found != check.params.end())
                out += fmt::format(", {} = {}", key.key, std::visit(ParamPrinter{}, found->second));
        return out + " }";
    }

    std::span<const KindSpec> kinds_;
    std::string out_;
};

}  // namespace

std::string print_effective(const Config& config, std::span<const KindSpec> kinds) {
    return Printer(kinds).print(config);
}

}  // namespace lvs::config
