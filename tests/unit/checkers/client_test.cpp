// SPDX-License-Identifier: GPL-2.0-or-later
//
// The daemon's end with real worker processes and real servers: what happens when either dies.
#include "checkers/client.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>

#include <fstream>

#include "patience.hpp"
#include "server.hpp"
#include "tls_server.hpp"

namespace lvs::checkers {
namespace {

using namespace std::chrono_literals;

class ClientTest : public testing::Test {
protected:
    void make(WorkerClient::Options options = {}) {
        if (options.program.empty() || options.program.starts_with("/usr")) options.program = LVSD_CHECKER;
        client_ = std::make_unique<WorkerClient>(
            io_, options,
            WorkerClient::Callbacks{
                .on_transition = [this](const Transition& change) { changes_.push_back(change); },
                .on_status = [this](const Status& status) { statuses_[status.id] = status; },
                .on_worker =
                    [this](bool up, const std::string& reason) {
                        ++(up ? ready_ : lost_);
                        worker_reason_ = reason;
                    },
                .on_heartbeat = [this](const wire::Heartbeat& heartbeat) { heartbeat_ = heartbeat; }});
        client_->start();
    }

    template <class Condition>
    [[nodiscard]] bool eventually(Condition condition) {
        for (const auto end = monotonic_time() + kPatience; monotonic_time() < end;) {
            if (condition()) return true;
            io_.restart();
            io_.run_for(10ms);
        }
        return condition();
    }
    // Lets everything go on for a while, to see that something does not happen.
    template <class Condition>
    [[nodiscard]] bool throughout(Duration time, Condition condition) {
        for (const auto end = monotonic_time() + time; monotonic_time() < end;) {
            io_.restart();
            io_.run_for(10ms);
            if (!condition()) return false;
        }
        return true;
    }
    [[nodiscard]] State state(std::uint32_t id) const {
        const auto* info = client_->find(CheckId{id});
        return info ? info->last.state : State::unknown;
    }
    [[nodiscard]] std::uint64_t runs(std::uint32_t id) const {
        const auto* info = client_->find(CheckId{id});
        return info ? info->status.runs : 0;
    }

    static CheckSpec tcp(std::uint32_t id, const Endpoint& target) {
        return {.id = CheckId{id},
                .kind = "tcp",
                .target = target,
                .interval = 50ms,
                .timeout = 5s,
                .rise = 2,
                .fall = 2};
    }

