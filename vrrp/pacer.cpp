// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>

#include "vrrp/vrrp.hpp"

namespace lvs::vrrp {

namespace {
constexpr std::int64_t kSecond = 1'000'000'000;
}

std::uint32_t Pacer::take(Time now, std::uint32_t wanted) {
    const auto passed = std::min<std::int64_t>((now - filled_).count(), kSecond * 60);
    const std::int64_t added = passed * per_second_ / kSecond;
    if (tokens_ + added >= burst_) {
        tokens_ = burst_;
        filled_ = now;
    } else if (added > 0) {  // the rest of a token stays in the time
        tokens_ += static_cast<std::uint32_t>(added);
        filled_ += Duration(added * kSecond / per_second_);
    }
    const auto taken = std::min(wanted, tokens_);
    tokens_ -= taken;
    return taken;
}

Time Pacer::ready_at(std::uint32_t wanted) const {
    wanted = std::min(wanted, burst_);
    if (tokens_ >= wanted) return filled_;
    const std::int64_t missing = wanted - tokens_;
    return filled_ + Duration((missing * kSecond + per_second_ - 1) / per_second_);
}

}  // namespace lvs::vrrp
