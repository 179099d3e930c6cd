// SPDX-License-Identifier: GPL-2.0-or-later
//
// A BusServer without the daemon around it: serves a made-up state for tests with a real dbus-daemon, busctl,
// lvsctl.
//
//     dbus_demo [--bus] [--socket PATH] [--services N] [--servers N]
//
// Prints "ready" when it listens and "name yes|no" whenever the bus name comes or goes. Commands on stdin,
// each answered with "ok": `server I J STATE`, `router STATE`, `drop` (the last service), `quit`. End of
// input: quit.
#include <fmt/core.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cstdio>
#include <sstream>

#include "lvsd/dbus/dbus.hpp"
#include "tests/unit/state/sample.hpp"

namespace {

using namespace lvs;

class Demo {
public:
    Demo(asio::io_context& loop, state::Snapshot snapshot)
        : server(loop),
          loop_(loop),
          input_(loop, ::dup(STDIN_FILENO)),
          poll_(loop),
          snapshot_(std::move(snapshot)) {}

    void start() {
        show();
        say("ready");
        read();
        watch_name();
    }
    dbus::BusServer server;

private:
    static void say(std::string_view line) {
        fmt::print("{}\n", line);
        std::fflush(stdout);
    }
    void show() { server.update(std::make_shared<const state::Snapshot>(snapshot_)); }

    void read() {
        input_.async_wait(asio::posix::stream_descriptor::wait_read, [this](ErrorCode error) {
            std::array<char, 4096> chunk{};
            const auto got = error ? 0 : ::read(STDIN_FILENO, chunk.data(), chunk.size());
            if (got <= 0) return stop();
            lines_.append(chunk.data(), static_cast<std::size_t>(got));
            for (auto end = lines_.find('\n'); end != std::string::npos; end = lines_.find('\n')) {
                const auto line = lines_.substr(0, end);
                lines_.erase(0, end + 1);
                if (line == "quit") return stop();
                say(obey(line) ? "ok" : "what?");
            }
            read();
        });
    }

    void watch_name() {
        if (server.has_bus_name() != had_name_) say(had_name_ ? "name no" : "name yes");
        had_name_ = server.has_bus_name();
        poll_.expires_after(std::chrono::milliseconds(10));
        poll_.async_wait([this](ErrorCode error) {
            if (!error) watch_name();
        });
    }

    bool obey(const std::string& line) {
        std::istringstream words(line);
        std::string verb, word;
        std::size_t i = 0, j = 0;
        words >> verb;
        if (verb == "drop") {
            snapshot_.services.pop_back();
        } else if (verb == "server" && words >> i >> j >> word) {
            auto& to = snapshot_.services.at(i).servers.at(j);
            to.state = word == "up" ? state::ServerState::up : state::ServerState::down;
            to.reason = "told so";
        } else if (verb == "router" && words >> word) {
            snapshot_.routers.at(0).instances.at(0).state =
                word == "master" ? state::RouterState::master : state::RouterState::backup;
        } else {
            return false;
        }
        show();
        return true;
    }

    void stop() {
        server.stop();
        loop_.stop();
    }

    asio::io_context& loop_;
    asio::posix::stream_descriptor input_;
    asio::steady_timer poll_;
    state::Snapshot snapshot_;
    std::string lines_;
    bool had_name_ = false;
};

}  // namespace

int main(int argc, char** argv) {
    bool bus = false;
    std::string socket;
    unsigned services = 2, servers = 3;
    CLI::App app{"Serves a made-up state."};
    app.add_flag("--bus", bus);
    app.add_option("--socket", socket);
    app.add_option("--services", services);
    app.add_option("--servers", servers);
    CLI11_PARSE(app, argc, argv);

    asio::io_context loop(1);
    Demo demo(loop, state::large_sample(services, servers));
    if (bus) demo.server.use_system_bus();
    if (!socket.empty()) {
        if (const auto listening = demo.server.listen(socket); !listening) {
            fmt::print(stderr, "dbus_demo: {}\n", to_string(listening.error()));
            return 1;
        }
    }
    demo.start();
    loop.run();
    return 0;
}
