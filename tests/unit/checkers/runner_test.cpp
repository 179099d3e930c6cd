// SPDX-License-Identifier: GPL-2.0-or-later
//
// The runner with its real process: order, deadlines, users, shortages, and both ends dying.
#include "checkers/runner.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <map>

#include "patience.hpp"

namespace lvs::checkers {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
namespace fs = std::filesystem;

class RunnerTest : public testing::Test {
protected:
    RunnerTest() { fs::create_directories(folder_); }
    ~RunnerTest() override {
        runner_.reset();
        fs::remove_all(folder_);
    }

    void make(Runner::Options options = {}) {
        options.program = LVSD_RUNNER;
        runner_ = std::make_unique<Runner>(io_, options, [this](bool up, const std::string& reason) {
            ++(up ? starts_ : losses_);
            reason_ = reason;
        });
    }
    static Command shell(const std::string& script, Duration timeout = 20s) {
        return {.argv = {"/bin/sh", "-c", script}, .timeout = timeout};
    }
    void run(const std::string& key, Command command) {
        runner_->run(key, std::move(command), [this](const CommandEnd& end) { ends_.push_back(end); });
    }
    [[nodiscard]] CommandEnd result(Command command) {
        const auto before = ends_.size();
        run("one", std::move(command));
        EXPECT_TRUE(eventually([&] { return ends_.size() > before; }));
        return ends_.size() > before ? ends_.back() : CommandEnd{};
    }
    template <class Condition>
    [[nodiscard]] bool eventually(Condition condition) {
        for (const auto end = monotonic_time() + kPatience; monotonic_time() < end;) {
            if (condition()) return true;
            io_.restart();
            io_.run_for(5ms);
        }
        return condition();
    }
    [[nodiscard]] std::string path(const std::string& name) const { return folder_ / name; }
    void write(const std::string& name, const std::string& text) const {
        std::ofstream(path(name) + ".new") << text;
        fs::rename(path(name) + ".new", path(name));
    }
    // The processes whose parent is the runner; a zombie is one, too.
    [[nodiscard]] std::string children() const {
        const auto pid = std::to_string(runner_->pid().value_or(0));
        std::ifstream in("/proc/" + pid + "/task/" + pid + "/children");
        return {std::istreambuf_iterator<char>(in), {}};
    }
    [[nodiscard]] pid_t number_in(const std::string& name) const {
        pid_t pid = 0;
        std::ifstream(path(name)) >> pid;
        return pid;
    }

