// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest.hpp"

namespace lab {

void fail(const std::string& text) {
    const std::string line = "lab: " + text + "\n";
    const int console = open("/dev/console", O_WRONLY | O_NOCTTY);
    if (console >= 0) {
        [[maybe_unused]] const ssize_t written = write(console, line.data(), line.size());
        close(console);
    }
    tell_host("fail " + text);
    sleep(1);  // lets the host read the line before the machine is gone
    reboot(RB_AUTOBOOT);
    _exit(125);
}

std::string read_file(const std::string& path) {
    std::string text;
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) return text;
    char buffer[4096];
    ssize_t size = 0;
    while ((size = read(fd, buffer, sizeof buffer)) > 0)
        text.append(buffer, static_cast<size_t>(size));
    close(fd);
    return text;
}

void write_file(const std::string& path, std::string_view text) {
    const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
    if (fd < 0) fail("cannot create " + path + ": " + strerror(errno));
    while (!text.empty()) {
        const ssize_t size = write(fd, text.data(), text.size());
        if (size <= 0) fail("cannot write " + path + ": " + strerror(errno));
        text.remove_prefix(static_cast<size_t>(size));
    }
    close(fd);
}

void make_directories(const std::string& path) {
    for (size_t end = path.find('/', 1); end != std::string::npos; end = path.find('/', end + 1))
        mkdir(path.substr(0, end).c_str(), 0755);
    mkdir(path.c_str(), 0755);
}

void mount_or_fail(const char* what, const std::string& where, const char* type, unsigned long flags,
                   const char* data) {
    if (mount(what, where.c_str(), type, flags, data) == 0) return;
    fail(std::string("cannot mount ") + type + " at " + where + ": " + strerror(errno));
}

int run_program(const std::vector<std::string>& args) {
    const pid_t child = fork();
    if (child < 0) return 127;
    if (child == 0) {
        std::vector<char*> argv;
        for (const std::string& arg : args)
            argv.push_back(const_cast<char*>(arg.c_str()));
        argv.push_back(nullptr);
        execvp(argv[0], argv.data());
        _exit(127);
    }
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void take_record(Run& run, const std::string& key, const std::string& value) {
    if (key == "cwd")
        run.cwd = value;
    else if (key == "modules")
        run.modules = value;
    else if (key == "ipvs")
        run.ipvs = value;
    else if (key == "arg")
        run.args.push_back(value);
    else if (key == "env")
        run.env.push_back(value);
    else if (key == "shared")
        run.shared.push_back(value);
    else if (key == "systemd")
        run.systemd = value == "1";
    else if (key == "terminal")
        run.terminal = sscanf(value.c_str(), "%hu %hu", &run.rows, &run.columns) == 2;
    else
        fail("unknown record in /lab/run: " + key);
}

Run read_run(const char* path) {
    Run run;
    const std::string text = read_file(path);
    for (size_t at = 0; at < text.size();) {
        const std::string record = text.c_str() + at;
        const size_t equals = record.find('=');
        if (equals == std::string::npos) fail("a record without '=' in /lab/run");
        take_record(run, record.substr(0, equals), record.substr(equals + 1));
        at += record.size() + 1;
    }
    if (run.args.empty()) fail("no command in /lab/run");
    return run;
}

}  // namespace lab
