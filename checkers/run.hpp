// SPDX-License-Identifier: GPL-2.0-or-later
//
// One run of a check under way: a socket and the probe that decides over it. The driver owns it, tells it of
// epoll events and destroys it with the verdict. Sockets are closed by a reset, so that no port waits in
// TIME_WAIT.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "checkers/checkers.hpp"
#include "checkers/fd.hpp"

namespace lvs::checkers {

// Where a run's socket is bound before it connects.
struct Binding {
    std::optional<IpAddress> source;
};

class Run {
public:
    // Received bytes after which a run fails, whatever the probe thinks.
    static constexpr std::uint64_t kMaxReceived = std::uint64_t{1} << 20U;

    Run(PlanPtr plan, const Endpoint& target, std::uint64_t seed)
        : plan_(std::move(plan)), probe_(plan_->start(target, seed)) {}

    // Opens the socket, or takes the ready-made one, and begins to connect. A verdict when that already
    // failed.
    [[nodiscard]] std::optional<Verdict> open(const Endpoint& target, const Binding* binding, Fd made = {});
    // To be watched edge-triggered, for input and output.
    [[nodiscard]] int fd() const { return fd_.get(); }
    [[nodiscard]] std::optional<Verdict> on_event(std::uint32_t epoll_events);
    // Instead of all that, where the plan's transport is not a socket.
    [[nodiscard]] Verdict on_command(const CommandEnd& end) { return probe_->on_command(end); }
    [[nodiscard]] Verdict on_file(const FileText& file) { return probe_->on_file(file); }
    [[nodiscard]] bool has_socket() const { return fd_.is_open(); }
    [[nodiscard]] Verdict on_deadline(Duration timeout) { return probe_->on_deadline(progress(timeout)); }

private:
    [[nodiscard]] Progress progress(Duration timeout = {}) const { return {connected_, received_, timeout}; }
    [[nodiscard]] std::optional<Verdict> failed(int error_number);
    [[nodiscard]] std::span<const std::uint8_t> payload(std::span<const std::uint8_t> received) const;
    [[nodiscard]] std::optional<Verdict> take(Step step);
    [[nodiscard]] std::optional<Verdict> finish_connecting();
    [[nodiscard]] std::optional<Verdict> read_all();
    void flush();

    PlanPtr plan_;
    std::unique_ptr<Probe> probe_;
    Fd fd_;
    bool has_ip_header_ = false;  // raw IPv4 sockets give it
    std::string unsent_;
    std::uint64_t received_ = 0;
    bool connected_ = false;
};

}  // namespace lvs::checkers
