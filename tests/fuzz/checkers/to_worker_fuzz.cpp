// SPDX-License-Identifier: GPL-2.0-or-later
//
// What is accepted has exactly one encoding, and that is what was read.
#include <algorithm>

#include "checkers/wire.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto message = lvs::checkers::wire::decode_to_worker({data, size});
    if (!message) return 0;
    const auto again = lvs::checkers::wire::encode(*message);
    LVS_ASSERT(std::equal(again.begin(), again.end(), data, data + size));
    return 0;
}