    asio::io_context io_;
    std::unique_ptr<WorkerClient> client_;
    std::vector<Transition> changes_;
    std::map<CheckId, Status> statuses_;
    std::optional<wire::Heartbeat> heartbeat_;
    int ready_ = 0;
    int lost_ = 0;
    std::string worker_reason_;
};

TEST_F(ClientTest, ReportsHealthReasonLatencyAndStatus) {
    const Server server(answers("HTTP/1.1 503 Busy\r\n\r\n"));
    make();
    auto check = tcp(5, server.endpoint());
    check.kind = "http";
    client_->configure({check});
    ASSERT_TRUE(
        eventually([this] { return !changes_.empty() && statuses_.contains(CheckId{5}) && heartbeat_; }));
    EXPECT_EQ(changes_[0].id, CheckId{5});
    EXPECT_EQ(changes_[0].state, State::down);
    EXPECT_EQ(changes_[0].reason, "expected 200-299, got 503");
    EXPECT_GT(changes_[0].latency, 0ns);
    EXPECT_EQ(statuses_[CheckId{5}].outcome, Outcome::failed);
    EXPECT_EQ(client_->find(CheckId{5})->history.size(), 1U);
    EXPECT_EQ(client_->find(CheckId{6}), nullptr);
}

TEST_F(ClientTest, FollowsAServerDownAndUp) {
    auto server = std::make_unique<Server>(closes_at_once());
    const auto target = server->endpoint();
    make();
    client_->configure({tcp(1, target)});
    ASSERT_TRUE(eventually([this] { return state(1) == State::up; }));
    server.reset();
    ASSERT_TRUE(eventually([this] { return state(1) == State::down; }));
    server = std::make_unique<Server>(closes_at_once(), target.port);
    ASSERT_TRUE(eventually([this] { return state(1) == State::up; }));
    EXPECT_EQ(changes_.size(), 3U);
    EXPECT_EQ(changes_[1].reason, "connect refused");
    EXPECT_EQ(client_->find(CheckId{1})->history.size(), 3U);
}

TEST_F(ClientTest, WhenTheWorkerIsKilledHealthStandsAndChecksResume) {
    auto server = std::make_unique<Server>(closes_at_once());
    make();
    client_->configure({tcp(1, server->endpoint()), tcp(2, {server->endpoint().address, 1})});
    ASSERT_TRUE(eventually([this] { return state(1) == State::up && state(2) == State::down; }));
    const auto before = changes_.size();
    for (int kill_number = 1; kill_number <= 3; ++kill_number) {
        const auto accepted = server->accepted();
        const auto old = client_->pids().at(0);
        ASSERT_EQ(kill(old, SIGKILL), 0);
        ASSERT_TRUE(
            eventually([this, kill_number] { return lost_ == kill_number && ready_ == kill_number + 1; }));
        EXPECT_NE(client_->pids().at(0), old);
        EXPECT_EQ(state(1), State::up);
        EXPECT_EQ(state(2), State::down);
        ASSERT_TRUE(eventually([&server, accepted] { return server->accepted() > accepted + 2; }));
    }
    EXPECT_EQ(changes_.size(), before);  // nothing flapped
    server.reset();
    ASSERT_TRUE(eventually([this] { return state(1) == State::down; }));
}

TEST_F(ClientTest, AWorkerThatHangsIsReplaced) {
    const Server server(closes_at_once());
    make({.silence = 1500ms});
    client_->configure({tcp(1, server.endpoint())});
    ASSERT_TRUE(eventually([this] { return state(1) == State::up; }));
    const auto old = client_->pids().at(0);
    ASSERT_EQ(kill(old, SIGSTOP), 0);
    ASSERT_TRUE(eventually([this] { return ready_ == 2; }));
    EXPECT_TRUE(eventually([old] { return kill(old, 0) != 0; }));  // gone and reaped
    EXPECT_EQ(changes_.size(), 1U);
}

TEST_F(ClientTest, AMissingProgramIsReportedAndTriedAgain) {
    make({.program = "/nonexistent/lvsd-checker"});
    ASSERT_TRUE(eventually([this] { return lost_ >= 3; }));
    EXPECT_EQ(worker_reason_, "checkers: start /nonexistent/lvsd-checker: No such file or directory");
    EXPECT_TRUE(client_->pids().empty());
}

Server::Behaviour speaks_tls(const Pem& pem) {
    return [pem](int fd, const Server::Stopping& stopping) {
        TlsServer tls(pem, "HTTP/1.1 200 OK\r\n\r\n");
        std::array<char, 4096> buffer;
        while (!stopping()) {
            const auto size = recv(fd, buffer.data(), buffer.size(), 0);
            if (size <= 0) return;
            const auto answer = tls.exchange({buffer.data(), static_cast<std::size_t>(size)});
            send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
        }
    };
}

TEST_F(ClientTest, TlsWorksInsideTheSandbox) {
    const Server server(speaks_tls(make_certificate(-1, 30)));
    make();
    auto careless = tcp(1, server.endpoint());
    careless.kind = "https";
    careless.params["verify"] = false;
    auto careful = tcp(2, server.endpoint());
    careful.kind = "tls";
    client_->configure({careless, careful});
    ASSERT_TRUE(
        eventually([this] { return statuses_.contains(CheckId{1}) && statuses_.contains(CheckId{2}); }));
    EXPECT_EQ(statuses_[CheckId{1}].reason, "got 200");
    EXPECT_EQ(statuses_[CheckId{1}].certificate_days, 30);
    EXPECT_EQ(statuses_[CheckId{2}].reason, "certificate not trusted: self-signed certificate");
    EXPECT_EQ(lost_, 0);
}

TEST_F(ClientTest, IdenticalChecksRunOnceAndServeAll) {
    const Server server(closes_at_once());
    make();
    client_->configure({tcp(1, server.endpoint()), tcp(2, server.endpoint()), tcp(3, server.endpoint())});
    EXPECT_EQ(client_->checks_run(), 1U);
    ASSERT_TRUE(eventually([this] { return changes_.size() == 3; }));
    std::set<CheckId> ids;
    for (const auto& change : changes_)
        ids.insert(change.id);
    EXPECT_EQ(ids, (std::set{CheckId{1}, CheckId{2}, CheckId{3}}));
    // One that joins later learns at once what is known.
    client_->configure({tcp(1, server.endpoint()), tcp(9, server.endpoint())});
    ASSERT_EQ(changes_.size(), 4U);
    EXPECT_EQ(changes_.back().id, CheckId{9});
    EXPECT_EQ(changes_.back().state, State::up);
    EXPECT_EQ(client_->find(CheckId{2}), nullptr);
}

TEST_F(ClientTest, AReloadLeavesUnchangedChecksAlone) {
    const Server server(closes_at_once());
    const Server other(closes_at_once());
    make();
    client_->configure({tcp(1, server.endpoint())});
    ASSERT_TRUE(eventually([this] { return runs(1) >= 3; }));
    const auto before = runs(1);
    client_->configure({tcp(7, server.endpoint()), tcp(2, other.endpoint())});  // renamed by the way
    ASSERT_TRUE(eventually([this, before] { return runs(7) > before && state(2) == State::up; }));
    client_->configure({tcp(2, other.endpoint())});
    EXPECT_EQ(client_->checks_run(), 1U);
    const auto accepted = server.accepted();
    static_cast<void>(throughout(200ms, [] { return true; }));
    EXPECT_LE(server.accepted(), accepted + 1);
}

TEST_F(ClientTest, AChangedCheckStartsWithTheHealthItHad) {
    auto server = std::make_unique<Server>(closes_at_once());
    const auto target = server->endpoint();
    make();
    client_->configure({tcp(1, target)});
    ASSERT_TRUE(eventually([this] { return state(1) == State::up; }));
    auto changed = tcp(1, target);
    changed.interval = 60ms;
    client_->configure({changed});
    EXPECT_EQ(state(1), State::up);
    server.reset();
    ASSERT_TRUE(eventually([this] { return state(1) == State::down; }));
}

// Answers 200, but 503 to what begins like this.
Server::Behaviour is_ill_at(std::string request) {
    return [request = std::move(request)](int fd, const Server::Stopping& /*stopping*/) {
        std::array<char, 4096> buffer;
        const auto size = recv(fd, buffer.data(), buffer.size(), 0);
        if (size <= 0) return;
        const bool ill = std::string_view(buffer.data(), static_cast<std::size_t>(size)).starts_with(request);
        const std::string_view answer = ill ? "HTTP/1.1 503 Ill\r\n\r\n" : "HTTP/1.1 200 OK\r\n\r\n";
        send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
    };
}

TEST_F(ClientTest, ChecksOfOneServerKeepTheirOwnHealthOverAChange) {
    const Server server(is_ill_at("GET /ready"));
    make();
    auto live = tcp(1, server.endpoint());
    live.kind = "http";
    live.params["path"] = std::string("/live");
    auto ready = live;
    ready.id = CheckId{2};
    ready.params["path"] = std::string("/ready");
    client_->configure({live, ready});
    ASSERT_TRUE(eventually([this] { return state(1) == State::up && state(2) == State::down; }));
    live.interval = ready.interval = 60ms;
    client_->configure({live, ready});
    EXPECT_EQ(state(1), State::up);
    EXPECT_EQ(state(2), State::down);
    ready.params["path"] = std::string("/ready/now");  // the one that goes is the one it was
    client_->configure({live, ready});
    EXPECT_EQ(state(1), State::up);
    EXPECT_EQ(state(2), State::down);
    const auto told = changes_.size();
    live.params["path"] = std::string("/live/now");
    ready.params["path"] = std::string("/ready/soon");  // which was which?
    client_->configure({live, ready});
    EXPECT_EQ(state(1), State::unknown);
    EXPECT_EQ(state(2), State::unknown);
    EXPECT_EQ(changes_.size(), told);
}

// As checks through a service are: the target of all is its address, the mark makes the difference.
TEST_F(ClientTest, ChecksOfOneTargetWithOtherMarksKeepTheirOwnHealthOverAChange) {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    const Server server(is_ill_at("GET /3"));
    make();
    std::vector<CheckSpec> specs;
    for (std::uint32_t id = 1; id <= 3; ++id) {
        auto& spec = specs.emplace_back(tcp(id, server.endpoint()));
        spec.kind = "http";
        spec.fwmark = 100 + id;
        spec.through = IpAddress::parse("10.0.0." + std::to_string(id));
        spec.params["path"] = "/" + std::to_string(id);
    }
    client_->configure(specs);
    ASSERT_TRUE(eventually(
        [this] { return state(1) == State::up && state(2) == State::up && state(3) == State::down; }));
    for (auto& spec : specs)
        spec.params["path"] = std::string("/other");
    client_->configure(specs);
    EXPECT_EQ(state(1), State::up);
    EXPECT_EQ(state(2), State::up);
    EXPECT_EQ(state(3), State::down);
}

class AgentClientTest : public ClientTest {
protected:
    // A check of an agent that drains its server, once that is known.
    void drain() {
        make();
        check_ = tcp(1, server_.endpoint());
        check_.kind = "agent";
        check_.params["send"] = std::string("?\n");
        client_->configure({check_});
        ASSERT_TRUE(eventually([this] { return asked_for() == Advice::drain; }));
    }
    [[nodiscard]] Advice asked_for() const { return client_->find(CheckId{1})->last.advice; }

