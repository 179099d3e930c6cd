// SPDX-License-Identifier: GPL-2.0-or-later
//
// banner: the server speaks first, and its first line begins as expected. The example of CONTRIBUTING.md.
#include <array>

#include "checkers/kind.hpp"
#include "checkers/line.hpp"
#include "checkers/reason.hpp"

namespace lvs::checkers {

namespace {

constexpr std::array kKeys{
    KeySpec{.key = "begins",
            .required = true,
            .min = 1,
            .max = 256,
            .doc = "How the first line begins.",
            .example = "\"SSH-2.0\""},
};

struct BannerPlan final : Plan {
    std::string begins;
    [[nodiscard]] std::unique_ptr<Probe> start(const Endpoint& target, std::uint64_t seed) const override;
};

class BannerProbe final : public Probe {
public:
    explicit BannerProbe(const BannerPlan& plan) : plan_(plan) {}
    Step on_connected() override { return Step::wait(); }
    Step on_data(std::span<const std::uint8_t> bytes) override {
        lines_.add(as_text(bytes));
        if (lines_.is_too_long()) return Step::done(Verdict::bad("expected one line, got more than 1 KiB"));
        const auto line = lines_.next();
        if (!line) return Step::wait();
        if (line->starts_with(plan_.begins)) return Step::done(Verdict::good("said " + quoted(*line)));
        return Step::done(Verdict::bad("expected " + quoted(plan_.begins) + ", got " + quoted(*line)));
    }

private:
    const BannerPlan& plan_;
    LineReader lines_;
};

std::unique_ptr<Probe> BannerPlan::start(const Endpoint& /*target*/, std::uint64_t /*seed*/) const {
    return std::make_unique<BannerProbe>(*this);
}

Result<PlanPtr> make_banner(const Params& params) {
    auto plan = std::make_shared<BannerPlan>();
    plan->begins = value_or<std::string>(params, "begins", "");
    if (plan->begins.empty() || plan->begins.size() > 256)
        return fail(std::errc::invalid_argument, "begins has 1 to 256 bytes");
    return plan;
}

}  // namespace

const Kind kBanner{{.kind = "banner",
                    .doc = "The server speaks first, and its first line begins as expected.",
                    .keys = kKeys,
                    .validate = validate_by<make_banner>},
                   make_banner};

}  // namespace lvs::checkers
