// SPDX-License-Identifier: GPL-2.0-or-later
//
// smtp: greeting and EHLO (RFC 5321), with STARTTLS (RFC 3207) also the handshake and EHLO inside.
#include <fmt/core.h>

#include <array>
#include <vector>

#include "checkers/smtp.hpp"
#include "checkers/tls.hpp"

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

constexpr std::array kOwnKeys{
    KeySpec{.key = "helo",
            .fallback = "lvsd",
            .doc = "The name given with EHLO.",
            .example = "\"director.example.org\""},
    KeySpec{.key = "starttls",
            .type = ValueType::boolean,
            .fallback = "false",
            .doc = "Whether to go on inside TLS after STARTTLS, which the server must offer.",
            .example = "true"},
};

struct SmtpPlan final : Plan {
    std::string ehlo;
    PlanPtr upgraded;      // inside TLS after STARTTLS; null: without
    bool greeted = false;  // begins with EHLO: the greeting was before TLS
    [[nodiscard]] std::unique_ptr<Probe> start(const Endpoint& target, std::uint64_t seed) const override;
};

class SmtpProbe final : public Probe {
public:
    SmtpProbe(const SmtpPlan& plan, const Endpoint& target, std::uint64_t seed)
        : plan_(plan),
          target_(target),
          seed_(seed),
          state_(plan.greeted ? State::said_ehlo : State::connected) {}

    Step on_connected() override { return plan_.greeted ? Step::send(plan_.ehlo) : Step::wait(); }

    Step on_data(std::span<const std::uint8_t> bytes) override {
        if (tls_) return tls_->on_data(bytes);
        auto result = replies_.add(as_text(bytes));
        Step step;
        while (result == SmtpReplies::Result::complete && !step.verdict && !tls_) {
            step = on_reply();
            if (!tls_) result = replies_.add({});
        }
        if (result == SmtpReplies::Result::broken && !step.verdict)
            return Step::done(Verdict::bad(replies_.error()));
        return step;
    }

    Verdict on_eof(const Progress& progress) override {
        return tls_ ? tls_->on_eof(progress) : Probe::on_eof(progress);
    }
    Verdict on_error(int error_number, const Progress& progress) override {
        return tls_ ? tls_->on_error(error_number, progress) : Probe::on_error(error_number, progress);
    }
    Verdict on_deadline(const Progress& progress) override {
        return tls_ ? tls_->on_deadline(progress) : Probe::on_deadline(progress);
    }

private:
    enum class State { connected, said_ehlo, said_starttls };

    Step on_reply() {
        switch (state_) {
            case State::connected:
                if (auto wrong = expect("220", "as greeting")) return *std::move(wrong);
                state_ = State::said_ehlo;
                return Step::send(plan_.ehlo);
            case State::said_ehlo:
                return on_ehlo_reply();
            case State::said_starttls:
                if (auto wrong = expect("220", "to STARTTLS")) return *std::move(wrong);
                return begin_tls();
        }
        return Step::wait();
    }

    Step on_ehlo_reply() {
        if (auto wrong = expect("250", "to EHLO")) return *std::move(wrong);
        if (plan_.greeted) return Step::done(Verdict::good("greeted and answered EHLO inside TLS"));
        if (!plan_.upgraded) return Step::done(Verdict::good("greeted and answered EHLO"));
        if (!replies_.offers_tls()) return Step::done(Verdict::bad("the server does not offer STARTTLS"));
        state_ = State::said_starttls;
        return Step::send("STARTTLS\r\n");
    }

    // Nothing may lie between the reply and the handshake: it would have come from somebody else.
    Step begin_tls() {
        if (replies_.has_more())
            return Step::done(Verdict::bad("the server said more between STARTTLS and the TLS handshake"));
        tls_ = plan_.upgraded->start(target_, seed_);
        return tls_->on_connected();
    }

    [[nodiscard]] std::optional<Step> expect(std::string_view code, std::string_view where) const {
        if (replies_.last().starts_with(code)) return std::nullopt;
        return Step::done(
            Verdict::bad(fmt::format("expected {} {}, got {}", code, where, quoted(replies_.last()))));
    }

    const SmtpPlan& plan_;
    Endpoint target_;
    std::uint64_t seed_;
    State state_;
    SmtpReplies replies_;
    std::unique_ptr<Probe> tls_;  // everything, once it is there
};

std::unique_ptr<Probe> SmtpPlan::start(const Endpoint& target, std::uint64_t seed) const {
    return std::make_unique<SmtpProbe>(*this, target, seed);
}

std::span<const KeySpec> smtp_keys() {
    static const std::vector<KeySpec> keys = [] {
        std::vector<KeySpec> out(kOwnKeys.begin(), kOwnKeys.end());
        out.insert(out.end(), tls_keys().begin(), tls_keys().end());
        return out;
    }();
    return keys;
}

Result<PlanPtr> make_smtp(const Params& params) {
    auto plan = std::make_shared<SmtpPlan>();
    const auto helo = value_or<std::string>(params, "helo", "lvsd");
    if (helo.empty() || helo.size() > 255 || as_reason(helo) != helo || helo.find(' ') != std::string::npos)
        return fail(std::errc::invalid_argument, "helo must be a host name");
    plan->ehlo = "EHLO " + helo + "\r\n";
    if (!value_or<bool>(params, "starttls", false)) {
        if (auto unused = refuse_tls_keys(params, "starttls = true"); !unused)
            return std::unexpected(unused.error());
        return plan;
    }
    auto inside = std::make_shared<SmtpPlan>();
    inside->ehlo = plan->ehlo;
    inside->greeted = true;
    auto upgraded = wrap_in_tls(std::move(inside), params, {});
    if (!upgraded) return upgraded;
    plan->upgraded = *std::move(upgraded);
    return plan;
}

}  // namespace

const Kind& smtp_kind() {
    static const Kind kind{
        {.kind = "smtp",
         .doc = "The server greets (220) and answers EHLO (250), with starttls also inside TLS. No mail is "
                "sent. The keys of TLS count with starttls = true.",
         .keys = smtp_keys(),
         .validate = validate_by<make_smtp>,
         .speaks = speaks_tcp},
        make_smtp};
    return kind;
}

}  // namespace lvs::checkers
