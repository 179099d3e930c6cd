// SPDX-License-Identifier: GPL-2.0-or-later
#include "checkers/runner_jobs.hpp"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include "checkers/exec_words.hpp"

namespace lvs::checkers {

namespace {

// A program that does not die of SIGKILL is stuck in the kernel: its end is reported without it.
constexpr Duration kUnkillable = std::chrono::seconds(1);
constexpr rlim_t kUsualFiles = 1024;
constexpr int kMaxReads = 64;  // of 4 KiB at a time, then others have their turn

struct Pipe {
    Fd read;
    Fd write;
};

Result<Pipe> make_pipe() {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) return fail_errno(errno, "pipe");
    Pipe out{Fd(ends[0]), Fd(ends[1])};
    if (fcntl(out.read.get(), F_SETFL, O_NONBLOCK) != 0) return fail_errno(errno, "pipe");
    return out;
}

// ---- in the child, between fork and exec ----

struct ChildFiles {
    int input;
    int output;
    int errors;
    int trouble;  // takes the errno of what went wrong
};

bool become(const std::string& user) {
    if (user.empty()) return true;
    errno = 0;
    const auto* entry = getpwnam(user.c_str());
    if (!entry) {
        if (errno == 0) errno = ENOKEY;
        return false;
    }
    if (entry->pw_uid == geteuid() && entry->pw_gid == getegid() && geteuid() != 0) return true;
    return initgroups(user.c_str(), entry->pw_gid) == 0 &&
           setresgid(entry->pw_gid, entry->pw_gid, entry->pw_gid) == 0 &&
           setresuid(entry->pw_uid, entry->pw_uid, entry->pw_uid) == 0;
}

bool prepare(const Command& command, const ChildFiles& files, pid_t runner) {
    sigset_t none;
    sigemptyset(&none);
    for (int signal = 1; signal < SIGRTMAX; ++signal)
        std::signal(signal, SIG_DFL);
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur > kUsualFiles) {
        limit.rlim_cur = kUsualFiles;
        static_cast<void>(setrlimit(RLIMIT_NOFILE, &limit));
    }
    umask(022);
    // The parent's death is asked for after the change of user, which forgets it.
    return sigprocmask(SIG_SETMASK, &none, nullptr) == 0 && dup2(files.input, 0) == 0 &&
           dup2(files.output, 1) == 1 && dup2(files.errors, 2) == 2 && chdir("/") == 0 &&
           become(command.user) && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == runner &&
           close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) == 0;
}

[[noreturn]] void be_child(const Command& command, const ChildFiles& files, pid_t runner) {
    setsid();
    if (prepare(command, files, runner)) {
        std::vector<std::string> environment{
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"};
        environment.insert(environment.end(), command.environment.begin(), command.environment.end());
        const auto argv = exec_words(command.argv);
        execve(argv[0], argv.data(), exec_words(environment).data());
    }
    const int error = errno;
    static_cast<void>(!write(files.trouble, &error, sizeof error));
    _exit(127);
}

void append_tail(std::string& tail, std::string_view more) {
    tail += more;
    if (tail.size() > CommandEnd::kMaxTail) tail.erase(0, tail.size() - CommandEnd::kMaxTail);
}

void read_tail(Fd& fd, std::string& tail) {
    std::array<char, 4096> buffer;
    for (int reads = 0; fd.is_open() && reads < kMaxReads; ++reads) {
        const auto size = read(fd.get(), buffer.data(), buffer.size());
        if (size < 0 && errno == EAGAIN) return;
        if (size <= 0) return fd.reset();
        append_tail(tail, {buffer.data(), static_cast<std::size_t>(size)});
    }
}

}  // namespace

struct Jobs::Job {
    std::uint32_t id = 0;
    pid_t pid = 0;
    Fd output{};
    Fd errors{};
    Fd trouble{};
    Fd process{};  // pidfd
    Time started{};
    Time deadline{};
    bool is_killed = false;    // at its deadline
    bool is_reported = false;  // only its end is waited for
    CommandEnd end{};
};

Jobs::Jobs(int epoll, Ended ended) : epoll_(epoll), ended_(std::move(ended)) {}

Jobs::~Jobs() {
    for (const auto& [pid, job] : jobs_) {
        ::kill(-pid, SIGKILL);
        ::kill(pid, SIGKILL);
    }
}

