// SPDX-License-Identifier: GPL-2.0-or-later
#include "probe_fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    lvs::checkers::fuzz_probe("smtp", {}, {data, size});
    return 0;
}
