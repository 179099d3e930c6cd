// SPDX-License-Identifier: GPL-2.0-or-later
//
// What is made from the key tables. tests/unit/config/schema_test.py judges the schema with configurations.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

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
    EXPECT_THAT(page, HasSubstr(".B vrid\nThe virtual router id"));
    EXPECT_THAT(page, HasSubstr("An integer from 1 to 255.\nRequired.\n"));
    EXPECT_THAT(page, HasSubstr("Default: \"lvsd\\-check\"."));
    EXPECT_THAT(page, HasSubstr("Default: the list 200\\-299, 304."));
    EXPECT_THAT(page, HasSubstr(".SS http\nGets a page.\n"));
    EXPECT_THAT(page, Not(HasSubstr("`")));
}

// Every line is a request of ours or text: a stray dot at the start of a line would swallow it.
TEST(Manual, HasNoAccidentalRequests) {
    const auto page = manual(test::kKinds);
    std::size_t lines = 0;
    for (std::size_t at = 0; at < page.size(); at = page.find('\n', at) + 1, ++lines) {
        const auto line = page.substr(at, page.find('\n', at) - at);
        if (!line.starts_with('.')) continue;
        EXPECT_THAT(line, testing::MatchesRegex("\\.(\\\\\".*|TH|SH|SS|TP|PP|B|BR|I|br|nf|fi)( .*)?"))
            << line;
    }
    EXPECT_GT(lines, 100U);
}

}  // namespace
}  // namespace lvs::config
