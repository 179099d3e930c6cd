// SPDX-License-Identifier: GPL-2.0-or-later
//
// Random lives of the servers of one service: verdicts, the operator's words and their expiry, drains, tiers, quorum,
// panic, the sorry server, slow start. After every step the desired table is what a model says that looks at the whole
// service anew each time and knows nothing of indices, sums or timers. A failure prints its seed.
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <random>

#include "tests/unit/engine/builder.hpp"

namespace lvs::engine {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kServers = 5;
constexpr std::uint8_t kModelTiers = 3;
constexpr int kSteps = 10;  // of a slow start

struct ModelServer {
    std::optional<bool> healthy;
    std::optional<AdminOverride> admin;
    std::optional<WeightOverride> weight;
    bool drains = false, drained = false;
    bool first = true, serves = false;
    std::optional<Time> rises;  // since when
    int configured = 1;
    std::uint8_t tier = 0;

    [[nodiscard]] int wanted() const { return weight ? weight->weight.value() : configured; }
    [[nodiscard]] bool ready() const { return !admin && healthy == true; }
};

bool takes_time(const std::optional<AdminOverride>& admin) {
    return admin && admin->mode != Admin::disabled;
}

// The service as a whole, written down from the essay of engine.hpp.
struct Model {
    config::VirtualService of;
    std::array<ModelServer, kServers> servers;
    bool quorum = false;

    void set_admin(std::size_t i, std::optional<AdminOverride> value) {
        auto& s = servers.at(i);
        const bool goes_on = takes_time(s.admin) && takes_time(value);
        s.drains = takes_time(value);
        if (!goes_on) s.drained = false;
        s.admin = std::move(value);
    }
    void pass(Time now) {
        for (std::size_t i = 0; i < kServers; ++i) {
            auto& s = servers.at(i);
            if (s.admin && s.admin->expires && *s.admin->expires <= now) set_admin(i, std::nullopt);
            if (s.weight && s.weight->expires && *s.weight->expires <= now) s.weight.reset();
            if (s.drains && s.admin->deadline && *s.admin->deadline <= now) s.drained = true;
        }
    }

    // Who serves from now on.
    void judge(Time now) {
        int total = 0, unknown = 0, ready = 0, weight = 0;
        for (const auto& s : servers) {
            if (s.admin) continue;
            ++total;
            unknown += s.healthy ? 0 : 1;
            ready += s.ready() ? 1 : 0;
            weight += s.ready() ? s.wanted() : 0;
        }
        const int step = static_cast<int>(of.quorum_hysteresis);
        quorum = weight >= static_cast<int>(of.quorum) + (quorum ? -step : step);
        panic = unknown == 0 && total > 0 && ready * 100 < int{of.panic_threshold} * total;
        sorry = !quorum && !panic && of.sorry_server;
        const auto last = last_tier();
        int serving = sorry_served_ ? 1 : 0;
        for (const auto& s : servers)
            serving += s.serves ? 1 : 0;
        const bool others = serving > 0;
        for (auto& s : servers) {
            const bool serve = !s.admin && (panic || (s.ready() && !sorry && s.tier <= last));
            if (serve != s.serves) {
                if (serve && !others && !s.first) revived_ = now;
                const bool revives = revived_ && now - *revived_ < of.slow_start;
                const bool rises = serve && others && !revives && !s.first && of.slow_start > 0s && !panic;
                s.rises = rises ? std::optional(now) : std::nullopt;
                s.first = s.first && !serve;
            }
            s.serves = serve;
        }
        sorry_served_ = sorry;
    }
    [[nodiscard]] int last_tier() const {
        int weight = 0;
        for (int tier = 0; tier < kModelTiers; ++tier) {
            for (const auto& s : servers)
                weight += s.ready() && s.tier == tier ? s.wanted() : 0;
            if (weight >= static_cast<int>(of.quorum)) return tier;
        }
        return kModelTiers;
    }

    [[nodiscard]] int weight_of(Time now, const ModelServer& s) const {
        if (!s.rises || s.wanted() <= 1) return s.wanted();
        const auto step = (now - *s.rises) * kSteps / of.slow_start;
        if (step >= kSteps) return s.wanted();
        return std::max(1, static_cast<int>(s.wanted() * std::max<std::int64_t>(step, 1) / kSteps));
    }
    [[nodiscard]] std::string table(Time now) const {
        std::map<std::string, int> want;
        for (std::size_t i = 0; i < kServers; ++i) {
            const auto& s = servers.at(i);
            const bool stays = s.admin ? s.drains && !s.drained
                                       : s.ready() || of.on_failure == config::OnFailure::weight0;
            if (s.serves || stays) want[to_string(of.servers[i].address)] = s.serves ? weight_of(now, s) : 0;
        }
        if (sorry) want["10.0.0.99:80"] = 1;
        std::string out;
        for (const auto& [address, weight] : want)
            out += (out.empty() ? "" : " ") + address + "=" + std::to_string(weight);
        return out;
    }

    bool panic = false, sorry = false;

private:
    bool sorry_served_ = false;
    std::optional<Time> revived_;
};

class Lives {
public:
    explicit Lives(unsigned seed) : random_(seed) {}

