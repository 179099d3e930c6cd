// SPDX-License-Identifier: GPL-2.0-or-later
#include <array>

#include "checkers/kind.hpp"
#include "checkers/reason.hpp"
#include "checkers/wire.hpp"

namespace lvs::checkers {

namespace {

// In the order of the manual.
std::span<const Kind* const> all() {
    static const std::array kAll{&kTcp, &kHttp, &https_kind(), &tls_kind(), &kUdp,
                                 &kDns, &kSmtp, &kAgent,       &kScript,    &kFile};
    return kAll;
}

const Kind* find_kind(std::string_view name) {
    for (const auto* kind : all())
        if (kind->spec.kind == name) return kind;
    return nullptr;
}

Result<void> validate_times(const CheckSpec& spec) {
    const auto in_range = [](Duration value) {
        return value >= Duration::zero() && value <= std::chrono::hours(24);
    };
    const bool sane = in_range(spec.interval) && in_range(spec.timeout) && in_range(spec.fast_interval) &&
                      in_range(spec.jitter) && spec.interval >= std::chrono::milliseconds(1) &&
                      spec.timeout >= std::chrono::milliseconds(1);
    if (!sane) return fail(std::errc::invalid_argument, "interval and timeout must be 1 ms to 24 h");
    if (spec.rise < 1 || spec.rise > 1000 || spec.fall < 1 || spec.fall > 1000)
        return fail(std::errc::invalid_argument, "rise and fall must be 1 to 1000");
    return {};
}

}  // namespace

std::span<const KindSpec> kinds() {
    static const std::vector<KindSpec> specs = [] {
        std::vector<KindSpec> out;
        for (const auto* kind : all())
            out.push_back(kind->spec);
        return out;
    }();
    return specs;
}

Result<PlanPtr> make_plan(std::string_view kind, const Params& params) {
    const auto* found = find_kind(kind);
    if (!found) return fail(std::errc::invalid_argument, "no check kind " + quoted(kind));
    return found->make_plan(params);
}

bool needs_made_socket(const CheckSpec& spec, Transport transport) {
    if (transport == Transport::command || transport == Transport::file) return false;
    return spec.fwmark != 0 || !spec.interface.empty() || spec.through || transport == Transport::icmp;
}

Result<void> validate(const CheckSpec& spec) {
    if (auto times = validate_times(spec); !times) return times;
    if (!wire::is_encodable(spec)) return fail(std::errc::invalid_argument, "the check's texts are too long");
    if (spec.source && spec.source->family() != spec.target.address.family())
        return fail(std::errc::invalid_argument, "source and target are of different families");
    const auto plan = make_plan(spec.kind, spec.params);
    if (!plan) return std::unexpected(plan.error());
    return {};
}

}  // namespace lvs::checkers
