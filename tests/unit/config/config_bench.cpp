// SPDX-License-Identifier: GPL-2.0-or-later
//
// config_bench [SERVICES [SERVERS]]: parses, prints and compares a configuration of that size, several times,
// and prints the median processor time of each as JSON. Fails only if the result is wrong.
#include <fmt/core.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>

#include "tests/unit/config/kinds.hpp"

namespace {

using namespace lvs::config;

std::string large_config(int services, int servers) {
    std::string out;
    for (int i = 0; i < services; ++i) {
        out += fmt::format("[virtual_service.web{}]\naddress = \"10.{}.{}.{}:80\"\nscheduler = \"wlc\"\n", i,
                           i >> 16, i >> 8 & 255, i & 255);
        out +=
            "check = { kind = \"http\", path = \"/healthz\", interval = \"2s\", timeout = \"1s\" }\nservers "
            "= [\n";
        for (int s = 0; s < servers; ++s)
            out += fmt::format("    {{ address = \"172.16.{}.{}:80\", weight = {} }},\n", s >> 8, s & 255,
                               s % 9 + 1);
        out += "]\n";
    }
    return out;
}

template <class Work>
double median_ms(Work work) {
    std::array<double, 5> runs{};
    for (auto& run : runs) {
        const auto start = std::clock();
        work();
        run = 1000.0 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
    }
    std::ranges::sort(runs);
    return runs[2];
}

}  // namespace

int main(int argc, char** argv) {
    const int services = argc > 1 ? std::atoi(argv[1]) : 10'000;
    const int servers = argc > 2 ? std::atoi(argv[2]) : 5;
    const auto text = large_config(services, servers);
    Loaded loaded;
    const auto parse_time = median_ms([&] { loaded = parse(text, "large.toml", test::kKinds); });
    if (!loaded.config || loaded.config->services.size() != static_cast<std::size_t>(services)) return 1;
    std::string printed;
    const auto print_time = median_ms([&] { printed = print_effective(*loaded.config, test::kKinds); });
    const auto again = parse(printed, "printed.toml", test::kKinds).config;
    bool same = false;
    const auto diff_time = median_ms([&] { same = again && diff(*loaded.config, *again).empty(); });
    fmt::print(
        "{{\"services\": {}, \"servers\": {}, \"bytes\": {}, \"parse_cpu_ms\": {:.0f}, \"print_cpu_ms\": "
        "{:.0f}, "
        "\"diff_cpu_ms\": {:.0f}}}\n",
        services, servers, text.size(), parse_time, print_time, diff_time);
    return same ? 0 : 1;
}
