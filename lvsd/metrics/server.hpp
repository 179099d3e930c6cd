// SPDX-License-Identifier: GPL-2.0-or-later
//
// lvs_metrics_io: serves the metrics by HTTP/1.1 at /metrics, on TCP or on a unix socket.
//
//   GET /metrics --> provide(): the state of this moment --> Exposition --a slice per turn of the loop--> the
//   scraper
//
// Strangers may connect, so everything is bounded: connections (kConnectionsMax, whoever is one too many is
// closed at once), the size of a request, the time to send one and the time to take the answer. An answer is
// written in slices of kSlice: between two of them the loop serves everybody else, and the next is made when
// the one before is written, so a slow reader costs one slice of memory and the snapshot it reads.
//
// Owner: main. Thread: the loop. Nothing here logs: main is told what matters by the results.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <variant>

#include "lvsd/base/base.hpp"
#include "lvsd/metrics/metrics.hpp"
#include "lvsd/runtime/asio.hpp"

namespace lvs::metrics {

class Server {
public:
    static constexpr std::size_t kConnectionsMax = 8;
    static constexpr std::size_t kRequestMax = 8192;
    static constexpr std::size_t kSlice = 64 * 1024;
    static constexpr Duration kRequestTime = std::chrono::seconds(5);
    static constexpr Duration kAnswerTime = std::chrono::seconds(60);

    using Listen =
        std::variant<std::monostate, Endpoint, std::string>;  // nowhere, TCP, path of a unix socket
    using Provide = std::function<Exposition(Format)>;

    Server(asio::io_context& loop, Provide provide);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    // Listens here from now on, and nowhere else. The same place again changes nothing. After an error it
    // listens nowhere. A unix socket left behind is taken over; its mode is 0666: reading is for everybody
    // who reaches it.
    [[nodiscard]] Result<void> listen(const Listen& where);
    // Closes everything; pending handlers end.
    void stop();
    [[nodiscard]] std::size_t connections() const;

private:
    struct Impl;
    std::shared_ptr<Impl> impl_;  // owners: this, and the connections for the time a handler runs
};

}  // namespace lvs::metrics
