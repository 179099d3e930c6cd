// SPDX-License-Identifier: GPL-2.0-or-later
//
// Arbitrary text as the notes of a former run. What was understood is written and read back the same.
#include "ipvs/reconcile.hpp"

using namespace lvs;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string text(data, data + size);
    const auto owned = ipvs::parse_owned(text, "boot");
    if (owned) LVS_ASSERT(ipvs::parse_owned(ipvs::encode_owned(*owned, "boot"), "boot") == *owned);
    return 0;
}
