// SPDX-License-Identifier: GPL-2.0-or-later
#include "probe_fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace lvs::checkers;
    fuzz_probe("http", {}, {data, size});
    // Beast looks less closely at the end of a malformed chunk when it comes in small pieces.
    fuzz_probe("http", {{"body", std::string("ok")}}, {data, size}, Pieces::any_verdict);
    fuzz_probe("http", {{"method", std::string("HEAD")}}, {data, size});
    return 0;
}
