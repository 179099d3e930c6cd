// SPDX-License-Identifier: GPL-2.0-or-later
//
// The families of metrics as tables: name, type, help, and how a row of the state becomes samples. Private to
// lvs_metrics.
#pragma once

#include <concepts>
#include <span>

#include "lvsd/metrics/metrics.hpp"

namespace lvs::metrics {

enum class Type : std::uint8_t { gauge, counter, histogram };

// Writes the samples of one family, one row after the other.
class Samples {
public:
    Samples(std::string& out, std::string_view family, Type type) : out_(out), family_(family), type_(type) {}

    void labels(std::string_view labels) { labels_ = labels; }  // of the row: `service="web"`; may be empty

    // `extra` are more labels: `reason="ttl"`.
    void add(double value, std::string_view extra = {});
    template <std::integral T>
    void add(T value, std::string_view extra = {}) {
        integer(static_cast<std::uint64_t>(value), extra);
    }
    void add(Duration seconds, std::string_view extra = {});
    void add(state::WallTime time, std::string_view extra = {});  // never: no sample
    void add(const Histogram& histogram, std::string_view extra = {});

private:
    void integer(std::uint64_t value, std::string_view extra);
    void begin(std::string_view suffix, std::string_view extra);
    std::string& out_;
    std::string_view family_;
    Type type_;
    std::string_view labels_;
};

[[nodiscard]] std::string label(std::string_view name, std::string_view value);  // escaped

struct DaemonRow {
    const state::Snapshot& snapshot;
    const Stats& stats;
};
struct RouterRow {
    const state::Snapshot& snapshot;
    const state::Router& router;
    const state::RouterInstance& instance;
};
struct ServiceRow {
    const state::Snapshot& snapshot;
    const state::Service& service;
};
struct ServerRow {
    const state::Snapshot& snapshot;
    const state::Service& service;
    const state::Server& server;
};
struct CheckRow {
    const state::Snapshot& snapshot;
    const state::Service& service;
    const state::Server& server;
    const state::Check& check;
    std::size_t number;  // of the server's checks, from 1: two may have one kind and target
};

template <class Row>
struct Family {
    std::string_view name;  // without _total
    Type type;
    std::string_view help;
    void (*write)(Samples& out, const Row& row);
};

template <class Row>
[[nodiscard]] std::span<const Family<Row>> families();
template <>
std::span<const Family<DaemonRow>> families<DaemonRow>();
template <>
std::span<const Family<RouterRow>> families<RouterRow>();
template <>
std::span<const Family<ServiceRow>> families<ServiceRow>();
template <>
std::span<const Family<ServerRow>> families<ServerRow>();
template <>
std::span<const Family<CheckRow>> families<CheckRow>();

}  // namespace lvs::metrics
