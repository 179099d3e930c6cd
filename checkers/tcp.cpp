// SPDX-License-Identifier: GPL-2.0-or-later
//
// tcp: a connection is accepted; with `send` and `expect` also a word exchanged.
#include <array>

#include "checkers/kind.hpp"
#include "checkers/reason.hpp"

namespace lvs::checkers {

namespace {

constexpr std::size_t kMaxLook = 16384;  // bytes searched for `expect`

constexpr std::array kTcpKeys{
    KeySpec{
        .key = "send", .doc = "Bytes sent as soon as the connection stands.", .example = "\"PING\\r\\n\""},
    KeySpec{
        .key = "expect",
        .doc = "Text that must occur in the first 16 KiB the server sends. Without it an accepted connection "
               "is enough.",
        .example = "\"+PONG\""},
};

struct TcpPlan final : Plan {
    std::string send;
    std::string expect;
    [[nodiscard]] std::unique_ptr<Probe> start(const Endpoint& target, std::uint64_t seed) const override;
};

class TcpProbe final : public Probe {
public:
    explicit TcpProbe(const TcpPlan& plan) : plan_(plan) {}

    Step on_connected() override {
        if (plan_.expect.empty() && plan_.send.empty()) return Step::done(Verdict::good("connected"));
        return Step::send(plan_.send);
    }

    Step on_data(std::span<const std::uint8_t> bytes) override {
        if (plan_.expect.empty()) return Step::done(Verdict::good("connected, answered"));
        const auto searched = seen_.size() < plan_.expect.size() ? 0 : seen_.size() - plan_.expect.size() + 1;
        seen_ += as_text(bytes.first(std::min(bytes.size(), kMaxLook - seen_.size())));
        if (seen_.find(plan_.expect, searched) != std::string::npos)
            return Step::done(Verdict::good("got the expected text"));
        if (seen_.size() == kMaxLook) return Step::done(Verdict::bad(wrong_answer("in the first 16 KiB")));
        return Step::wait();
    }

    Verdict on_eof(const Progress& progress) override {
        if (seen_.empty()) return Probe::on_eof(progress);
        return Verdict::bad(wrong_answer("before the end"));
    }

    Verdict on_deadline(const Progress& progress) override {
        if (seen_.empty()) return Probe::on_deadline(progress);
        return Verdict::bad(wrong_answer("in " + in_words(progress.timeout)));
    }

private:
    [[nodiscard]] std::string wrong_answer(const std::string& where) const {
        return "expected " + quoted(plan_.expect) + ", got " + quoted(seen_) + " " + where;
    }

    const TcpPlan& plan_;
    std::string seen_;
};

std::unique_ptr<Probe> TcpPlan::start(const Endpoint& /*target*/, std::uint64_t /*seed*/) const {
    return std::make_unique<TcpProbe>(*this);
}

Result<PlanPtr> make_tcp(const Params& params) {
    auto plan = std::make_shared<TcpPlan>();
    plan->send = value_or<std::string>(params, "send", "");
    plan->expect = value_or<std::string>(params, "expect", "");
    if (plan->expect.size() > 1024 || plan->send.size() > 4096)
        return fail(std::errc::invalid_argument, "send has at most 4096 bytes, expect 1024");
    return plan;
}

}  // namespace

const Kind kTcp{
    {.kind = "tcp",
     .doc = "The server accepts a TCP connection. With send and expect, it also gives the expected "
            "answer. The connection is closed by a reset, which costs the server least.",
     .keys = kTcpKeys,
     .validate = validate_by<make_tcp>,
     .speaks = speaks_tcp},
    make_tcp};

}  // namespace lvs::checkers
