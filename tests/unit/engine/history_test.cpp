// SPDX-License-Identifier: GPL-2.0-or-later
//
// Random histories of configurations and verdicts, against a model that remembers every verdict by what was
// checked and works the table out from nothing each time.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "lvsd/engine/engine.hpp"

namespace lvs::engine {
namespace {

using namespace std::chrono_literals;

class History {
public:
    explicit History(std::uint32_t seed) : random_(seed) {}

    void step() {
        now_ += 1s;
        effects_.clear();
        const auto table_before = engine_.desired();
        const auto checks_before = engine_.checks();
        if (below(8) == 0)
            configure();
        else
            verdict();
        expect_effects(table_before, checks_before);
        expect_table();
    }

private:
    using CheckName = std::tuple<Endpoint, std::string, Duration>;  // the model's idea of the same check

    std::uint32_t below(std::uint32_t limit) {
        return std::uniform_int_distribution<std::uint32_t>(0, limit - 1)(random_);
    }
    config::Check random_check() {
        config::Check out;
        out.kind = below(2) == 0 ? "tcp" : "http";
        out.interval = std::chrono::seconds(1 + below(2));
        if (below(4) == 0) out.port = static_cast<std::uint16_t>(9000 + below(2));
        return out;
    }
    config::RealServer random_server(std::uint32_t number) {
        config::RealServer out;
        out.address = {IpAddress::from_v4(0x0a000001U + number), 80};
        out.weight = *Weight::make(1 + below(3));
        for (auto n = below(3); n > 0; --n)
            out.checks.push_back(random_check());
        return out;
    }
    void configure() {
        config_.services.clear();
        for (std::uint32_t s = 0; s < 3; ++s) {
            if (below(4) == 0) continue;
            config::VirtualService service;
            service.name = "s" + std::to_string(s);
            service.match = Endpoint{IpAddress::from_v4(0xc0000201U + s), 80};
            service.on_failure = below(2) == 0 ? config::OnFailure::weight0 : config::OnFailure::remove;
            for (std::uint32_t n = 0; n < 4; ++n)
                if (below(2) == 0) service.servers.push_back(random_server(n));
            if (below(2) == 0) service.sorry_server = random_server(7);
            config_.services.push_back(service);
        }
        engine_.configure(now_, config_, effects_);
        forget_verdicts_of_checks_gone();
    }
    void verdict() {
        const auto checks = engine_.checks();
        if (checks.empty()) return;
        const auto& check = checks[below(static_cast<std::uint32_t>(checks.size()))];
        const bool up = below(2) == 0;
        verdicts_[name_of(check.check, check.target)] = up;
        engine_.on_verdict(now_, {check.id, up, "r"}, effects_);
    }

    static CheckName name_of(const config::Check& check, const Endpoint& target) {
        return {target, check.kind, check.interval};
    }
    static CheckName name_of(const config::Check& check, const config::RealServer& server) {
        return name_of(check, Endpoint{server.address.address, check.port.value_or(server.address.port)});
    }
    template <class F>
    void each_server(const config::VirtualService& service, F f) {
        for (const auto& server : service.servers)
            f(server, false);
        if (service.sorry_server) f(*service.sorry_server, true);
    }
    void forget_verdicts_of_checks_gone() {
        std::map<CheckName, bool> kept;
        for (const auto& service : config_.services)
            each_server(service, [&](const config::RealServer& server, bool) {
                for (const auto& check : server.checks)
                    if (const auto found = verdicts_.find(name_of(check, server)); found != verdicts_.end())
                        kept.insert(*found);
            });
        verdicts_ = std::move(kept);
    }

    // 'd' a check failed, 'u' all passed, '?' some have not spoken.
    char health(const config::RealServer& server) {
        char out = 'u';
        for (const auto& check : server.checks) {
            const auto found = verdicts_.find(name_of(check, server));
            if (found == verdicts_.end() && out == 'u') out = '?';
            if (found != verdicts_.end() && !found->second) out = 'd';
        }
        return out;
    }

    void expect_table() {
        std::map<std::tuple<Endpoint, Endpoint, bool>, bool> serving;
        ipvs::Table expected;
        for (const auto& service : config_.services) {
            const auto match = std::get<Endpoint>(service.match);
            auto& entry = expected[service_key(service)];
            entry.settings = service_settings(service);
            bool any_up = false, any_starting = false;
            each_server(service, [&](const config::RealServer& server, bool is_sorry) {
                const bool before = serving_[{match, server.address, is_sorry}];
                const auto state = health(server);
                bool in_use = state == 'u' || (state == '?' && before);
                if (is_sorry) in_use = in_use && !any_up && (before || !any_starting);
                if (!is_sorry) {
                    any_up = any_up || in_use;
                    any_starting = any_starting || (state == '?' && !in_use);
                }
                serving[{match, server.address, is_sorry}] = in_use;
                const int weight = in_use ? server.weight.value() : 0;
                if (in_use || service.on_failure == config::OnFailure::weight0)
                    entry.dests[{server.address}].settings = dest_settings(server, weight);
            });
        }
        serving_ = std::move(serving);
        ASSERT_TRUE(ipvs::same_settings(engine_.desired(), expected));
    }

    void expect_effects(const ipvs::Table& table_before, const std::vector<CheckWanted>& checks_before) {
        std::size_t tables = 0, checks = 0;
        bool ok = true;
        for (const auto& effect : effects_) {
            tables += std::holds_alternative<TableChanged>(effect) ? 1 : 0;
            checks += std::holds_alternative<ChecksChanged>(effect) ? 1 : 0;
            if (const auto* s = std::get_if<ServerChanged>(&effect)) ok = ok && s->from != s->to;
            if (const auto* s = std::get_if<ServiceChanged>(&effect)) ok = ok && s->from != s->to;
        }
        ASSERT_TRUE(ok) << "a change from a state to itself";
        ASSERT_EQ(tables, ipvs::same_settings(table_before, engine_.desired()) ? 0U : 1U);
        ASSERT_EQ(checks, checks_before == engine_.checks() ? 0U : 1U);
    }

    std::mt19937 random_;
    Time now_{1000s};
    config::Config config_;
    Engine engine_;
    Effects effects_;
    std::map<CheckName, bool> verdicts_;
    std::map<std::tuple<Endpoint, Endpoint, bool>, bool> serving_;
};

TEST(EngineHistory, AgreesWithAModelThatWorksEverythingOutAnew) {
    const std::uint32_t fresh = std::random_device{}() & 0x7fffffffU;
    for (std::uint32_t i = 0; i < 200 && !::testing::Test::HasFatalFailure(); ++i) {
        const auto seed = i < 100 ? i : fresh + i;
        SCOPED_TRACE("seed " + std::to_string(seed));
        History history(seed);
        for (int n = 0; n < 150 && !::testing::Test::HasFatalFailure(); ++n)
            history.step();
    }
}

}  // namespace
}  // namespace lvs::engine
