// SPDX-License-Identifier: GPL-2.0-or-later
//
// The program that runs inside the lab's virtual machine: the first process of the initial RAM disk, and
// the agent that runs the caller's command.
//
// It is one static executable with no file around it, because at its start there is nothing else:
//   init.cpp   as PID 1 in the RAM disk: loads the few modules needed, mounts the host's root read-only over
//              9p under an overlay in RAM, and changes into it. Then it becomes either the agent or systemd,
//              which starts the agent as a service.
//   agent.cpp  runs the command, carries its three streams over virtio-serial ports, reaps orphans, and
//   reports
//              how the command ended.
//   util.cpp   the small things both need.
//
// The wire to the host is four virtio-serial ports, each a plain byte stream:
//   lab.in  lab.out  lab.err   the command's stdin (after one byte that says the host is there), stdout,
//   stderr;
//                              with a terminal lab.in and lab.out only
//   lab.ctl                    one line per message. Guest to host: "started", "exit STATUS OUT ERR" (OUT and
//   ERR
//                              are the bytes written to the two streams, so that the host knows when it has
//                              them all), "fail TEXT". Host to guest: "size ROWS COLUMNS".
// Nothing but an "exit" line is a success: a panic, a hang and a half-finished boot are all its absence.
//
// What to run comes as a file in the RAM disk, /lab/run: records "key=value", each ended by a NUL byte.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace lab {

struct Run {
    std::string cwd = "/";
    std::string modules;  // the directory to be seen as /lib/modules/VERSION
    std::string ipvs = "none";
    std::vector<std::string> args;
    std::vector<std::string> env;
    std::vector<std::string> shared;  // directories shared read-write; the n-th has the mount tag "rwN"
    bool systemd = false;
    bool terminal = false;
    unsigned short rows = 24;
    unsigned short columns = 80;
};

// Reads /lab/run (PATH). A record it does not know is an error: the two sides always come from one tree.
Run read_run(const char* path);

// Prints to the console and, where the control port is open, to the host; then ends the machine. Never
// returns.
[[noreturn]] void fail(const std::string& text);

std::string read_file(const std::string& path);
void write_file(const std::string& path, std::string_view text);
void make_directories(const std::string& path);
void mount_or_fail(const char* what, const std::string& where, const char* type, unsigned long flags = 0,
                   const char* data = "");

// Runs a program to its end and returns its exit status (127 when it cannot be started).
int run_program(const std::vector<std::string>& args);

// Builds the machine's root file system and changes into it. Must be called by PID 1 of the RAM disk.
void enter_host_root(const Run& run);

// Leaves what systemd needs to start the agent under /run, and becomes systemd. Never returns.
[[noreturn]] void become_systemd(const Run& run);

// Runs the command, reports, and waits for the host to end the machine. Never returns.
[[noreturn]] void run_agent(const Run& run);

// Sends one line over the control port; silently nothing while it is not open.
void tell_host(const std::string& line);

}  // namespace lab
