// SPDX-License-Identifier: GPL-2.0-or-later
//
// Runs a probe against scripted input, without sockets.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "checkers/checkers.hpp"

namespace lvs::checkers {

inline const Endpoint kTarget = *parse_endpoint("192.0.2.10:80");

class ProbeRun {
public:
    ProbeRun(std::string_view kind, const Params& params, const Endpoint& target = kTarget) {
        auto made = make_plan(kind, params);
        if (!made) {
            ADD_FAILURE() << to_string(made.error());
            return;
        }
        plan_ = *made;
        probe_ = plan_->start(target, 0x1234);
    }

    explicit ProbeRun(PlanPtr plan, const Endpoint& target = kTarget)
        : plan_(std::move(plan)), probe_(plan_->start(target, 0x1234)) {}

    ProbeRun& connect() {
        connected_ = true;
        return take(probe_->on_connected());
    }
    ProbeRun& say(std::string_view bytes, std::size_t piece = std::string_view::npos) {
        while (!bytes.empty() && !verdict_) {
            const auto now = bytes.substr(0, piece);
            bytes.remove_prefix(now.size());
            received_ += now.size();
            take(probe_->on_data({reinterpret_cast<const std::uint8_t*>(now.data()), now.size()}));
        }
        return *this;
    }
    ProbeRun& close() {
        if (!verdict_) verdict_ = probe_->on_eof(progress());
        return *this;
    }
    ProbeRun& error(int error_number) {
        if (!verdict_) verdict_ = probe_->on_error(error_number, progress());
        return *this;
    }
    ProbeRun& deadline() {
        if (!verdict_) verdict_ = probe_->on_deadline(progress());
        return *this;
    }

    // "ok: connected", "failed: ...", "unchecked: ..." or "undecided".
    [[nodiscard]] std::string result() const {
        if (!verdict_) return "undecided";
        return std::string(to_string(verdict_->outcome)) + ": " + verdict_->reason;
    }
    [[nodiscard]] const std::optional<Verdict>& verdict() const { return verdict_; }
    [[nodiscard]] const std::string& sent() const { return sent_; }
    [[nodiscard]] Probe& probe() { return *probe_; }

private:
    ProbeRun& take(Step step) {
        sent_ += step.output;
        if (step.verdict) verdict_ = std::move(step.verdict);
        return *this;
    }
    [[nodiscard]] Progress progress() const {
        return {connected_, received_, std::chrono::milliseconds(500)};
    }

    PlanPtr plan_;
    std::unique_ptr<Probe> probe_;
    std::optional<Verdict> verdict_;
    std::string sent_;
    std::uint64_t received_ = 0;
    bool connected_ = false;
};

}  // namespace lvs::checkers
