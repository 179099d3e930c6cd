// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>

#include <algorithm>

#include "load.hpp"

namespace lab {
namespace {

constexpr std::size_t kMaxServers = 64;
constexpr std::uint64_t kMaxEvents = 10'000;  // single failures printed; the counts go on

}  // namespace

void Report::on_ok(Nanoseconds at, const std::string& server) {
    ++interval_.ok;
    const bool known = interval_.servers.contains(server) || interval_.servers.size() < kMaxServers;
    ++interval_.servers[known ? server : "other"];
    if (at - last_ok_ > interval_.gap) {
        interval_.gap = at - last_ok_;
        interval_.gap_from = last_ok_;
    }
    last_ok_ = at;
}

void Report::on_failed(Nanoseconds at, const char* why) {
    ++interval_.failed;
    if (++events_ > kMaxEvents) return;
    printf("{\"t\": %.6f, \"event\": \"failed\", \"why\": \"%s\"}\n", wall(at), why);
    fflush(stdout);
}

void Report::add(Counts& to, const Counts& from) {
    to.sent += from.sent;
    to.ok += from.ok;
    to.failed += from.failed;
    if (from.gap > to.gap) {
        to.gap = from.gap;
        to.gap_from = from.gap_from;
    }
    for (const auto& [server, count] : from.servers)
        to.servers[server] += count;
}

void Report::print_counts(const Counts& counts) {
    printf("\"sent\": %ju, \"ok\": %ju, \"failed\": %ju, \"gap_ms\": %.3f, \"gap_at\": %.6f, \"servers\": {",
           static_cast<uintmax_t>(counts.sent), static_cast<uintmax_t>(counts.ok),
           static_cast<uintmax_t>(counts.failed), milliseconds(counts.gap), wall(counts.gap_from));
    const char* separator = "";
    for (const auto& [server, count] : counts.servers) {
        printf("%s\"%s\": %ju", separator, server.c_str(), static_cast<uintmax_t>(count));
        separator = ", ";
    }
    printf("}");
}

// A gap that is still open counts in every interval it touches.
void Report::print_interval(Nanoseconds at) {
    if (at - last_ok_ > interval_.gap) {
        interval_.gap = at - last_ok_;
        interval_.gap_from = last_ok_;
    }
    add(total_, interval_);
    printf("{\"t\": %.6f, ", wall(at));
    print_counts(interval_);
    printf("}\n");
    fflush(stdout);
    interval_ = Counts{};
}

void Report::print_summary(Nanoseconds at) {
    add(total_, interval_);
    interval_ = Counts{};
    printf("{\"summary\": true, \"t\": %.6f, ", wall(at));
    print_counts(total_);
    printf("}\n");
    fflush(stdout);
}

}  // namespace lab
