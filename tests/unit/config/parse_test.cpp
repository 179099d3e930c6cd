// SPDX-License-Identifier: GPL-2.0-or-later
//
// What is accepted, and what it means.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>
#include <fstream>

#include "tests/unit/config/kinds.hpp"

namespace lvs::config {
namespace {

using namespace std::chrono_literals;
using test::kKinds;

Config good(std::string_view text) {
    auto loaded = parse(text, "f", kKinds);
    for (const auto& diagnostic : loaded.diagnostics)
        ADD_FAILURE() << to_string(diagnostic);
    return loaded.config.value_or(Config{});
}

VirtualService service(std::string_view text) {
    auto config = good("[virtual_service.web]\n" + std::string(text));
    return config.services.empty() ? VirtualService{} : config.services.front();
}

Endpoint endpoint(std::string_view text) {
    return parse_endpoint(text).value();
}

TEST(Parse, EmptyFileIsTheDefaultConfig) {
    EXPECT_EQ(good(""), Config{});
    EXPECT_EQ(good("# only a comment\n"), Config{});
    EXPECT_EQ(good("\xEF\xBB\xBF[global]\n"), Config{});
}

// The defaults stand in the key tables and in model.hpp; here they meet.
TEST(Parse, DefaultsOfTableAndModelAgree) {
    VirtualRouter router;
    router.name = "r";
    router.interface = "eth0";
    router.addresses = {parse_prefix("192.0.2.10/24").value()};
    const auto config = good(R"(
[global]
[virtual_router.r]
interface = "eth0"
vrid = 1
addresses = ["192.0.2.10/24"]
[virtual_service.s]
address = "192.0.2.10:80"
servers = [{ address = "10.0.0.1:80", check = "tcp" }]
)");
    EXPECT_EQ(config.global, Global{});
    ASSERT_EQ(config.routers.size(), 1U);
    EXPECT_EQ(config.routers[0], router);

    Check check;
    check.kind = "tcp";
    RealServer server;
    server.address = endpoint("10.0.0.1:80");
    server.checks = {check};
    VirtualService expected;
    expected.name = "s";
    expected.match = endpoint("192.0.2.10:80");
    expected.servers = {server};
    ASSERT_EQ(config.services.size(), 1U);
    EXPECT_EQ(config.services[0], expected);
}

TEST(Parse, SettingsOfIpvs) {
    EXPECT_TRUE(good("").global.expire_nodest_conn && good("").global.expire_quiescent_template);
    const auto one = good("[global]\nexpire_nodest_conn = false\n").global;
    EXPECT_TRUE(!one.expire_nodest_conn && one.expire_quiescent_template);
    const auto other = good("[global]\nexpire_nodest_conn = true\nexpire_quiescent_template = false\n").global;
    EXPECT_TRUE(other.expire_nodest_conn && !other.expire_quiescent_template);
}

TEST(Parse, CheckedHaWebServiceTakesTwelveLines) {
    constexpr std::string_view text = R"([virtual_router.web]
interface = "eth0"
vrid = 51
priority = 150
addresses = ["192.0.2.10/24"]

[virtual_service.web]
address = "192.0.2.10:80"
servers = ["10.0.0.11:80", "10.0.0.12:80"]
check = { kind = "http", path = "/healthz" }
)";
    EXPECT_LE(std::ranges::count(text, '\n'), 12);
    const auto config = good(text);
    ASSERT_EQ(config.services.size(), 1U);
    EXPECT_EQ(config.services[0].servers.at(1).checks.at(0).kind, "http");
}

TEST(Parse, EveryKeyOfARouter) {
    const auto config = good(R"(
[virtual_router."a.b"]
interface = "bond0.12"
vrid = 255
priority = 254
advert_interval = "40.95s"
preempt = false
addresses = ["192.0.2.10/24", "2001:db8::10/64", "192.0.2.11"]
source4 = "192.0.2.2"
source6 = "fe80::2"
virtual_mac = true
)");
    ASSERT_EQ(config.routers.size(), 1U);
    const auto& router = config.routers[0];
    EXPECT_EQ(router.name, "a.b");
    EXPECT_EQ(router.interface, "bond0.12");
    EXPECT_EQ(router.vrid.value(), 255);
    EXPECT_EQ(router.priority.value(), 254);
    EXPECT_EQ(router.advert_interval, 40'950ms);
    EXPECT_FALSE(router.preempt);
    EXPECT_TRUE(router.virtual_mac);
    ASSERT_EQ(router.addresses.size(), 3U);
    EXPECT_EQ(to_string(router.addresses[1]), "2001:db8::10/64");
    EXPECT_EQ(router.addresses[2].length, 32);
    EXPECT_EQ(to_string(*router.source4), "192.0.2.2");
    EXPECT_EQ(to_string(*router.source6), "fe80::2");
}

TEST(Parse, EveryKeyOfAService) {
    const auto web = service(R"(
address = "192.0.2.10:80"
protocol = "udp"
scheduler = "sh"
scheduler_flags = ["sh-port", "flag-3"]
forward = "tun"
on_failure = "remove"
persistence = "5m"
persistence_prefix = 24
one_packet = true
servers = ["10.0.0.11:80", { address = "[2001:db8::12]:80", weight = 0 }, { address = "10.0.0.13:8080", forward = "nat" }]
sorry_server = { address = "10.0.0.99:80", weight = 7, check = "tcp" }
)");
    EXPECT_EQ(web.protocol, Protocol::udp);
    EXPECT_EQ(web.scheduler, "sh");
    EXPECT_THAT(web.scheduler_flags, testing::ElementsAre("sh-port", "flag-3"));
    EXPECT_EQ(web.on_failure, OnFailure::remove);
    EXPECT_EQ(web.persistence, Duration(5min));
    EXPECT_EQ(web.persistence_prefix, 24);
    EXPECT_TRUE(web.one_packet);
    ASSERT_EQ(web.servers.size(), 3U);
    EXPECT_EQ(web.servers[0].forward, Forward::tun);
    EXPECT_EQ(web.servers[1].weight.value(), 0);
    EXPECT_EQ(web.servers[2].forward, Forward::nat);
    EXPECT_EQ(web.sorry_server->weight.value(), 7);
    EXPECT_EQ(web.sorry_server->checks.size(), 1U);
}

TEST(Parse, ServerWithoutPortUsesThatOfTheService) {
    const auto web =
        service("address = '192.0.2.10:443'\nservers = ['10.0.0.11', {address = '10.0.0.12'}]\n");
    ASSERT_EQ(web.servers.size(), 2U);
    EXPECT_EQ(web.servers[0].address, endpoint("10.0.0.11:443"));
    EXPECT_EQ(web.servers[1].address, endpoint("10.0.0.12:443"));
    const auto six = service("address = '[2001:db8::1]:443'\nservers = ['2001:db8::2']\n");
    EXPECT_EQ(six.servers.at(0).address, endpoint("[2001:db8::2]:443"));
}

TEST(Parse, FirewallMarks) {
    const auto four = service("fwmark = 4294967295\nservers = ['10.0.0.11']\n");
    EXPECT_EQ(std::get<Fwmark>(four.match).value(), 4294967295U);
    EXPECT_EQ(four.family, Family::ipv4);
    EXPECT_EQ(four.servers.at(0).address, endpoint("10.0.0.11:0"));
    EXPECT_EQ(four.persistence_prefix, 32);
    const auto six = service("fwmark = 7\nfamily = 'ipv6'\nservers = ['[2001:db8::2]:80']\n");
    EXPECT_EQ(six.family, Family::ipv6);
    EXPECT_EQ(six.persistence_prefix, 128);
    // The same mark in both families is two services.
    EXPECT_EQ(good("[virtual_service.a]\nfwmark = 7\n[virtual_service.b]\nfwmark = 7\nfamily = 'ipv6'\n")
                  .services.size(),
              2U);
}

TEST(Parse, ChecksOfServiceAndServer) {
    const auto web = service(R"(
address = "192.0.2.10:80"
checks = ["tcp", { kind = "http", host = "www.example.org", status = [200, "300-399"] }]
servers = [
  "10.0.0.11:80",
  { address = "10.0.0.12:80", check = { kind = "tcp", port = 8080, address = "10.1.0.12", rise = 1, fall = 5 } },
  { address = "10.0.0.13:80", checks = [] },
]
sorry_server = "10.0.0.99:80"
)");
    ASSERT_EQ(web.servers.size(), 3U);
    ASSERT_EQ(web.servers[0].checks.size(), 2U);
    const auto& http = web.servers[0].checks[1];
    EXPECT_EQ(http.interval, 2s);
    EXPECT_EQ(http.timeout, 1s);
    EXPECT_EQ(*param<std::string>(http.params, "path"), "/");
    EXPECT_EQ(*param<std::string>(http.params, "host"), "www.example.org");
    EXPECT_EQ(*param<std::int64_t>(http.params, "limit"), -1);
    EXPECT_EQ(param<std::string>(http.params, "body"), nullptr);
    EXPECT_THAT(*param<std::vector<StatusRange>>(http.params, "status"),
                testing::ElementsAre(StatusRange{200, 200}, StatusRange{300, 399}));
    ASSERT_EQ(web.servers[1].checks.size(), 1U);
    EXPECT_EQ(web.servers[1].checks[0].port, 8080);
    EXPECT_EQ(to_string(*web.servers[1].checks[0].address), "10.1.0.12");
    EXPECT_TRUE(web.servers[2].checks.empty());
    EXPECT_TRUE(web.sorry_server->checks.empty());
}

TEST(Parse, TablesMayBeWrittenInAnyFormOfToml) {
    const auto inline_form = good(
        "virtual_service = { web = { address = '192.0.2.1:80', check = 'tcp', servers = ['10.0.0.1:80'] } }");
    const auto dotted = good(
        "virtual_service.web.address = '192.0.2.1:80'\nvirtual_service.web.check = 'tcp'\n"
        "virtual_service.web.servers = ['10.0.0.1:80']\n");
    const auto headers = good(
        "[virtual_service.web]\naddress = '192.0.2.1:80'\n[virtual_service.web.check]\nkind = 'tcp'\n"
        "[[virtual_service.web.servers]]\naddress = '10.0.0.1:80'\n");
    EXPECT_EQ(inline_form, dotted);
    EXPECT_EQ(inline_form, headers);
    EXPECT_EQ(inline_form.services.size(), 1U);
}

TEST(Parse, KeepsTheOrderOfTheFile) {
    const auto config = good(
        "[virtual_service.z]\nfwmark = 1\n[virtual_service.a]\nfwmark = 2\n[virtual_service.m]\nfwmark = "
        "3\n");
    std::vector<std::string> names;
    for (const auto& one : config.services)
        names.push_back(one.name);
    EXPECT_THAT(names, testing::ElementsAre("z", "a", "m"));
}

TEST(Parse, TheSameLinkLocalAddressOnTwoInterfacesIsTwoAddresses) {
    EXPECT_EQ(good("[virtual_router.a]\ninterface='eth0'\nvrid=1\naddresses=['fe80::1/64']\n"
                   "[virtual_router.b]\ninterface='eth1'\nvrid=1\naddresses=['fe80::1/64']\n")
                  .routers.size(),
              2U);
}

// One virtual router number serves one IPv4 and one IPv6 election.
TEST(Parse, OneVridForTwoFamilies) {
    EXPECT_EQ(good("[virtual_router.a]\ninterface='eth0'\nvrid=1\naddresses=['192.0.2.1/24']\n"
                   "[virtual_router.b]\ninterface='eth0'\nvrid=1\naddresses=['2001:db8::1/64']\n")
                  .routers.size(),
              2U);
}

TEST(Parse, PortZeroWithPersistence) {
    const auto all =
        service("address = '192.0.2.1:0'\npersistence = '1s'\nservers = ['10.0.0.1']\ncheck = 'ping'\n");
    EXPECT_EQ(all.servers.at(0).address.port, 0);
    EXPECT_EQ(service("address = '192.0.2.1:0'\npersistence = '1s'\nforward = 'dr'\nservers = ['10.0.0.1']\n"
                      "check = {kind = 'tcp', port = 80}\n")
                  .servers.at(0)
                  .checks.at(0)
                  .port,
              80);
}

TEST(Load, ReadsAFileOrSaysWhyNot) {
    const auto folder =
        std::filesystem::temp_directory_path() / ("lvsd-config-test." + std::to_string(getpid()));
    std::filesystem::create_directory(folder);
    const auto path = (folder / "lvsd.toml").string();
    std::ofstream(path) << "[global]\non_stop = 'keep'\n";
    EXPECT_EQ(load(path, kKinds).config.value().global.on_stop, OnStop::keep);

    const auto missing = load((folder / "none.toml").string(), kKinds);
    EXPECT_FALSE(missing.config);
    ASSERT_EQ(missing.diagnostics.size(), 1U);
    EXPECT_EQ(to_string(missing.diagnostics[0]),
              (folder / "none.toml").string() + ": cannot be read: No such file or directory");
    const auto is_folder = load(folder.string(), kKinds);
    ASSERT_EQ(is_folder.diagnostics.size(), 1U);
    EXPECT_EQ(is_folder.diagnostics[0].message, "cannot be read: Is a directory");
    std::filesystem::remove_all(folder);
}

TEST(Load, RefusesAFileTooLarge) {
    EXPECT_EQ(parse(std::string(kMaxFileSize, ' '), "f", kKinds).diagnostics.size(), 0U);
    const auto large = parse(std::string(kMaxFileSize + 1, ' '), "f", kKinds);
    ASSERT_EQ(large.diagnostics.size(), 1U);
    EXPECT_EQ(large.diagnostics[0].message, "the file has 16777217 bytes, expected at most 16777216");
    // load() stops reading where parse() would refuse.
    const auto endless = load("/dev/zero", kKinds);
    ASSERT_EQ(endless.diagnostics.size(), 1U);
    EXPECT_THAT(endless.diagnostics[0].message, testing::EndsWith("expected at most 16777216"));
}

}  // namespace
}  // namespace lvs::config