    fs::path folder_ = fs::temp_directory_path() / ("runner-test-" + std::to_string(getpid()));
    asio::io_context io_;
    std::unique_ptr<Runner> runner_;
    std::vector<CommandEnd> ends_;
    int starts_ = 0;
    int losses_ = 0;
    std::string reason_;
};

TEST_F(RunnerTest, TellsStatusOutputAndTime) {
    make();
    EXPECT_FALSE(runner_->pid());  // not before it is needed
    const auto end = result(shell("echo fine; echo odd >&2; exit 3"));
    EXPECT_EQ(end.how, CommandEnd::How::exited);
    EXPECT_EQ(end.number, 3);
    EXPECT_EQ(end.output, "fine\n");
    EXPECT_EQ(end.errors, "odd\n");
    EXPECT_GT(end.took, 0ns);
    EXPECT_EQ(to_string(end), "exited with status 3");
    EXPECT_TRUE(result(shell("true")).is_success());
    EXPECT_EQ(to_string(result(shell("kill -9 $$"))), "was killed by signal 9 (Killed)");
}

TEST_F(RunnerTest, ThereIsNoShellAndNoInheritedEnvironment) {
    make();
    const auto end = result({.argv = {"/usr/bin/printf", "%s", "$HOME;`id`"}});
    EXPECT_EQ(end.output, "$HOME;`id`");
    const auto environment = result({.argv = {"/usr/bin/env"}, .environment = {"LVSD_EVENT=x y"}}).output;
    EXPECT_EQ(environment,
              "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\nLVSD_EVENT=x y\n");
    EXPECT_EQ(result(shell("pwd; read x || echo no input")).output, "/\nno input\n");
    EXPECT_EQ(result(shell("ls /proc/self/fd")).output, "0\n1\n2\n3\n");  // 3 is the folder being read
}

TEST_F(RunnerTest, OnlyTheTailOfMuchOutputIsKept) {
    make();
    const auto end = result(shell("yes 0123456789 | head -c 3000000; echo last; exit 1"));
    EXPECT_EQ(end.number, 1);
    EXPECT_EQ(end.output.size(), CommandEnd::kMaxTail);
    EXPECT_TRUE(end.output.ends_with("last\n"));
}

TEST_F(RunnerTest, WhatCannotBeStartedIsNamed) {
    make();
    EXPECT_EQ(to_string(result({.argv = {"/nonexistent"}})),
              "could not be started: No such file or directory");
    EXPECT_EQ(to_string(result({.argv = {"/etc/passwd"}})), "could not be started: Permission denied");
    EXPECT_EQ(to_string(result({.argv = {"relative"}})), "could not be started: Invalid argument");
    EXPECT_EQ(result({.argv = {"/bin/true"}, .user = "no-such-user"}).how, CommandEnd::How::not_started);
    EXPECT_TRUE(result(shell("true")).is_success());
}

TEST_F(RunnerTest, RunsAsTheUserWithNothingOfRootsLeft) {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    make();
    auto command = shell("id -u; id -G; grep -E '^Cap(Prm|Eff|Amb)' /proc/self/status");
    command.user = "nobody";
    EXPECT_EQ(result(command).output,
              "65534\n65534\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n"
              "CapAmb:\t0000000000000000\n");
}

TEST_F(RunnerTest, AHungProgramDiesWithItsGroupAtTheDeadline) {
    make();
    // Ignores every polite signal, and has a child that does so, too.
    const auto script = "trap '' TERM INT HUP; (trap '' TERM; sleep 600) & echo $! > " + path("child") +
                        "; echo waiting; while true; do sleep 600; done";
    const auto end = result(shell(script, 300ms));
    EXPECT_EQ(end.how, CommandEnd::How::timed_out);
    EXPECT_EQ(end.output, "waiting\n");
    EXPECT_GE(end.took, 300ms);
    const auto child = number_in("child");
    ASSERT_GT(child, 0);
    EXPECT_TRUE(eventually([child] { return kill(child, 0) != 0; }));
    EXPECT_TRUE(eventually([this] { return children().empty(); }));  // no zombie either
}

TEST_F(RunnerTest, WhatAProgramLeavesInItsGroupEndsWithIt) {
    make();
    const auto end = result(shell("sleep 600 & echo $! > " + path("child") + "; exit 0"));
    EXPECT_TRUE(end.is_success());
    const auto child = number_in("child");
    EXPECT_TRUE(eventually([child] { return kill(child, 0) != 0; }));
    EXPECT_TRUE(eventually([this] { return children().empty(); }));
}

TEST_F(RunnerTest, CommandsOfOneKeyKeepTheirOrderOthersDoNotWait) {
    make();
    const auto log = path("log");
    run("a", shell("sleep 0.3; echo a1 >> " + log));
    run("a", shell("echo a2 >> " + log));
    run("a", shell("echo a3 >> " + log));
    run("b", shell("until [ -e " + path("go") + " ]; do sleep 0.01; done"));
    ASSERT_TRUE(eventually([this] { return ends_.size() == 3; }));
    std::ifstream in(log);
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), "a1\na2\na3\n");
    EXPECT_EQ(runner_->running(), 1U);
    write("go", "");
    ASSERT_TRUE(eventually([this] { return ends_.size() == 4; }));
    EXPECT_EQ(runner_->waiting(), 0U);
}

