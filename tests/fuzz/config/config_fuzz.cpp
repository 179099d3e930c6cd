// SPDX-License-Identifier: GPL-2.0-or-later
//
// Any bytes as a configuration: either diagnostics or a Config, never both; every message has a place inside
// the text and is printable; what is accepted survives being printed and parsed again.
#include <algorithm>
#include <string_view>

#include "tests/unit/config/kinds.hpp"

namespace {

using namespace lvs::config;

void check_diagnostics(const Loaded& loaded, std::string_view text) {
    const auto lines = 1 + std::ranges::count(text, '\n');
    LVS_ASSERT(std::ranges::is_sorted(loaded.diagnostics.begin(), loaded.diagnostics.end(), {},
                                      [](const Diagnostic& d) { return d.line == 0 ? UINT32_MAX : d.line; }));
    for (const auto& diagnostic : loaded.diagnostics) {
        LVS_ASSERT(!diagnostic.message.empty());
        LVS_ASSERT(diagnostic.line <= lines);
        LVS_ASSERT((diagnostic.line == 0) == (diagnostic.column == 0));
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto loaded = parse(text, "fuzz", test::kKinds);
    LVS_ASSERT(loaded.config.has_value() == loaded.diagnostics.empty());
    check_diagnostics(loaded, text);
    if (!loaded.config) return 0;
    const auto again = parse(print_effective(*loaded.config, test::kKinds), "printed", test::kKinds);
    LVS_ASSERT(again.config == loaded.config);
    LVS_ASSERT(diff(*loaded.config, *again.config).empty());
    return 0;
}
