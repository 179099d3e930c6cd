// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <filesystem>

#include "lvsd/runtime/runtime.hpp"

namespace lvs {
namespace {

using namespace std::chrono_literals;

class TempDir {
   public:
    TempDir() {
        std::string pattern = std::filesystem::temp_directory_path() / "lvsd-unit-XXXXXX";
        path_ = mkdtemp(pattern.data());
    }
    ~TempDir() { std::filesystem::remove_all(path_); }
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;
    [[nodiscard]] std::string file(const char* name) const { return path_ / name; }

   private:
    std::filesystem::path path_;
};

TEST(Clock, WallClockOfAMomentAgoIsBehindNow) {
    const auto now = wall_clock_ns();
    const auto then = wall_clock_ns_of(monotonic_now() - 5s);
    EXPECT_NEAR(static_cast<double>(now - then), 5e9, 1e9);
}

TEST(Files, WriteReplacesWholeFiles) {
    const TempDir dir;
    const auto path = dir.file("state");
    ASSERT_TRUE(write_file_atomically(path, "a long first content").has_value());
    ASSERT_TRUE(write_file_atomically(path, "short").has_value());
    EXPECT_EQ(read_file(path).value(), "short");
    EXPECT_FALSE(std::filesystem::exists(path + ".new"));
}

TEST(Files, AFullDiskLeavesTheOldContent) {
    if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full";
    const TempDir dir;
    const auto path = dir.file("state");
    ASSERT_TRUE(write_file_atomically(path, "old").has_value());
    ASSERT_EQ(symlink("/dev/full", (path + ".new").c_str()), 0);  // the sibling is written first
    const auto outcome = write_file_atomically(path, "new");
    ASSERT_FALSE(outcome.has_value());
    EXPECT_EQ(outcome.error().code, std::errc::no_space_on_device) << to_string(outcome.error());
    EXPECT_EQ(read_file(path).value(), "old");
}

TEST(Files, AMissingFileIsNamed) {
    const auto outcome = read_file("/nonexistent/lvsd.toml");
    ASSERT_FALSE(outcome.has_value());
    EXPECT_EQ(to_string(outcome.error()), "read /nonexistent/lvsd.toml: No such file or directory");
}

TEST(UniqueFd, ClosesOnceAndMoves) {
    std::array<int, 2> ends{};
    ASSERT_EQ(pipe(ends.data()), 0);
    UniqueFd read_end(ends[0]);
    {
        UniqueFd first(ends[1]);
        UniqueFd second(std::move(first));
        EXPECT_EQ(second.get(), ends[1]);
    }
    char byte = 0;
    EXPECT_EQ(read(read_end.get(), &byte, 1), 0);  // end of file: the write end is closed
}

TEST(ServiceManager, SpeaksToTheSocketInTheEnvironment) {
    const TempDir dir;
    const auto path = dir.file("notify");
    const UniqueFd fd(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    setenv("NOTIFY_SOCKET", path.c_str(), 1);
    ServiceManager().ready("2 routers, master of 1");
    unsetenv("NOTIFY_SOCKET");
    std::array<char, 256> text{};
    ASSERT_GT(recv(fd.get(), text.data(), text.size() - 1, MSG_DONTWAIT), 0);
    EXPECT_STREQ(text.data(), "READY=1\nSTATUS=2 routers, master of 1");
}

}  // namespace
}  // namespace lvs