TEST_F(RunnerTest, SoManyRunAtATimeAndSoManyWait) {
    make({.max_running = 2, .max_waiting = 3});
    ASSERT_TRUE(result(shell("true")).is_success());
    ends_.clear();
    for (int i = 0; i < 7; ++i)
        run("key" + std::to_string(i), shell("until [ -e " + path("go") + " ]; do sleep 0.01; done"));
    EXPECT_EQ(runner_->running(), 2U);
    EXPECT_EQ(runner_->waiting(), 3U);
    ASSERT_TRUE(eventually([this] { return ends_.size() == 2; }));  // the last two were refused
    EXPECT_EQ(ends_[0].number, ENOBUFS);
    write("go", "");
    ASSERT_TRUE(eventually([this] { return ends_.size() == 7; }));
}

TEST_F(RunnerTest, CancelKillsAndForgets) {
    make();
    run("a", shell("echo $$ > " + path("pid") + "; exec sleep 600", 600s));
    run("a", shell("echo never > " + path("never")));
    ASSERT_TRUE(eventually([this] { return number_in("pid") > 0; }));
    const auto pid = number_in("pid");
    runner_->cancel("a");
    EXPECT_EQ(runner_->waiting(), 0U);
    EXPECT_TRUE(eventually([pid] { return kill(pid, 0) != 0; }));
    EXPECT_TRUE(result(shell("true")).is_success());
    EXPECT_EQ(ends_.size(), 1U);
    EXPECT_FALSE(fs::exists(path("never")));
    EXPECT_EQ(runner_->running(), 0U);
}

TEST_F(RunnerTest, AShortageIsNamedAndPasses) {
    make();
    ASSERT_TRUE(result(shell("true")).is_success());
    rlimit before{};
    ASSERT_EQ(prlimit(*runner_->pid(), RLIMIT_NOFILE, nullptr, &before), 0);
    const rlimit few{.rlim_cur = 8, .rlim_max = before.rlim_max};
    ASSERT_EQ(prlimit(*runner_->pid(), RLIMIT_NOFILE, &few, nullptr), 0);
    EXPECT_EQ(to_string(result(shell("true"))), "could not be started: Too many open files");
    ASSERT_EQ(prlimit(*runner_->pid(), RLIMIT_NOFILE, &before, nullptr), 0);
    EXPECT_TRUE(result(shell("true")).is_success());
    EXPECT_EQ(losses_, 0);
}

TEST_F(RunnerTest, ALackOfProcessesIsNamedAndPasses) {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    make();
    auto command = shell("true");
    command.user = "nobody";
    ASSERT_TRUE(result(command).is_success());
    auto other = shell("exec sleep 1000", 1h);  // the kernel counts what the user has already
    other.user = "nobody";
    run("other", other);
    ASSERT_TRUE(eventually([this] {
        struct stat process {};
        const auto pid = children();
        return !pid.empty() && ::stat(("/proc/" + pid.substr(0, pid.find(' '))).c_str(), &process) == 0 &&
               process.st_uid == 65534;
    }));
    rlimit before{};
    ASSERT_EQ(prlimit(*runner_->pid(), RLIMIT_NPROC, nullptr, &before), 0);
    const rlimit none{.rlim_cur = 0, .rlim_max = before.rlim_max};
    ASSERT_EQ(prlimit(*runner_->pid(), RLIMIT_NPROC, &none, nullptr), 0);
    EXPECT_EQ(to_string(result(command)), "could not be started: Resource temporarily unavailable");
    ASSERT_EQ(prlimit(*runner_->pid(), RLIMIT_NPROC, &before, nullptr), 0);
    EXPECT_TRUE(result(command).is_success());
    EXPECT_EQ(losses_, 0);
}

TEST_F(RunnerTest, WhenItsProcessIsKilledProgramsAreLostAndTheRestGoesOn) {
    make();
    run("a", shell("echo $$ > " + path("pid") + "; exec sleep 600", 600s));
    run("a", shell("echo after"));
    ASSERT_TRUE(eventually([this] { return number_in("pid") > 0; }));
    const auto pid = number_in("pid");
    ASSERT_EQ(kill(*runner_->pid(), SIGKILL), 0);
    ASSERT_TRUE(eventually([this] { return ends_.size() == 2; }));
    EXPECT_EQ(ends_[0].how, CommandEnd::How::lost);
    EXPECT_EQ(ends_[1].output, "after\n");
    EXPECT_TRUE(eventually([pid] { return kill(pid, 0) != 0; }));
    EXPECT_EQ(losses_, 1);
    EXPECT_EQ(starts_, 2);
}

