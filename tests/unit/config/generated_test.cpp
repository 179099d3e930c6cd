// SPDX-License-Identifier: GPL-2.0-or-later
//
// What is made from the key tables. tests/unit/config/schema_test.py judges the schema with configurations.
#include <fmt/core.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkers/checkers.hpp"
#include "tests/unit/config/kinds.hpp"

namespace lvs::config {
namespace {

using testing::HasSubstr;
using testing::Not;

TEST(JsonSchema, KnowsEveryKey) {
    const auto schema = json_schema(test::kKinds);
    for (const auto& section : sections())
        for (const auto& key : section.keys)
            EXPECT_THAT(schema, HasSubstr("\"" + std::string(key.key) + "\": {"));
    for (const auto& kind : test::kKinds)
        for (const auto& key : kind.keys)
            EXPECT_THAT(schema, HasSubstr("\"" + std::string(key.key) + "\": {"));
}

TEST(Manual, KnowsEveryKeyWithItsRangeAndDefault) {
    const auto page = manual(test::kKinds);
    for (const auto& section : sections())
        for (const auto& key : section.keys)
            EXPECT_THAT(page, HasSubstr("\n.B " + std::string(key.key) + "\n"));
    for (const auto table : {"[global]", "[notify]", "[metrics]", "[service_defaults]", "[tracker.NAME]"})
        EXPECT_THAT(page, HasSubstr(fmt::format(".SH \"{}\"\n", table)));
    EXPECT_THAT(page, HasSubstr("The keys are those of [virtual_service.NAME].\n.SH"));
    EXPECT_THAT(page, HasSubstr(".SH \"A server\"\n"));
    EXPECT_THAT(page, HasSubstr(".B vrid\nThe virtual router id"));
    EXPECT_THAT(page, HasSubstr("An integer from 1 to 255.\nRequired.\n"));
    EXPECT_THAT(page, HasSubstr("Default: \"lvsd\\-check\"."));
    EXPECT_THAT(page, HasSubstr("Default: the list 200\\-299, 304."));
    EXPECT_THAT(page, HasSubstr(".SS http\nGets a page.\n"));
    EXPECT_THAT(page, Not(HasSubstr("`")));
}

// Type and range, default, example: for each key of the tables and of the kinds that lvsd ships.
TEST(Manual, EveryKeyIsComplete) {
    const auto complete = [](std::string_view where, std::span<const KeySpec> keys) {
        for (const auto& key : keys) {
            EXPECT_FALSE(key.doc.empty()) << where << " " << key.key;
            EXPECT_FALSE(key.example.empty()) << where << " " << key.key;
        }
    };
    for (const auto& section : sections())
        complete(section.name, section.keys);
    for (const auto& kind : checkers::kinds())
        complete(kind.kind, kind.keys);
    const auto page = manual(checkers::kinds());
    std::size_t entries = 0;
    for (auto at = page.find(".TP\n.B "); at < page.find(".SH \"NOTIFY SCRIPTS\""); ++entries) {
        const auto end = std::min(page.find("\n.TP", at + 1), page.find("\n.S", at + 1));
        const auto entry = page.substr(at, end - at);
        EXPECT_THAT(entry, testing::ContainsRegex("Default: |Required\\.")) << entry;
        EXPECT_THAT(entry, HasSubstr("\nExample: ")) << entry;
        at = page.find("\n.TP\n.B ", at + 1);
        at += at == std::string::npos ? 0 : 1;
    }
    EXPECT_GT(entries, 150U);
}

// Every line is a request of ours or text: a stray dot at the start of a line would swallow it.
TEST(Manual, HasNoAccidentalRequests) {
    const auto page = manual(test::kKinds);
    std::size_t lines = 0;
    for (std::size_t at = 0; at < page.size(); at = page.find('\n', at) + 1, ++lines) {
        const auto line = page.substr(at, page.find('\n', at) - at);
        if (!line.starts_with('.')) continue;
        EXPECT_THAT(line, testing::MatchesRegex("\\.(\\\\\".*|TH|SH|SS|TP|PP|IP|B|BR|I|br|nf|fi)( .*)?"))
            << line;
    }
    EXPECT_GT(lines, 100U);
}

}  // namespace
}  // namespace lvs::config
