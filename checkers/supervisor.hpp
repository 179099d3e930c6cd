// SPDX-License-Identifier: GPL-2.0-or-later
//
// Keeps one helper process (a checker worker, the script runner) alive: starts it, watches its end (pidfd)
// and its silence, replaces it. The first replacement is immediate; one that dies young is waited for, 100 ms
// at first, doubled up to 5 s. The two speak in datagrams over a SOCK_SEQPACKET pair, the helper's file
// descriptor 3; what they say is the owner's business. Owner: WorkerClient or Runner. Thread: the loop's.
// Everything it opens is closed by stop() or the destructor, which also ends and reaps the process. One that
// does not die is not waited for: its replacement starts meanwhile, until there are too many such.
#pragma once

#include <sys/types.h>

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "checkers/fd.hpp"
#include "lvsd/runtime/asio.hpp"

namespace lvs::checkers {

class Supervisor {
public:
    struct Program {
        std::string path;
        std::vector<std::string> arguments{};        // after --parent PID
        std::string name = "worker";                 // in reasons
        Duration silence = std::chrono::seconds(3);  // without a message, after which it is replaced
        Duration grace{};                            // at stop(), from the end of the link until it is killed
    };
    struct Callbacks {
        // The first message. An error, here and below, is told as the reason of the loss.
        std::function<Result<void>(std::span<const std::uint8_t>)> on_hello;
        std::function<void()> on_ready;  // a fresh process that knows nothing
        std::function<Result<void>(std::span<const std::uint8_t>)> on_message;
        std::function<void(const std::string& reason)> on_lost;
    };

    Supervisor(asio::io_context& io, Program program, Callbacks callbacks);
    ~Supervisor();
    Supervisor(const Supervisor&) = delete;
    Supervisor& operator=(const Supervisor&) = delete;

    void start();
    void stop();
    // Dropped while no process is ready: on_ready tells when to send all. The descriptors go along.
    void send(std::vector<std::uint8_t> message, std::vector<Fd> fds = {});
    [[nodiscard]] std::size_t unsent() const { return unsent_.size(); }  // messages
    [[nodiscard]] bool is_ready() const { return ready_; }
    [[nodiscard]] std::optional<pid_t> pid() const;

private:
    struct Message {
        std::vector<std::uint8_t> bytes;
        std::vector<Fd> fds;
    };
    // Outlives the supervisor in handlers that Asio has yet to call; owners: the supervisor and those
    // handlers.
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
    [[nodiscard]] bool take(std::span<const std::uint8_t> message);
    void flush();
    void lose(std::string reason);
    void wait_for_grace();
    void await_end(Duration patience);
    void kill_and_reap(Duration patience);
    void reap();
    [[nodiscard]] Duration next_delay();

    Program program_;
    Callbacks callbacks_;
    std::shared_ptr<Anchor> anchor_;
    std::uint64_t generation_ = 0;  // of the process; handlers of an earlier one do nothing
    asio::posix::stream_descriptor link_;
    asio::posix::stream_descriptor process_;  // pidfd
    asio::steady_timer watchdog_;
    asio::steady_timer restart_;
    std::deque<Message> unsent_;
    pid_t pid_ = 0;
    std::vector<pid_t> dying_;  // killed and not yet reaped
    Time spawned_{};
    unsigned early_deaths_ = 0;
    bool ready_ = false;
    bool waiting_for_room_ = false;
    bool link_ended_ = false;
};

}  // namespace lvs::checkers
