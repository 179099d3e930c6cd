// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the operations of one Kernel share: the transport, the numbers of the families "IPVS" and, on our
// module, "LVSD_IPVS", the ear for changes, and the order in which operations run. Private to lvs_ipvs_io.
// Thread: the loop.
#pragma once

#include <deque>
#include <functional>
#include <memory>

#include "ipvs/transport.hpp"
#include "ipvs/watch.hpp"

namespace lvs::ipvs {

using DoneHandler = std::function<void(const Result<void>&)>;
using MessageHandler = std::function<void(const codec::Message&)>;
using Encoder = std::function<void(const codec::Header&, codec::Bytes&)>;

// Two owners: Kernel, and handlers in flight, which hold it weakly.
class Session : public std::enable_shared_from_this<Session> {
public:
    // run() is called when the turn has come and must lead to Session::next() exactly once.
    struct Operation {
        virtual ~Operation() = default;
        virtual void run() = 0;
    };

    Session(asio::io_context& loop, Transport::Options options, bool load_module, Watch::Open open_watch);

    void enqueue(std::shared_ptr<Operation> operation);
    void next();
    void close();

    // Calls `then` at once when the family is known.
    void with_family(DoneHandler then);
    void forget_family() { is_resolved_ = false; }  // the next operation asks again
    // After with_family(): whether this is our module.
    [[nodiscard]] bool has_extension() const { return extension_.id != 0; }

    // What somebody changes, us included, is told from now on, if the module can.
    void watch(ChangesHandler handler) { on_changes_ = std::move(handler); }
    void listen();          // has no effect when it listens already
    void stop_listening();  // for a long while of our own changes

    void ask(Encoder encode, MessageHandler on_message, DoneHandler on_done, bool is_dump = false);
    void ask_extension(Encoder encode, MessageHandler on_message, DoneHandler on_done);
    [[nodiscard]] std::size_t window() const { return transport_->window(); }

private:
    void ask_family(std::function<std::uint16_t()> number, Encoder encode, MessageHandler on_message,
                    DoneHandler on_done, bool is_dump);
    void start_front();
    void resolve(DoneHandler then);
    void resolve_extension(const DoneHandler& then);
    void on_news(const News& news);
    void on_resolved(const Result<void>& result, const DoneHandler& then);
    void try_modprobe(const DoneHandler& then);

    asio::io_context& loop_;
    bool load_module_;
    std::shared_ptr<Transport> transport_;
    std::deque<std::shared_ptr<Operation>> operations_;  // the first one runs
    // Of the last answer, right or not: a request with number 0 would be acknowledged and do nothing.
    bool is_resolved_ = false;
    std::uint16_t family_ = 0;
    codec::GenericFamily extension_;  // 0: a module that has none
    std::shared_ptr<Watch> watch_;
    ChangesHandler on_changes_;
    bool tried_modprobe_ = false;
    bool closed_ = false;
};

// Adds what the reader needs to know to an error of the kernel.
[[nodiscard]] Error explain(const Error& error);
[[nodiscard]] Error explain(const Command& command, const Error& error);

// Runs `modprobe -q NAME` and calls `done` from the loop when it ended, however it ended.
void run_modprobe(asio::io_context& loop, const char* name, std::function<void()> done);

}  // namespace lvs::ipvs
