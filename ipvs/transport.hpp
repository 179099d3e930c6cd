// SPDX-License-Identifier: GPL-2.0-or-later
//
// Requests over one netlink socket on the loop. Private to lvs_ipvs_io.
//
// The kernel carries out a netlink request inside the write and queues its answer, so nothing is gained by
// waiting between two requests: up to `window` of them go out in one write and their answers are then read in
// one sweep. The window bounds how much the kernel may queue for us (a full queue loses answers) and for how
// long one turn of the loop can take. One socket runs one dump at a time; dumps follow each other without
// going through the poller.
//
// An answer that does not come (a lost acknowledgement, a module that hangs) costs its request, and all
// others in flight, an error at the deadline; the socket is then replaced, so that no late answer can be
// taken for another's.
//
// Thread: the loop. A request's handlers run from the loop, never inside send().
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>

#include "ipvs/codec.hpp"
#include "lvsd/runtime/asio.hpp"

namespace lvs::ipvs {

struct Request {
    std::function<void(std::uint32_t sequence, codec::Bytes& out)> encode;
    std::function<void(const codec::Message&)> on_message = {};  // data; the message dies with the call
    std::function<void(Result<void>)> on_done = {};              // exactly once, unless closed before
    bool is_dump = false;
};

// Two owners: Kernel, and the handlers in flight, which hold it weakly.
class Transport : public std::enable_shared_from_this<Transport> {
public:
    struct Options {
        Duration timeout = std::chrono::seconds(5);
        std::size_t window = 64;
        std::function<Result<int>()> open;  // a connected non-blocking datagram socket
    };
    Transport(asio::io_context& loop, Options options);

    void send(Request request);
    void close();  // forgets everything; no handler runs afterwards

    [[nodiscard]] std::size_t window() const { return options_.window; }

private:
    struct InFlight {
        Request request;
        std::chrono::steady_clock::time_point deadline;
        bool interrupted = false;
    };
    void schedule_pump();
    void pump();
    [[nodiscard]] bool ensure_open();
    void flush();
    [[nodiscard]] std::size_t take_from_queue(codec::Bytes& out);
    void write(const codec::Bytes& bytes);
    [[nodiscard]] std::size_t drain();
    [[nodiscard]] std::optional<std::size_t> receive();  // bytes; nothing = no more for now
    void handle(const codec::Message& message);
    void finish(std::uint32_t sequence, Result<void> result);
    void reset(const Error& error);
    void await_input();
    void await_deadline();
    void on_deadline();

    asio::io_context& loop_;
    Options options_;
    asio::posix::stream_descriptor socket_;
    asio::steady_timer timer_;
    codec::Bytes buffer_;
    std::deque<Request> queue_;
    std::map<std::uint32_t, InFlight> in_flight_;  // by sequence number, so oldest first
    std::uint32_t next_sequence_ = 1;
    bool pump_scheduled_ = false;
    bool waiting_ = false;
    bool closed_ = false;
};

// The kernel's generic netlink.
[[nodiscard]] Result<int> open_generic_netlink();

// So many bytes of queue; beyond the system's limit (the option of that name ends in FORCE) only with CAP_NET_ADMIN. An
// improvement only: without it the limit holds.
void ask_for_room(int fd, int beyond_limit, int within_limit, int bytes);

}  // namespace lvs::ipvs
