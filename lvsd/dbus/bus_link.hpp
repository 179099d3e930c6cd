// SPDX-License-Identifier: GPL-2.0-or-later
//
// Our place on the system bus: connects, asks for the name, comes back after a loss. Private to lvs_dbus.
#pragma once

#include "lvsd/dbus/link.hpp"

namespace lvs::dbus {

class BusLink {
public:
    BusLink(asio::io_context& loop, Shown& shown) : loop_(loop), shown_(shown), retry_(loop) {}
    ~BusLink() { stop(); }
    BusLink(const BusLink&) = delete;
    BusLink& operator=(const BusLink&) = delete;

    void start();
    void stop();
    void notify(std::span<const Change> changes);
    void on_event();
    [[nodiscard]] bool has_name() const { return has_name_; }

private:
    static constexpr Duration kRetryFirst = std::chrono::milliseconds(100);
    static constexpr Duration kRetryMax = std::chrono::seconds(30);

    [[nodiscard]] Result<void> connect();
    void on_lost(const std::string& why);
    void on_name(bool ours);
    static int on_name_reply(sd_bus_message* m, void* userdata, sd_bus_error* error);
    static int on_name_signal(sd_bus_message* m, void* userdata, sd_bus_error* error);

    asio::io_context& loop_;
    Shown& shown_;
    asio::steady_timer retry_;
    Duration retry_delay_ = kRetryFirst;
    std::shared_ptr<Link> link_;         // handlers in flight lock it for the time they run
    std::shared_ptr<const bool> alive_;  // null when stopped: a retry in flight does nothing
    bool has_name_ = false;
    bool complained_ = false;  // the present outage is in the log
};

}  // namespace lvs::dbus
