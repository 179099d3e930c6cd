// SPDX-License-Identifier: GPL-2.0-or-later
//
// What comes instead of a TLS server: at once, and after a mail server agreed to STARTTLS. How much OpenSSL
// reads before it complains may hang on how the bytes arrive.
#include "probe_fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace lvs::checkers;
    fuzz_probe("tls", {{"verify", false}}, {data, size}, Pieces::any_verdict);
    fuzz_probe("smtp", {{"starttls", true}}, {data, size}, Pieces::any_verdict);
    return 0;
}
