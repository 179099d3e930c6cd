// SPDX-License-Identifier: GPL-2.0-or-later
//
// lvs_runtime: what touches the operating system on behalf of every part: clocks, owned file descriptors, the
// service manager, log sinks, whole-file reads and writes. No policy and no protocol lives here.
//
//   monotonic_now()      the only place where lvs::Time comes from (CLOCK_MONOTONIC).
//   UniqueFd             a file descriptor with one owner.
//   do_both()            two pieces of work on two processors.
//   ServiceManager       sd_notify: ready, reloading, stopping, status line, watchdog. Silent without systemd.
//   use_stderr_log(),
//   use_journal_log()    log sinks; main picks one before any thread starts.
//
// lvsd/runtime/asio.hpp is the one door to Boost.Asio.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "lvsd/base/base.hpp"

namespace lvs {

[[nodiscard]] Time monotonic_now();
// Nanoseconds since 1970 UTC, for what people read. Never used for timing.
[[nodiscard]] std::int64_t wall_clock_ns();
// The wall-clock time at which monotonic time `then` was, seen from now.
[[nodiscard]] std::int64_t wall_clock_ns_of(Time then);

// Both at once, `other` in a thread of its own, which is gone when this returns. They must not touch the same things.
void do_both(const std::function<void()>& one, const std::function<void()>& other);

class UniqueFd {
   public:
    UniqueFd() = default;
    explicit UniqueFd(int fd) : fd_(fd) {}
    UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    UniqueFd& operator=(UniqueFd&& other) noexcept {
        reset(std::exchange(other.fd_, -1));
        return *this;
    }
    UniqueFd(const UniqueFd&) = delete;
    UniqueFd& operator=(const UniqueFd&) = delete;
    ~UniqueFd() { reset(); }

    [[nodiscard]] int get() const { return fd_; }
    [[nodiscard]] int release() { return std::exchange(fd_, -1); }
    [[nodiscard]] explicit operator bool() const { return fd_ >= 0; }
    void reset(int fd = -1);

   private:
    int fd_ = -1;
};

class ServiceManager {
   public:
    void ready(std::string_view status);
    void reloading();
    void stopping();
    void status(std::string_view text);  // the line in `systemctl status`
    void keep_alive();                   // watchdog
    // How often to call keep_alive(): half of WatchdogSec=. Absent without a watchdog.
    [[nodiscard]] static std::optional<Duration> watchdog_interval();
};

[[nodiscard]] bool journal_is_attached();  // stderr goes to the journal
void use_stderr_log();
void use_journal_log();

[[nodiscard]] Result<std::string> read_file(const std::string& path);
// Writes a sibling file, syncs it, renames it over `path`. A full disk leaves the old content.
[[nodiscard]] Result<void> write_file_atomically(const std::string& path, std::string_view content);

}  // namespace lvs
