// SPDX-License-Identifier: GPL-2.0-or-later
//
// The HTTP server with real sockets: what is served, and that strangers cannot harm.
#include "lvsd/metrics/server.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "../state/sample.hpp"
#include "lvsd/runtime/runtime.hpp"

namespace lvs::metrics {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
namespace fs = std::filesystem;

constexpr Duration kPatience = 30s;

class ServerTest : public testing::Test {
protected:
    ServerTest() {
        fs::create_directories(folder_);
        server_.emplace(loop_, [this](Format format) {
            ++scrapes_;
            return Exposition(snapshot_, {}, format);
        });
    }
    ~ServerTest() override {
        server_.reset();
        fs::remove_all(folder_);
    }

    template <class Condition>
    [[nodiscard]] bool eventually(Condition condition) {
        for (const auto end = monotonic_now() + kPatience; monotonic_now() < end;) {
            if (condition()) return true;
            loop_.restart();
            loop_.run_for(1ms);
        }
        return condition();
    }
    void listen() { ASSERT_TRUE(server_->listen(path())); }
    [[nodiscard]] std::string path() const { return folder_ / "m.sock"; }

    [[nodiscard]] UniqueFd connect() const {
        UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path().c_str(), path().size());
        EXPECT_EQ(::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
        return fd;
    }
    // Reads what there is; true at the end of the stream.
    static bool read(const UniqueFd& fd, std::string& into) {
        std::array<char, 65536> chunk;
        for (;;) {
            const auto got = ::recv(fd.get(), chunk.data(), chunk.size(), MSG_DONTWAIT);
            if (got == 0 || (got < 0 && errno != EAGAIN)) return true;
            if (got < 0) return false;
            into.append(chunk.data(), static_cast<std::size_t>(got));
        }
    }
    [[nodiscard]] std::string ask(const std::string& request) {
        const auto fd = connect();
        EXPECT_EQ(::send(fd.get(), request.data(), request.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(request.size()));
        std::string answer;
        EXPECT_TRUE(eventually([&] { return read(fd, answer); })) << "the connection stays open";
        return answer;
    }

    fs::path folder_ = fs::temp_directory_path() / ("lvsd-metrics-" + std::to_string(getpid()));
    asio::io_context loop_{1};
    std::shared_ptr<const state::Snapshot> snapshot_ =
        std::make_shared<const state::Snapshot>(state::sample());
    int scrapes_ = 0;
    std::optional<Server> server_;
};

std::string body_of(const std::string& answer) {
    std::string out;
    auto at = answer.find("\r\n\r\n") + 4;
    for (;;) {
        const auto size = std::stoul(answer.substr(at), nullptr, 16);
        at = answer.find("\r\n", at) + 2;
        if (size == 0) return out;
        out += answer.substr(at, size);
        at += size + 2;
    }
}

std::string expected(const std::shared_ptr<const state::Snapshot>& snapshot, Format format) {
    Exposition exposition(snapshot, {}, format);
    std::string out;
    while (exposition.next(out, 1U << 20U)) {
    }
    return out;
}

TEST_F(ServerTest, ServesTheMetrics) {
    listen();
    const auto answer = ask("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_THAT(answer,
                HasSubstr("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"));
    EXPECT_EQ(body_of(answer), expected(snapshot_, Format::text));
    EXPECT_EQ(server_->connections(), 0U);
}

TEST_F(ServerTest, SpeaksOpenMetricsToWhoeverAcceptsIt) {
    listen();
    const auto answer =
        ask("GET /metrics?x=1 HTTP/1.1\r\nHost: x\r\nAccept: application/openmetrics-text; "
            "version=1.0.0\r\n\r\n");
    EXPECT_THAT(answer,
                HasSubstr("Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"));
    EXPECT_EQ(body_of(answer), expected(snapshot_, Format::open_metrics));
}

TEST_F(ServerTest, SpeaksHttp10WithoutChunks) {
    listen();
    const auto answer = ask("GET /metrics HTTP/1.0\r\n\r\n");
    EXPECT_EQ(answer.find("chunked"), std::string::npos);
    EXPECT_EQ(answer.substr(answer.find("\r\n\r\n") + 4), expected(snapshot_, Format::text));
}

TEST_F(ServerTest, SaysNoToTheRest) {
    listen();
    EXPECT_THAT(ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), HasSubstr("HTTP/1.1 404 Not Found\r\n"));
    EXPECT_THAT(ask("GET /metricsx HTTP/1.1\r\nHost: x\r\n\r\n"), HasSubstr("HTTP/1.1 404 Not Found\r\n"));
    EXPECT_THAT(ask("POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"),
                HasSubstr("HTTP/1.1 405 Method Not Allowed\r\n"));
    EXPECT_THAT(ask("nonsense\r\n\r\n"), HasSubstr("HTTP/1.1 400 Bad Request\r\n"));
    const auto head = ask("HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    EXPECT_TRUE(head.ends_with("\r\n\r\n")) << head;
    EXPECT_EQ(scrapes_, 0);
}

TEST_F(ServerTest, ARequestThatIsTooLargeIsRefused) {
    listen();
    const auto answer = ask("GET /metrics HTTP/1.1\r\nX: " + std::string(Server::kRequestMax * 2, 'x'));
    EXPECT_TRUE(answer.empty() || answer.starts_with("HTTP/1.1 431")) << answer;
    EXPECT_EQ(scrapes_, 0);
}

TEST_F(ServerTest, ConnectionsAreBounded) {
    listen();
    std::vector<UniqueFd> idle;
    for (std::size_t i = 0; i < Server::kConnectionsMax; ++i)
        idle.push_back(connect());
    ASSERT_TRUE(eventually([this] { return server_->connections() == Server::kConnectionsMax; }));
    const auto one_too_many = connect();
    std::string nothing;
    EXPECT_TRUE(eventually([&] { return read(one_too_many, nothing); })) << "it is closed at once";
    EXPECT_EQ(nothing, "");
    idle.pop_back();
    EXPECT_TRUE(eventually([this] { return server_->connections() < Server::kConnectionsMax; }));
    EXPECT_THAT(ask("GET /metrics HTTP/1.0\r\n\r\n"), HasSubstr("200 OK")) << "there is room again";
}

TEST_F(ServerTest, WhoSaysNothingIsClosed) {
    listen();
    const auto silent = connect();
    std::string nothing;
    EXPECT_TRUE(eventually([&] { return read(silent, nothing); }));
    EXPECT_EQ(server_->connections(), 0U);
}

// A scraper that does not read holds one slice, and the loop goes on.
TEST_F(ServerTest, ASlowReaderHoldsNobodyUp) {
    snapshot_ = std::make_shared<const state::Snapshot>(state::large_sample(2000, 5));
    listen();
    const auto slow = connect();
    const std::string request = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
    ASSERT_EQ(::send(slow.get(), request.data(), request.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(request.size()));
    ASSERT_TRUE(eventually([this] { return scrapes_ == 1; }));
    EXPECT_THAT(ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), HasSubstr("404"));
    std::string all;
    EXPECT_TRUE(eventually([&] { return read(slow, all); }));
    EXPECT_TRUE(all.ends_with("0\r\n\r\n"));
    EXPECT_GT(all.size(), 5'000'000U);
}

// While 10,000 servers are written, the loop's other work never waits for more than a slice. The bound is
// wide for a busy machine; all slices together take far longer.
TEST_F(ServerTest, TenThousandServersDelayNothing) {
    snapshot_ = std::make_shared<const state::Snapshot>(state::large_sample(2000, 5));
    listen();
    asio::steady_timer timer(loop_);
    Duration worst{}, last = monotonic_now().time_since_epoch();
    int ticks = 0;
    std::function<void()> tick = [&] {
        timer.expires_after(1ms);
        timer.async_wait([&](error_code error) {
            if (error) return;
            const auto now = monotonic_now().time_since_epoch();
            worst = std::max<Duration>(worst, now - last);
            last = now;
            ++ticks;
            tick();
        });
    };
    tick();
    const auto begin = monotonic_now();
    const auto answer = ask("GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    const auto took = monotonic_now() - begin;
    timer.cancel();
    std::printf("%zu MB in %ld ms, %d turns of a 1 ms timer, the longest pause %ld ms\n",
                answer.size() >> 20U, static_cast<long>(took / 1ms), ticks, static_cast<long>(worst / 1ms));
    EXPECT_GT(ticks, 10) << "the timer was served between the slices";
    EXPECT_LT(worst, 1s);
}

TEST_F(ServerTest, ListensOnTcp) {
    UniqueFd probe(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    ASSERT_EQ(::bind(probe.get(), reinterpret_cast<const sockaddr*>(&address), size), 0);
    ASSERT_EQ(::getsockname(probe.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
    const Endpoint free{IpAddress::from_v4(INADDR_LOOPBACK), ntohs(address.sin_port)};
    ASSERT_EQ(::listen(probe.get(), 1), 0);
    EXPECT_FALSE(server_->listen(free)) << "somebody else listens there";
    probe.reset();
    ASSERT_TRUE(server_->listen(free));
    EXPECT_TRUE(server_->listen(free)) << "the same place again";
    EXPECT_TRUE(server_->listen(std::monostate{}));
}

TEST_F(ServerTest, AUnixSocketIsReadableForAllAndGoesAway) {
    listen();
    EXPECT_EQ(fs::status(path()).permissions() & fs::perms::all, fs::perms(0666));
    EXPECT_TRUE(server_->listen(std::monostate{}));
    EXPECT_FALSE(fs::exists(path()));
    {
        UniqueFd left(::socket(AF_UNIX, SOCK_STREAM, 0));  // bound by a process that died
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path().c_str(), path().size());
        ASSERT_EQ(::bind(left.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    }
    listen();
    Server second(loop_, [this](Format format) { return Exposition(snapshot_, {}, format); });
    EXPECT_FALSE(second.listen(path())) << "somebody answers there";
    EXPECT_TRUE(server_->listen(std::monostate{}));
    std::ofstream(path()) << "a file";
    EXPECT_FALSE(server_->listen(path())) << "other files are not ours";
    EXPECT_TRUE(fs::exists(path()));
}

}  // namespace
}  // namespace lvs::metrics
