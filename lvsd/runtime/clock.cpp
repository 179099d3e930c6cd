// SPDX-License-Identifier: GPL-2.0-or-later
#include <time.h>

#include "lvsd/runtime/runtime.hpp"

namespace lvs {
namespace {

std::int64_t read_clock(clockid_t id) {
    timespec now{};
    clock_gettime(id, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

}  // namespace

Time monotonic_now() { return Time(Duration(read_clock(CLOCK_MONOTONIC))); }

std::int64_t wall_clock_ns() { return read_clock(CLOCK_REALTIME); }

std::int64_t wall_clock_ns_of(Time then) { return wall_clock_ns() - (monotonic_now() - then).count(); }

}  // namespace lvs
