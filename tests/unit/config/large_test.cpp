// SPDX-License-Identifier: GPL-2.0-or-later
//
// Large files are read in two halves at once. Nobody can tell: same services, same complaints, in the order of the file.
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "lvsd/config/value.hpp"
#include "tests/unit/config/kinds.hpp"

namespace lvs::config {
namespace {

using test::kKinds;
using testing::EndsWith;

Loaded read_beside(std::string_view text) {
    return parse(text, "f", kKinds, {}, [](const auto& one, const auto& other) {
        std::thread beside(other);
        one();
        beside.join();
    });
}

// And as if it had been read in one piece.
std::string errors_in(std::string_view text) {
    std::string out;
    const auto loaded = read_beside(text);
    EXPECT_EQ(loaded.diagnostics, parse(text, "f", kKinds).diagnostics);
    for (const auto& each : loaded.diagnostics)
        out += fmt::format("{}:{}: {}\n", each.line, each.column, each.message);
    return out;
}

constexpr int kServices = 4000;  // some 400 KB
constexpr int kLinesOfEach = 4;

std::string numbered(int number, std::string_view weight = "1") {
    return fmt::format(
        "[virtual_service.s{}]\naddress = \"198.18.{}.{}:80\"\nservers = [{{ address = \"10.0.0.1:80\", "
        "weight = {} }},\n\"10.0.0.2:80\"]\n",
        number, number / 250, number % 250 + 1, weight);
}

// The line on which the weight of a service stands.
int weight_line(int number) {
    return number * kLinesOfEach + 3;
}

// `instead` takes the place of the services of these numbers.
std::string large(const std::map<int, std::string>& instead = {}) {
    std::string out;
    for (int i = 0; i < kServices; ++i) {
        const auto other = instead.find(i);
        out += other == instead.end() ? numbered(i) : other->second;
    }
    return out;
}

TEST(LargeFile, IsWhatItsServicesAreOneByOne) {
    const auto text = large();
    ASSERT_GT(scan(text).middle, text.size() / 2);
    const auto loaded = read_beside(text);
    ASSERT_TRUE(loaded.config.has_value());
    const auto& services = loaded.config->services;
    ASSERT_EQ(services.size(), std::size_t{kServices});
    for (int i = 0; i < kServices; ++i) {
        const auto alone = parse(numbered(i), "f", kKinds);
        ASSERT_EQ(services[static_cast<std::size_t>(i)], alone.config.value().services.front()) << i;
    }
}

TEST(LargeFile, TellsErrorsOfBothHalvesInTheirOrder) {
    const auto text = large({{10, numbered(10, "-1")}, {3990, numbered(3990, "'x'")}, {3995, numbered(3995, "-2")}});
    const auto expected = [](int number, std::string_view what) {
        return fmt::format("{}:48: `weight` is {}, expected an integer from 0 to 65535\n", weight_line(number), what);
    };
    EXPECT_EQ(errors_in(text), expected(10, "-1") + expected(3990, "\"x\"") + expected(3995, "-2"));
}

TEST(LargeFile, TellsAThousandErrorsAndHowManyThereAre) {
    std::map<int, std::string> wrong;
    for (int i = 800; i < 2600; ++i)
        wrong.emplace(i, numbered(i, "-1"));
    const auto errors = errors_in(large(wrong));
    const auto of = [&errors](int number) {
        return errors.find(fmt::format("\n{}:48: ", weight_line(number))) != std::string::npos;
    };
    EXPECT_TRUE(errors.starts_with(fmt::format("{}:48: ", weight_line(800))));
    EXPECT_TRUE(of(1799));
    EXPECT_FALSE(of(1800));
    EXPECT_TRUE(errors.ends_with("0:0: 800 more errors are not shown\n"));
}

TEST(LargeFile, SyntaxErrorsHaveTheirPlace) {
    EXPECT_EQ(errors_in(large({{3990, "[virtual_service.x]\nactive = \n"}})),
              fmt::format("{}:10: not valid TOML: key-value pair: expected value, saw '\\n'\n", 3990 * kLinesOfEach + 2));
    EXPECT_EQ(errors_in(large({{3, "[virtual_service.x]\nactive = \n"}})),
              "14:10: not valid TOML: key-value pair: expected value, saw '\\n'\n");
}

TEST(LargeFile, WhatBothHalvesDefineIsDefinedTwice) {
    EXPECT_EQ(errors_in(large({{3999, numbered(7)}})),
              fmt::format("{}:1: `virtual_service.s7` is defined twice\n", 3999 * kLinesOfEach + 1));
    EXPECT_THAT(errors_in("[global]\n" + large() + "[global]\n"), EndsWith("`global` is defined twice\n"));
    EXPECT_THAT(errors_in("[virtual_service]\n" + large() + "[virtual_service]\n"),
                EndsWith("`virtual_service` is defined twice\n"));
    EXPECT_THAT(errors_in("[virtual_service]\n" + large() + " [\"virtual\\u005fservice\"]\n"),
                EndsWith("is defined twice\n"));
    EXPECT_NE(errors_in("virtual_service = {}\n" + std::string(600'000, '\n') + large()), "");
}

TEST(LargeFile, WhatGoesOnInTheSecondHalfBelongsToTheFirst) {
    const auto config = [](const std::string& text) {
        auto loaded = read_beside(text);
        for (const auto& diagnostic : loaded.diagnostics)
            ADD_FAILURE() << to_string(diagnostic);
        return loaded.config.value_or(Config{});
    };
    const auto whole = large();
    const auto of_first = config(whole + "[virtual_service.s1.sorry_server]\naddress = '10.0.0.9:80'\n");
    ASSERT_EQ(of_first.services.size(), std::size_t{kServices});
    EXPECT_TRUE(of_first.services.at(1).sorry_server.has_value());
    EXPECT_EQ(config(whole + "[global]\nguard = 7\n").global.guard, 7);
    const auto late = config(whole + "[virtual_service]\nlate = { fwmark = 7 }\n");
    EXPECT_EQ(late.services.back().name, "late");
    EXPECT_EQ(config("\xEF\xBB\xBF" + whole).services.size(), std::size_t{kServices});
    EXPECT_EQ(config(whole + "[server_defaults]\nweight = 9\n").services.at(0).servers.at(1).weight.value(), 9);
}

// Where a line begins with a bracket, no section need begin.
TEST(LargeFile, IsNotCutInsideOfAList) {
    std::string text = "[virtual_service.s]\nfwmark = 1\nservers = [ # [\n";
    for (int i = 0; i < 14'000; ++i)
        text += fmt::format("\"10.0.{}.{}:80\", # ]\n", i / 250, i % 250 + 1);
    text += "]\nnotify = [\n\"/x\", \"\"\"\n[virtual_service.y]\n\"\"\"]\n";
    ASSERT_GT(text.size(), std::size_t{256} * 1024);
    EXPECT_EQ(scan(text).middle, 0U);
    EXPECT_EQ(errors_in(text), "");
}

}  // namespace
}  // namespace lvs::config