TEST_F(RunnerTest, AProcessThatHangsIsReplaced) {
    make({.silence = 1500ms});
    ASSERT_TRUE(result(shell("true")).is_success());
    const auto old = *runner_->pid();
    ASSERT_EQ(kill(old, SIGSTOP), 0);
    ASSERT_TRUE(eventually([this] { return starts_ == 2; }));
    EXPECT_TRUE(eventually([old] { return kill(old, 0) != 0; }));
    EXPECT_TRUE(result(shell("true")).is_success());
}

// Somebody else waits for the end of a process that he traces, and nobody hears of it before him. So its
// parent cannot reap it, as if it slept in the kernel, until the tracer ends.
class Tracer {
public:
    explicit Tracer(pid_t traced) {
        std::array<int, 2> ends{};
        LVS_ASSERT(pipe2(ends.data(), O_CLOEXEC) == 0);
        Fd ours(ends[0]);
        const Fd theirs(ends[1]);
        pid_ = fork();
        if (pid_ == 0) {
            const char done = ptrace(PTRACE_SEIZE, traced, nullptr, nullptr) == 0 ? 1 : 0;
            static_cast<void>(!write(theirs.get(), &done, 1));
            alarm(60);
            for (;;)
                pause();
        }
        char done = 0;
        traces_ = pid_ > 0 && read(ours.get(), &done, 1) == 1 && done == 1;
    }
    ~Tracer() {
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
    }
    Tracer(const Tracer&) = delete;
    Tracer& operator=(const Tracer&) = delete;
    [[nodiscard]] bool traces() const { return traces_; }

private:
    pid_t pid_ = 0;
    bool traces_ = false;
};

TEST_F(RunnerTest, ProcessesThatCannotBeReapedHoldUpNobodyAndAreFew) {
    make();
    std::map<pid_t, std::unique_ptr<Tracer>> traced;
    for (int number = 1; number <= 4; ++number) {
        ASSERT_TRUE(result(shell("true")).is_success());  // in a process that came for the last one
        const auto pid = *runner_->pid();
        auto& tracer = traced[pid] = std::make_unique<Tracer>(pid);
        if (!tracer->traces()) GTEST_SKIP() << "needs the right to trace";
        ASSERT_EQ(kill(pid, SIGKILL), 0);
        ASSERT_TRUE(eventually([&] { return losses_ >= number; }));
    }
    EXPECT_TRUE(eventually([this] { return reason_.find("cannot be killed") != std::string::npos; }));
    EXPECT_EQ(starts_, 4);
    for (const auto& [pid, tracer] : traced)
        EXPECT_EQ(kill(pid, 0), 0);  // not reaped, so nobody has waited for it
    traced.clear();
    EXPECT_TRUE(eventually([this] { return starts_ == 5; }));
    EXPECT_TRUE(result(shell("true")).is_success());
}

TEST_F(RunnerTest, WithoutItsProgramEveryCommandEnds) {
    runner_ = std::make_unique<Runner>(io_, Runner::Options{.program = "/nonexistent/lvsd-runner"});
    run("a", shell("true"));
    run("a", shell("true"));
    ASSERT_TRUE(eventually([this] { return ends_.size() == 2; }));
    EXPECT_EQ(ends_[1].how, CommandEnd::How::lost);
}

TEST_F(RunnerTest, StopEndsEverythingItRuns) {
    make();
    run("a", shell("(sleep 600) & echo $! > " + path("pid") + "; wait", 600s));
    ASSERT_TRUE(eventually([this] { return number_in("pid") > 0; }));
    const auto pid = number_in("pid");
    runner_->stop();
    EXPECT_TRUE(eventually([pid] { return kill(pid, 0) != 0; }));
    EXPECT_TRUE(ends_.empty());
    io_.restart();
    io_.run();  // nothing is left to wait for
}

