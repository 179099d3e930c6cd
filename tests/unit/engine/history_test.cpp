// SPDX-License-Identifier: GPL-2.0-or-later
//
// Random histories of reloads and verdicts, against a model that is too simple to be wrong: after every step the
// desired table is what the last verdicts and the last configuration say. A failure prints its seed.
#include <gtest/gtest.h>

#include <map>
#include <random>

#include "tests/unit/engine/builder.hpp"

namespace lvs::engine {
namespace {

using namespace std::chrono_literals;

class History {
   public:
    explicit History(unsigned seed) : random_(seed) {}

    void run(int steps) {
        reload();
        for (int i = 0; i < steps && !testing::Test::HasFailure(); ++i) {
            now_ += 1ms;
            if (pick(10) == 0)
                reload();
            else
                one_verdict();
            compare();
        }
    }

   private:
    int pick(int below) { return static_cast<int>(random_() % static_cast<unsigned>(below)); }

    config::VirtualService random_service(int number) {
        std::vector<config::RealServer> servers;
        for (int i = 1; i <= 4; ++i)
            if (pick(3) != 0)
                servers.push_back(server("10.0.0." + std::to_string(i) + ":80", 1 + pick(3),
                                         pick(5) == 0 ? std::vector<config::Check>{}
                                                      : std::vector{tcp_check(static_cast<std::uint16_t>(80 + pick(2)))}));
        auto out = service("s" + std::to_string(number), "192.0.2." + std::to_string(number) + ":80", servers);
        if (pick(2) == 0) out.sorry_server = server("10.0.0.99:80", 1, {});
        out.drain_timeout = {};  // who leaves, leaves at once; drains have a history of their own
        out.on_failure = pick(2) == 0 ? config::OnFailure::remove : config::OnFailure::weight0;
        return out;
    }

    void reload() {
        std::vector<config::VirtualService> services;
        for (int i = 1; i <= 3; ++i)
            if (pick(4) != 0) services.push_back(random_service(i));
        config_ = config_of(services);
        Changes changes;
        engine_.configure(now_, config_, changes);
        std::map<std::string, bool> kept;  // a check that is not wanted for a while is forgotten
        for (const auto& wanted : engine_.checks())
            if (const auto found = verdicts_.find(to_string(wanted.target)); found != verdicts_.end())
                kept.insert(*found);
        verdicts_ = kept;
        // A server that was up or down stays so over a reload until every check of it has spoken.
        std::map<std::string, bool> states;
        for (const auto& service : engine_.services())
            for (const auto& s : service.servers)
                if (!s.is_sorry && s.state != ServerState::starting)
                    states[service.config->name + to_string(s.address)] = s.state == ServerState::up;
        held_ = states;
    }

    void one_verdict() {
        const auto checks = engine_.checks();
        if (checks.empty()) return;
        const auto& wanted = checks[static_cast<std::size_t>(pick(static_cast<int>(checks.size())))];
        const bool up = pick(2) == 0;
        verdicts_[to_string(wanted.target)] = up;
        Changes changes;
        engine_.on_verdict(now_, wanted.id, up, "said so", changes);
    }

    bool expect_up(const config::VirtualService& service, const config::RealServer& s) {
        if (s.checks.empty()) return true;
        const Endpoint target{s.address.address, s.checks[0].port.value_or(s.address.port)};
        const auto said = verdicts_.find(to_string(target));
        const auto key = service.name + to_string(s.address);
        if (said != verdicts_.end()) return held_[key] = said->second;
        const auto held = held_.find(key);
        return held != held_.end() && held->second;
    }

    void compare() {
        for (const auto& service : config_.services) {
            std::map<std::string, int> want;
            bool any = false;
            for (const auto& s : service.servers) {
                const bool up = expect_up(service, s);
                any = any || up;
                if (up || service.on_failure == config::OnFailure::weight0)
                    want[to_string(s.address)] = up ? s.weight.value() : 0;
            }
            if (!any && service.sorry_server) want["10.0.0.99:80"] = 1;
            std::string text;
            for (const auto& [address, weight] : want)
                text += (text.empty() ? "" : " ") + address + "=" + std::to_string(weight);
            EXPECT_EQ(dests(engine_, to_string(std::get<Endpoint>(service.match))), text) << service.name;
        }
        EXPECT_EQ(engine_.desired().size(), config_.services.size());
    }

    std::mt19937 random_;
    Engine engine_;
    config::Config config_;
    std::map<std::string, bool> verdicts_;
    std::map<std::string, bool> held_;
    Time now_{};
};

TEST(EngineHistory, AgreesWithTheNaiveModel) {
    for (unsigned seed = 1; seed <= 300; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        History(seed).run(60);
        if (HasFailure()) return;
    }
}

}  // namespace
}  // namespace lvs::engine
