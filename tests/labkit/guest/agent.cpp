// SPDX-License-Identifier: GPL-2.0-or-later
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guest.hpp"

namespace lab {
namespace {

int control_port = -1;

// One direction of one stream. The ports are used non-blocking: a blocking write to a full port spins in the
// kernel with interrupts off until the host has read.
class Pump {
public:
    Pump(int from, int to) : from_(from), to_(to) {}

    // The descriptor to poll, and for what; a finished pump polls nothing.
    pollfd wants() const {
        if (finished_) return {.fd = -1, .events = 0, .revents = 0};
        if (pending_.empty()) return {.fd = from_, .events = POLLIN, .revents = 0};
        return {.fd = to_, .events = POLLOUT, .revents = 0};
    }

    // Moves what can be moved now. Returns false when nothing moved.
    bool turn() {
        if (finished_) return false;
        if (pending_.empty() && !fill()) return false;
        return pending_.empty() || flush();
    }

    bool idle() const { return finished_ || pending_.empty(); }
    unsigned long long bytes() const { return bytes_; }

    void finish() {
        if (finished_) return;
        finished_ = true;
        close(from_);
        if (close_target_) close(to_);
    }
    void close_target_at_end() { close_target_ = true; }

private:
    bool fill() {
        char buffer[16384];
        const ssize_t size = read(from_, buffer, sizeof buffer);
        if (size > 0) {
            pending_.assign(buffer, static_cast<size_t>(size));
            return true;
        }
        if (size < 0 && (errno == EAGAIN || errno == EINTR)) return false;
        finish();  // the end of the stream, or EIO: the last user of the terminal is gone
        return false;
    }

    bool flush() {
        const ssize_t size = write(to_, pending_.data(), pending_.size());
        if (size < 0 && (errno == EAGAIN || errno == EINTR)) return false;
        if (size < 0) {  // the reader is gone: the command does not want its input any more
            pending_.clear();
            finish();
            return false;
        }
        bytes_ += static_cast<unsigned long long>(size);
        pending_.erase(0, static_cast<size_t>(size));
        return size > 0;
    }