// ---- files ----

class WatchTest : public RunnerTest {
protected:
    void watch(const std::string& name) {
        id_ = runner_->watch(path(name), [this](const FileText& file) { told_.push_back(file); });
    }
    [[nodiscard]] bool holds(const std::string& text) {
        return eventually(
            [&] { return !told_.empty() && told_.back().error == 0 && told_.back().text == text; });
    }
    [[nodiscard]] bool fails(int error) {
        return eventually([&] { return !told_.empty() && told_.back().error == error; });
    }
    Runner::WatchId id_{};
    std::vector<FileText> told_;
};

TEST_F(WatchTest, EveryWayToChangeAFileIsSeen) {
    make();
    watch("state");
    ASSERT_TRUE(fails(ENOENT));
    write("state", "up\n");  // by rename
    ASSERT_TRUE(holds("up\n"));
    std::ofstream(path("state")) << "75%\n";  // in place
    ASSERT_TRUE(holds("75%\n"));
    fs::remove(path("state"));
    ASSERT_TRUE(fails(ENOENT));
    std::ofstream(path("other")) << "of no concern";
    std::ofstream(path("state")) << "drain";
    ASSERT_TRUE(holds("drain"));
    fs::rename(path("state"), path("away"));
    ASSERT_TRUE(fails(ENOENT));
    // Writing in place is two steps; who looks in between is told of the empty file, too.
    EXPECT_GE(told_.size(), 6U);
    EXPECT_LE(told_.size(), 8U);
}

TEST_F(WatchTest, AFolderMayComeLaterAndGo) {
    make();
    watch("folder/state");
    ASSERT_TRUE(fails(ENOENT));
    fs::create_directories(path("folder"));
    std::ofstream(path("folder/state")) << "up";
    ASSERT_TRUE(holds("up"));
    fs::remove_all(path("folder"));
    ASSERT_TRUE(fails(ENOENT));
    fs::create_directories(path("folder"));
    std::ofstream(path("folder/state")) << "down";
    ASSERT_TRUE(holds("down"));
}

// As a ConfigMap is changed: the path goes through a link that is put in the place of another.
TEST_F(WatchTest, AFileBehindALinkIsFollowed) {
    make();
    for (const auto* const folder : {"a", "b"}) {
        fs::create_directories(path(folder));
        std::ofstream(path(folder) + "/state") << folder;
    }
    fs::create_directories(path("c"));
    fs::create_symlink("../a", path("c/..data"));
    fs::create_symlink("..data/state", path("c/state"));
    watch("c/state");
    ASSERT_TRUE(holds("a"));
    fs::create_symlink("../b", path("c/..new"));
    fs::rename(path("c/..new"), path("c/..data"));
    ASSERT_TRUE(holds("b"));
    std::ofstream(path("b/state")) << "up";
    ASSERT_TRUE(holds("up"));
}

TEST_F(WatchTest, AFolderThatIsALinkIsFollowed) {
    make();
    for (const auto* const folder : {"a", "b"}) {
        fs::create_directories(path(folder));
        std::ofstream(path(folder) + "/state") << folder;
    }
    fs::create_symlink("a", path("now"));
    watch("now/state");
    ASSERT_TRUE(holds("a"));
    fs::create_symlink("b", path("next"));
    fs::rename(path("next"), path("now"));
    ASSERT_TRUE(holds("b"));
}

TEST_F(WatchTest, OnlySmallRegularFilesAreRead) {
    make();
    std::ofstream(path("big")) << std::string(FileText::kMaxFile + 1, 'x');
    watch("big");
    ASSERT_TRUE(fails(EFBIG));
    std::ofstream(path("big")) << std::string(FileText::kMaxFile, 'x');
    ASSERT_TRUE(holds(std::string(FileText::kMaxFile, 'x')));
    ASSERT_EQ(mkfifo(path("fifo").c_str(), 0600), 0);
    watch("fifo");
    ASSERT_TRUE(fails(EINVAL));
}

