// SPDX-License-Identifier: GPL-2.0-or-later
//
// icmp: an echo request is answered (ping). The request carries a number a stranger cannot guess, so replies
// to others, and forged ones, are passed over.
#include <array>
#include <cerrno>

#include "checkers/icmp_message.hpp"
#include "checkers/kind.hpp"
#include "checkers/reason.hpp"

namespace lvs::checkers {

namespace {

constexpr std::array kIcmpKeys{
    KeySpec{.key = "size",
            .type = ValueType::integer,
            .fallback = "56",
            .min = 8,
            .max = 1400,
            .doc = "Bytes of payload.",
            .example = "1000"},
};

struct IcmpPlan final : Plan {
    std::size_t size = 56;
    [[nodiscard]] Transport transport() const override { return Transport::icmp; }
    [[nodiscard]] std::unique_ptr<Probe> start(const Endpoint& target, std::uint64_t seed) const override;
};

class IcmpProbe final : public Probe {
public:
    IcmpProbe(const IcmpPlan& plan, Family family, std::uint64_t token)
        : family_(family), token_(token), request_(icmp::encode_echo(family, token, plan.size)) {}

    Step on_connected() override { return Step::send(request_); }

    Step on_data(std::span<const std::uint8_t> bytes) override {
        switch (icmp::parse(family_, bytes, token_).match) {
            case icmp::Match::reply:
                return Step::done(Verdict::good("answered"));
            case icmp::Match::unreachable:
                return Step::done(Verdict::bad("unreachable (ICMP error)"));
            case icmp::Match::other:
                break;
        }
        return Step::wait();
    }

    Verdict on_error(int error_number, const Progress& progress) override {
        if (error_number == EACCES || error_number == EPERM)
            return Verdict::skipped("not checked: no permission to send an echo request");
        if (is_own_fault(error_number)) return Probe::on_error(error_number, progress);
        return Verdict::bad(connect_error(error_number));
    }

    Verdict on_deadline(const Progress& progress) override {
        return Verdict::bad("no answer in " + in_words(progress.timeout));
    }

private:
    Family family_;
    std::uint64_t token_;
    std::string request_;
};

std::unique_ptr<Probe> IcmpPlan::start(const Endpoint& target, std::uint64_t seed) const {
    return std::make_unique<IcmpProbe>(*this, target.address.family(), seed);
}

Result<PlanPtr> make_icmp(const Params& params) {
    auto plan = std::make_shared<IcmpPlan>();
    const auto size = value_or<std::int64_t>(params, "size", 56);
    if (size < 8 || size > 1400) return fail(std::errc::invalid_argument, "size must be 8 to 1400");
    plan->size = static_cast<std::size_t>(size);
    return plan;
}

}  // namespace

const Kind kIcmp{
    {.kind = "icmp",
     .doc = "The server answers an ICMP echo request. That says nothing about the service it is to offer.",
     .keys = kIcmpKeys,
     .needs_port = false,
     .validate = validate_by<make_icmp>},
    make_icmp};

}  // namespace lvs::checkers
