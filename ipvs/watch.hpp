// SPDX-License-Identifier: GPL-2.0-or-later
//
// The ear: a netlink socket of its own that hears when a module with IPVS is loaded (nlctrl) and, from ours,
// every change of the table. Private to lvs_ipvs_io. Thread: the loop.
//
// What was missed (ENOBUFS) is told as lost, and once more when all that waited is read: until then the
// kernel drops what comes and says nothing of it, so who looked at the table meanwhile may have looked too
// early. Without such a socket nothing is told; the table is then looked at from time to time all the same.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "ipvs/codec.hpp"
#include "ipvs/reconcile.hpp"
#include "lvsd/runtime/asio.hpp"

namespace lvs::ipvs {

struct News {
    bool lost = false;
    std::vector<std::uint16_t> families;  // numbers of ours that have come, with a module
    std::vector<Change> changes;
};

// Two owners: Session, and the handler in flight, which holds it weakly.
class Watch : public std::enable_shared_from_this<Watch> {
public:
    using Open = std::function<Result<int>()>;
    Watch(asio::io_context& loop, Open open);

    void on_news(std::function<void(const News&)> handler) { handler_ = std::move(handler); }
    void open();
    void join_changes(std::uint32_t group);  // again: has no effect
    void leave_changes();
    void close();

private:
    void await();
    void read();
    void take(std::span<const std::uint8_t> bytes, News& news) const;

    Open open_;
    std::function<void(const News&)> handler_;
    asio::posix::stream_descriptor socket_;
    std::vector<std::uint8_t> buffer_;
    std::uint32_t group_ = 0;  // 0: not joined
    bool missed_ = false;      // and what waited is not read yet
};

// Bound, and member of the group of nlctrl.
[[nodiscard]] Result<int> open_watch();

}  // namespace lvs::ipvs
