// SPDX-License-Identifier: GPL-2.0-or-later
//
// A program to be run, and how that went. Values; the running is done by runner.hpp.
#pragma once

#include <string>
#include <vector>

#include "lvsd/base/base.hpp"

namespace lvs::checkers {

struct Command {
    std::vector<std::string> argv{};              // argv[0] is an absolute path; no shell comes in between
    std::vector<std::string> environment{};       // "NAME=value"; besides them there is only PATH
    std::string user{};                           // a name; empty: the user lvsd runs as
    Duration timeout = std::chrono::seconds(10);  // then the whole process group is killed
    friend bool operator==(const Command&, const Command&) = default;
};
[[nodiscard]] Result<void> validate(const Command& command);

struct CommandEnd {
    enum class How : std::uint8_t {
        exited,       // number: the exit status
        signalled,    // number: the signal
        timed_out,    // killed at its deadline
        not_started,  // number: an errno
        lost,         // the runner was; whether the program went on is not known
    };
    // Bytes kept of each output, from its end.
    static constexpr std::size_t kMaxTail = 1024;

    How how = How::exited;
    int number = 0;
    Duration took{};
    std::string output{};
    std::string errors{};
    [[nodiscard]] bool is_success() const { return how == How::exited && number == 0; }
    // The runner was lost, or no process, descriptor or memory was left: what the command would have found
    // out is not known.
    [[nodiscard]] bool is_own_fault() const;
    friend bool operator==(const CommandEnd&, const CommandEnd&) = default;
};
// "exited with status 1", "was killed after 5 s", "could not be started: No such file or directory".
[[nodiscard]] std::string to_string(const CommandEnd& end);

// A small file as the runner read it. Text that does not end within kMaxFile bytes is an error (EFBIG).
struct FileText {
    static constexpr std::size_t kMaxFile = 4096;
    int error = 0;  // errno; ENOENT: there is no such file
    std::string text;
    friend bool operator==(const FileText&, const FileText&) = default;
};

}  // namespace lvs::checkers
