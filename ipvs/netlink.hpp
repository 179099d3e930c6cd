// SPDX-License-Identifier: GPL-2.0-or-later
//
// lvs_ipvs_io: the IPVS table of the kernel this process runs on (its network namespace), over generic
// netlink.
//
//   Kernel       reads, changes and describes the table. Asynchronous on the daemon's loop, many requests in
//   flight. Reconciler   (reconciler.hpp) keeps the table as desired and remembers what is ours.
//
// Files: encode.cpp, decode.cpp and extension.cpp are the messages (codec.hpp), transport.cpp and watch.cpp
// the sockets, session.cpp the families and the queue of operations, netlink.cpp and apply.cpp the
// operations. They run one after the other, so a read never sees half of an apply.
//
// Finding IPVS: asking for the family by name makes the kernel load the module by itself; where that is
// switched off, `modprobe ip_vs` is run once. A module that is unloaded and loaded again gets another family
// number: an unknown number (ENOENT) makes the next operation ask again. Whether it is our module, which can
// do more, is asked at the same time; so modules may be exchanged at any time, either way.
//
// Owner: main. Thread: the loop. After close() no handler runs; the destructor closes.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "ipvs/codec.hpp"
#include "ipvs/reconcile.hpp"
#include "lvsd/runtime/asio.hpp"

namespace lvs::ipvs {

class Kernel final : public KernelPort {
public:
    struct Options {
        Duration timeout = std::chrono::seconds(5);  // of one request
        std::size_t window = 64;                     // requests in flight
        bool load_module = true;                     // may run modprobe
        std::function<Result<int>()> open = {};      // tests put sockets of theirs here
        std::function<Result<int>()> open_watch = {};
        std::size_t batch_bytes = 256 * 1024;  // so long the loop is held up by one request
    };
    explicit Kernel(asio::io_context& loop) : Kernel(loop, Options{}) {}
    Kernel(asio::io_context& loop, Options options);
    Kernel(const Kernel&) = delete;
    Kernel& operator=(const Kernel&) = delete;
    ~Kernel() override;

    void read(std::function<void(Result<Table>)> handler);
    // With a scope: those of the named services that exist.
    void read(Scope scope, ReadHandler handler) override;
    // What is there already is set instead of added, what is gone already counts as deleted.
    // With our module whole services are written by batches, all or nothing each. An entry that is refused
    // does not keep back others: it is then tried by itself, so that the error is told with its key.
    void apply(Job job, ApplyHandler handler) override;
    void generation(GenerationHandler handler) override;
    void watch(ChangesHandler handler) override;

    void info(std::function<void(Result<codec::Info>)> handler);
    void timeouts(std::function<void(Result<codec::Timeouts>)> handler);

    void close();

private:
    std::shared_ptr<class Session> session_;  // handlers in flight hold it weakly
    std::size_t batch_bytes_;
};

}  // namespace lvs::ipvs
