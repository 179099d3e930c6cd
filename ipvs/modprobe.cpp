// SPDX-License-Identifier: GPL-2.0-or-later
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "ipvs/session.hpp"

namespace lvs::ipvs {
namespace {

// -1 when it could not be started, for instance because there is no such program.
pid_t spawn_modprobe(const char* name) {
    posix_spawn_file_actions_t files{};
    posix_spawnattr_t attributes{};
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attributes);
    for (const int fd : {0, 1, 2})
        posix_spawn_file_actions_addopen(&files, fd, "/dev/null", O_RDWR, 0);
    sigset_t none{};  // the loop may have blocked signals; a child starts with none blocked
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    std::array<std::string, 4> words{"modprobe", "-q", "--", name};
    std::array<char*, 5> argv{words[0].data(), words[1].data(), words[2].data(), words[3].data(), nullptr};
    std::array<char, 35> path{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"};
    std::array<char*, 2> environment{path.data(), nullptr};
    pid_t pid = -1;
    if (posix_spawn(&pid, "/sbin/modprobe", &files, &attributes, argv.data(), environment.data()) != 0)
        pid = -1;
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return pid;
}

void reap(pid_t pid) {
    // Not ours to reap any more if somebody else waits for every child; then there is nothing left to do.
    (void)waitpid(pid, nullptr, 0);
}

}  // namespace

void run_modprobe(asio::io_context& loop, const char* name, std::function<void()> done) {
    const auto pid = spawn_modprobe(name);
    const int fd = pid < 0 ? -1 : static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
    if (fd < 0) {
        if (pid > 0) reap(pid);  // a kernel before 5.3, older than anything supported: wait here
        asio::post(loop, std::move(done));
        return;
    }
    auto ended = std::make_shared<asio::posix::stream_descriptor>(loop, fd);  // owned by its own handler
    ended->async_wait(asio::posix::stream_descriptor::wait_read,
                      [ended, pid, done = std::move(done)](error_code error) {
                          if (error) return;  // the loop is being torn down
                          reap(pid);
                          done();
                      });
}

}  // namespace lvs::ipvs
