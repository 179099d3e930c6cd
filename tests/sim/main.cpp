// SPDX-License-Identifier: GPL-2.0-or-later
//
// vrrp_sim [--count N] [--first SEED] [--seed SEED]
//
// Runs N schedules, one per seed. The first that fails is run again with its transcript, and the program ends
// with 1.
// --seed runs one schedule and always prints the transcript.
#include <fmt/core.h>

#include <cstdlib>
#include <cstring>

#include "tests/sim/sim.hpp"

namespace {

int replay(std::uint64_t seed) {
    lvs::sim::Simulation simulation(seed, true);
    const auto failure = simulation.run();
    for (const auto& line : simulation.transcript())
        fmt::print("{}\n", line);
    fmt::print("{}\n", failure.empty() ? "fine" : "FAILED: " + failure);
    return failure.empty() ? 0 : 1;
}

int run_many(std::uint64_t first, std::uint64_t count) {
    std::uint64_t steps = 0;
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
        lvs::sim::Simulation simulation(seed, false);
        const auto failure = simulation.run();
        steps += simulation.steps();
        if (failure.empty()) continue;
        replay(seed);
        fmt::print("seed {}: {}\nagain with: vrrp_sim --seed {}\n", seed, failure, seed);
        return 1;
    }
    fmt::print("{} schedules, {} steps\n", count, steps);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    std::uint64_t count = 10'000, first = 1;
    for (int i = 1; i + 1 < argc; i += 2) {
        const auto value = std::strtoull(argv[i + 1], nullptr, 10);
        if (std::strcmp(argv[i], "--seed") == 0) return replay(value);
        if (std::strcmp(argv[i], "--count") == 0) count = value;
        if (std::strcmp(argv[i], "--first") == 0) first = value;
    }
    return run_many(first, count);
}
