// SPDX-License-Identifier: GPL-2.0-or-later
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lvsd/config/config.hpp"
#include "tests/unit/config/kinds.hpp"

namespace lvs::config {
namespace {

using testing::HasSubstr;

Config good(std::string_view text) {
    auto loaded = parse(text, "f", test::kKinds);
    for (const auto& diagnostic : loaded.diagnostics)
        ADD_FAILURE() << to_string(diagnostic);
    return loaded.config.value_or(Config{});
}

std::string errors_of(std::string_view text) {
    std::string out;
    for (const auto& diagnostic : parse(text, "f", test::kKinds).diagnostics)
        out += to_string(diagnostic) + "\n";
    return out;
}

TEST(Observe, NotifyWithEverything) {
    const auto config = good(R"([notify]
command = ["/bin/tell", "a b", ""]
events = ["vrrp-state", "service-state"]
user = "root"
timeout = "1m30s"
)");
    EXPECT_EQ(config.notify.command, (std::vector<std::string>{"/bin/tell", "a b", ""}));
    EXPECT_EQ(config.notify.events, (std::vector<std::string>{"vrrp-state", "service-state"}));
    EXPECT_EQ(config.notify.user, "root");
    EXPECT_EQ(config.notify.timeout, std::chrono::seconds(90));
    EXPECT_EQ(parse(print_effective(config, test::kKinds), "f", test::kKinds).config, config);
}

TEST(Observe, AnEmptyNotifyIsTheDefault) {
    EXPECT_EQ(good("[notify]\n"), Config{}) << "the default in the key table and that of the model differ";
    EXPECT_EQ(good("[notify]\n").notify.events.size(), 15U);
}

TEST(Observe, CommandsAreAbsolutePaths) {
    EXPECT_EQ(errors_of("[notify]\ncommand = ['tell', '/x']\n"),
              "f:2:11: `command` begins with \"tell\", expected the absolute path of a program\n");
    EXPECT_THAT(errors_of("[notify]\ncommand = ['/x', \"a\\u0000\"]\n"),
                HasSubstr("f:2:11: `command` holds a NUL"));
    EXPECT_THAT(errors_of("[notify]\ncommand = []\n"), HasSubstr("f:2:11:"));
    EXPECT_THAT(errors_of("[notify]\ncommand = '/x'\n"), HasSubstr("f:2:11:"));
}

TEST(Observe, OnlyEventsThereAre) {
    EXPECT_THAT(errors_of("[notify]\nevents = ['vrrp-stat']\n"), HasSubstr("did you mean \"vrrp-state\"?"));
    EXPECT_THAT(errors_of("[notify]\nevents = []\n"), HasSubstr("f:2:10:"));
    EXPECT_THAT(errors_of("[notify]\ntimeout = '10ms'\n"), HasSubstr("f:2:11:"));
}

TEST(Observe, NotifyOfRoutersAndServices) {
    const auto config = good(R"([virtual_router.r]
interface = "eth0"
vrid = 1
addresses = ["192.0.2.1/24"]
notify = ["/bin/role"]
[virtual_service.s]
address = "192.0.2.1:80"
notify = ["/bin/service", "s"]
)");
    EXPECT_EQ(config.routers.at(0).notify, (std::vector<std::string>{"/bin/role"}));
    EXPECT_EQ(config.services.at(0).notify, (std::vector<std::string>{"/bin/service", "s"}));
    EXPECT_EQ(parse(print_effective(config, test::kKinds), "f", test::kKinds).config, config);
    auto other = config;
    other.services[0].notify.clear();
    EXPECT_EQ(diff(config, other).services.changed, (std::vector<std::string>{"s"}));
    EXPECT_THAT(errors_of("[virtual_service.s]\naddress = '192.0.2.1:80'\nnotify = ['x']\n"),
                HasSubstr("f:3:10:"));
}

TEST(Observe, MetricsListenOnTcpOrUnix) {
    EXPECT_EQ(std::get<Endpoint>(good("[metrics]\nlisten = '[::1]:9107'\n").metrics.listen),
              parse_endpoint("[::1]:9107"));
    const auto config = good("[metrics]\nlisten = '/run/lvsd/metrics.sock'\n");
    EXPECT_EQ(std::get<std::string>(config.metrics.listen), "/run/lvsd/metrics.sock");
    EXPECT_EQ(parse(print_effective(config, test::kKinds), "f", test::kKinds).config, config);
    EXPECT_TRUE(diff(config, Config{}).global);
    EXPECT_EQ(good("[metrics]\n"), Config{});
    for (const auto* wrong :
         {"'127.0.0.1'", "'127.0.0.1:0'", "'metrics.sock'", "''", "9107", "'localhost:1'"})
        EXPECT_THAT(errors_of(std::string("[metrics]\nlisten = ") + wrong + "\n"), HasSubstr("f:2:10:"))
            << wrong;
    EXPECT_THAT(errors_of("[metrics]\nlisten = '/" + std::string(107, 'x') + "'\n"), HasSubstr("f:2:10:"));
}

}  // namespace
}  // namespace lvs::config
