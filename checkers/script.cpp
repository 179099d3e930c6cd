// SPDX-License-Identifier: GPL-2.0-or-later
//
// script: a program of the operator's judges.
#include <fmt/core.h>

#include <array>
#include <cerrno>

#include "checkers/kind.hpp"
#include "checkers/reason.hpp"
#include "checkers/words.hpp"

namespace lvs::checkers {

namespace {

constexpr std::array<std::string_view, 3> kWeights{"none", "exit", "output"};

constexpr std::array kScriptKeys{
    KeySpec{.key = "command",
            .type = ValueType::strings,
            .required = true,
            .min = 1,
            .max = 64,
            .doc = "The program, by its absolute path, and its arguments. No shell comes in between. Its "
                   "environment holds PATH, LVSD_CHECK_ADDRESS and LVSD_CHECK_PORT.",
            .example = R"(["/usr/local/bin/check-db", "--fast"])"},
    KeySpec{.key = "user",
            .fallback = "nobody",
            .min = 1,
            .max = 32,
            .doc = "The user it runs as, with that user's groups.",
            .example = R"("dbcheck")",
            .chars = "A-Za-z0-9._-"},
    KeySpec{.key = "weight",
            .type = ValueType::choice,
            .fallback = "none",
            .choices = kWeights,
            .doc =
                "Where the script says how much of the configured weight its server is to have. `exit`: the "
                "exit statuses 2 to 102 are successes and mean 0 to 100 percent. `output`: the first line "
                "of its standard output, if there is one, is as an agent's: up, down, drain, maint, \"75%\".",
            .example = R"("output")"},
};

enum class Source : std::uint8_t { none, exit, output };

struct ScriptPlan final : Plan {
    Command what;
    Source weight = Source::none;
    [[nodiscard]] Transport transport() const override { return Transport::command; }
    [[nodiscard]] Command command(const Endpoint& target) const override {
        auto out = what;
        out.environment = {"LVSD_CHECK_ADDRESS=" + to_string(target.address),
                           fmt::format("LVSD_CHECK_PORT={}", target.port)};
        return out;
    }
    [[nodiscard]] std::unique_ptr<Probe> start(const Endpoint& target, std::uint64_t seed) const override;
};

std::string_view first_line(std::string_view text) {
    return text.substr(0, text.find('\n'));
}

std::string_view last_line(std::string_view text) {
    while (text.ends_with('\n'))
        text.remove_suffix(1);
    return text.substr(text.rfind('\n') + 1);  // npos + 1 is 0
}

class ScriptProbe final : public Probe {
public:
    explicit ScriptProbe(const ScriptPlan& plan) : plan_(plan) {}
    Step on_connected() override { return Step::wait(); }
    Step on_data(std::span<const std::uint8_t> /*bytes*/) override { return Step::wait(); }

    Verdict on_command(const CommandEnd& end) override {
        using How = CommandEnd::How;
        if (end.how == How::not_started || end.how == How::lost)  // nothing is known of the server
            return Verdict::skipped("not checked: the script " + to_string(end));
        if (end.how != How::exited) return Verdict::bad("the script " + to_string(end) + said(end));
        if (plan_.weight == Source::exit && end.number >= 2 && end.number <= 102) {
            auto verdict =
                Verdict::good(fmt::format("the script asks for {} % of the weight", end.number - 2));
            verdict.weight_percent = static_cast<std::uint16_t>(end.number - 2);
            return verdict;
        }
        if (end.number != 0) return Verdict::bad("the script " + to_string(end) + said(end));
        const auto line = first_line(end.output);
        if (plan_.weight == Source::output && !line.empty()) return judge_words(line, "the script");
        return Verdict::good("the script succeeded" + said(end));
    }

private:
    static std::string said(const CommandEnd& end) {
        const auto line = last_line(end.errors.empty() ? end.output : end.errors);
        return line.empty() ? "" : ": " + quoted(line, 100);
    }
    const ScriptPlan& plan_;
};

std::unique_ptr<Probe> ScriptPlan::start(const Endpoint& /*target*/, std::uint64_t /*seed*/) const {
    return std::make_unique<ScriptProbe>(*this);
}

Result<PlanPtr> make_script(const Params& params) {
    auto plan = std::make_shared<ScriptPlan>();
    plan->what.argv = value_or<std::vector<std::string>>(params, "command", {});
    plan->what.user = value_or<std::string>(params, "user", "nobody");
    const auto weight = value_or<std::string>(params, "weight", "none");
    plan->weight = weight == "exit" ? Source::exit : weight == "output" ? Source::output : Source::none;
    if (const auto valid = validate(plan->what); !valid) return std::unexpected(valid.error());
    return plan;
}

}  // namespace

const Kind kScript{
    {.kind = "script",
     .doc =
         "A program succeeds, by exit status 0. It is killed with its whole process group after the "
         "`timeout`. "
         "The end of what it wrote is kept for the status. A program that cannot be started says nothing of "
         "the server: its health stands.",
     .keys = kScriptKeys,
     .needs_port = false,
     .validate = validate_by<make_script>,
     .has_socket = false},
    make_script};

}  // namespace lvs::checkers
