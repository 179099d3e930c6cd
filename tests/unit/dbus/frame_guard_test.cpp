// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <vector>

#include "lvsd/dbus/frame_guard.hpp"

namespace lvs::dbus {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes text(std::string_view s) {
    return {s.begin(), s.end()};
}

Bytes message(std::uint32_t fields, std::uint32_t body, char order = 'l') {
    Bytes bytes{static_cast<std::uint8_t>(order), 1, 0, 1};
    const auto number = [&bytes, order](std::uint32_t value) {
        for (unsigned i = 0; i < 4; ++i)
            bytes.push_back(static_cast<std::uint8_t>(value >> 8U * (order == 'l' ? i : 3 - i)));
    };
    number(body);
    number(7);  // serial
    number(fields);
    return bytes;
}

Bytes whole_message(std::uint32_t fields, std::uint32_t body, char order = 'l') {
    auto bytes = message(fields, body, order);
    bytes.resize(bytes.size() + (fields + 7) / 8 * 8 + body);
    return bytes;
}

FrameGuard authenticated() {
    FrameGuard guard;
    const auto hello = text(std::string_view("\0AUTH EXTERNAL 30\r\nBEGIN\r\n", 26));
    EXPECT_EQ(guard.take(hello), hello.size());
    return guard;
}

TEST(FrameGuard, StopsAfterBegin) {
    FrameGuard guard;
    auto bytes = text(std::string_view("\0AUTH EXTERNAL 30\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n", 45));
    const auto auth = bytes.size();
    const auto first = whole_message(8, 3);
    bytes.insert(bytes.end(), first.begin(), first.end());
    EXPECT_EQ(guard.take(bytes), auth);
    EXPECT_EQ(guard.take(std::span(bytes).subspan(auth)), first.size());
}

TEST(FrameGuard, StopsAtTheEndOfEveryMessageInBothByteOrders) {
    auto guard = authenticated();
    for (const char order : {'l', 'B'}) {
        for (const std::uint32_t size : {0U, 1U, 8U, 1000U}) {
            auto bytes = whole_message(size, size, order);
            const auto end = bytes.size();
            bytes.insert(bytes.end(), 40, 'x');
            EXPECT_EQ(guard.take(bytes), end) << order << size;
        }
    }
}

TEST(FrameGuard, ByteByByteIsTheSame) {
    auto guard = authenticated();
    for (int round = 0; round < 3; ++round)
        for (const auto byte : whole_message(20, 11))
            ASSERT_EQ(guard.take({&byte, 1}), 1U);
    const auto next = whole_message(0, 0);
    EXPECT_EQ(guard.take(next), next.size());
}

TEST(FrameGuard, LargestRequestPassesOneByteMoreDoesNot) {
    const auto fields = 16U;
    const auto largest = static_cast<std::uint32_t>(FrameGuard::kRequestMax) - 16 - fields;
    EXPECT_TRUE(authenticated().take(message(fields, largest)));
    EXPECT_FALSE(authenticated().take(message(fields, largest + 1)));
    EXPECT_FALSE(authenticated().take(message(0xffffffff, 0)));
    EXPECT_FALSE(authenticated().take(message(0, 0xffffffff)));
    EXPECT_FALSE(authenticated().take(message(0xffffffff, 0xffffffff)));
}

TEST(FrameGuard, RefusesWhatIsNotDbus) {
    EXPECT_FALSE(authenticated().take(text("GET / HTTP/1.1\r\n\r\n")));
    auto wrong_version = message(0, 0);
    wrong_version[3] = 2;
    EXPECT_FALSE(authenticated().take(wrong_version));
}

TEST(FrameGuard, EndlessAuthenticationEnds) {
    FrameGuard guard;
    const Bytes noise(FrameGuard::kAuthMax, 'A');
    EXPECT_EQ(guard.take(noise), noise.size());
    EXPECT_FALSE(guard.take(std::span(noise).first(1)));
}

}  // namespace
}  // namespace lvs::dbus
