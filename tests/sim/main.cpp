// SPDX-License-Identifier: GPL-2.0-or-later
//
// vrrp_sim [--count N] [--first SEED] [--jobs N] [--seed SEED]
//
// Runs N schedules, one per seed, on that many threads (0: one per CPU). The first that fails is run again
// with its transcript, and the program ends with 1.
// --seed runs one schedule and always prints the transcript.
#include <fmt/core.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <thread>

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

class Batch {
public:
    Batch(std::uint64_t first, std::uint64_t count) : next_(first), end_(first + count), failed_(end_) {}
    // Until all are done or one fails; then the seeds below it are still done, so that the lowest is found.
    void work() {
        for (std::uint64_t seed; (seed = next_++) < failed_;) {
            lvs::sim::Simulation simulation(seed, false);
            if (!simulation.run().empty()) note_failure(seed);
            steps_ += simulation.steps();
        }
    }
    [[nodiscard]] bool fine() const { return failed_ == end_; }
    [[nodiscard]] std::uint64_t failed() const { return failed_; }
    [[nodiscard]] std::uint64_t steps() const { return steps_; }

private:
    void note_failure(std::uint64_t seed) {
        std::uint64_t lowest = failed_;
        while (seed < lowest && !failed_.compare_exchange_weak(lowest, seed)) {
        }
    }
    std::atomic<std::uint64_t> next_;
    const std::uint64_t end_;
    std::atomic<std::uint64_t> failed_;
    std::atomic<std::uint64_t> steps_{0};
};

int run_many(std::uint64_t first, std::uint64_t count, unsigned jobs) {
    if (jobs == 0) jobs = std::max(1U, std::thread::hardware_concurrency());
    Batch batch(first, count);
    std::vector<std::thread> threads;
    for (unsigned i = 1; i < jobs; ++i)
        threads.emplace_back([&batch] { batch.work(); });
    batch.work();
    for (auto& thread : threads)
        thread.join();
    if (batch.fine()) {
        fmt::print("{} schedules, {} steps\n", count, batch.steps());
        return 0;
    }
    (void)replay(batch.failed());
    fmt::print("seed {0} fails; again with: vrrp_sim --seed {0}\n", batch.failed());
    return 1;
}

}  // namespace

int main(int argc, char** argv) {
    std::uint64_t count = 10'000, first = 1, jobs = 1;
    for (int i = 1; i + 1 < argc; i += 2) {
        const auto value = std::strtoull(argv[i + 1], nullptr, 10);
        if (std::strcmp(argv[i], "--seed") == 0) return replay(value);
        if (std::strcmp(argv[i], "--count") == 0) count = value;
        if (std::strcmp(argv[i], "--first") == 0) first = value;
        if (std::strcmp(argv[i], "--jobs") == 0) jobs = value;
    }
    return run_many(first, count, static_cast<unsigned>(jobs));
}