void Jobs::start(std::uint32_t id, const Command& command, Time now) {
    auto job = std::make_unique<Job>();
    job->id = id;
    job->started = now;
    job->deadline = now + command.timeout;
    if (const auto launched = launch(*job, command); !launched) {
        const int error = launched.error().code.value();
        if (job->pid > 0) {  // it runs, but cannot be watched
            ::kill(job->pid, SIGKILL);
            waitpid(job->pid, nullptr, 0);
        }
        ended_(id, {.how = CommandEnd::How::not_started, .number = error});
        return;
    }
    const auto pid = job->pid;
    jobs_.emplace(pid, std::move(job));
}

Result<void> Jobs::launch(Job& job, const Command& command) {
    auto output = make_pipe();
    auto errors = make_pipe();
    auto trouble = make_pipe();
    const Fd input(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!output || !errors || !trouble || !input.is_open()) return fail_errno(errno, "pipe");
    const auto runner = getpid();
    job.pid = fork();
    if (job.pid < 0) return fail_errno(errno, "fork");
    if (job.pid == 0)
        be_child(command, {input.get(), output->write.get(), errors->write.get(), trouble->write.get()},
                 runner);
    job.output = std::move(output->read);
    job.errors = std::move(errors->read);
    job.trouble = std::move(trouble->read);
    job.process = Fd(static_cast<int>(syscall(SYS_pidfd_open, job.pid, 0)));
    if (!job.process.is_open()) return fail_errno(errno, "pidfd_open");
    for (const auto* fd : {&job.output, &job.errors, &job.process}) {
        epoll_event event{.events = EPOLLIN, .data = {}};
        event.data.u64 = 0;
        if (epoll_ctl(epoll_, EPOLL_CTL_ADD, fd->get(), &event) != 0) return fail_errno(errno, "epoll_ctl");
    }
    return {};
}

void Jobs::kill(std::uint32_t id) {
    for (const auto& [pid, job] : jobs_) {
        if (job->id != id) continue;
        ::kill(-pid, SIGKILL);
        ::kill(pid, SIGKILL);  // where it has no group of its own yet
    }
}

void Jobs::read_outputs(Job& job) const {
    read_tail(job.output, job.end.output);
    read_tail(job.errors, job.end.errors);
}

void Jobs::look(Time now) {
    for (const auto& [pid, job] : jobs_)
        read_outputs(*job);
    reap(now);
}

// Also what programs left behind and this process inherited.
void Jobs::reap(Time now) {
    for (;;) {
        siginfo_t info{};
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0) return;
        const auto found = jobs_.find(info.si_pid);
        if (found != jobs_.end()) {
            // Its number is its group's, and taken for as long as it is not reaped.
            ::kill(-info.si_pid, SIGKILL);
            auto job = std::move(found->second);
            jobs_.erase(found);
            read_outputs(*job);
            const bool exited = info.si_code == CLD_EXITED;
            report(*job, exited ? CommandEnd::How::exited : CommandEnd::How::signalled, info.si_status, now);
        }
        waitpid(info.si_pid, nullptr, WNOHANG);
    }
}

void Jobs::report(Job& job, CommandEnd::How how, int number, Time now) {
    if (std::exchange(job.is_reported, true)) return;
    job.end.how = job.is_killed ? CommandEnd::How::timed_out : how;
    job.end.number = job.is_killed ? 0 : number;
    job.end.took = now - job.started;
    int error = 0;
    if (read(job.trouble.get(), &error, sizeof error) == sizeof error) {
        job.end.how = CommandEnd::How::not_started;
        job.end.number = error;
    }
    ended_(job.id, job.end);
}

void Jobs::on_deadlines(Time now) {
    for (const auto& [pid, job] : jobs_) {
        if (now < job->deadline || job->is_reported) continue;
        if (!job->is_killed) {
            job->is_killed = true;
            job->deadline = now + kUnkillable;
            ::kill(-pid, SIGKILL);
            ::kill(pid, SIGKILL);
        } else {
            report(*job, CommandEnd::How::timed_out, 0, now);
        }
    }
}

std::optional<Time> Jobs::next_deadline() const {
    std::optional<Time> next;
    for (const auto& [pid, job] : jobs_)
        if (!job->is_reported && (!next || job->deadline < *next)) next = job->deadline;
    return next;
}

}  // namespace lvs::checkers
