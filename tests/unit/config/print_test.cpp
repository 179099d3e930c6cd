// SPDX-License-Identifier: GPL-2.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/config/random_config.hpp"

namespace lvs::config {
namespace {

using test::kKinds;

constexpr std::string_view kEveryDefault = R"([global]
on_stop = "remove"
reconcile_interval = "10s"
checker_user = "lvsd-check"
checker_workers = 1
check_mark = 16777216
guard = 50
announce_rate = 200000
announce_burst = 2000
expire_nodest_conn = true
expire_quiescent_template = true

[notify]
events = ["start", "stop", "reload", "reload-refused", "vrrp-state", "vrrp-trouble", "service-state", "server-state", "worker-lost", "worker-ready", "ipvs-failed", "ipvs-drift", "override-changed", "service-quorum", "service-panic"]
user = "lvsd-notify"
timeout = "10s"

[metrics]

[virtual_router.web]
interface = "eth0"
vrid = 51
version = 3
priority = 100
advert_interval = "1s"
preempt = true
preempt_delay = "0s"
startup_delay = "0s"
families = "together"
addresses = ["192.0.2.10/24"]
excluded_addresses = []
routes = []
rules = []
track = []
peers = []
checksum = "automatic"
announce_repeat = ["100ms", "1s", "5s"]
announce_refresh = "1m"
virtual_mac = false

[virtual_service."web.1"]
address = "192.0.2.10:80"
protocol = "tcp"
scheduler = "wlc"
scheduler_flags = []
forward = "nat"
on_failure = "weight0"
one_packet = false
active = "always"
quorum = 1
quorum_hysteresis = 0
panic_threshold = 0
slow_start = "0s"
drain_timeout = "1m"
require = "all"
tunnel = "ipip"
tunnel_checksum = "none"
checks = [{ kind = "http", interval = "2s", timeout = "1s", rise = 2, fall = 3, path = "/", status = [200], method = "GET", limit = -1, follow = false, headers = ["a: \"b\\"] }]
servers = [
    { address = "10.0.0.11:80", weight = 1, forward = "nat" },
    { address = "10.0.0.12:8080", weight = 1, forward = "nat" },
]
sorry_server = { address = "10.0.0.99:80", weight = 1, forward = "nat", checks = [] }
)";

TEST(PrintEffective, WritesEveryDefault) {
    const auto loaded = parse(R"([virtual_router.web]
interface = "eth0"
vrid = 51
addresses = ["192.0.2.10/24"]

[virtual_service."web.1"]
address = "192.0.2.10:80"
servers = ["10.0.0.11:80", "10.0.0.12:8080"]
sorry_server = "10.0.0.99:80"
check = { kind = "http", status = 200, headers = ["a: \"b\\"] }
)",
                              "f", kKinds);
    ASSERT_TRUE(loaded.config);
    EXPECT_EQ(print_effective(*loaded.config, kKinds), kEveryDefault);
}

TEST(PrintEffective, OfTheEmptyConfigIsTheEmptyConfig) {
    EXPECT_EQ(parse(print_effective({}, kKinds), "f", kKinds).config, Config{});
}

// The property that ties parser, validator and printer together.
TEST(PrintEffective, ParsesBackToTheSameConfig) {
    for (std::uint64_t seed = 1; seed <= 500; ++seed) {
        const auto config = test::RandomConfig(seed).make();
        const auto text = print_effective(config, kKinds);
        const auto loaded = parse(text, "f", kKinds);
        for (const auto& diagnostic : loaded.diagnostics)
            ADD_FAILURE() << to_string(diagnostic);
        ASSERT_TRUE(loaded.config == config) << "seed " << seed << "\n" << text;
    }
}

}  // namespace
}  // namespace lvs::config
