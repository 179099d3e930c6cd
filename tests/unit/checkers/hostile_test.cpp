// SPDX-License-Identifier: GPL-2.0-or-later
//
// Servers that mean ill, over the loopback and through the real driver: whatever they do, every kind ends
// with one verdict, by its deadline, for a reason that says what was seen.
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>

#include "checkers/driver.hpp"
#include "patience.hpp"
#include "server.hpp"

namespace lvs::checkers {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;

std::string frame(char type, char flags, char stream, std::string_view payload) {
    std::string out{0, 0, static_cast<char>(payload.size()), type, flags, 0, 0, 0, stream};
    return out + std::string(payload);
}
const std::string kSettings = frame(4, 0, 0, "");
const std::string kHello = "\x16\x03\x03\x40\x00\x02"s;  // a TLS record of 16 KiB begins

struct Kind {
    const char* name;
    Params params;
    std::string polite;   // how an honest server would begin
    std::string endless;  // what can be said over and over after it
};

std::vector<Kind> kinds_over_tcp() {
    return {
        {"tcp", {{"expect", "ready"s}}, "hello ", "hello "},
        {"http", {}, "HTTP/1.1 200 OK\r\n", "X-More: and more\r\n"},
        {"http", {{"body", "not there"s}}, "HTTP/1.1 200 OK\r\n\r\n", std::string(4096, 'x')},
        {"http", {{"body_regex", "^not$"s}}, "HTTP/1.1 200 OK\r\n\r\n", std::string(4096, 'x')},
        {"http", {{"http", "2"s}}, kSettings, frame(6, 0, 0, "12345678")},
        {"http", {{"http", "2"s}}, kSettings, kSettings},
        {"http", {{"http", "2"s}}, kSettings + frame(1, 0, 1, "\x88"), frame(9, 0, 1, "\0\1x\5yyyyy"s)},
        {"grpc", {}, kSettings, frame(6, 0, 0, "12345678")},
        {"https", {}, kHello, std::string(4096, 'z')},
        {"https", {{"http", "2"s}}, "\x16\x03\x03"s, "\x16\x03\x03\x00\x00"s},
        {"tls", {}, kHello, std::string(4096, '\0')},
        {"smtp", {}, "220-mx\r\n", "220-and more\r\n"},
        {"smtp", {{"starttls", true}}, "220 mx\r\n250 STARTTLS\r\n", "250-x\r\n"},
        {"dns",
         {{"name", "example.org"s}, {"protocol", "tcp"s}},
         "\0\x0c"s,
         "\0\x0c\xff\xff\x80\0\0\1\0\0\0\0\0\0"s},
        {"agent", {}, "u", "p"},
    };
}

class Hostile : public testing::Test {
protected:
    void SetUp() override { ASSERT_TRUE(driver_.open()); }

    Status result_of(const Kind& kind, const Endpoint& target, Duration timeout) {
        const CheckSpec spec{.id = CheckId{0},
                             .kind = kind.name,
                             .target = target,
                             .interval = 1s,
                             .timeout = timeout,
                             .rise = 1,
                             .fall = 1,
                             .params = kind.params};
        const auto put = driver_.put(spec, monotonic_time());
        EXPECT_TRUE(put) << kind.name;
        for (const auto end = monotonic_time() + kPatience; monotonic_time() < end;) {
            driver_.poll(monotonic_time() + 20ms);
            if (auto status = driver_.take_status(spec.id)) {
                driver_.drop(spec.id);
                return *status;
            }
        }
        ADD_FAILURE() << kind.name << ": no result";
        return {};
    }

    // Every kind against this server: never healthy, always a reason.
    template <class MakeBehaviour>
    void against_every_kind(Duration timeout, MakeBehaviour make) {
        for (const auto& kind : kinds_over_tcp()) {
            const Server server(make(kind));
            const auto status = result_of(kind, server.endpoint(), timeout);
            EXPECT_EQ(status.outcome, Outcome::failed) << kind.name << ": " << status.reason;
            EXPECT_FALSE(status.reason.empty()) << kind.name;
            EXPECT_LE(status.latency, timeout + 10s) << kind.name;
            EXPECT_EQ(driver_.running(), 0U);
            reasons_.push_back(kind.name + ": "s + status.reason);
        }
    }
    bool all_say(std::string_view text) const {
        return std::all_of(reasons_.begin(), reasons_.end(), [text](const std::string& reason) {
            return reason.find(text) != std::string::npos;
        });
    }

