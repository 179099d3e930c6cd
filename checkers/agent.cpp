// SPDX-License-Identifier: GPL-2.0-or-later
//
// agent: the server says itself how it is, in one line, with the words of HAProxy's agent checks.
#include <array>

#include "checkers/kind.hpp"
#include "checkers/line.hpp"
#include "checkers/words.hpp"

namespace lvs::checkers {

namespace {

constexpr std::array kAgentKeys{
    KeySpec{.key = "send", .doc = "Bytes sent before the answer is read.", .example = "\"status\\n\""},
};

struct AgentPlan final : Plan {
    std::string send;
    [[nodiscard]] std::unique_ptr<Probe> start(const Endpoint& target, std::uint64_t seed) const override;
};

class AgentProbe final : public Probe {
public:
    explicit AgentProbe(const AgentPlan& plan) : plan_(plan) {}
    Step on_connected() override { return Step::send(plan_.send); }
    Step on_data(std::span<const std::uint8_t> bytes) override {
        lines_.add(as_text(bytes));
        if (const auto line = lines_.next()) return Step::done(judge_words(*line, "the agent"));
        if (lines_.is_too_long()) return Step::done(Verdict::bad("expected one line, got more than 1 KiB"));
        return Step::wait();
    }
    // The line may end with the connection.
    Verdict on_eof(const Progress& progress) override {
        return lines_.rest().empty() ? Probe::on_eof(progress) : judge_words(lines_.rest(), "the agent");
    }

private:
    const AgentPlan& plan_;
    LineReader lines_;
};

std::unique_ptr<Probe> AgentPlan::start(const Endpoint& /*target*/, std::uint64_t /*seed*/) const {
    return std::make_unique<AgentProbe>(*this);
}

Result<PlanPtr> make_agent(const Params& params) {
    auto plan = std::make_shared<AgentPlan>();
    plan->send = value_or<std::string>(params, "send", "");
    if (plan->send.size() > 1024) return fail(std::errc::invalid_argument, "send has at most 1024 bytes");
    return plan;
}

}  // namespace

const Kind kAgent{
    {.kind = "agent",
     .doc = "Connects to an agent on the server, which answers one line: up or ready; down, failed, "
            "or stopped; drain (no new connections); maint (taken out on purpose); or a percentage of the "
            "configured weight, as in \"75%\". Several words may be combined.",
     .keys = kAgentKeys,
     .validate = validate_by<make_agent>,
     .speaks = speaks_tcp},
    make_agent};

}  // namespace lvs::checkers
