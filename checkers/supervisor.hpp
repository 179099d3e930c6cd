// SPDX-License-Identifier: GPL-2.0-or-later
//
// Keeps one worker process alive: starts it, watches its end (pidfd) and its silence, replaces it. The first
// replacement is immediate; one that dies young is waited for, 100 ms at first, doubled up to 5 s.
// Owner: WorkerClient. Thread: the loop's. Everything it opens is closed by stop() or the destructor, which also ends
// and reaps the process.
#pragma once

#include <sys/types.h>

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "checkers/fd.hpp"
#include "checkers/wire.hpp"
#include "lvsd/runtime/asio.hpp"

namespace lvs::checkers {

class Supervisor {
   public:
    struct Program {
        std::string path;
        uid_t user = 65534;
        gid_t group = 65534;
        Duration silence = std::chrono::seconds(3);  // without a message, after which a worker is replaced
    };
    struct Callbacks {
        std::function<void()> on_ready;  // a fresh worker that knows nothing
        std::function<void(const wire::FromWorker&)> on_message;
        std::function<void(const std::string& reason)> on_lost;
    };

    Supervisor(asio::io_context& io, Program program, Callbacks callbacks);
    ~Supervisor();
    Supervisor(const Supervisor&) = delete;
    Supervisor& operator=(const Supervisor&) = delete;

    void start();
    void stop();
    // Dropped while no worker is ready: on_ready tells when to send all.
    void send(wire::Bytes message);
    [[nodiscard]] bool is_ready() const { return ready_; }
    [[nodiscard]] std::optional<pid_t> pid() const;

   private:
    // Outlives the supervisor in handlers that Asio has yet to call; owners: the supervisor and those handlers.
    struct Anchor {
        Supervisor* owner;
    };
    template <class Handler>
    auto guarded(Handler handler);

    [[nodiscard]] Result<void> spawn();
    void wait_for_input();
    void wait_for_end();
    void wait_for_room();
    void arm_watchdog();
    void on_silence(Time due);
    void receive();
    bool drain();
    [[nodiscard]] bool receive_one();
    void on_hello(const wire::Hello& hello);
    void flush();
    void lose(std::string reason);
    void kill_and_reap();
    [[nodiscard]] Duration next_delay();

    Program program_;
    Callbacks callbacks_;
    std::shared_ptr<Anchor> anchor_;
    std::uint64_t generation_ = 0;  // of the process; handlers of an earlier one do nothing
    asio::posix::stream_descriptor link_;
    asio::posix::stream_descriptor process_;  // pidfd
    asio::steady_timer watchdog_;
    asio::steady_timer restart_;
    std::deque<wire::Bytes> unsent_;
    pid_t pid_ = 0;
    Time spawned_{};
    unsigned early_deaths_ = 0;
    bool ready_ = false;
    bool waiting_for_room_ = false;
    bool link_ended_ = false;
};

}  // namespace lvs::checkers
