// SPDX-License-Identifier: GPL-2.0-or-later
//
// The event stream over D-Bus: nothing is lost, doubled or out of order, and what a slow reader misses it can see.
#include "lvsd/base/messages.hpp"
#include "lvsd/events/events.hpp"
#include "peer.hpp"

namespace lvs::dbus {
namespace {

constexpr const char* kManager = "org.linuxvirtualserver.Lvsd1.Manager";

class DbusEvents : public ClientTest {
protected:
    DbusEvents() { server_.show_events(stream_); }
    void happen(std::string object, std::string reason = "told so") {
        events::Event event;
        event.id = &ev::vrrp_state;
        event.time = state::at(7);
        event.subject = events::Subject::router;
        event.object = std::move(object);
        event.message = "it happened";
        event.from = "backup";
        event.to = "master";
        event.reason = std::move(reason);
        event.details = {{"family", "ipv4"}};
        stream_.append(std::move(event));
        server_.on_event();
    }
    // ReadEvents(after, max): the head and the numbers of the events.
    struct Read {
        std::uint64_t started = 0, oldest = 0, newest = 0;
        std::vector<std::uint64_t> numbers;
    };
    Read read_events(Client& client, std::uint64_t after, std::uint32_t max) {
        sd_bus_message* m = nullptr;
        EXPECT_GE(sd_bus_message_new_method_call(client.bus(), &m, nullptr, kRoot, kManager, "ReadEvents"), 0);
        EXPECT_GE(sd_bus_message_append(m, "tu", after, max), 0);
        std::uint64_t cookie = 0;
        EXPECT_GE(sd_bus_send(client.bus(), m, &cookie), 0);
        sd_bus_message_unref(m);
        Message answer;
        EXPECT_TRUE(until(
            [&] {
                for (auto& got : client.received) {
                    std::uint64_t to = 0;
                    if (got && sd_bus_message_get_reply_cookie(got.get(), &to) >= 0 && to == cookie)
                        answer = std::move(got);
                }
                std::erase_if(client.received, [](const Message& got) { return got == nullptr; });
                return answer != nullptr;
            },
            [&] { client.step(); }));
        Read out;
        EXPECT_GE(sd_bus_message_read(answer.get(), "ttt", &out.started, &out.oldest, &out.newest), 0);
        EXPECT_GE(sd_bus_message_enter_container(answer.get(), 'a', "(ttssssssssa{ss})"), 0);
        while (sd_bus_message_enter_container(answer.get(), 'r', "ttssssssssa{ss}") > 0) {
            EXPECT_GE(sd_bus_message_read(answer.get(), "t", &out.numbers.emplace_back()), 0);
            EXPECT_GE(sd_bus_message_skip(answer.get(), "tssssssssa{ss}"), 0);
            EXPECT_GE(sd_bus_message_exit_container(answer.get()), 0);
        }
        return out;
    }
    static std::vector<std::uint64_t> signalled(Client& client) {
        std::vector<std::uint64_t> out;
        for (const auto& m : client.received)
            if (sd_bus_message_is_signal(m.get(), kManager, "Event") > 0) {
                EXPECT_GE(sd_bus_message_rewind(m.get(), 1), 0);
                EXPECT_GE(sd_bus_message_read(m.get(), "t", &out.emplace_back()), 0);
            }
        return out;
    }
    events::Stream stream_{100};
};

std::vector<std::uint64_t> numbers(std::uint64_t from, std::uint64_t to) {
    std::vector<std::uint64_t> out;
    for (; from <= to; ++from)
        out.push_back(from);
    return out;
}

TEST_F(DbusEvents, SubscribersGetEveryEventFromThenOnInOrder) {
    happen("before");
    Client client(socket_), silent(socket_);
    ASSERT_TRUE(call(client, kRoot, kManager, "Subscribe"));
    ASSERT_TRUE(get(silent, kRoot, kManager, "Version"));
    for (int i = 0; i < 50; ++i)
        happen("web");
    ASSERT_TRUE(until([&] { return signalled(client).size() >= 50; }, [&] { client.step(); }));
    EXPECT_EQ(signalled(client), numbers(2, 51));
    silent.step();
    EXPECT_TRUE(signalled(silent).empty());
}

TEST_F(DbusEvents, ASignalSaysWhatTheEventSays) {
    Client client(socket_);
    ASSERT_TRUE(call(client, kRoot, kManager, "Subscribe"));
    client.received.clear();
    happen("web", "\xff not UTF-8");
    ASSERT_TRUE(until([&] { return !client.received.empty(); }, [&] { client.step(); }));
    auto* m = client.received.front().get();
    EXPECT_STREQ(sd_bus_message_get_signature(m, 1), "ttssssssssa{ss}");
    std::uint64_t sequence = 0, time = 0;
    const char* texts[8] = {};
    ASSERT_GE(sd_bus_message_read(m, "ttssssssss", &sequence, &time, &texts[0], &texts[1], &texts[2], &texts[3],
                                  &texts[4], &texts[5], &texts[6], &texts[7]),
              0);
    EXPECT_EQ(time, 1'700'000'007'000'000U);
    const std::vector<std::string> got(std::begin(texts), std::end(texts));
    EXPECT_EQ(got, (std::vector<std::string>{"vrrp-state", "notice", "router", "web", "it happened", "backup", "master",
                                             "\xEF\xBF\xBD not UTF-8"}));
    const char *key = nullptr, *value = nullptr;
    ASSERT_GE(sd_bus_message_read(m, "a{ss}", 1, &key, &value), 0);
    EXPECT_EQ(std::string(key) + "=" + value, "family=ipv4");
}

TEST_F(DbusEvents, ReadEventsTellsWhatIsThereAndWhatIsGone) {
    Client client(socket_);
    auto read = read_events(client, 0, 1000);
    EXPECT_EQ(read.newest, 0U);
    EXPECT_TRUE(read.numbers.empty());
    for (int i = 0; i < 130; ++i)  // 100 are kept
        happen("web");
    read = read_events(client, 0, 1000);
    EXPECT_EQ(read.started, 1'700'000'000'000'000U);
    EXPECT_EQ(read.oldest, 31U);
    EXPECT_EQ(read.newest, 130U);
    EXPECT_EQ(read.numbers, numbers(31, 130));
    EXPECT_EQ(read_events(client, 127, 1000).numbers, numbers(128, 130));
    EXPECT_EQ(read_events(client, 40, 5).numbers, numbers(41, 45));
    EXPECT_TRUE(read_events(client, 130, 10).numbers.empty());
    EXPECT_TRUE(read_events(client, UINT64_MAX, 10).numbers.empty());
    EXPECT_TRUE(read_events(client, 0, 0).numbers.empty());
}

TEST_F(DbusEvents, ASlowReaderSeesTheGap) {
    Client client(socket_);
    ASSERT_TRUE(call(client, kRoot, kManager, "Subscribe"));
    for (int i = 0; i < 20'000; ++i) {  // it reads nothing: more than socket, queue and stream hold
        happen("web");
        loop_.restart();
        loop_.poll();
    }
    const auto newest = stream_.newest();
    ASSERT_TRUE(until(
        [&] {
            const auto got = signalled(client);
            return !got.empty() && got.back() == newest;
        },
        [&] { client.step(); }));
    const auto got = signalled(client);
    EXPECT_TRUE(std::ranges::is_sorted(got));
    EXPECT_EQ(std::ranges::adjacent_find(got), got.end()) << "none twice";
    EXPECT_LT(got.size(), newest) << "what it missed shows in the numbers";
}

}  // namespace
}  // namespace lvs::dbus
