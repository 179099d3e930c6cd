// SPDX-License-Identifier: GPL-2.0-or-later
//
// What is refused: the whole text of every message, with its place. Each test below is one rule.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fmt/core.h>

#include "lvsd/config/value.hpp"
#include "tests/unit/config/kinds.hpp"

namespace lvs::config {
namespace {

using test::errors_of;
using testing::EndsWith;
using testing::HasSubstr;

// `text` in an otherwise valid service, whose first line is line 2.
std::string in_service(std::string_view text) {
    return errors_of("[virtual_service.s]\n" + std::string(text) + "\n");
}
std::string in_router(std::string_view text) {
    return errors_of("[virtual_router.r]\ninterface = 'eth0'\nvrid = 1\naddresses = ['192.0.2.1/24']\n" +
                     std::string(text) + "\n");
}
std::string in_check(std::string_view text) {
    return in_service("address = '192.0.2.1:80'\ncheck = " + std::string(text));
}

// ---- syntax -----------------------------------------------------------------------------------------------

TEST(Errors, SyntaxWithItsPlace) {
    EXPECT_EQ(errors_of("[global]\non_stop = \n"),
              "2:11: not valid TOML: key-value pair: expected value, saw '\\n'\n");
    EXPECT_EQ(errors_of("[global]\non_stop = keep\n"),
              "2:11: not valid TOML: value: could not determine value type (text, addresses and durations "
              "stand in quotes)\n");
    EXPECT_EQ(errors_of("[virtual_service.s]\npersistence = 5m\n"),
              "2:16: not valid TOML: decimal integer: expected digit, saw 'm' (text, addresses and durations "
              "stand in "
              "quotes)\n");
    EXPECT_THAT(errors_of("a = 192.0.2.1:80\n"), HasSubstr("stand in quotes"));
    EXPECT_THAT(errors_of("[global\n"), HasSubstr("1:8: not valid TOML: table header: expected ']'"));
}

// Input that toml++ has assertions about.
TEST(Errors, BrokenTableHeaders) {
    EXPECT_EQ(
        errors_of("[[[x]]]\n"),
        "1:3: not valid TOML: key: expected bare key starting character or string delimiter, saw '['\n");
    EXPECT_EQ(
        errors_of("[,]\n"),
        "1:2: not valid TOML: key: expected bare key starting character or string delimiter, saw ','\n");
}

TEST(Errors, LettersOutsideOfQuotes) {
    EXPECT_EQ(errors_of("[\xC3\xA4]\n"),
              "1:2: not valid TOML: key: expected bare key starting character or string delimiter, saw "
              "'\xC3\xA4'\n");
    EXPECT_THAT(errors_of("[global]\non_stop = \xC3\xA4\n"), HasSubstr("2:11: not valid TOML"));
    EXPECT_THAT(errors_of("[global]\non_stop \xE3\x80\x80= 'keep'\n"), HasSubstr("2:9: not valid TOML"));
    EXPECT_EQ(in_check("{ kind = 'http', body = \"\"\"\\\n \xC3\xA4\"\"\" }"), "");
}

TEST(Errors, DuplicateKeysAndTables) {
    EXPECT_EQ(errors_of("[global]\non_stop = 'keep'\non_stop = 'keep'\n"),
              "3:11: `on_stop` is defined twice\n");
    EXPECT_EQ(errors_of("[virtual_service.s]\nfwmark = 1\n[virtual_service.s]\n"),
              "3:1: `virtual_service.s` is defined twice\n");
}

// ---- names and types --------------------------------------------------------------------------------------

TEST(Errors, UnknownSection) {
    EXPECT_EQ(errors_of("[virtual_servise.web]\n"),
              "1:2: unknown section or key \"virtual_servise\", expected one of `global`, `notify`, `metrics`, "
              "`virtual_router`, `virtual_service`, `sync_group`, `tracker`, `server_template`, `server_group`, "
              "`service_defaults`, `server_defaults`, `include`, did you mean `virtual_service`?\n");
    EXPECT_EQ(errors_of("x = 1\n"),
              "1:1: unknown section or key \"x\", expected one of `global`, `notify`, `metrics`, `virtual_router`, "
              "`virtual_service`, `sync_group`, `tracker`, `server_template`, `server_group`, `service_defaults`, "
              "`server_defaults`, "
              "`include`\n");
}

TEST(Errors, UnknownKey) {
    EXPECT_EQ(errors_of("[global]\non_stopp = 'keep'\n"),
              "2:1: [global] has an unknown key `on_stopp`, did you mean `on_stop`?\n");
    EXPECT_EQ(errors_of("[global]\nquestion = 42\n"),
              "2:1: [global] has an unknown key `question`, expected one of `on_stop`, `reconcile_interval`, "
              "`checker_user`, `checker_workers`, `check_mark`, `guard`, `announce_rate`, `announce_burst`, "
              "`expire_nodest_conn`, `expire_quiescent_template`\n");
    EXPECT_EQ(in_service("fwmark = 1\nservers = [{ address = '10.0.0.1', wieght = 2 }]"),
              "3:36: server in [virtual_service.s] has an unknown key `wieght`, did you mean `weight`?\n");
    EXPECT_EQ(in_check("{ kind = 'http', pth = '/' }"),
              "3:26: check in [virtual_service.s] has an unknown key `pth`, did you mean `path`?\n");
    // A key of one kind is unknown to another.
    EXPECT_THAT(in_check("{ kind = 'tcp', path = '/' }"),
                HasSubstr("has an unknown key `path`, expected one of"));
}

TEST(Errors, NameWithADot) {
    EXPECT_EQ(errors_of("[virtual_service.a.b]\nfwmark = 1\n"),
              "1:1: [virtual_service.a] has no `address`, expected it, `addresses` or `fwmark`\n"
              "1:20: [virtual_service.a] has an unknown key `b`; a name with a dot in it stands in quotes\n");
}

TEST(Errors, WrongType) {
    EXPECT_EQ(errors_of("global = 1\nvirtual_router = 2\nvirtual_service = []\n"),
              "1:10: `global` is 1, expected a table\n"
              "2:18: `virtual_router` is 2, expected tables [virtual_router.NAME]\n"
              "3:19: `virtual_service` is a list, expected tables [virtual_service.NAME]\n");
    EXPECT_EQ(errors_of("virtual_service.a = 1.5\n"),
              "1:21: `a` is a number with a fraction, expected a table [virtual_service.NAME]\n");
    EXPECT_EQ(in_router("priority = '150'"),
              "5:12: `priority` is \"150\", expected an integer from 1 to 255\n");
    EXPECT_EQ(in_router("preempt = 1"), "5:11: `preempt` is 1, expected true or false\n");
    EXPECT_EQ(in_router("virtual_mac = 'yes'"), "5:15: `virtual_mac` is \"yes\", expected true or false\n");
    EXPECT_EQ(in_router("advert_interval = 1"),
              "5:19: `advert_interval` is 1, expected a duration from 10ms to 40.95s in steps of 10ms, such "
              "as \"2s\" or "
              "\"100ms\"\n");
    EXPECT_EQ(
        in_router("source4 = 2020-01-01"),
        "5:11: `source4` is a date or time, expected an address such as \"192.0.2.1\" or \"2001:db8::1\"\n");
    EXPECT_EQ(in_service("address = '192.0.2.1'"),
              "2:11: `address` is \"192.0.2.1\", expected an address with port such as \"192.0.2.1:80\" or "
              "\"[2001:db8::1]:80\"\n");
    EXPECT_EQ(in_service("fwmark = 1\nservers = '10.0.0.1'\nsorry_server = 1"),
              "3:11: `servers` is \"10.0.0.1\", expected a list of 0 to 16384 servers such as "
              "\"10.0.0.11:80\" or tables\n"
              "4:16: a server is 1, expected a server such as \"10.0.0.11:80\" or a table\n");
    EXPECT_EQ(in_service("fwmark = 1\nservers = ['10.0.0.x', 7]"),
              "3:12: `address` is \"10.0.0.x\", expected an address such as \"192.0.2.1:80\", "
              "\"[2001:db8::1]:80\" or "
              "\"192.0.2.1\"\n"
              "3:24: a server is 7, expected a server such as \"10.0.0.11:80\" or a table\n");
    EXPECT_EQ(in_check("7"), "3:9: a check is 7, expected a check such as \"tcp\" or { kind = \"tcp\" }\n");
    EXPECT_EQ(in_service("fwmark = 1\nchecks = 'tcp'"),
              "3:10: `checks` is \"tcp\", expected a list of 0 to 16 checks such as \"tcp\" or { kind = "
              "\"tcp\" }\n");
}

TEST(Errors, Missing) {
    EXPECT_EQ(errors_of("[virtual_router.r]\n"),
              "1:1: [virtual_router.r] has no `interface`, expected a string of 1 to 15 characters from "
              "[A-Za-z0-9._@+-]\n"
              "1:1: [virtual_router.r] has no `vrid`, expected an integer from 1 to 255\n"
              "1:1: [virtual_router.r] has no `addresses`, expected a list of 1 to 255 addresses such as "
              "\"192.0.2.1/24\" or \"2001:db8::1/64\"\n");
    EXPECT_EQ(
        in_service("address = '192.0.2.1:80'\nservers = [{}]"),
        "3:12: server in [virtual_service.s] has no `address`, expected an address such as \"192.0.2.1:80\", "
        "\"[2001:db8::1]:80\" or \"192.0.2.1\"\n");
    EXPECT_EQ(in_check("{ kind = 'dns' }"),
              "3:9: check in [virtual_service.s] has no `name`, expected a string of 1 to 255 characters\n");
    EXPECT_EQ(in_check("{ port = 80 }"),
              "3:9: check in [virtual_service.s] has no `kind`, expected a string of 1 to 32 characters\n");
}

TEST(Errors, Choices) {
    EXPECT_EQ(errors_of("[global]\nexpire_nodest_conn = 1\n"),
              "2:22: `expire_nodest_conn` is 1, expected true or false\n");
    EXPECT_EQ(errors_of("[global]\non_stop = 'keeep'\n"),
              "2:11: `on_stop` is \"keeep\", expected one of \"remove\", \"keep\", did you mean \"keep\"?\n");
    EXPECT_EQ(
        in_service("fwmark = 1\nscheduler_flags = ['flag-1', 'flag-1', 'flag-9']"),
        "3:30: `scheduler_flags` is \"flag-1\", expected a list of 0 to 3 different strings out of "
        "\"flag-1\", "
        "\"flag-2\", \"flag-3\", \"sh-port\", \"sh-fallback\", \"mh-port\", \"mh-fallback\", did you mean "
        "\"flag-1\"?\n"
        "3:40: `scheduler_flags` is \"flag-9\", expected a list of 0 to 3 different strings out of "
        "\"flag-1\", "
        "\"flag-2\", \"flag-3\", \"sh-port\", \"sh-fallback\", \"mh-port\", \"mh-fallback\", did you mean "
        "\"flag-1\"?\n");
    EXPECT_EQ(in_check("'htpp'"),
              "3:9: there is no check of kind \"htpp\", expected one of \"tcp\", \"http\", \"dns\", "
              "\"ping\", did you mean \"http\"?\n");
    // An unknown kind does not hide what is wrong with the keys every kind has.
    EXPECT_EQ(
        in_check("{ kind = 'smtp', rise = 0, helo = 'x' }"),
        "3:18: there is no check of kind \"smtp\", expected one of \"tcp\", \"http\", \"dns\", \"ping\"\n"
        "3:33: `rise` is 0, expected an integer from 1 to 1000\n");
}

// ---- bounds: both sides of each ---------------------------------------------------------------------------

struct Bound {
    std::string_view text;
    bool good;
};

TEST(Errors, BoundsOfRouters) {
    for (const auto& [text, good] : std::initializer_list<Bound>{
             {"priority = 0", false},
             {"priority = 1", true},
             {"priority = 255", true},
             {"priority = 256", false},
             {"advert_interval = '9ms'", false},
             {"advert_interval = '10ms'", true},
             {"advert_interval = '15ms'", false},
             {"advert_interval = '40.95s'", true},
             {"advert_interval = '40.96s'", false},
             {"advert_interval = '-1s'", false},
         })
        EXPECT_EQ(in_router(text).empty(), good) << text;
    const auto interface = [](std::string_view name) {
        return errors_of("[virtual_router.r]\nvrid = 1\naddresses = ['192.0.2.1/24']\ninterface = '" +
                         std::string(name) + "'\n");
    };
    EXPECT_EQ(interface("123456789012345"), "");
    EXPECT_EQ(interface("br-0.7@x+_"), "");
    EXPECT_NE(interface("1234567890123456"), "");
    EXPECT_NE(interface(""), "");
    EXPECT_NE(interface("eth/0"), "");
    EXPECT_NE(interface("eth 0"), "");
    EXPECT_NE(interface("eth0:1"), "");
}

TEST(Errors, BoundsOfServices) {
    for (const auto& [text, good] : std::initializer_list<Bound>{
             {"fwmark = 0", false},
             {"fwmark = 1", true},
             {"fwmark = 4294967295", true},
             {"fwmark = 4294967296", false},
             {"fwmark = 1\npersistence = '999ms'", false},
             {"fwmark = 1\npersistence = '1s'", true},
             {"fwmark = 1\npersistence = '1.5s'", false},
             {"fwmark = 1\npersistence = '31d'", true},
             {"fwmark = 1\npersistence = '31d1s'", false},
             {"fwmark = 1\npersistence = '1s'\npersistence_prefix = 0", false},
             {"fwmark = 1\npersistence = '1s'\npersistence_prefix = 1", true},
             {"fwmark = 1\npersistence = '1s'\npersistence_prefix = 32", true},
             {"fwmark = 1\npersistence = '1s'\npersistence_prefix = 33", false},
             {"fwmark = 1\nfamily = 'ipv6'\npersistence = '1s'\npersistence_prefix = 128", true},
             {"fwmark = 1\nfamily = 'ipv6'\npersistence = '1s'\npersistence_prefix = 129", false},
             {"fwmark = 1\nservers = [{ address = '10.0.0.1', weight = -1 }]", false},
             {"fwmark = 1\nservers = [{ address = '10.0.0.1', weight = 0 }]", true},
             {"fwmark = 1\nservers = [{ address = '10.0.0.1', weight = 65535 }]", true},
             {"fwmark = 1\nservers = [{ address = '10.0.0.1', weight = 65536 }]", false},
             {"address = '192.0.2.1:65535'", true},
             {"address = '192.0.2.1:65536'", false},
         })
        EXPECT_EQ(in_service(text).empty(), good) << text;
}

TEST(Errors, BoundsOfChecks) {
    for (const auto& [text, good] : std::initializer_list<Bound>{
             {"{ kind = 'tcp', interval = '9ms', timeout = '1ms' }", false},
             {"{ kind = 'tcp', interval = '10ms', timeout = '10ms' }", true},
             {"{ kind = 'tcp', interval = '1d' }", true},
             {"{ kind = 'tcp', interval = '24h1s' }", false},
             {"{ kind = 'tcp', timeout = '999us' }", false},
             {"{ kind = 'tcp', interval = '1d', timeout = '1h' }", true},
             {"{ kind = 'tcp', interval = '1d', timeout = '1h1s' }", false},
             {"{ kind = 'tcp', rise = 1000, fall = 1 }", true},
             {"{ kind = 'tcp', rise = 1001 }", false},
             {"{ kind = 'tcp', fall = 0 }", false},
             {"{ kind = 'tcp', port = 0 }", false},
             {"{ kind = 'tcp', port = 65535 }", true},
             {"{ kind = 'tcp', port = 65536 }", false},
             {"{ kind = 'http', status = 100 }", true},
             {"{ kind = 'http', status = 99 }", false},
             {"{ kind = 'http', status = '599' }", true},
             {"{ kind = 'http', status = '500-600' }", false},
             {"{ kind = 'http', status = ['300-200'] }", false},
             {"{ kind = 'http', status = '200-299-300' }", false},
             {"{ kind = 'http', headers = ['a', 'b', 'c', 'd'] }", true},
             {"{ kind = 'http', headers = ['a', 'b', 'c', 'd', 'e'] }", false},
             {"{ kind = 'http', headers = ['a', 1] }", false},
         })
        EXPECT_EQ(in_check(text).empty(), good) << text;
}

TEST(Errors, BoundsOfLists) {
    const auto many = [](std::size_t count, auto item) {
        std::string out;
        for (std::size_t i = 0; i < count; ++i)
            out += item(i) + ",";
        return "[" + out + "]";
    };
    const auto check = [](std::size_t i) { return fmt::format("{{kind='tcp',port={}}}", i + 1); };
    EXPECT_EQ(in_service("fwmark = 1\nchecks = " + many(16, check)), "");
    EXPECT_THAT(in_service("fwmark = 1\nchecks = " + many(17, check)),
                HasSubstr("`checks` has too many items"));
    const auto server = [](std::size_t i) { return fmt::format("'10.0.{}.{}'", i / 256, i % 256); };
    EXPECT_EQ(in_service("fwmark = 1\nservers = " + many(16384, server)), "");
    EXPECT_THAT(in_service("fwmark = 1\nservers = " + many(16385, server)),
                HasSubstr("`servers` has too many items"));
    const auto address = [](std::size_t i) { return fmt::format("'10.0.{}.{}/24'", i / 256, i % 256); };
    const auto router = [&](std::size_t count) {
        return errors_of("[virtual_router.r]\ninterface='eth0'\nvrid=1\naddresses=" + many(count, address) +
                         "\n");
    };
    EXPECT_EQ(
        router(0),
        "4:11: `addresses` has 0 items, expected a list of 1 to 255 addresses such as \"192.0.2.1/24\" or "
        "\"2001:db8::1/64\"\n");
    EXPECT_EQ(router(255), "");
    EXPECT_NE(router(256), "");
}

TEST(Errors, Names) {
    const auto named = [](std::string_view name) {
        return errors_of(fmt::format("[virtual_service.\"{}\"]\nfwmark = 1\n", name));
    };
    EXPECT_EQ(named(std::string(64, 'a')), "");
    EXPECT_EQ(named("A-z_0.9"), "");
    EXPECT_EQ(named(""), "1:18: \"\" is no name, expected 1 to 64 characters from [A-Za-z0-9._-]\n");
    EXPECT_THAT(named(std::string(65, 'a')), HasSubstr("aaa...\" is no name"));
    EXPECT_THAT(named("a b"), HasSubstr("is no name"));
    EXPECT_THAT(named("a\\u0000"), HasSubstr("\"a\\x00\" is no name"));
    EXPECT_THAT(named("\xC3\xA4"), HasSubstr("is no name"));
}

// ---- cross checks of routers ------------------------------------------------------------------------------

TEST(Errors, SameVridTwice) {
    const auto two = [](std::string_view second) {
        return errors_of(
            "[virtual_router.a]\ninterface='eth0'\nvrid=7\naddresses=['192.0.2.1/24','2001:db8::1/64']\n"
            "[virtual_router.b]\n" +
            std::string(second));
    };
    EXPECT_EQ(
        two("interface='eth0'\nvrid=7\naddresses=['192.0.2.2/24','2001:db8::2/64']\n"),
        "7:6: `vrid` 7 is used for IPv4 on eth0 by [virtual_router.a] (line 1) too, expected another one\n");
    EXPECT_EQ(
        two("interface='eth0'\nvrid=7\naddresses=['2001:db8::2/64']\n"),
        "7:6: `vrid` 7 is used for IPv6 on eth0 by [virtual_router.a] (line 1) too, expected another one\n");
    EXPECT_EQ(two("interface='eth1'\nvrid=7\naddresses=['192.0.2.2/24']\n"), "");
    EXPECT_EQ(two("interface='eth0'\nvrid=8\naddresses=['192.0.2.2/24']\n"), "");
}

TEST(Errors, SameVirtualAddressTwice) {
    EXPECT_EQ(
        errors_of("[virtual_router.a]\ninterface='eth0'\nvrid=7\naddresses=['192.0.2.1/24', '192.0.2.1/32']\n"
                  "[virtual_router.b]\ninterface='eth1'\nvrid=7\naddresses=['192.0.2.1/24']\n"),
        "4:28: virtual address 192.0.2.1 is in [virtual_router.a] (line 1) already, expected it once\n"
        "8:12: virtual address 192.0.2.1 is in [virtual_router.a] (line 1) already, expected it once\n");
    EXPECT_THAT(
        errors_of("[virtual_router.a]\ninterface='eth0'\nvrid=7\naddresses=['fe80::1/64', 'fe80::1/64']\n"),
        HasSubstr("4:26: virtual address fe80::1 is in"));
}

TEST(Errors, AddressesThatCannotBeVirtual) {
    for (const std::string_view bad :
         {"0.0.0.0/24", "127.0.0.1/8", "224.0.0.18/32", "::/64", "::1/128", "ff02::1/64", "192.0.2.1/0"})
        EXPECT_EQ(
            errors_of(fmt::format("[virtual_router.a]\ninterface='eth0'\nvrid=7\naddresses=['{}']\n", bad)),
            fmt::format(
                "4:12: {} cannot be a virtual address, expected a unicast address with prefix length\n",
                bad));
}

TEST(Errors, Sources) {
    EXPECT_EQ(in_router("source4 = 'fe80::1'"),
              "5:11: `source4` is fe80::1, expected a unicast IPv4 address\n");
    EXPECT_EQ(in_router("source4 = '224.0.0.1'"),
              "5:11: `source4` is 224.0.0.1, expected a unicast IPv4 address\n");
    EXPECT_EQ(in_router("source4 = '0.0.0.0'"),
              "5:11: `source4` is 0.0.0.0, expected a unicast IPv4 address\n");
    EXPECT_EQ(in_router("source6 = 'fe80::1'"),
              "5:11: `source6` is of no use without an IPv6 address in `addresses`, expected none\n");
}

// ---- cross checks of services -----------------------------------------------------------------------------

TEST(Errors, AddressOrFirewallMark) {
    EXPECT_EQ(in_service(""),
              "1:1: [virtual_service.s] has no `address`, expected it, `addresses` or `fwmark`\n");
    EXPECT_EQ(in_service("address = '192.0.2.1:80'\nfwmark = 1"),
              "3:10: `address` and `fwmark` exclude each other, expected one of them\n");
    EXPECT_EQ(in_service("address = '192.0.2.1:80'\nfamily = 'ipv4'"),
              "3:10: `family` goes with `fwmark`, expected none here\n");
    EXPECT_EQ(in_service("fwmark = 1\nprotocol = 'tcp'"),
              "3:12: `protocol` goes with `address`, expected none here\n");
}

TEST(Errors, SameServiceTwice) {
    const auto two = [](std::string_view first, std::string_view second) {
        return errors_of(fmt::format("[virtual_service.a]\n{}\n[virtual_service.b]\n{}\n", first, second));
    };
    EXPECT_EQ(two("address = '192.0.2.1:80'", "address = '192.0.2.1:80'"),
              "4:11: tcp 192.0.2.1:80 is [virtual_service.a] (line 1) already, expected it once\n");
    EXPECT_EQ(two("address = '192.0.2.1:80'", "address = '192.0.2.1:81'"), "");
    EXPECT_EQ(two("address = '192.0.2.1:80'", "address = '192.0.2.1:80'\nprotocol = 'udp'"), "");
    EXPECT_EQ(two("address = '[2001:db8::1]:80'", "address = '[2001:db8:0::1]:80'"),
              "4:11: tcp [2001:db8::1]:80 is [virtual_service.a] (line 1) already, expected it once\n");
    EXPECT_EQ(two("fwmark = 1", "fwmark = 1"),
              "4:10: firewall mark 1 for IPv4 is [virtual_service.a] (line 1) already, expected it once\n");
}

TEST(Errors, AddressesThatCannotBeServices) {
    EXPECT_EQ(in_service("address = '0.0.0.0:80'"),
              "2:11: 0.0.0.0 cannot be the address of a service, expected a unicast address\n");
    EXPECT_EQ(in_service("address = '[ff02::1]:80'"),
              "2:11: ff02::1 cannot be the address of a service, expected a unicast address\n");
    EXPECT_EQ(in_service("address = '192.0.2.1:80'\nservers = ['0.0.0.0:80']"),
              "3:12: 0.0.0.0 cannot be a server, expected a unicast address\n");
}

TEST(Errors, PortZero) {
    EXPECT_EQ(
        in_service("address = '192.0.2.1:0'"),
        "2:11: port 0, which is every port, needs `persistence`, expected it or a port from 1 to 65535\n");
    EXPECT_EQ(in_service("address = '192.0.2.1:80'\nservers = ['10.0.0.1:0']"),
              "3:12: port 0 of a server, expected a port from 1 to 65535 or none\n");
}

TEST(Errors, PersistencePrefix) {
    EXPECT_EQ(in_service("fwmark = 1\npersistence_prefix = 24"),
              "3:22: `persistence_prefix` is of no use without `persistence`, expected none\n");
    EXPECT_EQ(in_service("fwmark = 1\npersistence = '1s'\npersistence_prefix = 33"),
              "4:22: `persistence_prefix` is 33, expected an integer from 1 to 32 for IPv4\n");
}

TEST(Errors, SchedulerFlags) {
    EXPECT_EQ(in_service("fwmark = 1\nscheduler = 'sh'\nscheduler_flags = ['mh-port', 'sh-port']"),
              "4:19: flag \"mh-port\" is of scheduler \"mh\", expected one of \"sh\"\n"
              "4:19: \"mh-port\" and \"sh-port\" are the same flag, expected one of them\n");
    EXPECT_EQ(in_service("fwmark = 1\nscheduler = 'mh'\nscheduler_flags = ['flag-1', 'mh-fallback']"),
              "4:19: \"flag-1\" and \"mh-fallback\" are the same flag, expected one of them\n");
    EXPECT_EQ(in_service("fwmark = 1\nscheduler = 'mh'\nscheduler_flags = ['flag-1', 'mh-port', 'flag-3']"),
              "");
}

TEST(Errors, OnePacket) {
    EXPECT_EQ(in_service("address = '192.0.2.1:80'\none_packet = true"),
              "3:14: `one_packet` needs `protocol = \"udp\"`, which is \"tcp\"\n");
    EXPECT_EQ(in_service("address = '192.0.2.1:80'\nprotocol = 'udp'\none_packet = true"), "");
    EXPECT_EQ(in_service("fwmark = 1\none_packet = true"), "");
}

TEST(Errors, SameServerTwice) {
    EXPECT_EQ(in_service("address = '192.0.2.1:80'\nservers = [\n'10.0.0.1:80',\n{ address = '10.0.0.1' }]\n"
                         "sorry_server = '10.0.0.1:80'"),
              "5:13: server 10.0.0.1:80 is on line 4 already, expected it once in a service\n"
              "6:16: server 10.0.0.1:80 is on line 4 already, expected it once in a service\n");
    EXPECT_EQ(in_service("address = '192.0.2.1:80'\nservers = ['10.0.0.1:80', '10.0.0.1:81']"), "");
}

TEST(Errors, FamilyOfServers) {
    EXPECT_EQ(in_service("address = '192.0.2.1:80'\nservers = ['[2001:db8::1]:80']"),
              "3:12: server [2001:db8::1]:80 is IPv6 behind an IPv4 service, expected an IPv4 address or "
              "`forward = "
              "\"tun\"`\n");
    EXPECT_THAT(in_service("fwmark = 1\nfamily = 'ipv6'\nsorry_server = '10.0.0.1'"),
                HasSubstr("4:16: server 10.0.0.1:0 is IPv4 behind an IPv6 service"));
    EXPECT_EQ(in_service("address = '192.0.2.1:80'\nforward = 'tun'\nservers = ['[2001:db8::1]:80']"), "");
}

TEST(Errors, PortsOfServers) {
    EXPECT_EQ(in_service("address = '192.0.2.1:80'\nforward = 'dr'\nservers = ['10.0.0.1:8080', '10.0.0.2']"),
              "4:12: forward \"dr\" cannot change the port to 8080, expected port 80 or none\n");
    EXPECT_EQ(
        in_service("address = '192.0.2.1:80'\nservers = [{ address = '10.0.0.1:8080', forward = 'tun' }]"),
        "3:24: forward \"tun\" cannot change the port to 8080, expected port 80 or none\n");
    EXPECT_EQ(in_service("fwmark = 1\nforward = 'dr'\nservers = ['10.0.0.1:80']"),
              "4:12: forward \"dr\" cannot change the port to 80, expected an address without port\n");
}

TEST(Errors, ChecksOfServersWithoutPort) {
    EXPECT_EQ(in_service("fwmark = 1\nservers = ['10.0.0.1', '10.0.0.2']\ncheck = 'tcp'"),
              "4:9: the check needs a `port`: there are servers without a port of their own\n");
    EXPECT_EQ(in_service("fwmark = 1\nservers = [{ address = '10.0.0.1', check = 'tcp' }]"),
              "3:44: the check needs a `port`: there are servers without a port of their own\n");
    EXPECT_EQ(
        in_service("fwmark = 1\nservers = ['10.0.0.1']\nchecks = ['ping', { kind = 'tcp', port = 80 }]"), "");
    EXPECT_EQ(in_service("fwmark = 1\nservers = ['10.0.0.1:80']\ncheck = 'tcp'"), "");
}

TEST(Errors, TimeoutOutlastsInterval) {
    EXPECT_EQ(in_check("{ kind = 'tcp', interval = '1s', timeout = '1.5s' }"),
              "3:52: `timeout` is 1.5s, expected at most the `interval` of 1s\n");
    EXPECT_EQ(in_check("{ kind = 'tcp', interval = '500ms' }"),
              "3:36: `timeout` is 1s by default, expected at most the `interval` of 500ms\n");
}

TEST(Errors, WhatTheKindItselfRefuses) {
    EXPECT_EQ(in_check("{ kind = 'http', path = '?' }"),
              "3:33: check in [virtual_service.s]: path must not begin with `?`\n");
    // Not asked while keys are wrong: it would judge half of them.
    EXPECT_EQ(in_check("{ kind = 'http', path = '' }"),
              "3:33: `path` is \"\", expected a string of 1 to 1024 characters\n");
}

TEST(Errors, CheckOrChecks) {
    EXPECT_EQ(in_service("fwmark = 1\ncheck = 'ping'\nchecks = []"),
              "4:1: `check` and `checks` exclude each other, expected one of them\n");
    EXPECT_EQ(in_service("fwmark = 1\nchecks = ['ping', { kind = 'ping', rise = 2 }]"),
              "3:19: the same check twice, expected different ones\n");
}

// ---- all in one go ----------------------------------------------------------------------------------------

TEST(Errors, AllAtOnceInTheOrderOfTheFile) {
    EXPECT_EQ(
        errors_of(R"([virtual_service.web]
address = "192.0.2.10:http"
sheduler = "rr"
forward = "drr"
servers = ["10.0.0.11:80", { adress = "10.0.0.12:80" }, 3]
check = { kind = "http", interval = 2 }
[global]
reconcile_interval = "0s"
)"),
        R"(2:11: `address` is "192.0.2.10:http", expected an address with port such as "192.0.2.1:80" or "[2001:db8::1]:80"
3:1: [virtual_service.web] has an unknown key `sheduler`, did you mean `scheduler`?
4:11: `forward` is "drr", expected one of "nat", "dr", "tun", did you mean "dr"?
5:28: server in [virtual_service.web] has no `address`, expected an address such as "192.0.2.1:80", "[2001:db8::1]:80" or "192.0.2.1"
5:30: server in [virtual_service.web] has an unknown key `adress`, did you mean `address`?
5:57: a server is 3, expected a server such as "10.0.0.11:80" or a table
6:37: `interval` is 2, expected a duration from 10ms to 1d, such as "2s" or "100ms"
8:22: `reconcile_interval` is "0s", expected a duration from 1s to 1h, such as "2s" or "100ms"
)");
}

TEST(Errors, NoConfigWithErrors) {
    EXPECT_FALSE(parse("x = 1", "f", test::kKinds).config);
    EXPECT_TRUE(parse("", "f", test::kKinds).config);
}

TEST(Errors, TheNumberOfMessagesIsBounded) {
    std::string text;
    for (std::size_t i = 0; i < Report::kMaxDiagnostics + 5; ++i)
        text += fmt::format("k{} = 1\n", i);
    const auto loaded = parse(text, "f", test::kKinds);
    ASSERT_EQ(loaded.diagnostics.size(), Report::kMaxDiagnostics + 1);
    EXPECT_EQ(to_string(loaded.diagnostics.back()), "f: 5 more errors are not shown");
}

TEST(Errors, DeepNesting) {
    std::string key = "a";
    for (std::size_t i = 1; i < kMaxKeyParts; ++i)
        key += ".a";
    EXPECT_THAT(errors_of(key + " = 1\n"), HasSubstr("unknown section"));
    EXPECT_EQ(errors_of("\n[" + key + ".a]\n"), "2:33: a key of more than 16 parts, expected fewer dots\n");
    EXPECT_THAT(errors_of("x = {" + key + ".a = 1}\n"), HasSubstr("a key of more than 16 parts"));
    EXPECT_THAT(errors_of(std::string(100'000, 'a') + ".\"x\" . 'y'" + key + ".a = 1\n"),
                HasSubstr("1:100038: a key"));
    EXPECT_THAT(errors_of("x = " + std::string(1000, '[')),
                HasSubstr("exceeded maximum nested value depth of 32"));
    std::string million = "a";
    for (int i = 0; i < 1'000'000; ++i)
        million += ".a";
    EXPECT_THAT(errors_of("[" + million + "]\n"), HasSubstr("a key of more than 16 parts"));
}

TEST(Errors, DotsThatAreNotInKeysDoNotCount) {
    std::string dots(40, '.');
    EXPECT_EQ(errors_of("#" + dots + "\n[global]\n# x\n"), "");
    EXPECT_THAT(in_check("{ kind = 'http', body = '" + dots + "', host = \"\\\"" + dots + "\" }"), "");
    EXPECT_THAT(
        in_check("{ kind = 'http', body = \"\"\"\n" + dots + "\\\"\"\"\"\"\", host = '''" + dots + "''''' }"),
        "");
    EXPECT_EQ(
        in_service(
            "fwmark = 1\nservers = ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5', '10.0.0.6']"),
        "");
}

TEST(Suggest, OnlyWhatIsNear) {
    constexpr std::array<std::string_view, 4> names{"rr", "wrr", "interval", "timeout"};
    EXPECT_EQ(suggest("intervall", names, '`'), ", did you mean `interval`?");
    EXPECT_EQ(suggest("itnerval", names, '`'), ", did you mean `interval`?");
    EXPECT_EQ(suggest("time", names, '`'), "");
    EXPECT_EQ(suggest("wr", names, '`'), ", did you mean `rr`?");
    EXPECT_EQ(suggest("xyz", names, '`'), "");
    EXPECT_EQ(suggest(std::string(100, 'r'), names, '`'), "");
}

TEST(Show, IsShortAndPrintable) {
    EXPECT_EQ(in_quotes("a\nb\x7f"), "\"a\\x0ab\\x7f\"");
    EXPECT_EQ(in_quotes(std::string(48, 'x')).size(), 50U);
    EXPECT_THAT(in_quotes(std::string(49, 'x')), EndsWith("x...\""));
    EXPECT_EQ(in_quotes(std::string(47, 'x') + "\xC3\xA4"), "\"" + std::string(47, 'x') + "...\"");
}

}  // namespace
}  // namespace lvs::config