    void run(int steps) {
        begin();
        for (int i = 0; i < steps && !testing::Test::HasFailure(); ++i) {
            pass(Duration(1 + random_() % std::uint64_t{2'000'000'000}));
            act();
            model_.judge(now_);
            compare();
        }
    }
    std::map<std::string, int> seen;  // what the histories came across

private:
    int pick(int below) { return static_cast<int>(random_() % static_cast<unsigned>(below)); }
    std::optional<Time> some_time() {
        return pick(3) == 0 ? std::nullopt
                            : std::optional(now_ + Duration(1 + random_() % std::uint64_t{6'000'000'000}));
    }

    void begin() {
        auto& of = model_.of;
        std::vector<config::RealServer> servers;
        for (std::size_t i = 0; i < kServers; ++i) {
            auto& one = model_.servers.at(i);
            one.configured = 1 + pick(12);
            one.tier = static_cast<std::uint8_t>(pick(kModelTiers));
            servers.push_back(server("10.0.0." + std::to_string(i + 1) + ":80", one.configured));
            servers.back().tier = one.tier;
        }
        of = service("s", kVip, servers);
        of.quorum = static_cast<std::uint32_t>(1 + pick(20));
        of.quorum_hysteresis = static_cast<std::uint32_t>(pick(static_cast<int>(of.quorum)));
        of.panic_threshold = static_cast<std::uint8_t>(pick(3) == 0 ? 40 : 0);
        of.slow_start = pick(2) == 0 ? 5s : 0s;
        of.on_failure = pick(2) == 0 ? config::OnFailure::remove : config::OnFailure::weight0;
        if (pick(2) == 0) of.sorry_server = server("10.0.0.99:80", 1, {});
        engine_.configure(now_, config_of({of}), changes_);
        model_.judge(now_);
        compare();
    }

    // Every moment at which something is due has its turn, as in the daemon.
    void pass(Duration length) {
        const auto end = now_ + length;
        while (engine_.deadline() && *engine_.deadline() <= end) {
            now_ = std::max(now_, *engine_.deadline());
            engine_.advance(now_, changes_);
            model_.pass(now_);
            model_.judge(now_);
        }
        now_ = end;
        engine_.advance(now_, changes_);
        model_.pass(now_);
        model_.judge(now_);
        compare();
    }

    void act() {
        const auto i = static_cast<std::size_t>(pick(kServers));
        auto& s = model_.servers.at(i);
        const ServerId id{"s", model_.of.servers[i].address};
        switch (pick(6)) {
            case 0:
            case 1:
            case 2:
                s.healthy = pick(3) != 0;
                engine_.on_verdict(now_, engine_.checks().at(i).id, *s.healthy, "said so", changes_);
                break;
            case 3: {
                std::optional<AdminOverride> word;
                if (pick(3) != 0) {
                    word = AdminOverride{static_cast<Admin>(pick(3)), "so", some_time(), std::nullopt};
                    if (word->mode != Admin::disabled) word->deadline = some_time();
                }
                engine_.set_admin(now_, id, word, changes_);
                model_.set_admin(i, word);
                break;
            }
            case 4: {
                std::optional<WeightOverride> word;
                if (pick(3) != 0) word = WeightOverride{*Weight::make(pick(30)), "so", some_time()};
                engine_.set_weight(now_, id, word, changes_);
                s.weight = word;
                break;
            }
            default:
                look_at_kernel();
        }
    }

    // The kernel has what was desired; some of those that drain have no connection left.
    void look_at_kernel() {
        auto table = engine_.desired();
        for (auto& [key, entry] : table)
            for (auto& [dest, value] : entry.dests)
                value.active_connections = static_cast<std::uint32_t>(pick(2) * 3);
        for (std::size_t i = 0; i < kServers; ++i) {
            auto& s = model_.servers.at(i);
            const auto& dests = table.begin()->second.dests;
            const auto found = dests.find({model_.of.servers[i].address});
            if (s.drains && found != dests.end() && found->second.active_connections == 0) s.drained = true;
        }
        engine_.on_kernel(now_, table, changes_);
    }

    void compare() {
        EXPECT_EQ(dests(engine_, kVip), model_.table(now_));
        EXPECT_EQ(engine_.has_quorum("s"), model_.quorum);
        seen["quorum"] += model_.quorum ? 1 : 0;
        seen["panic"] += model_.panic ? 1 : 0;
        seen["sorry"] += model_.sorry ? 1 : 0;
        for (const auto& s : model_.servers) {
            seen["rising"] += s.serves && s.rises && weight_rises(s) ? 1 : 0;
            seen["drained"] += s.drained ? 1 : 0;
            seen["draining"] += s.drains && !s.drained ? 1 : 0;
            seen["standby"] += s.ready() && !s.serves && !model_.sorry ? 1 : 0;
            seen["set weight"] += s.weight ? 1 : 0;
        }
    }
    [[nodiscard]] bool weight_rises(const ModelServer& s) const {
        return model_.weight_of(now_, s) < s.wanted();
    }

    std::mt19937_64 random_;
    Engine engine_;
    Changes changes_;
    Model model_;
    Time now_{};
};

TEST(EngineLives, AgreeWithTheNaiveModel) {
    std::map<std::string, int> seen;
    for (unsigned seed = 1; seed <= 80; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Lives lives(seed);
        lives.run(120);
        for (const auto& [what, times] : lives.seen)
            seen[what] += times;
        if (HasFailure()) return;
    }
    for (const auto& [what, times] : seen)
        EXPECT_GT(times, 200) << what << " was hardly ever met, so little is proved about it";
}

}  // namespace
}  // namespace lvs::engine
