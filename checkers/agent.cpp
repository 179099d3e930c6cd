// SPDX-License-Identifier: GPL-2.0-or-later
//
// agent: the server says itself how it is, in one line, with the words of HAProxy's agent checks.
#include <fmt/core.h>

#include <array>

#include "checkers/kind.hpp"
#include "checkers/line.hpp"
#include "checkers/reason.hpp"

namespace lvs::checkers {

namespace {

constexpr std::array kKeys{
    KeySpec{.key = "send", .doc = "Bytes sent before the answer is read.", .example = "\"status\\n\""},
};

struct AgentPlan final : Plan {
    std::string send;
    [[nodiscard]] std::unique_ptr<Probe> start(const Endpoint& target, std::uint64_t seed) const override;
};

// What a line of words says. Words may be separated by spaces, tabs and commas; '#' begins a remark.
struct Answer {
    std::optional<bool> healthy;
    std::optional<std::uint16_t> weight;
    std::string unknown;
};

void read_word(std::string_view word, Answer& answer) {
    if (word.ends_with('%')) {
        const auto percent = parse_number(word.substr(0, word.size() - 1));
        if (percent && *percent <= 1000) {
            answer.weight = static_cast<std::uint16_t>(*percent);
            return;
        }
    }
    if (word == "up" || word == "ready") {
        answer.healthy = true;
    } else if (word == "drain") {
        answer.weight = 0;
    } else if (word == "down" || word == "fail" || word == "fail(ed)" || word == "failed" || word == "stopped" ||
               word == "maint") {
        answer.healthy = false;
    } else if (answer.unknown.empty()) {
        answer.unknown = word;
    }
}

Answer read_answer(std::string_view line) {
    constexpr std::string_view kBetween = " \t,";
    line = line.substr(0, line.find('#'));
    Answer answer;
    while (!line.empty()) {
        const auto begin = line.find_first_not_of(kBetween);
        if (begin == std::string_view::npos) break;
        const auto end = std::min(line.find_first_of(kBetween, begin), line.size());
        read_word(line.substr(begin, end - begin), answer);
        line.remove_prefix(end);
    }
    return answer;
}

Verdict judge(std::string_view line) {
    const auto answer = read_answer(line);
    const auto said = "the agent says " + quoted(line);
    if (answer.healthy == false) return Verdict::bad(said);
    if (!answer.healthy && !answer.weight)
        return Verdict::bad("expected up, down, drain, maint or a percentage, got " + quoted(line));
    auto verdict = Verdict::good(said);
    verdict.weight_percent = answer.weight;
    return verdict;
}

class AgentProbe final : public Probe {
   public:
    explicit AgentProbe(const AgentPlan& plan) : plan_(plan) {}
    Step on_connected() override { return Step::send(plan_.send); }
    Step on_data(std::span<const std::uint8_t> bytes) override {
        lines_.add(as_text(bytes));
        if (const auto line = lines_.next()) return Step::done(judge(*line));
        if (lines_.is_too_long()) return Step::done(Verdict::bad("expected one line, got more than 1 KiB"));
        return Step::wait();
    }
    // The line may end with the connection.
    Verdict on_eof(const Progress& progress) override {
        return lines_.rest().empty() ? Probe::on_eof(progress) : judge(lines_.rest());
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

const Kind kAgent{{.kind = "agent",
                   .doc = "Connects to an agent on the server, which answers one line: up or ready; down, failed, "
                          "stopped or maint; drain (no new connections); or a percentage of the configured weight, "
                          "as in \"75%\". Several words may be combined.",
                   .keys = kKeys},
                  make_agent};

}  // namespace lvs::checkers
