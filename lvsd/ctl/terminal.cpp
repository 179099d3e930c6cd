// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/ctl/terminal.hpp"

#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>

namespace lvs::ctl {
namespace {

bool is_terminal() {
    return ::isatty(STDOUT_FILENO) == 1;
}

bool is_set(const char* variable) {
    const char* value = std::getenv(variable);
    return value != nullptr && *value != '\0';
}

bool fits_on_screen(const std::string& text) {
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_row == 0) return true;
    return std::ranges::count(text, '\n') < size.ws_row;
}

// PAGER is a shell command, as everywhere; empty or "cat" means none.
std::string pager() {
    const char* value = std::getenv("PAGER");
    if (value == nullptr) return "less";
    return value == std::string_view("cat") ? "" : value;
}

struct PipeCloser {
    void operator()(std::FILE* pipe) const { ::pclose(pipe); }
};

// False when there is no such pager: then the text is still to be printed. Who leaves the pager early has
// seen enough.
bool page(const std::string& command, const std::string& text) {
    ::setenv("LESS", "FRX", 0);  // quit if one screen, colours as they are, no clearing
    std::signal(SIGPIPE, SIG_IGN);
    std::unique_ptr<std::FILE, PipeCloser> pipe(::popen(command.c_str(), "w"));
    if (!pipe) return false;
    std::fwrite(text.data(), 1, text.size(), pipe.get());
    constexpr int kNotFound = 127;  // of the shell
    const int status = ::pclose(pipe.release());
    return !(WIFEXITED(status) && WEXITSTATUS(status) == kNotFound);
}

}  // namespace

View view_of_terminal() {
    const char* terminal = std::getenv("TERM");
    const bool dumb = terminal != nullptr && std::string_view(terminal) == "dumb";
    const auto now = std::chrono::duration_cast<std::chrono::nanoseconds>(
        std::chrono::system_clock::now().time_since_epoch());
    return {is_terminal() && !dumb && !is_set("NO_COLOR"), state::WallTime(now)};
}

int print(const std::string& text) {
    const bool written = std::fwrite(text.data(), 1, text.size(), stdout) == text.size();
    if (written && std::fflush(stdout) == 0) return 0;
    std::perror("lvsctl: standard output");
    return 1;
}

int print_paged(const std::string& text, bool use_pager) {
    if (use_pager && is_terminal() && !fits_on_screen(text))
        if (const auto command = pager(); !command.empty() && page(command, text)) return 0;
    return print(text);
}

}  // namespace lvs::ctl
