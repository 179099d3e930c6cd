// SPDX-License-Identifier: GPL-2.0-or-later
#include "checkers/command.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <numeric>

#include "checkers/reason.hpp"

namespace lvs::checkers {

namespace {

constexpr std::size_t kMaxWords = 64;
constexpr std::size_t kMaxBytes = 32768;

std::size_t size_of(const std::vector<std::string>& words) {
    return std::accumulate(words.begin(), words.end(), std::size_t{0},
                           [](std::size_t sum, const std::string& word) { return sum + word.size() + 1; });
}

bool has_nul(const std::vector<std::string>& words) {
    return std::any_of(words.begin(), words.end(),
                       [](const std::string& word) { return word.find('\0') != std::string::npos; });
}

}  // namespace

Result<void> validate(const Command& command) {
    const auto refuse = [](std::string_view why) {
        return fail(std::errc::invalid_argument, std::string(why));
    };
    if (command.argv.empty() || !command.argv.front().starts_with('/'))
        return refuse("a command begins with the absolute path of a program");
    if (command.argv.size() > kMaxWords || command.environment.size() > kMaxWords)
        return refuse("a command has at most 64 words");
    if (size_of(command.argv) + size_of(command.environment) > kMaxBytes || command.user.size() > 64)
        return refuse("a command has at most 32 KiB");
    if (has_nul(command.argv) || has_nul(command.environment) || has_nul({command.user}))
        return refuse("a command has no NUL in it");
    if (command.timeout < std::chrono::milliseconds(1) || command.timeout > std::chrono::hours(24))
        return refuse("a command's timeout is 1 ms to 24 h");
    return {};
}

bool CommandEnd::is_own_fault() const {
    return how == How::lost ||
           (how == How::not_started && (number == EAGAIN || checkers::is_own_fault(number)));
}

std::string to_string(const CommandEnd& end) {
    switch (end.how) {
        case CommandEnd::How::exited:
            return fmt::format("exited with status {}", end.number);
        case CommandEnd::How::signalled:
            return fmt::format("was killed by signal {} ({})", end.number, strsignal(end.number));
        case CommandEnd::How::timed_out:
            return "was killed after " + in_words(end.took);
        case CommandEnd::How::not_started:
            return "could not be started: " + std::generic_category().message(end.number);
        case CommandEnd::How::lost:
            return "was lost with the process that ran it";
    }
    return "?";
}

}  // namespace lvs::checkers
