// SPDX-License-Identifier: GPL-2.0-or-later
//
// The private socket: lvsctl works without a bus daemon. Local users are not trusted: clients in all, clients
// of one user, size of a request, answers held and time to read them are bounded (api.md, "The private
// socket"). Private to lvs_dbus.
#pragma once

#include <map>

#include "lvsd/dbus/link.hpp"

namespace lvs::dbus {

class Listener {
public:
    static constexpr std::size_t kClientsMax = 64;
    static constexpr std::size_t kClientsPerUserMax = 8;  // root may have all

    Listener(asio::io_context& loop, Shown& shown)
        : loop_(loop), shown_(shown), acceptor_(loop), pause_(loop) {}
    ~Listener() { stop(); }
    Listener(const Listener&) = delete;
    Listener& operator=(const Listener&) = delete;

    [[nodiscard]] Result<void> listen(const std::string& path);
    void stop();
    void notify(std::span<const Change> changes);
    void on_event();
    [[nodiscard]] std::size_t client_count() const { return clients_.size(); }

private:
    struct Client {
        std::shared_ptr<Link> link;  // handlers in flight lock it for the time they run
        uid_t user = 0;
    };
    void accept();
    void on_accept(ErrorCode error, asio::local::stream_protocol::socket socket);
    void serve(UniqueFd socket);
    [[nodiscard]] bool has_room_for(uid_t user) const;
    [[nodiscard]] Result<std::shared_ptr<Link>> make_link(UniqueFd socket, std::uint64_t id);

    asio::io_context& loop_;
    Shown& shown_;
    asio::local::stream_protocol::acceptor acceptor_;
    asio::steady_timer pause_;  // after a failed accept (no descriptors left), before the next
    std::string path_;
    std::shared_ptr<const bool> alive_;  // null when stopped: handlers in flight do nothing
    std::map<std::uint64_t, Client> clients_;
    std::uint64_t next_id_ = 0;
};

}  // namespace lvs::dbus
