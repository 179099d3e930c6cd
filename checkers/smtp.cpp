// SPDX-License-Identifier: GPL-2.0-or-later
//
// smtp: greeting and EHLO (RFC 5321).
#include <fmt/core.h>

#include <array>

#include "checkers/kind.hpp"
#include "checkers/smtp.hpp"

namespace lvs::checkers {

namespace {

constexpr std::size_t kMaxReply = 16384;

bool has_code(std::string_view line) {
    const auto digit = [](char c) { return c >= '0' && c <= '9'; };
    return line.size() >= 3 && digit(line[0]) && digit(line[1]) && digit(line[2]) &&
           (line.size() == 3 || line[3] == ' ' || line[3] == '-');
}

}  // namespace

// Replies may have several lines, all but the last with a '-' behind the code.
SmtpReplies::Result SmtpReplies::add(std::string_view bytes) {
    received_ += bytes.size();
    lines_.add(bytes);
    while (const auto line = lines_.next()) {
        if (!has_code(*line)) return refuse("expected an SMTP reply, got " + quoted(*line));
        if (line->size() > 4 && std::string_view(*line).substr(4).starts_with("STARTTLS")) offers_tls_ = true;
        if (line->size() > 3 && (*line)[3] == '-') continue;
        last_ = *line;
        return Result::complete;
    }
    if (lines_.is_too_long() || received_ > kMaxReply) return refuse("an SMTP reply without an end");
    return Result::incomplete;
}

SmtpReplies::Result SmtpReplies::refuse(std::string why) {
    error_ = std::move(why);
    return Result::broken;
}

namespace {

constexpr std::array kKeys{
    KeySpec{.key = "helo",
            .fallback = "lvsd",
            .doc = "The name given with EHLO.",
            .example = "\"director.example.org\""},
};

struct SmtpPlan final : Plan {
    std::string ehlo;
    [[nodiscard]] std::unique_ptr<Probe> start(const Endpoint& target, std::uint64_t seed) const override;
};

class SmtpProbe final : public Probe {
   public:
    explicit SmtpProbe(const SmtpPlan& plan) : plan_(plan) {}

    Step on_connected() override { return Step::wait(); }

    Step on_data(std::span<const std::uint8_t> bytes) override {
        auto result = replies_.add(as_text(bytes));
        Step step;
        while (result == SmtpReplies::Result::complete && !step.verdict) {
            step = on_reply();
            result = replies_.add({});
        }
        if (result == SmtpReplies::Result::broken && !step.verdict)
            return Step::done(Verdict::bad(replies_.error()));
        return step;
    }

   private:
    Step on_reply() {
        const std::string_view expected = greeted_ ? "250" : "220";
        if (!replies_.last().starts_with(expected))
            return Step::done(Verdict::bad(fmt::format("expected {} {}, got {}", expected,
                                                       greeted_ ? "to EHLO" : "as greeting", quoted(replies_.last()))));
        if (greeted_) return Step::done(Verdict::good("greeted and answered EHLO"));
        greeted_ = true;
        return Step::send(plan_.ehlo);
    }

    const SmtpPlan& plan_;
    SmtpReplies replies_;
    bool greeted_ = false;
};

std::unique_ptr<Probe> SmtpPlan::start(const Endpoint& /*target*/, std::uint64_t /*seed*/) const {
    return std::make_unique<SmtpProbe>(*this);
}

Result<PlanPtr> make_smtp(const Params& params) {
    auto plan = std::make_shared<SmtpPlan>();
    const auto helo = value_or<std::string>(params, "helo", "lvsd");
    if (helo.empty() || helo.size() > 255 || as_reason(helo) != helo || helo.find(' ') != std::string::npos)
        return fail(std::errc::invalid_argument, "helo must be a host name");
    plan->ehlo = "EHLO " + helo + "\r\n";
    return plan;
}

}  // namespace

const Kind kSmtp{{.kind = "smtp",
                  .doc = "The server greets (220) and answers EHLO (250). No mail is sent.",
                  .keys = kKeys},
                 make_smtp};

}  // namespace lvs::checkers
