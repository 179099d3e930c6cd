// SPDX-License-Identifier: GPL-2.0-or-later
//
// The bytes as a connection, and as the message inside.
#include "checkers/grpc_message.hpp"
#include "probe_fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace lvs::checkers;
    fuzz_probe("grpc", {{"service", std::string("example.Greeter")}}, {data, size});
    if (const auto status = grpc::parse_health({data, size}))
        LVS_ASSERT(!grpc::serving_name(*status).empty());
    return 0;
}