TEST_F(WatchTest, SurvivesTheRunnerAndEndsWithUnwatch) {
    make();
    write("state", "up");
    watch("state");
    ASSERT_TRUE(holds("up"));
    ASSERT_EQ(kill(*runner_->pid(), SIGKILL), 0);
    write("state", "down");
    ASSERT_TRUE(holds("down"));
    runner_->unwatch(id_);
    const auto before = told_.size();
    write("state", "up");
    EXPECT_TRUE(result(shell("true")).is_success());
    EXPECT_EQ(told_.size(), before);
}

// ---- the messages ----

TEST(RunnerWire, EveryMessageArrivesAsItWasSentAndNothingElseDoes) {
    using namespace runner_wire;
    const Command command{.argv = {"/bin/true", ""}, .environment = {"A=b"}, .user = "nobody", .timeout = 5s};
    for (const ToRunner& message :
         {ToRunner{Start{7, command}}, ToRunner{Kill{8}}, ToRunner{Watch{9, "/x"}}, ToRunner{Unwatch{9}}}) {
        const auto bytes = encode(message);
        const auto read = decode_to_runner(bytes);
        ASSERT_TRUE(read);
        EXPECT_EQ(*read, message);
        for (std::size_t size = 0; size < bytes.size(); ++size)
            EXPECT_FALSE(decode_to_runner({bytes.data(), size}));
    }
    const CommandEnd end{CommandEnd::How::signalled, 9, 3ms, "out", "err"};
    for (const FromRunner& message : {FromRunner{Hello{}}, FromRunner{Ended{1, end}},
                                      FromRunner{FileRead{2, {ENOENT, ""}}}, FromRunner{Alive{}}}) {
        auto bytes = encode(message);
        const auto read = decode_from_runner(bytes);
        ASSERT_TRUE(read);
        EXPECT_EQ(*read, message);
        bytes.push_back(0);
        EXPECT_FALSE(decode_from_runner(bytes));
    }
    EXPECT_FALSE(decode_from_runner(Bytes{9}));
    EXPECT_FALSE(decode_from_runner({}));
}

TEST(Command, WhatSaysNothingOfIt) {
    using How = CommandEnd::How;
    EXPECT_TRUE((CommandEnd{.how = How::lost}.is_own_fault()));
    for (const int shortage : {EAGAIN, ENOMEM, EMFILE, ENFILE, ENOBUFS})
        EXPECT_TRUE((CommandEnd{.how = How::not_started, .number = shortage}.is_own_fault())) << shortage;
    for (const int mistake : {ENOENT, EACCES, EINVAL, ENOEXEC})
        EXPECT_FALSE((CommandEnd{.how = How::not_started, .number = mistake}.is_own_fault())) << mistake;
    for (const auto how : {How::exited, How::signalled, How::timed_out})
        EXPECT_FALSE((CommandEnd{.how = how, .number = EAGAIN}.is_own_fault()));
}

TEST(Command, TheBoundsAreKept) {
    EXPECT_TRUE(validate({.argv = {"/bin/true"}}));
    EXPECT_FALSE(validate({.argv = {}}));
    EXPECT_FALSE(validate({.argv = {"true"}}));
    EXPECT_TRUE(validate({.argv = std::vector<std::string>(64, "/x")}));
    EXPECT_FALSE(validate({.argv = std::vector<std::string>(65, "/x")}));
    EXPECT_FALSE(validate({.argv = {"/x", std::string(32768, 'x')}}));
    EXPECT_FALSE(validate({.argv = {"/x", std::string("a\0b", 3)}}));
    EXPECT_FALSE(validate({.argv = {"/x"}, .timeout = 0ns}));
    EXPECT_FALSE(validate({.argv = {"/x"}, .timeout = 25h}));
}

}  // namespace
}  // namespace lvs::checkers