    Driver driver_{[](CheckId) {}};
    std::vector<std::string> reasons_;
};

TEST_F(Hostile, SaysNothing) {
    against_every_kind(100ms, [](const Kind&) { return says_nothing(); });
    EXPECT_TRUE(all_say(" in 100 ms")) << testing::PrintToString(reasons_);
}

TEST_F(Hostile, ClosesAtOnce) {
    against_every_kind(5s, [](const Kind&) { return closes_at_once(); });
    EXPECT_TRUE(all_say("connection ")) << testing::PrintToString(reasons_);
}

TEST_F(Hostile, EndsItsSideAndKeepsTheConnection) {
    against_every_kind(5s, [](const Kind&) { return half_closes(); });
    EXPECT_TRUE(all_say("connection closed")) << testing::PrintToString(reasons_);
}

TEST_F(Hostile, ResetsAtEveryStep) {
    against_every_kind(5s, [](const Kind&) { return resets(false); });
    against_every_kind(5s, [](const Kind& kind) { return resets(false, kind.polite); });
    against_every_kind(5s, [](const Kind& kind) { return resets(false, kind.polite + kind.endless); });
}

TEST_F(Hostile, DripsForEver) {
    against_every_kind(150ms, [](const Kind& kind) { return drips(kind.polite + kind.endless, 2ms); });
}

// Kinds whose first words are for the client to say are answered at once: what comes is judged all the same.
TEST_F(Hostile, FloodsForEver) {
    against_every_kind(20s, [](const Kind& kind) { return floods(kind.polite, kind.endless); });
}

TEST_F(Hostile, TalksGarbage) {
    std::string garbage(70'000, '\0');
    for (std::size_t i = 0; i < garbage.size(); ++i)
        garbage[i] = static_cast<char>(i * i * 31 + i / 7);
    against_every_kind(20s, [&garbage](const Kind&) { return floods(garbage, garbage); });
}

// ---- datagrams ----

// Answers every datagram with what `answer` makes of it.
class UdpServer {
public:
    using Answer = std::function<std::string(std::string question)>;
    explicit UdpServer(Answer answer)
        : fd_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)), answer_(std::move(answer)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        LVS_ASSERT(bind(fd_.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
        LVS_ASSERT(getsockname(fd_.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
        port_ = ntohs(address.sin_port);
        thread_ = std::thread([this] { serve(); });
    }
    ~UdpServer() {
        stop_ = true;
        thread_.join();
    }
    UdpServer(const UdpServer&) = delete;
    UdpServer& operator=(const UdpServer&) = delete;
    [[nodiscard]] Endpoint endpoint() const { return {IpAddress::from_v4(INADDR_LOOPBACK), port_}; }

private:
    void serve() {
        while (!stop_) {
            pollfd entry{.fd = fd_.get(), .events = POLLIN, .revents = 0};
            if (::poll(&entry, 1, 10) <= 0) continue;
            std::array<char, 2048> buffer{};
            sockaddr_storage from{};
            socklen_t size = sizeof from;
            const auto got = recvfrom(fd_.get(), buffer.data(), buffer.size(), 0,
                                      reinterpret_cast<sockaddr*>(&from), &size);
            if (got < 0) continue;
            const auto text = answer_({buffer.data(), static_cast<std::size_t>(got)});
            for (int i = 0; i < 5; ++i)
                sendto(fd_.get(), text.data(), text.size(), 0, reinterpret_cast<sockaddr*>(&from), size);
        }
    }
    Fd fd_;
    Answer answer_;
    std::uint16_t port_ = 0;
    std::atomic<bool> stop_ = false;
    std::thread thread_;
};

const Kind kDnsCheck{"dns", {{"name", "www.example.org"s}}, "", ""};

TEST_F(Hostile, DnsAnswersWithAWrongIdAreNotForUs) {
    const UdpServer server([](std::string question) {
        question[0] = static_cast<char>(question[0] ^ 1);
        question[2] = '\x81';
        return question;
    });
    EXPECT_EQ(result_of(kDnsCheck, server.endpoint(), 2s).reason,
              "no answer to the question in 2 s, 5 to others");
}

TEST_F(Hostile, DnsAnswersToAnotherQuestionAreNotForUs) {
    const UdpServer server([](std::string question) {
        question[2] = '\x81';
        question[14] = 'W';  // case does not matter
        question[13] = 'v';
        return question;
    });
    EXPECT_EQ(result_of(kDnsCheck, server.endpoint(), 2s).reason,
              "no answer to the question in 2 s, 5 to others");
}

TEST_F(Hostile, BrokenDnsAnswersAreNamed) {
    const UdpServer cut([](std::string question) {
        question[2] = '\x81';
        return question.substr(0, question.size() - 3);
    });
    EXPECT_EQ(result_of(kDnsCheck, cut.endpoint(), 20s).reason, "not a valid DNS answer");
    const UdpServer loop([](std::string question) {
        question[2] = '\x81';
        question[7] = 1;  // one answer, whose name is a pointer to itself
        return question + "\xc0" + static_cast<char>(question.size());
    });
    EXPECT_EQ(result_of(kDnsCheck, loop.endpoint(), 20s).reason, "not a valid DNS answer");
}

TEST_F(Hostile, AClosedUdpPortIsNamed) {
    Endpoint closed;
    {
        const UdpServer server([](std::string) { return ""s; });
        closed = server.endpoint();
    }
    const Kind udp{"udp", {}, "", ""};
    EXPECT_EQ(result_of(udp, closed, 20s).reason, "port closed (ICMP port unreachable)");
    EXPECT_EQ(result_of(kDnsCheck, closed, 20s).reason, "port closed (ICMP port unreachable)");
}

}  // namespace
}  // namespace lvs::checkers
