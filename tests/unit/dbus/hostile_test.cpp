// SPDX-License-Identifier: GPL-2.0-or-later
//
// Clients of the private socket that do not behave.
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <map>

#include "lvsd/dbus/link.hpp"
#include "lvsd/dbus/listener.hpp"
#include "lvsd/dbus/properties.hpp"
#include "peer.hpp"

namespace lvs::dbus {
namespace {

const std::string kBase = kRoot;

std::size_t resident_bytes() {
    std::FILE* file = std::fopen("/proc/self/statm", "r");
    unsigned long size = 0, resident = 0;
    EXPECT_EQ(std::fscanf(file, "%lu %lu", &size, &resident), 2);
    std::fclose(file);
    return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

// Takes the weight out of a PropertiesChanged signal that tells nothing else.
bool note_weight(sd_bus_message* m, std::map<std::string, std::uint32_t>& newest) {
    const char *interface = nullptr, *name = nullptr;
    std::uint32_t weight = 0;
    if (sd_bus_message_is_signal(m, nullptr, "PropertiesChanged") <= 0) return false;
    EXPECT_GE(sd_bus_message_read(m, "s", &interface), 0);
    EXPECT_GE(sd_bus_message_enter_container(m, 'a', "{sv}"), 0);
    EXPECT_GE(sd_bus_message_read(m, "{sv}", &name, "u", &weight), 0);
    newest[sd_bus_message_get_path(m)] = weight;
    return true;
}

class DbusHostile : public ClientTest {
protected:
    // A raw connection, authenticated as far as the server is concerned.
    UniqueFd connect_raw() {
        UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        const asio::local::stream_protocol::endpoint endpoint(socket_);
        EXPECT_EQ(::connect(fd.get(), endpoint.data(), static_cast<socklen_t>(endpoint.size())), 0);
        return fd;
    }
    static std::string hello() {
        std::string uid;
        for (const char c : std::to_string(::getuid()))
            uid += fmt::format("{:02x}", static_cast<unsigned>(c));
        return std::string(1, '\0') + "AUTH EXTERNAL " + uid + "\r\nBEGIN\r\n";
    }
    static bool closed(const UniqueFd& fd) {
        char byte = 0;
        const auto got = ::recv(fd.get(), &byte, 1, MSG_DONTWAIT);
        return got == 0 || (got < 0 && errno == ECONNRESET);
    }
    static void send_text(const UniqueFd& fd, std::string_view text) {
        EXPECT_EQ(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL),
                  static_cast<ssize_t>(text.size()));
    }
    bool still_serves() {
        Client client(socket_);
        return get(client, kBase, interface_name(Kind::manager), "Version") != nullptr;
    }
};

TEST_F(DbusHostile, NoiseAndOversizedRequestsAreDisconnected) {
    const auto huge = std::string("l\1\0\1\0\0\0\7\1\0\0\0\0\0\0\0", 16);  // says: 112 MiB to come
    for (const auto& bytes : {std::string(5000, 'x'), hello() + "GET / HTTP/1.1\r\n\r\n", hello() + huge}) {
        const auto fd = connect_raw();
        send_text(fd, bytes);
        EXPECT_TRUE(until([&] { return closed(fd); })) << bytes.size();
    }
    EXPECT_TRUE(still_serves());
    EXPECT_TRUE(until([&] { return server_.client_count() <= 1; }));
}

TEST_F(DbusHostile, WhoSaysNothingIsHeldWithoutHarm) {
    const auto fd = connect_raw();
    EXPECT_TRUE(until([&] { return server_.client_count() == 1; }));
    EXPECT_TRUE(still_serves());
}

TEST_F(DbusHostile, NumberOfClientsIsBounded) {
    std::vector<UniqueFd> held;
    const std::size_t most = ::getuid() == 0 ? Listener::kClientsMax : Listener::kClientsPerUserMax;
    for (std::size_t i = 0; i < most; ++i)
        held.push_back(connect_raw());
    ASSERT_TRUE(until([&] { return server_.client_count() == most; }));
    const auto extra = connect_raw();
    EXPECT_TRUE(until([&] { return closed(extra); }));
    EXPECT_EQ(server_.client_count(), most);
    held.pop_back();
    EXPECT_TRUE(until([&] { return server_.client_count() == most - 1; }));
    EXPECT_TRUE(still_serves());
}

// Thousands of requests whose answers nobody reads: one answer is held, the rest of the requests waits in the
// client's own socket buffer.
TEST_F(DbusHostile, UnreadAnswersDoNotPileUp) {
    show(state::large_sample(1000, 5));
    const auto answer_size = to_json(snapshot_).size();
    Client client(socket_);
    ASSERT_TRUE(get(client, kBase, interface_name(Kind::manager), "Version"));
    const auto before = resident_bytes();
    constexpr int kRequests = 200;
    for (int i = 0; i < kRequests; ++i)
        client.send(kBase, interface_name(Kind::manager), "Describe");
    EXPECT_TRUE(still_serves());
    for (int i = 0; i < 50; ++i) {
        loop_.restart();
        loop_.poll();
    }
    const auto after = resident_bytes();
    const auto grown = after - std::min(after, before);
#ifdef __SANITIZE_ADDRESS__
    constexpr std::size_t kAnswersMax = kRequests / 4;  // the sanitizer keeps what was freed for a while
#else
    constexpr std::size_t kAnswersMax = 10;
#endif
    EXPECT_LT(grown, answer_size * kAnswersMax) << "one answer is " << answer_size;
}

TEST_F(DbusHostile, ASlowSubscriberGetsTheNewestStateNotTheHistory) {
    auto snapshot = state::large_sample(200, 5);
    show(snapshot);
    Client client(socket_);
    ASSERT_TRUE(call(client, kBase, interface_name(Kind::manager), "Subscribe"));
    constexpr std::uint32_t kRounds = 100;
    for (std::uint32_t round = 1; round <= kRounds; ++round) {  // the client does not read
        for (auto& service : snapshot.services)
            for (auto& server : service.servers)
                server.weight = 100 + round;
        show(snapshot);
        loop_.restart();
        loop_.poll();
    }
    std::map<std::string, std::uint32_t> newest;  // weight by path
    std::size_t signals = 0;
    const auto all_newest = [&] {
        for (const auto& m : client.received)
            signals += note_weight(m.get(), newest) ? 1 : 0;
        client.received.clear();
        return newest.size() == 1000 &&
               std::ranges::all_of(newest, [](const auto& entry) { return entry.second == 100 + kRounds; });
    };
    EXPECT_TRUE(until(all_newest, [&client] { client.step(); }));
    EXPECT_LT(signals, 1000U * kRounds / 4) << "changes were not merged";
}

TEST_F(DbusHostile, NumberOfSubscribersIsBounded) {
    if (::getuid() != 0) GTEST_SKIP() << "one user may not open as many connections";
    std::vector<std::unique_ptr<Client>> clients;
    for (std::size_t i = 0; i < Link::kSubscribersMax; ++i) {
        clients.push_back(std::make_unique<Client>(socket_));
        const auto answer = call(*clients.back(), kBase, interface_name(Kind::manager), "Subscribe");
        ASSERT_TRUE(answer);
        ASSERT_FALSE(sd_bus_message_is_method_error(answer.get(), nullptr) > 0);
    }
    Client late(socket_);
    const auto refused = call(late, kBase, interface_name(Kind::manager), "Subscribe");
    ASSERT_TRUE(refused);
    EXPECT_GT(
        sd_bus_message_is_method_error(refused.get(), "org.linuxvirtualserver.Lvsd1.Error.LimitsExceeded"),
        0);
    clients.pop_back();
    EXPECT_TRUE(until([&] {
        const auto answer = call(late, kBase, interface_name(Kind::manager), "Subscribe");
        return answer && sd_bus_message_is_method_error(answer.get(), nullptr) <= 0;
    }));
}

}  // namespace
}  // namespace lvs::dbus
