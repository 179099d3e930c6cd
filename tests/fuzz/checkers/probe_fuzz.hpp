// SPDX-License-Identifier: GPL-2.0-or-later
//
// What every probe must do with any bytes: end with a verdict, the same one however they are cut, for a printable
// reason.
#pragma once

#include <algorithm>
#include <string>

#include "checkers/checkers.hpp"

namespace lvs::checkers {

inline void check_reason(const Verdict& verdict) {
    LVS_ASSERT(!verdict.reason.empty() && verdict.reason.size() <= kMaxReason);
    LVS_ASSERT(std::all_of(verdict.reason.begin(), verdict.reason.end(), [](char c) { return c >= ' ' && c <= '~'; }));
}

// The outcome of the probe over these bytes, in pieces of `piece`, followed by the end of the connection.
inline Outcome run_probe(const Plan& plan, std::span<const std::uint8_t> bytes, std::size_t piece) {
    const auto probe = plan.start(*parse_endpoint("192.0.2.1:80"), 0x1234);
    auto step = probe->on_connected();
    std::uint64_t received = 0;
    while (!step.verdict && !bytes.empty()) {
        const auto now = bytes.first(std::min(piece, bytes.size()));
        bytes = bytes.subspan(now.size());
        received += now.size();
        step = probe->on_data(now);
    }
    if (!step.verdict) check_reason(probe->on_deadline({true, received, std::chrono::seconds(1)}));
    if (!step.verdict) step.verdict = probe->on_eof({true, received, {}});
    check_reason(*step.verdict);
    return step.verdict->outcome;
}

enum class Pieces { same_verdict, any_verdict };

inline void fuzz_probe(std::string_view kind, const Params& params, std::span<const std::uint8_t> bytes,
                       Pieces pieces = Pieces::same_verdict) {
    const auto plan = make_plan(kind, params);
    LVS_ASSERT(plan.has_value());
    const auto whole = run_probe(**plan, bytes, bytes.size() + 1);
    for (const std::size_t piece : {1U, 7U}) {
        const auto cut = run_probe(**plan, bytes, piece);
        LVS_ASSERT(cut == whole || pieces == Pieces::any_verdict);
    }
}

}  // namespace lvs::checkers
