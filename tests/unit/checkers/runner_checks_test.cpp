// SPDX-License-Identifier: GPL-2.0-or-later
//
// Checks by script and by file, from the worker through the daemon to the runner and back.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "checkers/client.hpp"
#include "patience.hpp"

namespace lvs::checkers {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
namespace fs = std::filesystem;

class RunnerChecksTest : public testing::Test {
protected:
    RunnerChecksTest() {
        fs::create_directories(folder_);
        client_.use_runner(&runner_);
        client_.start();
    }
    ~RunnerChecksTest() override {
        client_.use_runner(nullptr);
        fs::remove_all(folder_);
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
    CheckSpec script(std::uint32_t id, const std::string& text, const std::string& weight = "none") const {
        return {.id = CheckId{id},
                .kind = "script",
                .target = *parse_endpoint("192.0.2.7:80"),
                .interval = 100ms,
                .timeout = 20s,
                .rise = 1,
                .fall = 1,
                .params = {{"command", std::vector<std::string>{"/bin/sh", "-c", text}},
                           {"user", std::string(geteuid() == 0 ? "nobody" : "")},
                           {"weight", weight}}};
    }
    CheckSpec file(std::uint32_t id, const std::string& missing = "down") const {
        return {.id = CheckId{id},
                .kind = "file",
                .target = *parse_endpoint("192.0.2.7:80"),
                .interval = 1h,  // what is seen sooner is seen because the file changed
                .rise = 5,
                .fall = 5,
                .params = {{"path", path()}, {"missing", missing}}};
    }
    [[nodiscard]] std::string path() const { return folder_ / "state"; }
    void write(const std::string& text) const {
        std::ofstream(path() + ".new") << text;
        fs::rename(path() + ".new", path());
    }
    // The status once it says this.
    [[nodiscard]] Status says(std::uint32_t id, const std::string& reason) {
        EXPECT_TRUE(eventually([&] { return status(id).reason.find(reason) != std::string::npos; }))
            << status(id).reason;
        return status(id);
    }
    [[nodiscard]] Status status(std::uint32_t id) {
        const auto found = statuses_.find(CheckId{id});
        return found == statuses_.end() ? Status{} : found->second;
    }

    fs::path folder_ = fs::temp_directory_path() / ("runner-checks-" + std::to_string(getpid()));
    asio::io_context io_;
    std::map<CheckId, Status> statuses_;
    std::vector<Transition> changes_;
    Runner runner_{io_, {.program = LVSD_RUNNER}};
    WorkerClient client_{io_,
                         {.program = LVSD_CHECKER},
                         {.on_transition = [this](const Transition& change) { changes_.push_back(change); },
                          .on_status = [this](const Status& status) { statuses_[status.id] = status; },
                          .on_worker = [](bool, const std::string&) {},
                          .on_heartbeat = {}}};
};

TEST_F(RunnerChecksTest, AScriptsExitStatusDecides) {
    client_.configure({script(1, "echo fine"), script(2, "echo no luck >&2; exit 4"),
                       script(3, "echo $LVSD_CHECK_ADDRESS $LVSD_CHECK_PORT")});
    EXPECT_EQ(says(1, "succeeded").state, State::up);
    const auto failed = says(2, "exited");
    EXPECT_EQ(failed.state, State::down);
    EXPECT_EQ(failed.reason, "the script exited with status 4: 'no luck'");
    EXPECT_EQ(says(3, "succeeded").reason, "the script succeeded: '192.0.2.7 80'");
    EXPECT_EQ(client_.find(CheckId{2})->output, "no luck\n");
    EXPECT_GT(failed.latency, 0ns);
}

TEST_F(RunnerChecksTest, AScriptMayGiveAWeight) {
    client_.configure({script(1, "exit 77", "exit"), script(2, "echo '50% # half'", "output"),
                       script(3, "echo drain", "output"), script(4, "exit 103", "exit"), script(5, "exit 77"),
                       script(6, "true", "output")});
    EXPECT_EQ(says(1, "75 %").weight_percent, 75);
    EXPECT_EQ(says(2, "the script says").weight_percent, 50);
    const auto drained = says(3, "drain");
    EXPECT_EQ(drained.advice, Advice::drain);
    EXPECT_EQ(drained.state, State::up);
    EXPECT_EQ(drained.weight_percent, 0);
    EXPECT_EQ(says(4, "103").state, State::down);
    EXPECT_EQ(says(5, "77").state, State::down);
    EXPECT_EQ(says(6, "succeeded").weight_percent, std::nullopt);
}

TEST_F(RunnerChecksTest, AHungScriptFailsAtItsDeadline) {
    auto hung = script(1, "trap '' TERM; sleep 600 & wait");
    hung.timeout = 200ms;
    client_.configure({hung});
    const auto status = says(1, "killed");
    EXPECT_EQ(status.state, State::down);
    EXPECT_THAT(status.reason, HasSubstr("the script was killed after "));
    ASSERT_TRUE(eventually([this] { return this->status(1).runs >= 3; }));
    EXPECT_LE(runner_.running(), 1U);
}

TEST_F(RunnerChecksTest, AScriptThatCannotRunSaysNothingOfTheServer) {
    auto missing = script(1, "");
    missing.params["command"] = std::vector<std::string>{"/nonexistent/script"};
    missing.initial = State::up;
    client_.configure({missing});
    const auto status = says(1, "not checked");
    EXPECT_EQ(status.reason, "not checked: the script could not be started: No such file or directory");
    EXPECT_EQ(status.state, State::up);
}

TEST_F(RunnerChecksTest, ScriptsGoOnAfterTheRunnerAndTheWorkerDied) {
    client_.configure({script(1, "echo fine")});
    static_cast<void>(says(1, "fine"));
    for (const auto pid : {runner_.pid().value_or(0), client_.pids().at(0)}) {
        ASSERT_GT(pid, 0);
        ASSERT_EQ(kill(pid, SIGKILL), 0);
        const auto at = monotonic_time();
        ASSERT_TRUE(eventually([&] {
            const auto now = status(1);
            return now.at > at && now.outcome == Outcome::ok;
        }));
    }
    EXPECT_EQ(changes_.size(), 1U);  // nothing flapped
}

TEST_F(RunnerChecksTest, AFilesWordCountsAtOnce) {
    client_.configure({file(1), file(2, "up"), file(3, "unchecked")});
    EXPECT_EQ(says(1, "no such file").state, State::down);
    EXPECT_EQ(says(2, "no such file").state, State::up);
    EXPECT_EQ(says(3, "not checked: there is no such file").state, State::unknown);
    write("up\n");
    for (std::uint32_t id = 1; id <= 3; ++id)
        EXPECT_EQ(says(id, "the file says 'up'").state, State::up);
    write("30%\n");
    EXPECT_EQ(says(1, "30%").weight_percent, 30);
    write("maint # new disk\n");
    const auto out = says(1, "maint");
    EXPECT_EQ(out.advice, Advice::maint);
    EXPECT_EQ(out.state, State::up);
    write("nonsense");
    EXPECT_EQ(says(1, "expected up, down").state, State::down);
    fs::remove(path());
    EXPECT_EQ(says(2, "no such file").state, State::up);
}

TEST_F(RunnerChecksTest, AReloadLeavesAFileAloneAndARemovedOneIsForgotten) {
    write("up");
    client_.configure({file(1), script(9, "true")});
    EXPECT_EQ(says(1, "up").state, State::up);
    client_.configure({file(4)});
    write("down");
    EXPECT_EQ(says(4, "down").state, State::down);
    client_.configure({});
    const auto changes = changes_.size();
    write("up");
    ASSERT_TRUE(eventually([this] { return runner_.running() == 0; }));
    EXPECT_EQ(changes_.size(), changes);
}

}  // namespace
}  // namespace lvs::checkers
