// SPDX-License-Identifier: GPL-2.0-or-later
//
// Checks through the service (`via = "service"`): which of them can work, and the firewall marks they need.
#include <fmt/core.h>

#include <algorithm>
#include <optional>

#include "lvsd/config/value.hpp"

namespace lvs::config {
namespace {

class ViaRules {
public:
    ViaRules(const Draft& draft, std::span<const KindSpec> kinds, Report& report)
        : draft_(draft), kinds_(kinds), report_(report) {}

    void check() {
        for (const auto& service : draft_.services) {
            check_all(service, service.checks);
            for (const auto& server : service.servers)
                check_server(service, server, server.checks ? *server.checks : service.checks);
            if (service.sorry_server && service.sorry_server->checks)
                check_server(service, *service.sorry_server, *service.sorry_server->checks);
        }
        if (!first_) return;
        if (servers_ > kMaxThrough)
            report_.add(*first_,
                        fmt::format("{} servers are checked through their services, expected at most {}",
                                    servers_, kMaxThrough));
        check_marks();
    }

private:
    static bool is_through(const CheckDraft& draft) { return draft.check.via == Via::service; }

    void check_server(const ServiceDraft& service, const ServerDraft& server,
                      const std::vector<CheckDraft>& checks) {
        if (server.checks) check_all(service, checks);
        const auto through = std::ranges::find_if(checks, is_through);
        if (through == checks.end()) return;
        ++servers_;
        const auto family = server.server.address.address.family();
        if (server.address_known && server.server.forward == Forward::tun && family != service.service.family)
            report_.add(through->place,
                        fmt::format("`via = \"service\"` needs servers of the service's family, and {} is {}",
                                    to_string(server.server.address.address), to_string(family)));
    }

    void check_all(const ServiceDraft& service, const std::vector<CheckDraft>& checks) {
        for (const auto& draft : checks)
            if (is_through(draft)) check_one(service, draft);
    }

    void check_one(const ServiceDraft& service, const CheckDraft& draft) {
        if (!first_) first_ = draft.place;
        const auto& check = draft.check;
        if (check.address)
            report_.add(draft.place,
                        "`address` and `via = \"service\"` exclude each other, expected one of them");
        if (check.fwmark || !check.interface.empty())
            report_.add(draft.place,
                        fmt::format("`{}` and `via = \"service\"` exclude each other, expected one of them",
                                    check.fwmark ? "fwmark" : "interface"));
        if (!service.match_known) return;
        if (!std::holds_alternative<Endpoint>(service.service.match))
            return report_.add(
                draft.place,
                "`via = \"service\"` needs a service with an `address`: with a `fwmark` it is not known "
                "where clients connect to");
        const auto kind = std::ranges::find(kinds_, std::string_view(check.kind), &KindSpec::kind);
        if (kind == kinds_.end()) return;
        const auto protocol = to_string(service.service.protocol);
        if (kind->speaks == nullptr)
            report_.add(draft.place,
                        fmt::format("a check of kind \"{}\" cannot go through a service, expected `via` "
                                    "\"server\" or none",
                                    check.kind));
        else if (kind->speaks(check.params) != protocol)
            report_.add(draft.place,
                        fmt::format("this check of kind \"{}\" speaks {} and cannot go through a service of "
                                    "protocol \"{}\", expected `via` \"server\" or none",
                                    check.kind, kind->speaks(check.params), protocol));
    }

    void check_marks() {
        const std::uint64_t from = draft_.global.check_mark;
        for (const auto& service : draft_.services) {
            const auto* mark = std::get_if<Fwmark>(&service.service.match);
            if (mark == nullptr || mark->value() < from || mark->value() >= from + kCheckMarks) continue;
            report_.add(
                service.fields.place_of("fwmark"),
                fmt::format(
                    "firewall mark {} is among those of checks through services, expected none from {} "
                    "to {}, or another `check_mark` in [global]",
                    mark->value(), from, from + kCheckMarks - 1));
        }
    }

    const Draft& draft_;
    std::span<const KindSpec> kinds_;
    Report& report_;
    std::optional<Place> first_;
    std::uint64_t servers_ = 0;
};

}  // namespace

void validate_via(const Draft& draft, std::span<const KindSpec> kinds, Report& report) {
    ViaRules(draft, kinds, report).check();
}

}  // namespace lvs::config
