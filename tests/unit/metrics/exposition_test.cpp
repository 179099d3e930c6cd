// SPDX-License-Identifier: GPL-2.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <set>
#include <sstream>

#include "../state/sample.hpp"
#include "lvsd/metrics/metrics.hpp"

namespace lvs::metrics {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

std::string whole(state::Snapshot snapshot, const Stats& stats = {}, Format format = Format::text,
                  std::size_t slice = 1000) {
    Exposition exposition(std::make_shared<const state::Snapshot>(std::move(snapshot)), stats, format);
    std::string out;
    while (exposition.next(out, slice)) {
    }
    return out;
}

std::vector<std::string> lines(const std::string& text) {
    std::vector<std::string> out;
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);)
        out.push_back(line);
    return out;
}

Stats busy() {
    Stats stats;
    stats.events["vrrp-state"] = 3;
    stats.check_duration["http"].observe(3ms);
    stats.check_duration["http"].observe(20s);
    stats.check_lag = {1ms, 2ms, 3ms, 4};
    stats.notify.runs["ok"] = 6;
    return stats;
}

TEST(Exposition, SamplesOfEveryKind) {
    const auto text = whole(state::sample(), busy());
    for (const auto* expected :
         {"lvsd_build_info{version=\"0.1.0\"} 1\n", "lvsd_events_total{event=\"vrrp-state\"} 3\n",
          "# TYPE lvsd_events_total counter\n", "lvsd_ipvs_drift_repairs_total 3\n",
          "lvsd_vrrp_master{router=\"web\",family=\"ipv4\"} 1\n",
          "lvsd_vrrp_adverts_ignored_total{router=\"web\",family=\"ipv6\",reason=\"ttl\"} 2\n",
          "lvsd_vrrp_state_age_seconds{router=\"web\",family=\"ipv4\"} 7\n",
          "lvsd_vrrp_advert_interval_seconds{router=\"web\",family=\"ipv4\"} 0.1\n",
          "lvsd_service_state{service=\"http\",state=\"degraded\"} 1\n",
          "lvsd_service_connections_total{service=\"mark\"} 200\n",
          "lvsd_server_up{service=\"http\",server=\"10.0.0.1:80\"} 1\n",
          "lvsd_server_up{service=\"http\",server=\"10.0.0.2:80\"} 0\n",
          "lvsd_server_state{service=\"http\",server=\"10.0.0.9:80\",sorry=\"true\",state=\"standby\"} 1\n",
          "lvsd_server_in_bytes_total{service=\"http\",server=\"10.0.0.1:80\"} 103\n",
          "lvsd_check_runs_total{service=\"http\",server=\"10.0.0.1:80\",kind=\"http\","
          "target=\"http://10.0.0.1/health\",check=\"1\"} 50\n",
          "lvsd_check_lag_seconds{which=\"p99\"} 0.002\n", "lvsd_vrrp_discarded_total{reason=\"vrid\"} 5\n",
          "lvsd_notify_runs_total{result=\"ok\"} 6\n",
          "lvsd_vrrp_late_adverts_total{router=\"web\",family=\"ipv6\"} 4\n",
          "lvsd_vrrp_worst_advert_lateness_seconds{router=\"web\",family=\"ipv4\"} 0.0055\n",
          "lvsd_server_out_packet_rate{service=\"http\",server=\"10.0.0.1:80\"} 107\n",
          "lvsd_server_overridden{service=\"http\",server=\"10.0.0.1:80\",override=\"weight\"} 1\n",
          "lvsd_check_last_lag_seconds{service=\"http\",server=\"10.0.0.1:80\",kind=\"http\","
          "target=\"http://10.0.0.1/health\",check=\"1\"} 5.6e-05\n"})
        EXPECT_THAT(text, HasSubstr(expected));
}

TEST(Exposition, HistogramsAddUp) {
    const auto text = whole(state::sample(), busy());
    for (const auto* expected : {"lvsd_check_duration_seconds_bucket{kind=\"http\",le=\"0.0025\"} 0\n",
                                 "lvsd_check_duration_seconds_bucket{kind=\"http\",le=\"0.005\"} 1\n",
                                 "lvsd_check_duration_seconds_bucket{kind=\"http\",le=\"10\"} 1\n",
                                 "lvsd_check_duration_seconds_bucket{kind=\"http\",le=\"+Inf\"} 2\n",
                                 "lvsd_check_duration_seconds_sum{kind=\"http\"} 20.003\n",
                                 "lvsd_check_duration_seconds_count{kind=\"http\"} 2\n"})
        EXPECT_THAT(text, HasSubstr(expected));
    Histogram edge;
    edge.observe(-1s);
    edge.observe(std::chrono::microseconds(100));
    EXPECT_EQ(edge.at_most(0), 2U) << "a bound belongs to its bucket, and time never counts below zero";
}