    int from_;
    int to_;
    std::string pending_;
    unsigned long long bytes_ = 0;
    bool finished_ = false;
    bool close_target_ = false;
};

int open_port(const std::string& name) {
    DIR* ports = opendir("/sys/class/virtio-ports");
    if (ports == nullptr) fail("no virtio-serial ports");
    int fd = -1;
    while (const dirent* entry = readdir(ports)) {
        const std::string directory = std::string("/sys/class/virtio-ports/") + entry->d_name;
        if (read_file(directory + "/name") != name + "\n") continue;
        fd = open((std::string("/dev/") + entry->d_name).c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);
    }
    closedir(ports);
    return fd;
}

// The kernel makes the ports in its own time after the driver is loaded.
int wait_for_port(const std::string& name) {
    for (int tries = 0; tries < 5000; ++tries) {
        const int fd = open_port(name);
        if (fd >= 0) return fd;
        usleep(2000);
    }
    fail("virtio-serial port " + name + " did not appear");
}

// Until the kernel has heard that the host is there, a read says "end of file". The host's first byte tells
// the two apart.
int wait_for_input_port() {
    const int fd = wait_for_port("lab.in");
    char first = 0;
    while (read(fd, &first, 1) != 1)
        usleep(1000);
    return fd;
}

void set_non_blocking(int fd) {
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

void loopback_up() {
    const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ifreq request{};
    strcpy(request.ifr_name, "lo");
    request.ifr_flags = IFF_UP | IFF_RUNNING;
    ioctl(fd, SIOCSIFFLAGS, &request);
    close(fd);
}

// A command gets the limits of a root shell, not those of the RAM disk.
void set_limits() {
    const rlimit files{.rlim_cur = 1048576, .rlim_max = 1048576};
    setrlimit(RLIMIT_NOFILE, &files);
    const rlimit core{.rlim_cur = 0, .rlim_max = RLIM_INFINITY};
    setrlimit(RLIMIT_CORE, &core);
}

[[noreturn]] void exec_command(const Run& run) {
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    signal(SIGPIPE, SIG_DFL);
    if (chdir(run.cwd.c_str()) != 0) {
        dprintf(2, "lab: cannot enter %s inside the machine: %s\n", run.cwd.c_str(), strerror(errno));
        _exit(125);
    }
    std::vector<char*> argv;
    for (const std::string& arg : run.args)
        argv.push_back(const_cast<char*>(arg.c_str()));
    argv.push_back(nullptr);
    execvp(argv[0], argv.data());
    dprintf(2, "lab: cannot run %s: %s\n", argv[0], strerror(errno));
    _exit(errno == ENOENT ? 127 : 126);
}

struct Command {
    pid_t pid = -1;
    int terminal = -1;
    std::vector<Pump> pumps;  // in, out and, without a terminal, err
};

Command start_on_terminal(const Run& run) {
    Command command;
    const winsize size{.ws_row = run.rows, .ws_col = run.columns, .ws_xpixel = 0, .ws_ypixel = 0};
    command.pid = forkpty(&command.terminal, nullptr, nullptr, &size);
    if (command.pid < 0) fail("cannot open a terminal");
    if (command.pid == 0) exec_command(run);
    set_non_blocking(command.terminal);
    command.pumps.emplace_back(wait_for_input_port(), command.terminal);
    command.pumps.emplace_back(dup(command.terminal), wait_for_port("lab.out"));
    return command;
}

Command start_on_pipes(const Run& run) {
    int in[2];
    int out[2];
    int err[2];
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(out, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0)
        fail("cannot make pipes");
    Command command;
    command.pid = fork();
    if (command.pid < 0) fail("cannot fork");
    if (command.pid == 0) {
        setsid();
        dup2(in[0], 0);
        dup2(out[1], 1);
        dup2(err[1], 2);
        exec_command(run);
    }
    for (const int fd : {in[0], out[1], err[1]})
        close(fd);
    for (const int fd : {in[1], out[0], err[0]})
        set_non_blocking(fd);
    command.pumps.emplace_back(wait_for_input_port(), in[1]);
    command.pumps.back().close_target_at_end();
    command.pumps.emplace_back(out[0], wait_for_port("lab.out"));
    command.pumps.emplace_back(err[0], wait_for_port("lab.err"));
    return command;
}

// Returns true once the command itself has ended, with its status in the shell's way of counting. As PID 1
// every orphan is ours to reap too.
bool reap(pid_t command, int& status) {
    bool ended = false;
    int raw = 0;
    for (pid_t pid = waitpid(-1, &raw, WNOHANG); pid > 0; pid = waitpid(-1, &raw, WNOHANG)) {
        if (pid != command) continue;
        ended = true;
        status = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
    }
    return ended;
}

void take_host_message(const Command& command) {
    char buffer[256];
    const ssize_t size = read(control_port, buffer, sizeof buffer - 1);
    if (size <= 0) return;
    buffer[size] = '\0';
    winsize window{};
    if (sscanf(buffer, "size %hu %hu", &window.ws_row, &window.ws_col) == 2 && command.terminal >= 0)
        ioctl(command.terminal, TIOCSWINSZ, &window);
}

void wait_for_work(const Command& command, int signals) {
    std::vector<pollfd> polled = {{.fd = signals, .events = POLLIN, .revents = 0},
                                  {.fd = control_port, .events = POLLIN, .revents = 0}};
    for (const Pump& pump : command.pumps)
        polled.push_back(pump.wants());
    poll(polled.data(), polled.size(), -1);
    signalfd_siginfo ignored;
    if ((polled[0].revents & POLLIN) != 0) {
        [[maybe_unused]] const ssize_t size = read(signals, &ignored, sizeof ignored);
    }
    if ((polled[1].revents & POLLIN) != 0) take_host_message(command);
}

// After the end of the command: what it wrote is still ours to deliver; what a daemon it left behind may
// write later is not. The first pump is the input and does not count.
void drain(Command& command) {
    for (size_t index = 1; index < command.pumps.size(); ++index) {
        Pump& pump = command.pumps[index];
        while (pump.turn() || !pump.idle()) {
            if (pump.idle()) continue;
            pollfd wanted = pump.wants();
            poll(&wanted, 1, -1);
        }
    }
}

int serve(Command& command, int signals) {
    int status = 0;
    while (!reap(command.pid, status)) {
        bool moved = false;
        for (Pump& pump : command.pumps)
            moved = pump.turn() || moved;
        if (!moved) wait_for_work(command, signals);
    }
    drain(command);
    return status;
}

int open_child_signals() {
    sigset_t children;
    sigemptyset(&children);
    sigaddset(&children, SIGCHLD);
    sigprocmask(SIG_BLOCK, &children, nullptr);
    return signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
}

void load_ipvs(const Run& run) {
    if (run.ipvs == "none") return;
    const int status = run_program({"modprobe", "ip_vs"});
    if (status != 0) fail("modprobe ip_vs failed with status " + std::to_string(status));
}

}  // namespace

void tell_host(const std::string& line) {
    if (control_port < 0) return;
    const std::string text = line + "\n";
    [[maybe_unused]] const ssize_t size = write(control_port, text.data(), text.size());
}

void run_agent(const Run& run) {
    control_port = wait_for_port("lab.ctl");
    clearenv();
    for (const std::string& entry : run.env)
        putenv(const_cast<char*>(entry.c_str()));
    [[maybe_unused]] const int named = sethostname("lab", 3);
    loopback_up();
    set_limits();
    umask(022);
    load_ipvs(run);
    const int signals = open_child_signals();
    signal(SIGPIPE, SIG_IGN);
    tell_host("started");
    Command command = run.terminal ? start_on_terminal(run) : start_on_pipes(run);
    const int status = serve(command, signals);
    sync();
    const unsigned long long err = command.pumps.size() > 2 ? command.pumps[2].bytes() : 0;
    tell_host("exit " + std::to_string(status) + " " + std::to_string(command.pumps[1].bytes()) + " " +
              std::to_string(err));
    sleep(10);  // the host ends the machine as soon as it has everything
    reboot(RB_POWER_OFF);
    _exit(0);
}

}  // namespace lab
