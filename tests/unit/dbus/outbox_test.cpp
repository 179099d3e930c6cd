// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include "lvsd/dbus/outbox.hpp"

namespace lvs::dbus {
namespace {

Change changed(std::string_view path, std::uint64_t properties) {
    return {Event::changed, Kind::server, path, properties};
}
Change added(std::string_view path) {
    return {Event::added, Kind::server, path, 0};
}
Change removed(std::string_view path) {
    return {Event::removed, Kind::server, path, 0};
}

TEST(Outbox, ChangesOfOneObjectMerge) {
    Outbox outbox;
    outbox.put(changed("/a", 1));
    outbox.put(changed("/a", 4));
    EXPECT_EQ(outbox.size(), 1U);
    const auto item = outbox.take();
    ASSERT_TRUE(item);
    EXPECT_EQ(item->path, "/a");
    EXPECT_EQ(item->properties, 5U);
    EXPECT_FALSE(item->added || item->removed);
    EXPECT_TRUE(outbox.empty());
    EXPECT_FALSE(outbox.take());
}

TEST(Outbox, AnAddedObjectNeedsNoChange) {
    Outbox outbox;
    outbox.put(added("/a"));
    outbox.put(changed("/a", 1));
    const auto item = outbox.take();
    ASSERT_TRUE(item);
    EXPECT_TRUE(item->added);
    EXPECT_EQ(item->properties, 0U);
}

TEST(Outbox, WhatWasNeverAnnouncedGoesSilently) {
    Outbox outbox;
    outbox.put(added("/a"));
    outbox.put(removed("/a"));
    EXPECT_TRUE(outbox.empty());
}

TEST(Outbox, RemovedAndBackIsAnnouncedAsBoth) {
    Outbox outbox;
    outbox.put(changed("/a", 1));
    outbox.put(removed("/a"));
    outbox.put(added("/a"));
    outbox.put(changed("/a", 2));
    const auto item = outbox.take();
    ASSERT_TRUE(item);
    EXPECT_TRUE(item->removed && item->added);
    EXPECT_EQ(item->properties, 0U);
}

TEST(Outbox, RemovedBackAndRemovedIsAnnouncedAsRemoved) {
    Outbox outbox;
    outbox.put(removed("/a"));
    outbox.put(added("/a"));
    outbox.put(removed("/a"));
    const auto item = outbox.take();
    ASSERT_TRUE(item);
    EXPECT_TRUE(item->removed);
    EXPECT_FALSE(item->added);
}

TEST(Outbox, ABusyObjectDoesNotStarveTheOthers) {
    Outbox outbox;
    for (const auto* path : {"/a", "/b", "/c"})
        outbox.put(changed(path, 1));
    std::string order;
    for (int i = 0; i < 4; ++i) {
        order += outbox.take().value().path;
        outbox.put(changed("/a", 1));
    }
    EXPECT_EQ(order, "/a/b/c/a");
}

}  // namespace
}  // namespace lvs::dbus
