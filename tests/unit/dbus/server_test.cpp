// SPDX-License-Identifier: GPL-2.0-or-later
#include "peer.hpp"

#include <set>

#include "lvsd/dbus/properties.hpp"

namespace lvs::dbus {
namespace {

const std::string kBase = kRoot;
const std::string kServerPath = kBase + "/service/http/server/_310_2e0_2e0_2e1_3a80";
constexpr const char* kProperties = "org.freedesktop.DBus.Properties";
constexpr const char* kObjectManager = "org.freedesktop.DBus.ObjectManager";

// "path interface: property ..." of a PropertiesChanged signal, names sorted.
std::string changed_names(sd_bus_message* m) {
    const char* interface = nullptr;
    EXPECT_GE(sd_bus_message_read(m, "s", &interface), 0);
    std::set<std::string> names;
    EXPECT_GE(sd_bus_message_enter_container(m, 'a', "{sv}"), 0);
    while (sd_bus_message_enter_container(m, 'e', "sv") > 0) {
        const char* name = nullptr;
        EXPECT_GE(sd_bus_message_read(m, "s", &name), 0);
        names.insert(name);
        EXPECT_GE(sd_bus_message_skip(m, "v"), 0);
        EXPECT_GE(sd_bus_message_exit_container(m), 0);
    }
    std::string line = sd_bus_message_get_path(m);
    for (const auto& name : names)
        line += " " + name;
    return line;
}

std::vector<std::string> signals(Client& client) {
    std::vector<std::string> lines;
    for (const auto& m : client.received) {
        if (sd_bus_message_is_signal(m.get(), kProperties, "PropertiesChanged") > 0) {
            lines.push_back("~" + changed_names(m.get()));
        } else if (sd_bus_message_is_signal(m.get(), kObjectManager, nullptr) > 0) {
            const char* path = nullptr;
            EXPECT_GE(sd_bus_message_read(m.get(), "o", &path), 0);
            lines.push_back((sd_bus_message_is_signal(m.get(), nullptr, "InterfacesAdded") > 0 ? "+" : "-") +
                            std::string(path));
        }
    }
    return lines;
}

// Processor time of this thread: what a busy machine does besides does not count.
std::chrono::nanoseconds thread_time() {
    timespec now{};
    EXPECT_EQ(::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now), 0);
    return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

long milliseconds(std::chrono::nanoseconds span) {
    return static_cast<long>(std::chrono::duration_cast<std::chrono::milliseconds>(span).count());
}

// Bounds on time hold for what is shipped: optimised and without sanitizers.
#if defined(__OPTIMIZE__) && !defined(__SANITIZE_ADDRESS__)
constexpr bool kTimed = true;
#else
constexpr bool kTimed = false;
#endif

class DbusServer : public ClientTest {};

TEST_F(DbusServer, DescribeIsTheStateAsJson) {
    Client client(socket_);
    const auto answer = call(client, kBase, interface_name(Kind::manager), "Describe");
    ASSERT_TRUE(answer);
    const char* json = nullptr;
    ASSERT_GE(sd_bus_message_read(answer.get(), "s", &json), 0);
    EXPECT_EQ(std::string(json), to_json(snapshot_));
}

TEST_F(DbusServer, PropertiesHaveTheDocumentedTypes) {
    Client client(socket_);
    const auto text = [&](const std::string& path, Kind kind, const char* name) {
        const auto answer = get(client, path, interface_name(kind), name);
        const char* value = nullptr;
        EXPECT_GE(sd_bus_message_read(answer.get(), "v", "s", &value), 0) << name;
        return std::string(value == nullptr ? "" : value);
    };
    EXPECT_EQ(text(kBase, Kind::manager, "Version"), "0.1.0");
    EXPECT_EQ(text(kBase, Kind::manager, "WorkerState"), "running");
    EXPECT_EQ(text(kBase + "/router/web/ipv6", Kind::router, "Family"), "ipv6");
    EXPECT_EQ(text(kBase + "/router/web/ipv4", Kind::router, "Master"), "192.0.2.1");
    EXPECT_EQ(text(kBase + "/service/http", Kind::service, "Address"), "192.0.2.10:80");
    EXPECT_EQ(text(kBase + "/service/mark", Kind::service, "Address"), "");
    EXPECT_EQ(text(kServerPath, Kind::server, "State"), "up");
    EXPECT_EQ(text(kServerPath, Kind::server, "Service"), "http");
    EXPECT_EQ(text(kBase + "/service/http/sorry", Kind::server, "State"), "standby");
    EXPECT_EQ(text(kServerPath + "/check/1", Kind::check, "Target"), "http://10.0.0.1/health");
    EXPECT_EQ(text(kServerPath + "/check/1", Kind::check, "CertificateDays"), "-3");
    std::uint64_t since = 0;
    const auto answer = get(client, kServerPath, interface_name(Kind::server), "Since");
    ASSERT_GE(sd_bus_message_read(answer.get(), "v", "t", &since), 0);
    EXPECT_EQ(since, 1'700'000'005'000'000U);
}

TEST_F(DbusServer, EveryPropertyOfEveryObjectCanBeReadWithItsType) {
    Client client(socket_);
    const Objects objects(std::make_shared<const state::Snapshot>(snapshot_), nullptr);
    for (const auto index : objects.all()) {
        const auto kind = objects.view(index).kind;
        for (const auto& property : properties(kind)) {
            const auto answer = get(client, objects.path(index), interface_name(kind), property.name);
            ASSERT_TRUE(answer) << property.name;
            EXPECT_GE(sd_bus_message_enter_container(answer.get(), 'v', property.signature), 0)
                << objects.path(index) << " " << property.name;
        }
    }
}

TEST_F(DbusServer, WhatDoesNotExistIsANamedError) {
    Client client(socket_);
    const auto error_of = [](const Message& m) {
        const auto* error = m ? sd_bus_message_get_error(m.get()) : nullptr;
        return std::string(error != nullptr ? error->name : "none");
    };
    EXPECT_EQ(error_of(get(client, kBase + "/service/nothing", interface_name(Kind::service), "State")),
              "org.freedesktop.DBus.Error.UnknownObject");
    EXPECT_EQ(error_of(get(client, kServerPath, interface_name(Kind::server), "Nothing")),
              "org.freedesktop.DBus.Error.UnknownProperty");
    EXPECT_EQ(error_of(call(client, kBase, interface_name(Kind::manager), "Nothing")),
              "org.freedesktop.DBus.Error.UnknownMethod");
}

TEST_F(DbusServer, HostileTextsDoNotBreakTheConnection) {
    snapshot_.services[0].servers[0].reason = std::string("\xff\xfe\0\x01", 4);
    snapshot_.routers[0].instances[0].ignored = {{"bad \xc3", 1}};
    show(snapshot_);
    Client client(socket_);
    const auto answer = get(client, kServerPath, interface_name(Kind::server), "Reason");
    const char* value = nullptr;
    ASSERT_GE(sd_bus_message_read(answer.get(), "v", "s", &value), 0);
    EXPECT_EQ(std::string(value), state::to_utf8(snapshot_.services[0].servers[0].reason));
    EXPECT_TRUE(get(client, kBase + "/router/web/ipv4", interface_name(Kind::router), "Ignored"));
    EXPECT_FALSE(client.lost());
}

TEST_F(DbusServer, SignalsTellOnlyWhatChangedAndOnlySubscribers) {
    Client subscriber(socket_), silent(socket_);
    ASSERT_TRUE(call(subscriber, kBase, interface_name(Kind::manager), "Subscribe"));
    ASSERT_TRUE(get(silent, kBase, interface_name(Kind::manager), "Version"));
    subscriber.received.clear();

    auto next = snapshot_;
    next.services[0].servers[0].state = state::ServerState::down;
    next.services[0].servers[0].reason = "timed out";
    next.services[0].servers[0].traffic.connections += 5;
    next.services[1].servers.pop_back();
    next.services[1].servers.push_back(state::sample_server("10.0.0.3:80"));
    show(next);
    ASSERT_TRUE(until([&] { return subscriber.received.size() >= 5; }, [&] { subscriber.step(); }));
    EXPECT_EQ(signals(subscriber),
              (std::vector<std::string>{"~" + kServerPath + " Reason State",
                                        "+" + kBase + "/service/mark/server/_310_2e0_2e0_2e3_3a80",
                                        "+" + kBase + "/service/mark/server/_310_2e0_2e0_2e3_3a80/check/1",
                                        "-" + kBase + "/service/mark/sorry",
                                        "-" + kBase + "/service/mark/sorry/check/1"}));

    ASSERT_TRUE(
        get(silent, kBase, interface_name(Kind::manager), "Version"));  // nothing came before this answer
    EXPECT_TRUE(signals(silent).empty());
}

TEST_F(DbusServer, NothingChangedNothingIsSent) {
    Client client(socket_);
    ASSERT_TRUE(call(client, kBase, interface_name(Kind::manager), "Subscribe"));
    client.received.clear();
    show(snapshot_);
    ASSERT_TRUE(get(client, kBase, interface_name(Kind::manager), "Version"));
    EXPECT_TRUE(signals(client).empty());
}

TEST_F(DbusServer, IntrospectionNamesTheInterface) {
    Client client(socket_);
    const auto answer = call(client, kServerPath, "org.freedesktop.DBus.Introspectable", "Introspect");
    const char* xml = nullptr;
    ASSERT_GE(sd_bus_message_read(answer.get(), "s", &xml), 0);
    const std::string text = xml;
    EXPECT_NE(text.find("org.linuxvirtualserver.Lvsd1.RealServer"), std::string::npos);
    EXPECT_EQ(text.find("org.linuxvirtualserver.Lvsd1.VirtualService"), std::string::npos);
    for (const auto& property : properties(Kind::server))
        EXPECT_NE(text.find(std::string("\"") + property.name + "\""), std::string::npos) << property.name;
}

TEST_F(DbusServer, ManagedObjectsOfTenThousandServersInTime) {
    show(state::large_sample(2000, 5));
    Client client(socket_);
    ASSERT_TRUE(get(client, kBase, interface_name(Kind::manager), "Version"));
    const auto begin = std::chrono::steady_clock::now();
    const auto worked_before = thread_time();
    const auto answer = call(client, kBase, kObjectManager, "GetManagedObjects");
    const auto worked = thread_time() - worked_before;
    const auto took = std::chrono::steady_clock::now() - begin;
    ASSERT_TRUE(answer);
    ASSERT_GE(sd_bus_message_enter_container(answer.get(), 'a', "{oa{sa{sv}}}"), 0);
    std::size_t objects = 0;
    while (sd_bus_message_skip(answer.get(), "{oa{sa{sv}}}") > 0 && objects <= 22003)
        ++objects;
    EXPECT_EQ(objects, 1 + 2 + 2000U * 11);  // manager, routers, services with their servers and checks
    std::printf(
        "GetManagedObjects of 10,000 servers: %ld ms, %ld ms of processor time for server and client\n",
        milliseconds(took), milliseconds(worked));
    if (kTimed) {
        EXPECT_LT(worked, std::chrono::seconds(1));
    }
}

TEST_F(DbusServer, AnUpdateOfTenThousandServersTakesLittle) {
    const auto first = std::make_shared<const state::Snapshot>(state::large_sample(2000, 5));
    auto changed = *first;
    changed.services[1000].servers[3].state = state::ServerState::down;
    const auto second = std::make_shared<const state::Snapshot>(changed);
    server_.update(first);
    constexpr int kRounds = 10;
    const auto before = thread_time();
    for (int i = 0; i < kRounds; ++i)
        server_.update(i % 2 == 0 ? second : first);
    const auto worked = (thread_time() - before) / kRounds;
    std::printf("update() with one of 10,000 servers changed: %ld us of processor time\n",
                static_cast<long>(std::chrono::duration_cast<std::chrono::microseconds>(worked).count()));
    if (kTimed) {
        EXPECT_LT(worked, std::chrono::milliseconds(100));
    }
}

TEST_F(DbusServer, ASecondServerDoesNotTakeTheSocket) {
    BusServer second(loop_);
    const auto result = second.listen(socket_);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, std::errc::address_in_use);
    Client client(socket_);
    EXPECT_TRUE(get(client, kBase, interface_name(Kind::manager), "Version"));
}

TEST_F(DbusServer, AStaleSocketIsTakenOverAnyOtherFileIsNot) {
    const auto stale = directory_ + "/stale.sock";
    {
        asio::local::stream_protocol::endpoint endpoint(stale);
        const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
        ASSERT_EQ(::bind(fd, endpoint.data(), static_cast<socklen_t>(endpoint.size())), 0);
        ::close(fd);  // the file stays, as after SIGKILL
    }
    {
        BusServer second(loop_);
        EXPECT_TRUE(second.listen(stale));
    }
    EXPECT_NE(::access(stale.c_str(), F_OK), 0);
    std::fclose(std::fopen(stale.c_str(), "w"));
    BusServer third(loop_);
    EXPECT_FALSE(third.listen(stale));
    EXPECT_EQ(::unlink(stale.c_str()), 0);
}

}  // namespace
}  // namespace lvs::dbus
