// SPDX-License-Identifier: GPL-2.0-or-later
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "guest.hpp"

namespace {

void keep_standard_files_open() {
    for (int fd = open("/dev/console", O_RDWR); fd >= 0 && fd <= 2; fd = open("/dev/null", O_RDWR))
        continue;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc > 1 && strcmp(argv[1], "agent") == 0) lab::run_agent(lab::read_run("/run/lab/run"));
    const lab::Run run = lab::read_run("/lab/run");
    lab::enter_host_root(run);
    keep_standard_files_open();
    if (run.systemd) lab::become_systemd(run);
    lab::run_agent(run);
}
