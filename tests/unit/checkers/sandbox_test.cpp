// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a taken-over probe could try: each attempt ends the process.
#include "checkers/sandbox.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

namespace lvs::checkers {
namespace {

// Runs `attempt` in a sandboxed child; what comes after it must never be reached.
template <class Attempt>
[[noreturn]] void try_in_sandbox(Attempt attempt) {
    if (!drop_privileges({}, getppid()) || !close_sandbox()) _exit(2);
    attempt();
    _exit(0);
}

const auto kKilled = testing::KilledBySignal(SIGSYS);

TEST(SandboxDeathTest, NoFileIsOpened) {
    EXPECT_EXIT(try_in_sandbox([] { static_cast<void>(::open("/etc/passwd", O_RDONLY)); }), kKilled, "");
    EXPECT_EXIT(try_in_sandbox([] { ::unlink("/tmp/nothing"); }), kKilled, "");
}

TEST(SandboxDeathTest, NoProcessIsMade) {
    EXPECT_EXIT(try_in_sandbox([] { static_cast<void>(::fork()); }), kKilled, "");
    EXPECT_EXIT(try_in_sandbox([] { ::execl("/bin/true", "true", nullptr); }), kKilled, "");
    EXPECT_EXIT(try_in_sandbox([] { ::kill(1, 0); }), kKilled, "");
}

TEST(SandboxDeathTest, NoOtherSocketThanInternetOnes) {
    for (const int family : {AF_UNIX, AF_NETLINK, AF_PACKET})
        EXPECT_EXIT(try_in_sandbox([family] { static_cast<void>(::socket(family, SOCK_DGRAM, 0)); }), kKilled,
                    "");
}

TEST(SandboxDeathTest, NoMemoryBecomesExecutable) {
    const auto map = [] {
        static_cast<void>(::mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    };
    EXPECT_EXIT(try_in_sandbox(map), kKilled, "");
}

TEST(SandboxDeathTest, NoPrivilegeComesBack) {
    EXPECT_EXIT(try_in_sandbox([] { static_cast<void>(::setuid(0)); }), kKilled, "");
    EXPECT_EXIT(try_in_sandbox([] { ::prctl(PR_SET_DUMPABLE, 1); }), kKilled, "");
}

TEST(SandboxDeathTest, AProbeHasWhatItNeeds) {
    const auto probe = [] {
        for (const int family : {AF_INET, AF_INET6})
            for (const int type : {SOCK_STREAM, SOCK_DGRAM})
                if (const int fd = ::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
                    fd < 0 || ::close(fd) != 0)
                    _exit(3);
        free(malloc(10'000'000));
    };
    EXPECT_EXIT(try_in_sandbox(probe), testing::ExitedWithCode(0), "");
}

TEST(Sandbox, TheFileLimitIsRaisedAsFarAsAllowed) {
    EXPECT_GE(raise_file_limit(1024), 1024U);
}

}  // namespace
}  // namespace lvs::checkers
