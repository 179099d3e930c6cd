// SPDX-License-Identifier: GPL-2.0-or-later
#include <signal.h>
#include <string.h>

#include "load.hpp"

namespace {

volatile sig_atomic_t stop_requested = 0;

void on_signal(int) {
    stop_requested = 1;
}

// Without SA_RESTART, so that a waiting epoll_wait returns.
void catch_signals() {
    struct sigaction action {};
    action.sa_handler = on_signal;
    sigaction(SIGINT, &action, nullptr);
    sigaction(SIGTERM, &action, nullptr);
    signal(SIGPIPE, SIG_IGN);
}

}  // namespace

bool lab::stopping() {
    return stop_requested != 0;
}

int main(int argc, char** argv) {
    const lab::Arguments arguments = lab::parse_arguments(argc, argv);
    catch_signals();
    if (arguments.mode == "http") return lab::run_http(arguments);
    if (arguments.mode == "udp") return lab::run_udp(arguments);
    return lab::run_echo(arguments);
}
