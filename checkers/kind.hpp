// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a kind's file offers to the list in kinds.cpp, and helpers to read its keys.
#pragma once

#include <string>
#include <string_view>

#include "checkers/checkers.hpp"

namespace lvs::checkers {

struct Kind {
    KindSpec spec;
    Result<PlanPtr> (*make_plan)(const Params& params);
};

extern const Kind kTcp;
extern const Kind kHttp;
extern const Kind kUdp;
extern const Kind kDns;
extern const Kind kIcmp;
extern const Kind kAgent;
extern const Kind kScript;
extern const Kind kFile;
[[nodiscard]] const Kind& tls_kind();
[[nodiscard]] const Kind& https_kind();
[[nodiscard]] const Kind& grpc_kind();
[[nodiscard]] const Kind& smtp_kind();

[[nodiscard]] std::span<const KeySpec> http_keys();
[[nodiscard]] Result<PlanPtr> make_http_plan(const Params& params, bool inside_tls);

// For KindSpec::speaks.
[[nodiscard]] inline std::string_view speaks_tcp(const Params& /*params*/) {
    return "tcp";
}

// For KindSpec::validate: valid is what a plan can be made of.
template <Result<PlanPtr> (*MakePlan)(const Params&)>
[[nodiscard]] Result<void> validate_by(const Params& params) {
    if (const auto plan = MakePlan(params); !plan) return std::unexpected(plan.error());
    return {};
}

// The value of a key, or `fallback` when the key is absent or of another type.
template <class T>
[[nodiscard]] T value_or(const Params& params, std::string_view key, T fallback) {
    const auto* found = param<T>(params, key);
    return found ? *found : std::move(fallback);
}

[[nodiscard]] inline std::span<const std::uint8_t> as_bytes(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
[[nodiscard]] inline std::string_view as_text(std::span<const std::uint8_t> bytes) {
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace lvs::checkers
