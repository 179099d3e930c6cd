// SPDX-License-Identifier: GPL-2.0-or-later
//
// A BusServer on a private socket and clients of it, all driven by one thread: until() runs the server's loop
// and the client's sd-bus in turn until a condition holds or a deadline passes.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <stdlib.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <chrono>
#include <deque>
#include <functional>
#include <string>

#include "../state/sample.hpp"
#include "lvsd/dbus/dbus.hpp"
#include "lvsd/dbus/objects.hpp"

namespace lvs::dbus {

struct MessageUnref {
    void operator()(sd_bus_message* m) const { sd_bus_message_unref(m); }
};
using Message = std::unique_ptr<sd_bus_message, MessageUnref>;

class ServerTest : public testing::Test {
protected:
    static constexpr std::chrono::seconds kDeadline{20};

    void SetUp() override {
        char name[] = "/tmp/lvsd-unit-dbus-XXXXXX";
        ASSERT_NE(::mkdtemp(name), nullptr);
        directory_ = name;
        socket_ = directory_ + "/lvsd.sock";
        const auto listening = server_.listen(socket_);
        ASSERT_TRUE(listening) << to_string(listening.error());
        show(state::sample());
    }
    void TearDown() override {
        server_.stop();
        loop_.restart();
        loop_.poll();
        EXPECT_NE(::access(socket_.c_str(), F_OK), 0) << "the socket file stays behind";
        ::rmdir(directory_.c_str());
    }

    void show(state::Snapshot snapshot) {
        snapshot_ = std::move(snapshot);
        server_.update(std::make_shared<const state::Snapshot>(snapshot_));
    }

    // Runs the server until `done`, calling `step` in between. False at the deadline.
    bool until(const std::function<bool()>& done, const std::function<void()>& step = {}) {
        const auto end = std::chrono::steady_clock::now() + kDeadline;
        while (!done()) {
            if (std::chrono::steady_clock::now() > end) return false;
            loop_.restart();
            loop_.run_one_for(std::chrono::milliseconds(1));
            if (step) step();
        }
        return true;
    }

    asio::io_context loop_{1};
    BusServer server_{loop_};
    state::Snapshot snapshot_;
    std::string directory_, socket_;
};

class Client {
public:
    explicit Client(const std::string& socket) {
        EXPECT_GE(sd_bus_new(&bus_), 0);
        EXPECT_GE(sd_bus_set_address(bus_, ("unix:path=" + socket).c_str()), 0);
        EXPECT_GE(sd_bus_start(bus_), 0);
        EXPECT_GE(sd_bus_add_filter(bus_, nullptr, on_message, this), 0);
    }
    ~Client() { sd_bus_close_unref(bus_); }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    // One message or none. False when the connection is gone.
    bool step() {
        if (lost_) return false;
        int r = 1;
        while (r > 0)
            r = sd_bus_process(bus_, nullptr);
        lost_ = r < 0 || sd_bus_is_open(bus_) <= 0;
        return !lost_;
    }
    std::uint64_t send(const std::string& path, const char* interface, const char* method,
                       const char* types = "", const char* a = nullptr, const char* b = nullptr) {
        sd_bus_message* m = nullptr;
        EXPECT_GE(sd_bus_message_new_method_call(bus_, &m, nullptr, path.c_str(), interface, method), 0);
        if (*types != '\0') {
            EXPECT_GE(sd_bus_message_append(m, types, a, b), 0);
        }
        std::uint64_t cookie = 0;
        EXPECT_GE(sd_bus_send(bus_, m, &cookie), 0);
        sd_bus_message_unref(m);
        return cookie;
    }
    [[nodiscard]] sd_bus* bus() { return bus_; }
    [[nodiscard]] bool lost() const { return lost_; }
    std::deque<Message> received;  // replies and signals, oldest first

private:
    static int on_message(sd_bus_message* m, void* userdata, sd_bus_error* /*error*/) {
        static_cast<Client*>(userdata)->received.emplace_back(sd_bus_message_ref(m));
        return 0;
    }
    sd_bus* bus_ = nullptr;
    bool lost_ = false;
};

class ClientTest : public ServerTest {
protected:
    // The answer to a call; null when there is none in time or the connection is gone.
    Message call(Client& client, const std::string& path, const char* interface, const char* method,
                 const char* types = "", const char* a = nullptr, const char* b = nullptr) {
        const auto cookie = client.send(path, interface, method, types, a, b);
        Message answer;
        const auto find = [&] {
            for (auto& m : client.received) {
                std::uint64_t to = 0;
                if (sd_bus_message_get_reply_cookie(m.get(), &to) >= 0 && to == cookie) answer = std::move(m);
                if (answer) break;
            }
            std::erase_if(client.received, [](const Message& m) { return m == nullptr; });
            return answer != nullptr || client.lost();
        };
        EXPECT_TRUE(until(find, [&client] { client.step(); })) << method << ": no answer in time";
        return answer;
    }
    Message get(Client& client, const std::string& path, const char* interface, const char* property) {
        return call(client, path, "org.freedesktop.DBus.Properties", "Get", "ss", interface, property);
    }
};

}  // namespace lvs::dbus
