// SPDX-License-Identifier: GPL-2.0-or-later
//
// [notify] and [metrics], and the key `notify` of routers and services: whom lvsd tells what happens.
#include <fmt/core.h>

#include <array>

#include "lvsd/config/value.hpp"

namespace lvs::config {
namespace {

constexpr std::size_t kMaxSocketPath = 107;  // unix(7)

constexpr std::array<std::string_view, 18> kEvents{
    "start",         "stop",         "reload",           "reload-refused", "vrrp-state",   "vrrp-trouble",
    "service-state", "server-state", "check-state",      "worker-lost",    "worker-ready", "ipvs-applied",
    "ipvs-failed",   "ipvs-drift",   "override-changed", "service-quorum", "service-panic",
    "ipvs-setting"};

constexpr std::array kNotify{
    KeySpec{
        .key = "command",
        .type = ValueType::strings,
        .min = 1,
        .max = 64,
        .doc =
            "The program that is run for every event in `events`, by its absolute path, and its arguments. "
            "There is no shell. What happened is told in its environment, see NOTIFY SCRIPTS.",
        .example = R"(["/usr/local/bin/tell-the-team", "lvsd"])"},
    KeySpec{.key = "events",
            .type = ValueType::strings,
            .fallback =
                "start, stop, reload, reload-refused, vrrp-state, vrrp-trouble, service-state, server-state, "
                "worker-lost, worker-ready, ipvs-failed, ipvs-drift, override-changed, service-quorum, "
                "service-panic",
            .min = 1,
            .max = 18,
            .choices = kEvents,
            .doc = "The events programs are run for, those of routers and services too.",
            .example = R"(["vrrp-state", "service-state"])"},
    KeySpec{.key = "user",
            .type = ValueType::string,
            .fallback = "lvsd-notify",
            .min = 1,
            .max = 32,
            .doc = "The user the programs run as. If there is no such user, nobody.",
            .example = R"("root")",
            .chars = "A-Za-z0-9._-"},
    KeySpec{.key = "timeout",
            .type = ValueType::duration,
            .fallback = "10s",
            .min = 100 * kMs,
            .max = 3600 * kSecond,
            .doc = "A program that has not ended after this time is killed, with everything it started.",
            .example = R"("30s")"},
};

constexpr std::array kMetrics{
    KeySpec{
        .key = "listen",
        .type = ValueType::string,
        .min = 1,
        .max = kMaxSocketPath,
        .doc =
            "Serve metrics for Prometheus here, by HTTP at /metrics: an address with a port, or the absolute "
            "path of a unix socket. For a scraper elsewhere an address of this director that does not move. "
            "Default: off. Whoever can connect can read.",
        .example = R"("127.0.0.1:9107")"},
};

}  // namespace

std::span<const KeySpec> notify_keys() {
    return kNotify;
}
std::span<const KeySpec> metrics_keys() {
    return kMetrics;
}

std::vector<std::string> read_command(const Fields& fields, std::string_view key, Report& report) {
    auto out = fields.get_or(key, std::vector<std::string>{});
    if (!out.empty() && !out.front().starts_with('/'))
        report.add(fields.place_of(key),
                   fmt::format("`{}` begins with {}, expected the absolute path of a program", key,
                               in_quotes(out.front())));
    for (const auto& part : out)
        if (part.find('\0') != std::string::npos)
            report.add(fields.place_of(key), fmt::format("`{}` holds a NUL character, expected none", key));
    return out;
}

Notify build_notify(const Value& value, Report& report) {
    Notify out;
    const auto fields = read_fields(value, "[notify]", notify_keys(), report);
    out.command = read_command(fields, "command", report);
    out.events = fields.get_or("events", out.events);
    out.user = fields.get_or("user", out.user);
    out.timeout = fields.get_or("timeout", out.timeout);
    return out;
}

Metrics build_metrics(const Value& value, Report& report) {
    Metrics out;
    const auto fields = read_fields(value, "[metrics]", metrics_keys(), report);
    const auto* listen = fields.get<std::string>("listen");
    if (listen == nullptr) return out;
    if (const auto endpoint = parse_endpoint(*listen); endpoint && endpoint->port != 0)
        out.listen = *endpoint;
    else if (listen->starts_with('/') && listen->find('\0') == std::string::npos)
        out.listen = *listen;
    else
        report.add(
            fields.place_of("listen"),
            fmt::format("`listen` is {}, expected an address with a port or the absolute path of a socket",
                        in_quotes(*listen)));
    return out;
}

}  // namespace lvs::config
