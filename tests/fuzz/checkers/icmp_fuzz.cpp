// SPDX-License-Identifier: GPL-2.0-or-later
//
// Datagrams: each input is one, to probes of both families.
#include "probe_fuzz.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace lvs::checkers;
    const auto plan = make_plan("icmp", {});
    LVS_ASSERT(plan.has_value());
    for (const auto* const target : {"192.0.2.1:1", "[2001:db8::1]:1"}) {
        const auto probe = (*plan)->start(*lvs::parse_endpoint(target), 0x1234);
        static_cast<void>(probe->on_connected());
        if (const auto step = probe->on_data({data, size}); step.verdict) check_reason(*step.verdict);
        check_reason(probe->on_deadline({true, size, std::chrono::seconds(1)}));
    }
    return 0;
}
