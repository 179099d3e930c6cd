// SPDX-License-Identifier: GPL-2.0-or-later
#include "probe_fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace lvs::checkers;
    const std::string two = "2";
    fuzz_probe("http", {{"http", two}}, {data, size});
    fuzz_probe("http", {{"http", two}, {"body", std::string("ok")}}, {data, size});
    fuzz_probe("http",
               {{"http", two}, {"body_regex", std::string("^(o|k)+$")}, {"send", std::string("ping")}},
               {data, size});
    return 0;
}
