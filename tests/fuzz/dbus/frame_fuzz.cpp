// SPDX-License-Identifier: GPL-2.0-or-later
//
// Whatever a client sends, and however it is cut into pieces: the guard never hands on more than it was
// given, always gets on, and says the same of the whole as of single bytes.
#include <algorithm>
#include <cstdint>
#include <span>

#include "lvsd/dbus/frame_guard.hpp"

namespace {

using lvs::dbus::FrameGuard;

// The size if all of it passed in pieces of at most `piece`, else 0.
std::size_t passed(std::span<const std::uint8_t> bytes, std::size_t piece) {
    FrameGuard guard;
    std::size_t total = 0;
    while (total < bytes.size()) {
        const auto part = bytes.subspan(total, std::min(piece, bytes.size() - total));
        const auto taken = guard.take(part);
        if (!taken) return 0;
        LVS_ASSERT(*taken > 0 && *taken <= part.size());
        total += *taken;
    }
    return bytes.size();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const std::span bytes(data, size);
    const bool whole = passed(bytes, size + 1) == size;
    LVS_ASSERT(whole == (passed(bytes, 1) == size));
    LVS_ASSERT(whole == (passed(bytes, 7) == size));
    return 0;
}
