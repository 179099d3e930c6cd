// SPDX-License-Identifier: GPL-2.0-or-later
//
// Datagrams are taken whole, so over UDP the input is one message; over TCP it is a stream.
#include "probe_fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace lvs::checkers;
    lvs::Params params{{"name", std::string("www.example.org")}, {"type", std::string("MX")},
                       {"answer", std::string("10 mail.example.org")}};
    for (const auto* const type : {"MX", "A", "TXT", "SRV", "SOA"}) {
        params["type"] = std::string(type);
        const auto plan = make_plan("dns", params);
        LVS_ASSERT(plan.has_value());
        run_probe(**plan, {data, size}, size + 1);
    }
    params["protocol"] = std::string("tcp");
    fuzz_probe("dns", params, {data, size});
    return 0;
}
