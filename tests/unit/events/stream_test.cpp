// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "lvsd/base/messages.hpp"
#include "lvsd/events/events.hpp"

namespace lvs::events {
namespace {

Event event(std::string message) {
    Event out;
    out.id = &ev::vrrp_state;
    out.message = std::move(message);
    return out;
}

// What a reader sees that has seen `after`.
std::vector<std::uint64_t> read(const Stream& stream, std::uint64_t after) {
    std::vector<std::uint64_t> out;
    for (const auto* e = stream.first_after(after); e != nullptr; e = stream.first_after(e->sequence))
        out.push_back(e->sequence);
    return out;
}

TEST(Stream, NumbersFromOneWithoutGaps) {
    Stream stream;
    EXPECT_EQ(stream.newest(), 0U);
    EXPECT_EQ(stream.oldest(), 1U);
    EXPECT_EQ(stream.first_after(0), nullptr);
    EXPECT_EQ(stream.append(event("a")).sequence, 1U);
    EXPECT_EQ(stream.append(event("b")).sequence, 2U);
    EXPECT_EQ(stream.newest(), 2U);
    EXPECT_EQ(stream.oldest(), 1U);
    EXPECT_EQ(read(stream, 0), (std::vector<std::uint64_t>{1, 2}));
    EXPECT_EQ(read(stream, 1), (std::vector<std::uint64_t>{2}));
    EXPECT_EQ(stream.first_after(1)->message, "b");
    EXPECT_EQ(stream.first_after(2), nullptr);
    EXPECT_EQ(stream.first_after(UINT64_MAX), nullptr);
}

TEST(Stream, KeepsTheNewestOnly) {
    Stream stream(3);
    for (int i = 1; i <= 10; ++i)
        static_cast<void>(stream.append(event(std::to_string(i))));
    EXPECT_EQ(stream.size(), 3U);
    EXPECT_EQ(stream.newest(), 10U);
    EXPECT_EQ(stream.oldest(), 8U);
    EXPECT_EQ(read(stream, 0), (std::vector<std::uint64_t>{8, 9, 10}))
        << "who was away learns it by the numbers";
    EXPECT_EQ(read(stream, 8), (std::vector<std::uint64_t>{9, 10}));
    EXPECT_EQ(stream.first_after(7)->message, "8");
}

// Appending while reading, for every size of stream and every pace of reader: no event is seen twice, none
// out of order, and none is missed unless it was gone.
TEST(Stream, ReadersOfEveryPace) {
    for (std::size_t capacity = 1; capacity <= 5; ++capacity)
        for (std::uint64_t pace = 1; pace <= 7; ++pace) {
            Stream stream(capacity);
            std::uint64_t seen = 0;
            for (std::uint64_t i = 1; i <= 50; ++i) {
                static_cast<void>(stream.append(event("x")));
                if (i % pace != 0) continue;
                const auto oldest = stream.oldest();
                const auto got = read(stream, seen);
                ASSERT_FALSE(got.empty());
                EXPECT_EQ(got.front(), std::max(seen + 1, oldest)) << capacity << " " << pace;
                for (std::size_t k = 1; k < got.size(); ++k)
                    EXPECT_EQ(got[k], got[k - 1] + 1);
                EXPECT_EQ(got.back(), i);
                seen = got.back();
            }
        }
}

TEST(Stream, TextsAndDetailsAreBounded) {
    Stream stream;
    auto big = event(std::string(5000, 'm'));
    big.object = big.from = big.to = big.reason = std::string(5000, 'x');
    for (int i = 0; i < 100; ++i)
        big.details.emplace_back("name", std::string(5000, 'd'));
    const auto& kept = stream.append(std::move(big));
    for (const auto* text : {&kept.object, &kept.message, &kept.from, &kept.to, &kept.reason})
        EXPECT_EQ(text->size(), kMaxText);
    EXPECT_TRUE(kept.message.ends_with("..."));
    EXPECT_EQ(kept.details.size(), kMaxDetails);
    EXPECT_EQ(kept.details.back().second.size(), kMaxText);
}

Event complete() {
    auto out = event("web is master");
    out.sequence = 7;
    out.time = state::WallTime(std::chrono::microseconds(1'700'000'000'123'456));
    out.level = Level::warning;
    out.subject = Subject::router;
    out.object = "web";
    out.from = "backup";
    out.to = "master";
    out.reason = "no \"advert\"\n\xff";
    out.details = {{"family", "ipv4"}, {"priority", "150"}};
    return out;
}

TEST(Json, HasEverythingOnOneLine) {
    EXPECT_EQ(
        to_json(complete()),
        "{\"sequence\":7,\"time_us\":1700000000123456,\"event\":\"vrrp-state\",\"severity\":\"warning\","
        "\"subject\":\"router\",\"object\":\"web\",\"message\":\"web is master\",\"from\":\"backup\","
        "\"to\":\"master\",\"reason\":\"no \\\"advert\\\"\\u000a\xEF\xBF\xBD\","
        "\"details\":{\"family\":\"ipv4\",\"priority\":\"150\"}}");
    EXPECT_TRUE(to_json(event("")).ends_with("\"reason\":\"\",\"details\":{}}"));
}

TEST(LogFields, OnlyWhatIsThere) {
    std::string text;
    const auto whole = complete(), bare = event("x");  // fields refer to their event
    for (const auto& field : log_fields(whole))
        text += std::string(field.key) + "=" + field.value + ";";
    EXPECT_EQ(text,
              "sequence=7;subject=router;object=web;from=backup;to=master;family=ipv4;priority=150;"
              "reason=no \"advert\"\n\xff;");
    text.clear();
    for (const auto& field : log_fields(bare))
        text += std::string(field.key) + "=" + field.value + ";";
    EXPECT_EQ(text, "sequence=0;subject=daemon;");
}

}  // namespace
}  // namespace lvs::events
