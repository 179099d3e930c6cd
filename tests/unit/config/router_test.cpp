// SPDX-License-Identifier: GPL-2.0-or-later
//
// Virtual routers, sync groups and trackers: what is read, and what is refused with which words at which
// place.
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "lvsd/config/value.hpp"
#include "tests/unit/config/kinds.hpp"

namespace lvs::config {
namespace {

using namespace std::chrono_literals;
using test::errors_of;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::string_view kHead = "[virtual_router.r]\ninterface = 'eth0'\nvrid = 1\n";

// Errors of `text` in an otherwise valid router with addresses of both families; its first line is line 5.
std::string in_router(std::string_view text) {
    return errors_of(fmt::format("{}addresses = ['192.0.2.1/24', '2001:db8::1/64']\n{}\n", kHead, text));
}
std::string in_router4(std::string_view text) {
    return errors_of(fmt::format("{}addresses = ['192.0.2.1/24']\n{}\n", kHead, text));
}
std::string in_tracker(std::string_view text) {
    return errors_of(fmt::format("[tracker.t]\n{}\n", text));
}

Config good(const std::string& text) {
    auto loaded = parse(text, "f", test::kKinds);
    for (const auto& diagnostic : loaded.diagnostics)
        ADD_FAILURE() << to_string(diagnostic);
    return loaded.config.value_or(Config{});
}
VirtualRouter router(std::string_view text) {
    const auto config =
        good(fmt::format("{}addresses = ['192.0.2.1/24', '2001:db8::1/64']\n{}\n", kHead, text));
    return config.routers.empty() ? VirtualRouter{} : config.routers.front();
}

// ---- what is read -----------------------------------------------------------------------------------------

TEST(Router, EverySetting) {
    const auto out = router(R"(
version = 3
preempt_delay = "30s"
startup_delay = "10s"
families = "independent"
checksum = "pseudo-header"
announce_repeat = ["50ms", "2s"]
announce_refresh = "0s"
peers = ["10.0.0.3", "10.0.0.4 min_ttl 250", { address = "fe80::3", min_ttl = 254 }]
)");
    EXPECT_EQ(out.preempt_delay, 30s);
    EXPECT_EQ(out.startup_delay, 10s);
    EXPECT_EQ(out.families, Families::independent);
    EXPECT_EQ(out.checksum, AdvertChecksum::pseudo_header);
    EXPECT_THAT(out.announce_repeat, ElementsAre(50ms, 2s));
    EXPECT_EQ(out.announce_refresh, 0s);
    ASSERT_EQ(out.peers.size(), 3U);
    EXPECT_EQ(out.peers[0].min_ttl, 255);
    EXPECT_EQ(out.peers[1].min_ttl, 250);
    EXPECT_EQ(to_string(out.peers[2].address), "fe80::3");
}

TEST(Router, AStringOfWordsAndATableAreTheSame) {
    const auto words =
        router("excluded_addresses = ['192.0.2.9/24 dev eth1 label eth1:a', '2001:db8::9/64 dad']");
    const auto table = router(
        "excluded_addresses = [{ address = '192.0.2.9/24', dev = 'eth1', label = 'eth1:a' }, "
        "{ address = '2001:db8::9/64', dad = true }]");
    EXPECT_EQ(words, table);
    ASSERT_EQ(words.excluded.size(), 2U);
    EXPECT_EQ(words.excluded[0].device, "eth1");
    EXPECT_EQ(words.excluded[0].label, "eth1:a");
    EXPECT_TRUE(words.excluded[1].dad);
}

TEST(Router, Routes) {
    const auto out = router(R"(
routes = ["198.51.100.0/24 via 192.0.2.254", "default via 2001:db8::254 dev eth1 table 100 metric 5",
          "blackhole 203.0.113.0/24", { to = "198.51.100.7", dev = "eth2", src = "192.0.2.1" },
          "203.0.113.1 via 10.1.1.1 dev eth1 onlink", "default via 192.0.2.254 table 100"])");
    ASSERT_EQ(out.routes.size(), 6U);
    EXPECT_EQ(to_string(out.routes[0].to), "198.51.100.0/24");
    EXPECT_EQ(to_string(*out.routes[0].via), "192.0.2.254");
    EXPECT_EQ(out.routes[0].table, 254U);
    EXPECT_EQ(to_string(out.routes[1].to), "::/0");
    EXPECT_EQ(out.routes[1].device, "eth1");
    EXPECT_EQ(out.routes[1].table, 100U);
    EXPECT_EQ(out.routes[1].metric, 5U);
    EXPECT_EQ(out.routes[2].type, RouteType::blackhole);
    EXPECT_EQ(to_string(out.routes[3].to), "198.51.100.7/32");
    EXPECT_EQ(to_string(*out.routes[3].source), "192.0.2.1");
    EXPECT_TRUE(out.routes[4].onlink);
    EXPECT_EQ(to_string(out.routes[5].to), "0.0.0.0/0");
}

TEST(Router, Rules) {
    const auto out = router(R"(
rules = ["from 192.0.2.1 table 100 priority 1000", { to = "2001:db8:9::/48", priority = 7, action = "prohibit" },
         "fwmark 7 iif eth1 oif eth2 priority 9 family ipv6"])");
    ASSERT_EQ(out.rules.size(), 3U);
    EXPECT_EQ(to_string(*out.rules[0].from), "192.0.2.1/32");
    EXPECT_EQ(out.rules[0].table, 100U);
    EXPECT_EQ(out.rules[1].family, Family::ipv6);
    EXPECT_EQ(out.rules[1].action, RuleAction::prohibit);
    EXPECT_EQ(out.rules[2].mark, 7U);
    EXPECT_EQ(out.rules[2].family, Family::ipv6);
    EXPECT_EQ(out.rules[2].input, "eth1");
}

TEST(Router, TrackersAndGroups) {
    const auto config = good(R"(
[virtual_router.a]
interface = "eth0"
vrid = 1
addresses = ["192.0.2.1/24"]
track = ["uplink", "drain weight -20", { tracker = "web", weight = 30 }]
[virtual_router.b]
interface = "eth1"
vrid = 1
addresses = ["192.0.2.2/24"]
[virtual_service.web]
address = "192.0.2.1:80"
[sync_group.site]
routers = ["a", "b"]
[tracker.uplink]
interface = "eth2"
address = "10.0.0.2"
up_delay = "5s"
[tracker.drain]
file = "/run/drain"
invert = true
[tracker.web]
service = "web"
[tracker.proxy]
process = "haproxy"
interval = "250ms"
[tracker.script]
script = ["/bin/true", "-x"]
interval = "2s"
rise = 2
[tracker.other]
router = "b"
)");
    ASSERT_EQ(config.routers.size(), 2U);
    EXPECT_THAT(config.routers[0].track,
                ElementsAre(Track{"uplink", 0}, Track{"drain", -20}, Track{"web", 30}));
    ASSERT_EQ(config.sync_groups.size(), 1U);
    EXPECT_THAT(config.sync_groups[0].routers, ElementsAre("a", "b"));
    ASSERT_EQ(config.trackers.size(), 6U);
    EXPECT_EQ(config.trackers[0].up_delay, 5s);
    EXPECT_TRUE(config.trackers[1].invert);
    EXPECT_EQ(config.trackers[2].kind, Tracker::Kind::service);
    EXPECT_EQ(config.trackers[3].interval, 250ms);
    EXPECT_THAT(config.trackers[4].script, ElementsAre("/bin/true", "-x"));
    EXPECT_EQ(config.trackers[5].target, "b");
}

// ---- what is refused --------------------------------------------------------------------------------------

TEST(RouterErrors, Version) {
    EXPECT_EQ(in_router4("password = 'secret'"),
              "5:12: `password` is of no use in version 3, which has none, expected none or `version = 2`\n");
    EXPECT_EQ(in_router4("version = 2\npassword = 'secret'"), "");
    EXPECT_EQ(in_router4("version = 2\npassword = 'toolong12'"),
              "6:12: `password` is \"toolong12\", expected a string of 1 to 8 characters from [!-~]\n");
    EXPECT_EQ(in_router("version = 2"),
              "5:11: version 2 knows no IPv6, expected `version = 3` or IPv4 `addresses` only\n");
    EXPECT_EQ(in_router4("version = 2\nadvert_interval = '1.5s'"),
              "6:19: `advert_interval` is 1.5s, expected whole seconds in version 2\n");
    EXPECT_EQ(in_router4("version = 2\nchecksum = 'message'"),
              "6:12: `checksum` is of no use in version 2, expected none\n");
    EXPECT_EQ(in_router4("version = 4"), "5:11: `version` is 4, expected an integer from 2 to 3\n");
}

TEST(RouterErrors, Owner) {
    EXPECT_EQ(
        in_router("priority = 255\npreempt = false"),
        "6:11: priority 255 is the owner of the addresses, who always preempts, expected `preempt = true` or "
        "another `priority`\n");
    EXPECT_EQ(in_router("priority = 255\npreempt_delay = '1s'"),
              "6:17: priority 255 is the owner of the addresses, who preempts at once, expected no "
              "`preempt_delay` or "
              "another `priority`\n");
    EXPECT_EQ(in_router("preempt = false\npreempt_delay = '1s'"),
              "6:17: `preempt_delay` is of no use with `preempt = false`, expected none\n");
    EXPECT_EQ(
        in_router("priority = 255\ntrack = ['t weight -1']\n[tracker.t]\ninterface = 'eth1'"),
        "6:10: priority 255 is the owner's and never changes, expected no `weight` or another `priority`\n");
    EXPECT_EQ(in_router("priority = 255\ntrack = ['t']\n[tracker.t]\ninterface = 'eth1'"), "");
}

TEST(RouterErrors, Peers) {
    EXPECT_EQ(in_router("peers = ['224.0.0.18']"),
              "5:10: 224.0.0.18 cannot be a peer, expected the unicast address of another director\n");
    EXPECT_EQ(in_router("source4 = '10.0.0.2'\npeers = ['10.0.0.2']"),
              "6:10: 10.0.0.2 cannot be a peer, expected the unicast address of another director\n");
    EXPECT_EQ(in_router("peers = ['10.0.0.2', '10.0.0.2']"),
              "5:22: peer 10.0.0.2 is there already, expected it once\n");
    EXPECT_EQ(in_router4("peers = ['fe80::2']"),
              "5:10: peer fe80::2 is IPv6 and `addresses` has none of that family, expected one\n");
    EXPECT_EQ(in_router("peers = ['x']"),
              "5:10: `address` is \"x\", expected an address such as \"192.0.2.1\" or \"2001:db8::1\"\n");
}

TEST(RouterErrors, Addresses) {
    EXPECT_EQ(in_router4("excluded_addresses = ['2001:db8::2/64']"),
              "5:23: an excluded address is IPv6 and `addresses` has none of that family, expected one\n");
    EXPECT_EQ(
        in_router4("excluded_addresses = ['192.0.2.1/24']"),
        "5:23: virtual address 192.0.2.1 is in [virtual_router.r] (line 1) already, expected it once\n");
    EXPECT_EQ(in_router("excluded_addresses = ['192.0.2.2/24 label eth1:a']"),
              "5:23: `label` is \"eth1:a\", expected none or, with an IPv4 address, one that begins with "
              "\"eth0\"\n");
    EXPECT_EQ(in_router("excluded_addresses = ['2001:db8::2/64 label eth0:a']"),
              "5:23: `label` is \"eth0:a\", expected none or, with an IPv4 address, one that begins with "
              "\"eth0\"\n");
    EXPECT_EQ(in_router("excluded_addresses = ['192.0.2.2/24 dad']"),
              "5:23: `dad` is of no use with an IPv4 address, expected none\n");
    EXPECT_EQ(in_router("excluded_addresses = [7]"),
              "5:23: `excluded_addresses` has 7, expected a list of 0 to 16384 addresses such as "
              "\"192.0.2.1/24\" or "
              "\"2001:db8::1/64\"\n");
    EXPECT_EQ(
        in_router("excluded_addresses = ['192.0.2.2/24 device eth1']"),
        "5:23: address in [virtual_router.r]: unknown word \"device\", expected one of `address`, `dev`, "
        "`label`, `dad`\n");
    EXPECT_EQ(in_router("excluded_addresses = ['192.0.2.2/24 dev']"),
              "5:23: address in [virtual_router.r]: `dev` has no value, expected a string of 1 to 15 "
              "characters from "
              "[A-Za-z0-9._@+-]\n");
    EXPECT_EQ(in_router("excluded_addresses = ['192.0.2.2/24 dev eth1 dev eth2']"),
              "5:23: address in [virtual_router.r]: `dev` is there twice\n");
}

TEST(RouterErrors, Announcements) {
    const std::string wrong =
        "5:19: `announce_repeat` does not ascend from more than \"0s\" to at most \"1h\", expected it to\n";
    EXPECT_EQ(in_router("announce_repeat = ['1s', '1s']"), wrong);
    EXPECT_EQ(in_router("announce_repeat = ['0s', '1s']"), wrong);
    EXPECT_EQ(in_router("announce_repeat = ['61m']"), wrong);
    EXPECT_EQ(in_router("announce_repeat = []"), "");
    EXPECT_EQ(in_router("announce_repeat = ['1s', 'x']"),
              "5:26: `announce_repeat` is \"x\", expected a list of 0 to 8 durations such as \"2s\" or "
              "\"100ms\"\n");
    EXPECT_THAT(in_router("announce_repeat = ['1s','2s','3s','4s','5s','6s','7s','8s','9s']"),
                HasSubstr("has 9 items"));
}

TEST(RouterErrors, Routes) {
    EXPECT_EQ(in_router("routes = ['x via 192.0.2.1']"),
              "5:11: route in [virtual_router.r]: `to` is \"x\", expected \"default\" or a prefix such as "
              "\"198.51.100.0/24\"\n");
    EXPECT_EQ(in_router4("routes = ['default via fe80::1']"),
              "5:11: the route to ::/0 is IPv6 and `addresses` has none of that family, expected one\n");
    EXPECT_EQ(in_router("routes = ['198.51.100.0/24 via fe80::1']"),
              "5:11: the route to 198.51.100.0/24 is IPv4 and fe80::1 is not, expected one family\n");
    EXPECT_EQ(in_router("routes = ['blackhole 198.51.100.0/24 dev eth1']"),
              "5:11: a route of type \"blackhole\" leads nowhere, expected no `via`, `dev` and `onlink`\n");
    EXPECT_EQ(in_router("routes = ['198.51.100.0/24 onlink']"),
              "5:11: `onlink` is of no use without `via`, expected none\n");
    EXPECT_EQ(in_router("routes = ['198.51.100.0/24', '198.51.100.0/24 dev eth1']"),
              "5:30: the route to 198.51.100.0/24 is there already, expected another `table` or `metric`\n");
    EXPECT_EQ(in_router("routes = ['198.51.100.0/24 table x']"),
              "5:11: `table` is \"x\", expected an integer from 1 to 4294967295\n");
}

TEST(RouterErrors, Rules) {
    EXPECT_EQ(
        in_router("rules = ['table 100 priority 5']"),
        "5:10: the rule of priority 5 is for all packets, expected `from`, `to`, `iif`, `oif` or `fwmark`\n");
    EXPECT_EQ(in_router("rules = ['from 192.0.2.1 table 100']"),
              "5:10: rule in [virtual_router.r] has no `priority`, expected an integer from 1 to 32765\n");
    EXPECT_EQ(
        in_router("rules = ['from 192.0.2.1 to fe80::1 priority 5']"),
        "5:10: the rule of priority 5 has `from` and `to` of different families, expected one family\n");
    EXPECT_EQ(in_router4("rules = ['from fe80::1 priority 5']"),
              "5:10: the rule of priority 5 is IPv6 and `addresses` has none of that family, expected one\n");
    EXPECT_EQ(
        in_router("rules = ['192.0.2.1 priority 5']"),
        "5:10: rule in [virtual_router.r]: unknown word \"192.0.2.1\", expected one of `from`, `to`, `iif`, "
        "`oif`, `fwmark`, `table`, `priority`, `action`, `family`\n");
}

TEST(RouterErrors, Track) {
    EXPECT_EQ(in_router("track = ['other']\n[tracker.uplink]\ninterface = 'eth1'"),
              "5:10: there is no [tracker.other], expected the name of one\n");
    EXPECT_EQ(in_router("track = ['uplnk']\n[tracker.uplink]\ninterface = 'eth1'"),
              "5:10: there is no [tracker.uplnk], expected the name of one, did you mean \"uplink\"?\n");
    EXPECT_EQ(in_router("track = ['y', 'y weight 5']\n[tracker.y]\ninterface = 'eth1'"),
              "5:15: tracker \"y\" is there already, expected it once\n");
    EXPECT_EQ(in_router("track = ['y weight 254']\n[tracker.y]\ninterface = 'eth1'"),
              "5:10: `weight` is 254, expected an integer from -253 to 253\n");
    EXPECT_EQ(in_router("track = ['self']\n[tracker.self]\nrouter = 'r'"),
              "5:9: [virtual_router.r] depends on itself by its trackers, expected no circle\n");
}

TEST(RouterErrors, ACircleOfThree) {
    std::string text;
    for (int i = 0; i < 3; ++i)
        text += fmt::format(
            "[virtual_router.r{}]\ninterface = 'eth{}'\nvrid = 1\naddresses = ['192.0.2.{}/24']\n"
            "track = ['t{}']\n[tracker.t{}]\nrouter = 'r{}'\n",
            i, i, i + 1, (i + 1) % 3, i, i);
    EXPECT_THAT(errors_of(text), HasSubstr("5:9: [virtual_router.r0] depends on itself"));
}

TEST(TrackerErrors, WhatItWatches) {
    EXPECT_EQ(
        in_tracker("invert = true"),
        "1:1: [tracker.t] names 0 things to watch, expected one of `interface`, `file`, `process`, `script`, "
        "`service`, `router`\n");
    EXPECT_EQ(
        in_tracker("interface = 'eth0'\nfile = '/x'"),
        "1:1: [tracker.t] names 2 things to watch, expected one of `interface`, `file`, `process`, `script`, "
        "`service`, `router`\n");
    EXPECT_EQ(in_tracker("file = 'run/x'"), "2:8: `file` is not an absolute path, expected one\n");
    EXPECT_EQ(in_tracker("script = ['true']"), "2:10: `script` is not an absolute path, expected one\n");
    EXPECT_EQ(in_tracker("service = 'web'"),
              "2:11: there is no [virtual_service.web], expected the name of one\n");
    EXPECT_EQ(in_tracker("router = 'web'"),
              "2:10: there is no [virtual_router.web], expected the name of one\n");
}

TEST(TrackerErrors, WhatGoesWithIt) {
    EXPECT_EQ(in_tracker("file = '/x'\naddress = '10.0.0.1'"),
              "3:11: `address` is of no use with `file`, expected none\n");
    EXPECT_EQ(in_tracker("interface = 'eth0'\nrise = 2\nfall = 2\ntimeout = '1s'\ninterval = '1s'"),
              "3:8: `rise` is of no use with `interface`, expected none\n"
              "4:8: `fall` is of no use with `interface`, expected none\n"
              "5:11: `timeout` is of no use with `interface`, expected none\n"
              "6:12: `interval` is of no use with `interface`, expected none\n");
    EXPECT_EQ(in_tracker("script = ['/bin/x']\ninterval = '500ms'"),
              "3:12: `timeout` is 1s, expected at most the `interval` of 500ms\n");
}

TEST(SyncGroupErrors, Members) {
    const std::string two =
        "[virtual_router.a]\ninterface='eth0'\nvrid=1\naddresses=['192.0.2.1/24']\n"
        "[virtual_router.b]\ninterface='eth0'\nvrid=2\naddresses=['192.0.2.2/24']\n";
    EXPECT_EQ(errors_of(two + "[sync_group.g]\nrouters = ['a', 'c']\n"),
              "10:11: there is no [virtual_router.c], expected the name of one, did you mean \"a\"?\n");
    EXPECT_EQ(errors_of(two + "[sync_group.g]\nrouters = ['a', 'b']\n[sync_group.h]\nrouters = ['b']\n"),
              "12:11: router \"b\" is in [sync_group.g] already, expected it in one group\n");
    EXPECT_EQ(
        errors_of(two + "families = 'independent'\n[sync_group.g]\nrouters = ['b']\n"),
        "11:11: router \"b\" has `families = \"independent\"` and cannot move together with others, expected "
        "\"together\"\n");
    EXPECT_EQ(errors_of("[sync_group.g]\n"),
              "1:1: [sync_group.g] has no `routers`, expected a list of 1 to 1024 strings\n");
}

}  // namespace
}  // namespace lvs::config