// No two samples have the same name and labels, every sample follows its family's head, each family comes
// once.
void expect_well_formed(const std::string& text) {
    std::set<std::string> seen, families;
    std::string family;
    for (const auto& line : lines(text)) {
        if (line.starts_with("# TYPE ")) {
            family = line.substr(7, line.find(' ', 7) - 7);
            EXPECT_TRUE(families.insert(family).second) << family << " comes twice";
        } else if (!line.starts_with("#")) {
            EXPECT_TRUE(line.starts_with(family)) << line << " is not of " << family;
            EXPECT_TRUE(seen.insert(line.substr(0, line.rfind(' '))).second) << line << " comes twice";
        }
    }
    EXPECT_GT(seen.size(), 50U);
}

TEST(Exposition, EverySampleOnceInItsFamily) {
    expect_well_formed(whole(state::sample(), busy()));
    expect_well_formed(whole(state::sample(), busy(), Format::open_metrics));
    auto twins =
        state::sample();  // a sorry server with a server's address, two checks of one kind and target
    twins.services[0].servers[2].address = twins.services[0].servers[0].address;
    auto& checks = twins.services[0].servers[0].checks;
    checks.push_back(checks[0]);
    expect_well_formed(whole(std::move(twins)));
}

TEST(Exposition, SlicesMakeTheSameText) {
    const auto at_once = whole(state::sample(), busy(), Format::text, 1U << 20U);
    for (const std::size_t slice : {1U, 17U, 100U, 4096U})
        EXPECT_EQ(whole(state::sample(), busy(), Format::text, slice), at_once) << slice;
}

TEST(Exposition, NoSliceIsMuchTooLarge) {
    Exposition exposition(std::make_shared<const state::Snapshot>(state::large_sample(200, 5)), busy(),
                          Format::text);
    std::size_t slices = 0;
    for (bool more = true; more; ++slices) {
        std::string out;
        more = exposition.next(out, 10'000);
        EXPECT_LT(out.size(), 10'000U + 5'000U);
    }
    EXPECT_GT(slices, 100U);
}

TEST(Exposition, OpenMetricsEndsWithEofAndNamesCountersWithoutTotal) {
    const auto text = whole(state::sample(), busy(), Format::open_metrics);
    EXPECT_TRUE(text.ends_with("\n# EOF\n"));
    EXPECT_THAT(text, HasSubstr("# TYPE lvsd_events counter\n"));
    EXPECT_THAT(text, HasSubstr("\nlvsd_events_total{event=\"vrrp-state\"} 3\n"));
    EXPECT_EQ(whole(state::sample()).find("# EOF"), std::string::npos);
}

TEST(Exposition, LabelsAreEscaped) {
    auto snapshot = state::sample();
    snapshot.services[0].name = "a\"b\\c\nd\xff";
    EXPECT_THAT(whole(std::move(snapshot)), HasSubstr("{service=\"a\\\"b\\\\c\\nd\xEF\xBF\xBD\"} "));
}

TEST(Exposition, AnEmptyStateIsFine) {
    const auto text = whole(state::Snapshot{});
    EXPECT_THAT(text, HasSubstr("lvsd_build_info"));
    EXPECT_EQ(text.find("lvsd_server_up"), std::string::npos);
    EXPECT_EQ(text.find("lvsd_start_time_seconds 0"), std::string::npos) << "never is no time";
}

TEST(Exposition, FamilyNamesAreUnique) {
    const auto names = family_names();
    EXPECT_EQ(std::set<std::string>(names.begin(), names.end()).size(), names.size());
    for (const auto& name : names)
        EXPECT_FALSE(name.ends_with("_total")) << name;
}

TEST(Exposition, FormatFollowsTheAcceptHeader) {
    EXPECT_EQ(format_for(""), Format::text);
    EXPECT_EQ(format_for("text/plain;version=0.0.4"), Format::text);
    EXPECT_EQ(format_for("application/openmetrics-text;version=1.0.0,text/plain;q=0.5"),
              Format::open_metrics);
}

TEST(ByName, IsBounded) {
    ByName<std::uint64_t> counts;
    for (int i = 0; i < 1000; ++i)
        ++counts[std::to_string(i)];
    EXPECT_EQ(std::distance(counts.begin(), counts.end()),
              static_cast<std::ptrdiff_t>(ByName<int>::kMax + 1));
    EXPECT_EQ(counts["other"], 1000U - ByName<int>::kMax);
    EXPECT_EQ(counts["3"], 1U);
}

}  // namespace
}  // namespace lvs::metrics
