// SPDX-License-Identifier: GPL-2.0-or-later
//
// Keeps a made-up IPVS table in this kernel, for tests of lvs_ipvs_io against a real one.
//
//   ipvs_keeper STATE-FILE INTERVAL-MS [no-load]
//
// Reads commands from standard input, tells what happens on standard output, a line each:
//   want SERVICES SERVERS WEIGHT    -> settled; on the way: applied COUNT MILLISECONDS, drifted COUNT,
//   troubled TEXT,
//                                      refused TEXT, recovered, not-stored TEXT
//   info                            -> info VERSION TABLE-SIZE
//   stop remove|keep                -> stopped, and the program ends
// Service number i is TCP 198.18.0.0 + i port 80, its servers are 10.0.0.1, 10.0.0.2, ... port 80.
#include <fmt/core.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <sstream>

#include "ipvs/netlink.hpp"
#include "ipvs/reconciler.hpp"

using namespace lvs;
using namespace lvs::ipvs;

namespace {

Table made_up_table(std::uint32_t services, std::uint32_t servers, std::int32_t weight) {
    Table out;
    for (std::uint32_t i = 0; i < services; ++i) {
        auto& service = out[AddressKey{Protocol::tcp, {IpAddress::from_v4(0xc6120000U + i), 80}}];
        for (std::uint32_t n = 1; n <= servers; ++n)
            service.dests[{{IpAddress::from_v4(0x0a000000U + n), 80}}].settings.weight = weight;
    }
    return out;
}

template <class... Args>
void say(fmt::format_string<Args...> format, Args&&... args) {
    fmt::print(format, std::forward<Args>(args)...);
    fmt::print("\n");
    std::fflush(stdout);
}

class Keeper {
public:
    Keeper(const std::string& path, Duration interval, bool load_module)
        : kernel_(loop_, {std::chrono::seconds(5), 64, load_module, {}}),
          store_(path, read_boot_id().value_or("none")),
          reconciler_(loop_, kernel_, store_,
                      {interval, std::chrono::milliseconds(200), std::chrono::seconds(1)},
                      [this](const ReconcileEvent& event) { tell(event); }),
          input_(loop_, ::dup(0)) {
        listen();
    }
    void run() { loop_.run(); }

private:
    void tell(const ReconcileEvent& event) {
        if (const auto* applied = std::get_if<Applied>(&event))
            say("applied {} {}", applied->commands,
                std::chrono::duration_cast<std::chrono::milliseconds>(applied->took).count());
        if (const auto* drifted = std::get_if<Drifted>(&event)) say("drifted {}", drifted->repairs.size());
        if (std::holds_alternative<Recovered>(event)) say("recovered");
        if (const auto* lost = std::get_if<NotStored>(&event)) say("not-stored {}", to_string(lost->error));
        if (const auto* troubled = std::get_if<Troubled>(&event)) {
            if (troubled->error) say("troubled {}", to_string(*troubled->error));
            for (const auto& refused : troubled->errors)
                say("refused {}", to_string(refused.error));
        }
    }

    void listen() {
        input_.async_wait(asio::posix::stream_descriptor::wait_read, [this](const error_code& error) {
            if (!error && take_input()) listen();
        });
    }
    bool take_input() {
        std::array<char, 4096> buffer{};
        const auto size = ::read(input_.native_handle(), buffer.data(), buffer.size());
        if (size <= 0) _exit(0);  // the test is gone; like a kill, nothing is cleaned up
        text_.append(buffer.data(), static_cast<std::size_t>(size));
        for (auto end = text_.find('\n'); end != std::string::npos; end = text_.find('\n')) {
            std::istringstream line(text_.substr(0, end));
            text_.erase(0, end + 1);
            obey(line);
        }
        return true;
    }
    void obey(std::istream& line) {
        std::string word;
        line >> word;
        if (word == "want") {
            std::uint32_t services = 0, servers = 0;
            std::int32_t weight = 0;
            line >> services >> servers >> weight;
            reconciler_.set_desired(made_up_table(services, servers, weight));
            await_settled();
        } else if (word == "info") {
            kernel_.info([](const Result<codec::Info>& info) {
                info ? say("info {:x} {}", info->version, info->connection_table_size)
                     : say("troubled {}", to_string(info.error()));
            });
        } else if (word == "stop") {
            line >> word;
            reconciler_.stop(word == "keep" ? AtStop::keep : AtStop::remove, [] {
                say("stopped");
                _exit(0);
            });
        }
    }
    // A look every few milliseconds is good enough for a test program.
    void await_settled() {
        if (reconciler_.is_settled()) return say("settled");
        poll_.expires_after(std::chrono::milliseconds(5));
        poll_.async_wait([this](const error_code&) { await_settled(); });
    }

    asio::io_context loop_;
    Kernel kernel_;
    FileStore store_;
    Reconciler reconciler_;
    asio::posix::stream_descriptor input_;
    asio::steady_timer poll_{loop_};
    std::string text_;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) return 2;
    Keeper(argv[1], std::chrono::milliseconds(std::atoi(argv[2])), argc < 4).run();
    return 0;
}
