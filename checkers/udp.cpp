// SPDX-License-Identifier: GPL-2.0-or-later
//
// udp: a datagram is answered, or at least not refused by an ICMP error.
#include <array>

#include "checkers/kind.hpp"
#include "checkers/reason.hpp"

namespace lvs::checkers {

namespace {

constexpr std::array kUdpKeys{
    KeySpec{.key = "send", .doc = "The datagram to send. Default: an empty one.", .example = "\"ping\""},
    KeySpec{.key = "expect",
            .doc = "Text that must occur in an answer. Answers without it are passed over.",
            .example = "\"pong\""},
    KeySpec{
        .key = "reply",
        .type = ValueType::boolean,
        .fallback = "false",
        .doc =
            "Whether some answer is needed. Without it and without expect, the server counts as healthy when "
            "nothing has refused the datagram until the timeout.",
        .example = "true"},
};

struct UdpPlan final : Plan {
    std::string send;
    std::string expect;
    bool reply = false;
    [[nodiscard]] Transport transport() const override { return Transport::udp; }
    [[nodiscard]] std::unique_ptr<Probe> start(const Endpoint& target, std::uint64_t seed) const override;
};

class UdpProbe final : public Probe {
public:
    explicit UdpProbe(const UdpPlan& plan) : plan_(plan) {}

    Step on_connected() override { return Step::send(plan_.send); }

    Step on_data(std::span<const std::uint8_t> bytes) override {
        if (as_text(bytes).find(plan_.expect) == std::string_view::npos) {
            if (wrong_.empty()) wrong_ = quoted(as_text(bytes));
            return Step::wait();
        }
        return Step::done(Verdict::good(plan_.expect.empty() ? "answered" : "got the expected answer"));
    }

    Verdict on_error(int error_number, const Progress& progress) override {
        if (is_own_fault(error_number)) return Probe::on_error(error_number, progress);
        return Verdict::bad(datagram_error(error_number));
    }

    Verdict on_deadline(const Progress& progress) override {
        if (!wrong_.empty()) return Verdict::bad("expected " + quoted(plan_.expect) + ", got " + wrong_);
        if (plan_.reply || !plan_.expect.empty()) return Probe::on_deadline(progress);
        return Verdict::good("not refused in " + in_words(progress.timeout));
    }

private:
    const UdpPlan& plan_;
    std::string wrong_;
};

std::unique_ptr<Probe> UdpPlan::start(const Endpoint& /*target*/, std::uint64_t /*seed*/) const {
    return std::make_unique<UdpProbe>(*this);
}

Result<PlanPtr> make_udp(const Params& params) {
    auto plan = std::make_shared<UdpPlan>();
    plan->send = value_or<std::string>(params, "send", "");
    plan->expect = value_or<std::string>(params, "expect", "");
    plan->reply = value_or<bool>(params, "reply", false);
    if (plan->send.size() > 1400 || plan->expect.size() > 1024)
        return fail(std::errc::invalid_argument, "send has at most 1400 bytes, expect 1024");
    return plan;
}

}  // namespace

const Kind kUdp{
    {.kind = "udp",
     .doc = "The server answers a datagram as expected. Without an expectation it is enough that no ICMP "
            "error refuses the datagram; routers and hosts limit those, so give the timeout a second or "
            "more.",
     .keys = kUdpKeys,
     .validate = validate_by<make_udp>,
     .speaks = [](const Params& /*params*/) -> std::string_view { return "udp"; }},
    make_udp};

}  // namespace lvs::checkers
