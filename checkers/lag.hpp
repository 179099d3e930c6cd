// SPDX-License-Identifier: GPL-2.0-or-later
//
// How late runs start: a histogram with eight buckets per doubling, from 1 us to beyond an hour, so a
// quantile is right to about 9 %.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>

#include "lvsd/base/base.hpp"

namespace lvs::checkers {

// The upper bounds of the histogram that is shown; what is later than the last falls into one more bucket.
inline constexpr std::array<Duration, 10> kLagBounds{
    std::chrono::milliseconds(1),   std::chrono::milliseconds(2),   std::chrono::milliseconds(5),
    std::chrono::milliseconds(10),  std::chrono::milliseconds(20),  std::chrono::milliseconds(50),
    std::chrono::milliseconds(100), std::chrono::milliseconds(200), std::chrono::milliseconds(500),
    std::chrono::seconds(1)};
using LagCounts = std::array<std::uint32_t, kLagBounds.size() + 1>;

class LagHistogram {
public:
    void add(Duration lag) {
        const auto us =
            static_cast<std::uint64_t>(std::max<std::int64_t>(0, lag / std::chrono::microseconds(1)));
        ++buckets_.at(bucket_of(us));
        ++count_;
        const auto bound = std::lower_bound(kLagBounds.begin(), kLagBounds.end(), lag);
        ++counts_.at(static_cast<std::size_t>(bound - kLagBounds.begin()));
        max_ = std::max(max_, lag);
    }

    // The upper edge of the bucket that holds the quantile, never more than the maximum.
    [[nodiscard]] Duration quantile(double part) const {
        const auto wanted = static_cast<std::uint64_t>(part * static_cast<double>(count_));
        std::uint64_t seen = 0;
        for (std::size_t i = 0; i < buckets_.size(); ++i) {
            seen += buckets_.at(i);
            if (seen > wanted) return std::min(max_, edge_of(i));
        }
        return max_;
    }
    [[nodiscard]] Duration max() const { return max_; }
    [[nodiscard]] std::uint64_t count() const { return count_; }
    [[nodiscard]] const LagCounts& counts() const { return counts_; }

private:
    static constexpr std::size_t kPerDoubling = 8;
    static constexpr std::size_t kBuckets = 33 * kPerDoubling;

    static std::size_t bucket_of(std::uint64_t us) {
        if (us < kPerDoubling) return us;
        const auto exponent = static_cast<std::size_t>(std::bit_width(us)) - 4;  // us >> exponent is 8..15
        return std::min(kBuckets - 1, exponent * kPerDoubling + (us >> exponent));
    }
    static Duration edge_of(std::size_t bucket) {
        if (bucket < kPerDoubling) return std::chrono::microseconds(bucket + 1);
        const auto exponent = bucket / kPerDoubling - 1;
        return std::chrono::microseconds((bucket % kPerDoubling + kPerDoubling + 1) << exponent);
    }

    std::array<std::uint32_t, kBuckets> buckets_{};
    std::uint64_t count_ = 0;
    LagCounts counts_{};
    Duration max_{};
};

}  // namespace lvs::checkers