    std::atomic<bool> drains_ = true;
    const Server server_{[this](int fd, const Server::Stopping& stopping) {
        answers(drains_ ? "drain\n" : "up\n")(fd, stopping);
    }};
    CheckSpec check_;
};

TEST_F(AgentClientTest, AChangedCheckStartsWithWhatItsServerAskedFor) {
    drain();
    check_.interval = 60ms;
    client_->configure({check_});
    ASSERT_EQ(changes_.size(), 2U);
    EXPECT_EQ(changes_.back().state, State::up);
    EXPECT_EQ(changes_.back().weight_percent, 0);
    EXPECT_EQ(changes_.back().advice, Advice::drain);
}

TEST_F(AgentClientTest, AfterTheWorkerWasKilledItStandsUntilTheServerAsksForSomethingElse) {
    drain();
    for (const bool drains : {true, false}) {
        const auto told = changes_.size();
        const auto old = client_->pids().at(0);
        ASSERT_EQ(kill(old, SIGSTOP), 0);  // it must not hear of it
        drains_ = drains;
        ASSERT_EQ(kill(old, SIGKILL), 0);
        const auto at = monotonic_time();
        ASSERT_TRUE(eventually([this, at] {
            const auto& status = client_->find(CheckId{1})->status;
            return status.at > at && status.outcome == Outcome::ok;
        }));
        EXPECT_EQ(changes_.size(), drains ? told : told + 1);
        EXPECT_EQ(asked_for(), drains ? Advice::drain : Advice::none);
    }
}

TEST_F(ClientTest, StartStatesAreKeptUntilProvenWrong) {
    Listener listener;
    const auto target = listener.endpoint();
    listener.close();
    make();
    auto up = tcp(1, target);
    up.initial = State::up;
    up.fall = 3;
    client_->configure({up});
    ASSERT_EQ(changes_.size(), 1U);
    EXPECT_EQ(changes_[0].state, State::up);
    ASSERT_TRUE(eventually([this] { return state(1) == State::down; }));
    ASSERT_TRUE(eventually([this] { return runs(1) >= 3; }));
}

TEST_F(ClientTest, AStartStateIsMarkedAsSuchUntilARunAgrees) {
    const Server server(closes_at_once());
    make();
    auto up = tcp(1, server.endpoint());
    up.initial = State::up;
    client_->configure({up});
    ASSERT_EQ(changes_.size(), 1U);
    EXPECT_TRUE(changes_[0].is_assumed);
    EXPECT_EQ(changes_[0].reason, "not checked yet");
    ASSERT_TRUE(eventually([this] { return changes_.size() == 2; }));
    EXPECT_FALSE(changes_[1].is_assumed);
    EXPECT_EQ(changes_[1].state, State::up);
    EXPECT_EQ(changes_[1].reason, "connected");
    ASSERT_TRUE(eventually([this] { return runs(1) >= 5; }));
    EXPECT_EQ(changes_.size(), 2U);
}

// The end of one worker touches its own checks only, and those not for long.
TEST_F(ClientTest, TheEndOfOneOfSeveralWorkersTouchesItsChecksOnly) {
    const Server first(closes_at_once());
    const Server second(closes_at_once());
    make({.workers = 2});
    client_->configure({tcp(1, first.endpoint()), tcp(2, second.endpoint())});
    ASSERT_TRUE(eventually([this] { return state(1) == State::up && state(2) == State::up; }));
    EXPECT_EQ(client_->ready(), 2U);
    const auto pids = client_->pids();
    ASSERT_EQ(kill(pids.at(1), SIGSTOP), 0);  // it cannot be noticed as dead, and so not be replaced yet
    const auto of_first = first.accepted();
    ASSERT_TRUE(eventually([&first, of_first] { return first.accepted() > of_first + 3; }));
    ASSERT_EQ(kill(pids.at(1), SIGKILL), 0);
    ASSERT_TRUE(eventually([this] { return lost_ == 1 && ready_ == 3; }));
    EXPECT_EQ(client_->pids().at(0), pids.at(0));
    EXPECT_NE(client_->pids().at(1), pids.at(1));
    const auto of_second = second.accepted();
    ASSERT_TRUE(eventually([&second, of_second] { return second.accepted() > of_second + 2; }));
    EXPECT_EQ(changes_.size(), 2U);
}

TEST_F(ClientTest, SeveralWorkersShareTheChecks) {
    const Server server(closes_at_once());
    make({.workers = 3});
    std::vector<CheckSpec> specs;
    for (std::uint32_t id = 0; id < 10; ++id) {
        specs.push_back(tcp(id, server.endpoint()));
        specs.back().timeout += std::chrono::milliseconds(id);  // all different
    }
    client_->configure(specs);
    ASSERT_TRUE(eventually([this] { return changes_.size() == 10; }));
    EXPECT_EQ(client_->pids().size(), 3U);
    EXPECT_EQ(client_->checks_run(), 10U);
}

TEST_F(ClientTest, AnotherNumberOfWorkersKeepsHealthAndHistory) {
    const Server server(closes_at_once());
    make();
    std::vector<CheckSpec> specs;
    for (std::uint32_t id = 0; id < 6; ++id) {
        specs.push_back(tcp(id, server.endpoint()));
        specs.back().timeout += std::chrono::milliseconds(id);
    }
    client_->configure(specs);
    ASSERT_TRUE(eventually([this] { return changes_.size() == 6; }));
    for (const unsigned count : {3U, 2U}) {
        client_->set_workers(count);
        EXPECT_EQ(client_->workers(), count);
        const auto at = monotonic_time();
        ASSERT_TRUE(eventually([this, at] {
            return std::all_of(statuses_.begin(), statuses_.end(),
                               [at](const auto& entry) { return entry.second.at > at; });
        }));
        EXPECT_EQ(client_->pids().size(), count);
    }
    EXPECT_EQ(changes_.size(), 6U);
    EXPECT_EQ(client_->find(CheckId{5})->history.size(), 1U);
}

TEST_F(ClientTest, SocketsThatNeedPrivilegeAreHandedToTheWorker) {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    const Server server(closes_at_once());
    make();
    auto marked = tcp(1, server.endpoint());
    marked.fwmark = 7;
    auto on_device = tcp(2, server.endpoint());
    on_device.interface = "lo";
    auto on_nothing = tcp(3, server.endpoint());
    on_nothing.interface = "nonesuch0";
    client_->configure({marked, on_device, on_nothing});
    ASSERT_TRUE(
        eventually([this] { return runs(1) >= 5 && runs(2) >= 5 && statuses_.contains(CheckId{3}); }));
    EXPECT_EQ(state(1), State::up);
    EXPECT_EQ(state(2), State::up);
    EXPECT_EQ(state(3), State::unknown);
    EXPECT_EQ(statuses_[CheckId{3}].reason, "not checked: there is no such interface");
    EXPECT_EQ(lost_, 0);
}

// 2,000 of them, every second: more questions than fit a message, more sockets than one may carry.
TEST_F(ClientTest, ManySocketsAreHandedOver) {
    if (geteuid() != 0) GTEST_SKIP() << "needs root";
    const Server server(closes_at_once());
    make({.silence = 20s});  // a busy machine may not give the worker its turn in the usual time
    std::vector<CheckSpec> specs;
    for (std::uint32_t id = 0; id < 2000; ++id) {
        specs.push_back(tcp(id, server.endpoint()));
        specs.back().interval = 1s;
        specs.back().fwmark = id + 1;
    }
    client_->configure(specs);
    ASSERT_TRUE(eventually([this] { return changes_.size() == 2000; }));
    EXPECT_TRUE(std::all_of(changes_.begin(), changes_.end(),
                            [](const Transition& change) { return change.state == State::up; }));
    ASSERT_TRUE(eventually([this] { return runs(0) >= 2 && runs(1999) >= 2; }));
    EXPECT_EQ(changes_.size(), 2000U);
    EXPECT_EQ(lost_, 0);
}

TEST_F(ClientTest, ABigConfigurationGetsThrough) {
    const Server server(closes_at_once());
    make();
    std::vector<CheckSpec> specs;
    for (std::uint32_t id = 0; id < 5000; ++id) {
        specs.push_back(tcp(id, server.endpoint()));
        specs.back().interval = 1h + std::chrono::milliseconds(id);
        specs.back().params["send"] = std::string(100, 'x');
    }
    client_->configure(specs);
    ASSERT_TRUE(eventually([this] { return heartbeat_ && heartbeat_->configured == 5000; }));
    client_->configure({});
    ASSERT_TRUE(eventually([this] { return heartbeat_->configured == 0; }));
}

TEST_F(ClientTest, StopEndsTheWorker) {
    make();
    ASSERT_TRUE(eventually([this] { return ready_ == 1; }));
    const auto pid = client_->pids().at(0);
    client_->stop();
    EXPECT_EQ(kill(pid, 0), -1);
    io_.restart();
    io_.run();  // nothing is left to wait for
    EXPECT_EQ(lost_, 0);
}

std::string status_line(pid_t pid, const std::string& name) {
    std::ifstream in("/proc/" + std::to_string(pid) + "/status");
    for (std::string line; std::getline(in, line);)
        if (line.starts_with(name + ":")) return line.substr(name.size() + 2);
    return "";
}

TEST_F(ClientTest, TheWorkerHasNoPrivilegeLeft) {
    make({.user = "nobody"});
    ASSERT_TRUE(eventually([this] { return heartbeat_.has_value(); }));
    const auto pid = client_->pids().at(0);
    EXPECT_EQ(status_line(pid, "NoNewPrivs"), "1");
    EXPECT_EQ(status_line(pid, "Seccomp"), "2");
    for (const auto* const set : {"CapInh", "CapPrm", "CapEff", "CapAmb"})
        EXPECT_EQ(status_line(pid, set), "0000000000000000") << set;
    if (geteuid() == 0) {
        EXPECT_EQ(status_line(pid, "CapBnd"), "0000000000000000");
        EXPECT_TRUE(status_line(pid, "Uid").starts_with("65534\t65534\t65534")) << status_line(pid, "Uid");
        EXPECT_EQ(status_line(pid, "Groups").find_first_not_of(" \t"), std::string::npos);
    }
}

}  // namespace
}  // namespace lvs::checkers
