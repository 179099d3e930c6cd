// SPDX-License-Identifier: GPL-2.0-or-later
//
// etc/lvsd.toml is what people start from: as it stands, with every setting switched on, and with each alone.
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "lvsd/config/value.hpp"
#include "tests/unit/config/kinds.hpp"

namespace lvs::config {
namespace {

std::vector<std::string> example_lines() {
    std::ifstream in(LVSD_EXAMPLE);
    std::vector<std::string> out;
    for (std::string line; std::getline(in, line);)
        out.push_back(line);
    return out;
}

// "#key = 1" and "#[table]" are settings, "# words" are words.
bool is_switched_off(const std::string& line) {
    return line.size() > 1 && line[0] == '#' && line[1] != ' ';
}

Loaded parse_lines(const std::vector<std::string>& lines) {
    std::string text;
    for (const auto& line : lines)
        text += line + '\n';
    auto loaded = parse(text, "etc/lvsd.toml", test::kKinds);
    for (const auto& diagnostic : loaded.diagnostics)
        ADD_FAILURE() << to_string(diagnostic);
    return loaded;
}

TEST(Example, ParsesAsItStands) {
    const auto loaded = parse_lines(example_lines());
    ASSERT_TRUE(loaded.config);
    EXPECT_EQ(loaded.config->routers.size(), 1U);
    EXPECT_EQ(loaded.config->services.size(), 2U);
}

TEST(Example, ParsesWithEverySettingOn) {
    auto lines = example_lines();
    for (auto& line : lines)
        if (is_switched_off(line)) line.erase(0, 1);
    const auto loaded = parse_lines(lines);
    ASSERT_TRUE(loaded.config);
    EXPECT_EQ(loaded.config->services.size(), 6U);
}

TEST(Example, ParsesWithEachSettingOn) {
    const auto lines = example_lines();
    int tried = 0;
    bool is_table_off = false;
    for (std::size_t i = 0; i < lines.size(); ++i) {
        is_table_off = lines[i].starts_with("#[") || (is_table_off && !lines[i].starts_with('['));
        if (!is_switched_off(lines[i]) || is_table_off || lines[i].starts_with("#scheduler_flags"))
            continue;  // needs `scheduler`
        auto changed = lines;
        changed[i].erase(0, 1);
        SCOPED_TRACE(lines[i]);
        EXPECT_TRUE(parse_lines(changed).config);
        ++tried;
    }
    EXPECT_GE(tried, 10);
}

// A line that claims to show a default does.
TEST(Example, DefaultsAreDefaults) {
    const auto plain = parse_lines(example_lines()).config;
    auto lines = example_lines();
    int shown = 0;
    bool is_table_off = false;
    for (auto& line : lines) {
        is_table_off = line.starts_with("#[") || (is_table_off && !line.starts_with('['));
        if (is_table_off || !is_switched_off(line) || !line.ends_with("# default")) continue;
        line.erase(0, 1);
        ++shown;
    }
    EXPECT_GE(shown, 6);
    EXPECT_EQ(parse_lines(lines).config, plain);
}

TEST(Example, NamesEveryKeyOfTheConfiguration) {
    std::string text;
    for (const auto& line : example_lines())
        text += line + '\n';
    for (const auto& section : sections())
        for (const auto& key : section.keys)
            EXPECT_THAT(text, testing::HasSubstr(std::string(key.key))) << section.name;
}

// What the tables show as an example is accepted: the manual prints it.
TEST(Example, OfEveryKeyInTheTables) {
    const auto tried = [](std::string_view where, const KeySpec& key, const std::string& text) {
        for (const auto& diagnostic : parse(text, "example", test::kKinds).diagnostics)
            ADD_FAILURE() << where << " " << key.key << ": " << to_string(diagnostic) << "\n" << text;
    };
    for (const auto& key : sections()[0].keys)
        tried("global", key, fmt::format("[global]\n{} = {}\n", key.key, key.example));
    for (const auto& key : sections()[1].keys) {
        std::string text = "[virtual_router.r]\n";
        for (const auto& other : sections()[1].keys)
            if (other.required || other.key == key.key)
                text += fmt::format("{} = {}\n", other.key, other.example);
        if (key.key == "source6") text.replace(text.find("[\""), 1, "[\"2001:db8::9/64\", ");
        if (key.key == "password") text.replace(text.find(", \"2001"), 19, "").append("version = 2\n");
        tried("virtual_router", key, text);
    }
    for (const auto& key : sections()[3].keys) {
        const std::string address = key.key == "address" ? "" : "address = '10.0.0.1:80', ";
        tried("server", key,
              fmt::format("[virtual_service.s]\naddress = '192.0.2.1:80'\nservers = [{{ {}{} = {} }}]\n",
                          address, key.key,
                          key.key == "forward"           ? "'dr'"
                          : key.key == "lower_threshold" ? "1, upper_threshold = 2"
                                                         : key.example) +
                  "[server_template.big]\nweight = 9\n");
    }
    for (const auto& key : sections()[4].keys) {
        const std::string kind = key.key == "kind" ? "" : "kind = 'tcp', ";
        tried("check", key,
              fmt::format("[virtual_service.s]\naddress = '192.0.2.1:80'\ncheck = {{ {}{} = {} }}\n", kind,
                          key.key, key.example));
    }
}

TEST(Example, OfEveryItemOfARouter) {
    const std::map<std::string_view, std::pair<std::string_view, std::string_view>> lists{
        {"address", {"excluded_addresses", "address = '192.0.2.77/24', "}},
        {"peer", {"peers", "address = '10.0.0.3', "}},
        {"route", {"routes", "to = '203.0.113.0/24', "}},
        {"rule", {"rules", "iif = 'eth9', priority = 9, "}},
        {"track", {"track", "tracker = 'uplink', "}},
    };
    for (const auto& item : item_specs())
        for (const auto& key : item.keys) {
            auto [list, company] = lists.at(item.section);
            std::string others(company);
            if (const auto own = others.find(std::string(key.key) + " = "); own != std::string::npos)
                others.erase(own, others.find(", ", own) + 2 - own);
            if (key.key == "label") others += "dev = 'eth1', ";
            if (key.key == "dad") others = "address = '2001:db8::77/64', ";
            if (key.key == "onlink") others += "via = '192.0.2.1', ";
            if (key.key == "family") others += "";
            const auto text = fmt::format(
                "[virtual_router.r]\ninterface = 'eth0'\nvrid = 1\naddresses = ['192.0.2.1/24', "
                "'2001:db8::1/64']\n"
                "{} = [{{ {}{} = {} }}]\n[tracker.uplink]\ninterface = 'eth1'\n",
                list, others, key.key, key.example);
            for (const auto& diagnostic : parse(text, "example", test::kKinds).diagnostics)
                ADD_FAILURE() << to_string(diagnostic) << "\n" << text;
        }
}

TEST(Example, OfEveryTrackerKey) {
    for (const auto& key : tracker_keys()) {
        std::string company = "interface = 'eth1'\n";
        if (key.key == "interval" || key.key == "timeout" || key.key == "rise" || key.key == "fall")
            company = "script = ['/bin/x']\ninterval = '1s'\n";
        if (key.key == "interval") company = "process = 'x'\n";
        for (const auto kind : {"interface", "file", "process", "script", "service", "router"})
            if (key.key == kind) company.clear();
        const auto text = fmt::format(
            "[virtual_router.other]\ninterface = 'eth0'\nvrid = 1\naddresses = ['192.0.2.1/24']\n"
            "[virtual_service.web]\naddress = '192.0.2.1:80'\n[tracker.t]\n{}{} = {}\n",
            company, key.key, key.example);
        for (const auto& diagnostic : parse(text, "example", test::kKinds).diagnostics)
            ADD_FAILURE() << to_string(diagnostic) << "\n" << text;
    }
}

TEST(Example, OfEveryServiceKey) {
    const std::map<std::string_view, std::string> company{
        {"family", "fwmark = 7\n"},
        {"fwmark", ""},
        {"address", ""},
        {"scheduler_flags", "address = '192.0.2.1:80'\nscheduler = 'mh'\n"},
        {"persistence_prefix", "address = '192.0.2.1:80'\npersistence = '1m'\n"},
        {"addresses", ""},
        {"persistence_engine", "address = '192.0.2.1:80'\npersistence = '1m'\n"},
        {"active", "address = '192.0.2.1:80'\nrouter = 'r'\n"},
        {"router", "address = '192.0.2.1:80'\nactive = 'master'\n"},
        {"quorum_hysteresis", "address = '192.0.2.1:80'\nquorum = 3\n"},
        {"one_packet", "address = '192.0.2.1:53'\nprotocol = 'udp'\n"},
    };
    for (const auto& key : sections()[2].keys) {
        const auto with = company.find(key.key);
        constexpr std::string_view kAround =
            "\n[server_group.blue]\nservers = []\n[server_group.green]\nservers = []\n[virtual_router.{}]\n"
            "interface = 'eth0'\nvrid = 1\naddresses = ['192.0.2.1/24']\n";
        const auto name = key.key == "router" ? "web" : "r";
        const auto text = fmt::format("[virtual_service.s]\n{}{} = {}\n",
                                      with == company.end() ? "address = '192.0.2.1:80'\n" : with->second,
                                      key.key, key.example) +
                          fmt::format(kAround, name);
        for (const auto& diagnostic : parse(text, "example", test::kKinds).diagnostics)
            ADD_FAILURE() << to_string(diagnostic) << "\n" << text;
    }
}

}  // namespace
}  // namespace lvs::config
