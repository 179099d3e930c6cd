// SPDX-License-Identifier: GPL-2.0-or-later
//
// Templates, groups, defaults, ranges, and configurations of several files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "lvsd/config/value.hpp"
#include "tests/unit/config/kinds.hpp"

namespace lvs::config {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> errors(const Loaded& loaded) {
    std::vector<std::string> out;
    for (const auto& diagnostic : loaded.diagnostics)
        out.push_back(to_string(diagnostic));
    return out;
}

Config valid(std::string_view text) {
    const auto loaded = parse(text, "f", test::kKinds);
    for (const auto& error : errors(loaded))
        ADD_FAILURE() << error;
    return loaded.config.value_or(Config{});
}

class Files : public testing::Test {
protected:
    Files() : folder_(testing::TempDir() + "lvsd-expand-" + std::to_string(::getpid())) {
        std::filesystem::create_directories(folder_ + "/conf.d");
    }
    ~Files() override { std::filesystem::remove_all(folder_); }
    Files(const Files&) = delete;
    Files& operator=(const Files&) = delete;
    void write(const std::string& name, const std::string& text) const {
        std::ofstream(folder_ + "/" + name) << text;
    }
    [[nodiscard]] Loaded load_main() const { return load(folder_ + "/main.toml", test::kKinds); }
    std::string folder_;
};

TEST(Expand, ATemplateFillsWhatAServerDoesNotSay) {
    const auto config = valid(R"(
[server_template.big]
weight = 9
tier = 1
[virtual_service.s]
address = "192.0.2.1:80"
servers = [{ address = "10.0.0.1", template = "big" }, { address = "10.0.0.2", template = "big", weight = 3 }]
)");
    ASSERT_EQ(config.services.at(0).servers.size(), 2U);
    EXPECT_EQ(config.services[0].servers[0].weight, Weight::of(9));
    EXPECT_EQ(config.services[0].servers[0].tier, 1);
    EXPECT_EQ(config.services[0].servers[1].weight, Weight::of(3));
}

TEST(Expand, GroupsAndDefaultsOfTheFile) {
    const auto config = valid(R"(
[service_defaults]
scheduler = "rr"
checks = ["tcp"]
[server_defaults]
weight = 5
[server_group.blue]
servers = ["10.0.0.2", { address = "10.0.0.3", weight = 1 }]
[virtual_service.s]
address = "192.0.2.1:80"
groups = ["blue"]
servers = ["10.0.0.1"]
[virtual_service.t]
address = "192.0.2.2:80"
scheduler = "sh"
check = { kind = "tcp", port = 81 }
groups = ["blue"]
)");
    ASSERT_EQ(config.services.size(), 2U);
    EXPECT_EQ(config.services[0].scheduler, "rr");
    EXPECT_EQ(config.services[1].scheduler, "sh");
    ASSERT_EQ(config.services[0].servers.size(), 3U);
    EXPECT_EQ(config.services[0].servers[0].weight, Weight::of(5));
    EXPECT_EQ(config.services[0].servers[2].weight, Weight::of(1));
    EXPECT_EQ(config.services[0].servers[0].checks.size(), 1U);
    EXPECT_EQ(config.services[1].servers.at(0).checks.at(0).port, 81);
}

TEST(Expand, WhatIsNotThereIsSaid) {
    EXPECT_THAT(
        errors(parse("[virtual_service.s]\naddress = \"192.0.2.1:80\"\ngroups = [\"x\"]\n"
                     "servers = [{ address = \"10.0.0.1\", template = \"y\" }]\n",
                     "f", test::kKinds)),
        ElementsAre("f:3:11: there is no [server_group.x]", HasSubstr("there is no [server_template.y]")));
    EXPECT_THAT(errors(parse("[server_template.t]\nwait = 1\n", "f", test::kKinds)),
                ElementsAre(HasSubstr("f:2:1: [server_template.t] has an unknown key `wait`")));
}

TEST(Expand, AddressesAndPortsMayBeRanges) {
    const auto config = valid(R"(
[virtual_service.s]
addresses = ["192.0.2.254-192.0.3.1:80", "192.0.2.9:8000-8001"]
servers = ["10.0.0.1"]
)");
    const auto& service = config.services.at(0);
    EXPECT_EQ(to_string(std::get<Endpoint>(service.match)), "192.0.2.254:80");
    std::string more;
    for (const auto& address : service.more)
        more += to_string(address) + " ";
    EXPECT_EQ(more, "192.0.2.255:80 192.0.3.0:80 192.0.3.1:80 192.0.2.9:8000 192.0.2.9:8001 ");
    EXPECT_TRUE(service.servers.at(0).follows_port);
    EXPECT_EQ(parse(print_effective(config, test::kKinds), "f", test::kKinds).config, config);
}

TEST(Expand, RangesHaveABound) {
    EXPECT_TRUE(parse_endpoint_range("10.0.0.0-10.0.15.255:80", 4096));
    EXPECT_FALSE(parse_endpoint_range("10.0.0.0-10.0.16.0:80", 4096));
    EXPECT_FALSE(parse_endpoint_range("10.0.0.2-10.0.0.1:80", 4096));
    EXPECT_FALSE(parse_endpoint_range("10.0.0.1:81-80", 4096));
    EXPECT_FALSE(parse_endpoint_range("2001:db8::1-2001:db8::2:80", 4096));
    EXPECT_FALSE(parse_endpoint_range("::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff:80", 4096));
    EXPECT_EQ(parse_endpoint_range("[2001:db8::ffff-2001:db8::1:0]:80", 4096)->size(), 2U);
}

TEST(Expand, AServiceThatFollowsARouterFindsTheOneWithItsAddress) {
    const auto config = valid(R"(
[virtual_router.front]
interface = "eth0"
vrid = 1
addresses = ["192.0.2.1/24"]
[virtual_service.s]
address = "192.0.2.1:80"
active = "master"
)");
    EXPECT_EQ(config.services.at(0).router, "front");
    EXPECT_THAT(errors(parse("[virtual_service.s]\naddress = \"192.0.2.1:80\"\nactive = \"master\"\n", "f",
                             test::kKinds)),
                ElementsAre(HasSubstr("f:3:10: `active = \"master\"` needs `router`")));
    EXPECT_THAT(errors(parse("[virtual_service.s]\nfwmark = 1\nactive = \"master\"\nrouter = \"x\"\n", "f",
                             test::kKinds)),
                ElementsAre(HasSubstr("f:4:10: there is no [virtual_router.x]")));
}

TEST_F(Files, IncludedFilesAreReadInOrderAndHaveDefaultsOfTheirOwn) {
    write("main.toml", "include = [\"conf.d/*.toml\"]\n[virtual_service.a]\naddress = \"192.0.2.1:80\"\n");
    write("conf.d/20.toml", "[virtual_service.c]\naddress = \"192.0.2.3:80\"\n");
    write("conf.d/10.toml",
          "[service_defaults]\nscheduler = \"rr\"\n[virtual_service.b]\naddress = \"192.0.2.2:80\"\n");
    const auto loaded = load_main();
    EXPECT_THAT(errors(loaded), ElementsAre());
    ASSERT_TRUE(loaded.config);
    ASSERT_EQ(loaded.config->services.size(), 3U);
    EXPECT_EQ(loaded.config->services[1].name, "b");
    EXPECT_EQ(loaded.config->services[1].scheduler, "rr");
    EXPECT_EQ(loaded.config->services[2].scheduler, "wlc");
}

TEST_F(Files, ErrorsNameTheRightFile) {
    write("main.toml", "include = [\"conf.d/*.toml\"]\n[virtual_service.a]\naddress = \"192.0.2.1:80\"\n");
    write("conf.d/1.toml", "[virtual_service.b]\naddress = \"192.0.2.1:80\"\nquorum = 0\n");
    write("conf.d/2.toml", "[virtual_service.a]\nfwmark = 3\n");
    write("conf.d/3.toml", "what\n");
    const auto main = folder_ + "/main.toml", d = folder_ + "/conf.d/";
    EXPECT_THAT(errors(load_main()),
                ElementsAre(d + "1.toml:2:11: tcp 192.0.2.1:80 is [virtual_service.a] (" + main +
                                " line 2) already, expected it once",
                            HasSubstr(d + "1.toml:3:10: "),
                            HasSubstr(d + "2.toml:1:18: `a` is on " + main + " line 2 already"),
                            HasSubstr(d + "3.toml:1:")));
}

TEST_F(Files, AnIncludeWithoutWildcardsMustBeThere) {
    write("main.toml", "include = [\"other.toml\"]\n");
    EXPECT_THAT(errors(load_main()), ElementsAre(HasSubstr("main.toml:1:11: ")));
}

}  // namespace
}  // namespace lvs::config
