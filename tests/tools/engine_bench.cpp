// SPDX-License-Identifier: GPL-2.0-or-later
//
// engine_bench SERVICES SERVERS: what the engine and a plan cost, each as one JSON line with milliseconds.
#include <fmt/core.h>

#include <chrono>
#include <cstdlib>

#include "lvsd/engine/plan.hpp"

namespace {

using namespace lvs;

config::Config make(unsigned services, unsigned servers, std::int64_t weight_of_first) {
    config::Config out;
    config::Check check;
    check.kind = "http";
    check.params.emplace("path", std::string("/healthz"));
    for (unsigned i = 0; i < services; ++i) {
        config::VirtualService service;
        service.name = fmt::format("service-{}", i);
        service.match = Endpoint{IpAddress::from_v4(0x0a640000U + i), 80};
        for (unsigned j = 0; j < servers; ++j) {
            config::RealServer server;
            server.address = {IpAddress::from_v4(0x0b000000U + i * servers + j), 80};
            if (i == 0 && j == 0) server.weight = Weight::make(weight_of_first).value();
            server.checks = {check};
            service.servers.push_back(std::move(server));
        }
        out.services.push_back(std::move(service));
    }
    return out;
}

template <class Work>
void measure(const char* what, Work work) {
    const auto begin = std::chrono::steady_clock::now();
    const auto count = work();
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;
    fmt::print("{{\"what\": \"{}\", \"ms\": {:.2f}, \"changes\": {}}}\n", what, took.count(), count);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    const auto services = static_cast<unsigned>(std::atoi(argv[1]));
    const auto servers = static_cast<unsigned>(std::atoi(argv[2]));
    engine::Engine engine;
    engine::Changes changes;
    const auto config = make(services, servers, 1);
    const auto changed = make(services, servers, 2);
    auto same = config;
    measure("cold start of the engine", [&] {
        engine.configure(Time{}, config, changes);
        return engine.take_touched().size();
    });
    const auto checks = engine.checks();
    measure("first verdict of every check", [&] {
        for (const auto& wanted : checks)
            engine.on_verdict(Time{}, wanted.id, true, "fine", changes);
        return engine.take_touched().size();
    });
    const auto kernel = engine.desired();
    ipvs::Owned owned;
    for (const auto& [key, service] : kernel)
        owned.insert(owned.end(), key);
    measure("plan, nothing changed",
            [&] { return engine::make_plan(Time{}, engine, same, kernel, owned).kernel.size(); });
    measure("engine, nothing changed", [&] {
        engine.configure(Time{}, std::move(same), changes);
        return engine.take_touched().size();
    });
    measure("plan, one service changed",
            [&] { return engine::make_plan(Time{}, engine, changed, kernel, owned).kernel.size(); });
    measure("engine, one service changed", [&] {
        engine.configure(Time{}, changed, changes);
        return engine.take_touched().size();
    });
    return 0;
}
