// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/runtime/line_queue.hpp"

#include <gtest/gtest.h>

#include <future>

namespace lvs {
namespace {

using namespace std::chrono_literals;

struct Journal {
    std::promise<void> opened;
    std::shared_future<void> open = opened.get_future().share();
    std::vector<std::string> lines;
    // Never destroyed, as its thread never ends.
    LineQueue& queue = *new LineQueue(
        [this](const LineQueue::Line& line) {
            open.wait();
            lines.push_back(line.at(0));
        },
        [](std::size_t lost) { return LineQueue::Line{"lost " + std::to_string(lost)}; });
};

TEST(LineQueue, LinesComeInOrder) {
    auto& journal = *new Journal;
    journal.opened.set_value();
    for (int i = 0; i < 100; ++i)
        journal.queue.add({std::to_string(i)});
    ASSERT_TRUE(journal.queue.flush(20s));
    ASSERT_EQ(journal.lines.size(), 100U);
    for (std::size_t i = 0; i < 100; ++i)
        EXPECT_EQ(journal.lines[i], std::to_string(i));
}

TEST(LineQueue, NobodyWaitsForAJournalThatTakesNothingAndWhatIsLostIsCounted) {
    auto& journal = *new Journal;
    for (std::size_t i = 0; i < LineQueue::kMost + 1000; ++i)
        journal.queue.add({std::to_string(i)});  // would not return
    EXPECT_FALSE(journal.queue.flush(1ms));
    journal.opened.set_value();
    ASSERT_TRUE(journal.queue.flush(20s));
    journal.queue.add({"after"});
    ASSERT_TRUE(journal.queue.flush(20s));
    const auto taken = journal.lines.size();
    EXPECT_EQ(journal.lines.at(taken - 1), "after");
    EXPECT_EQ(journal.lines.at(taken - 2), "lost " + std::to_string(1000 - (taken - 2 - LineQueue::kMost)));
    EXPECT_EQ(journal.lines.at(taken - 3), std::to_string(taken - 3));
}

}  // namespace
}  // namespace lvs
