// SPDX-License-Identifier: GPL-2.0-or-later
//
// lvs_metrics: what lvsd measures, as text for Prometheus.
//
//   Snapshot (lvsd/state) --+--> Exposition --slices--> Server (server.hpp) --HTTP--> whoever scrapes
//   Stats (here)          --+
//
// Stats holds what is measured all the time and has no place in the state: durations as histograms, counts.
// Main owns the one Stats and has it filled where things are learned; every member is bounded. A new
// measurement is a member here and a row of the tables in families.cpp.
//
// Exposition writes slices: with 10,000 servers a scrape is more than 10 MB, and the loop has other things to
// do between two of them. It keeps the snapshot it was made from, so all slices are of one moment.
//
// Two forms, told apart by what the scraper accepts: OpenMetrics 1.0 and the older text format 0.0.4. Units
// are base units (seconds, bytes); counters end in _total. Pure: no clock, no I/O. Standards:
// OpenMetrics 1.0.0; Prometheus exposition formats, text format 0.0.4.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lvsd/state/state.hpp"

namespace lvs::metrics {

// ---- what is measured -----------------------------------------------------------------------------------

class Histogram {
public:
    // Upper bounds of the buckets in seconds; beyond the last is +Inf.
    static constexpr std::array<double, 15> kBounds{
        0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10};
    void observe(Duration value);
    [[nodiscard]] std::uint64_t count() const { return count_; }
    [[nodiscard]] double sum() const { return sum_; }
    // How many were at most kBounds[i].
    [[nodiscard]] std::uint64_t at_most(std::size_t i) const;

private:
    std::array<std::uint64_t, kBounds.size()> counts_{};
    std::uint64_t count_ = 0;
    double sum_ = 0;
};

// A counter or histogram for each of few names; a name too many is counted under "other".
template <class T>
class ByName {
public:
    static constexpr std::size_t kMax = 64;
    [[nodiscard]] T& operator[](std::string_view name) {
        if (const auto found = items_.find(name); found != items_.end()) return found->second;
        return items_[items_.size() < kMax ? std::string(name) : std::string("other")];
    }
    [[nodiscard]] auto begin() const { return items_.begin(); }
    [[nodiscard]] auto end() const { return items_.end(); }

private:
    std::map<std::string, T, std::less<>> items_;
};

struct Stats {
    ByName<std::uint64_t> events;      // by name of the event
    ByName<Histogram> check_duration;  // by kind
    struct CheckLag {                  // how late checks start, as the checker last said
        Duration p50{}, p99{}, max{};
        std::uint32_t running = 0;
    } check_lag;
    std::uint64_t checks_started = 0;
    std::uint64_t checks_unchecked = 0;  // not carried out: a fault on our side
    Histogram plan_duration;             // engine and difference, without the kernel
    Histogram apply_duration;            // from the first request to the kernel to the last answer
    Histogram read_duration;             // reading the kernel's whole table
    Histogram read_part_duration;        // reading some services of it
    std::uint64_t commands = 0;          // to the kernel
    std::uint64_t apply_failures = 0;
    Histogram loop_delay;  // how late the main loop serves a timer
    struct Notify {
        ByName<std::uint64_t> runs;  // by result: ok, failed, timeout, not-started
        std::uint64_t dropped = 0;
        std::uint64_t waiting = 0;
    } notify;
    std::uint64_t scrapes = 0;
};

// ---- as text --------------------------------------------------------------------------------------------

enum class Format : std::uint8_t { text, open_metrics };
[[nodiscard]] std::string_view content_type(Format format);
// From the request's Accept header.
[[nodiscard]] Format format_for(std::string_view accept);

class Exposition {
public:
    Exposition(std::shared_ptr<const state::Snapshot> snapshot, Stats stats, Format format);
    ~Exposition();
    Exposition(Exposition&&) noexcept;
    Exposition& operator=(Exposition&&) noexcept;

    // Appends the next part, about `size` bytes. False: that was the last.
    [[nodiscard]] bool next(std::string& out, std::size_t size);

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

// Every family there is, without suffixes; for tests and documentation.
[[nodiscard]] std::vector<std::string> family_names();

}  // namespace lvs::metrics
