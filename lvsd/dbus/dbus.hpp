// SPDX-License-Identifier: GPL-2.0-or-later
//
// lvs_dbus: shows a Snapshot over D-Bus, on the system bus and on a private socket. api.md says what clients
// see.
//
//   main --update(snapshot)--> BusServer --signals, replies--> dbus-daemon
//                                        `--signals, replies--> clients of the private socket
//
//   objects        which objects a snapshot has, and what differs between two        pure
//   properties     one table per interface: name, value, whether changes are told     sd-bus vtables from it
//   outbox         signals a receiver has not been sent yet, merged                   pure
//   frame_guard    bounds what a client of the private socket may send                pure
//   link           one sd_bus on the loop, with its outbox
//   polkit         asks whether a sender may change something
//   interface_xml  introspection as files
//   link_events    the event stream on a link: signals from where its reader is, ReadEvents()
//   bus_link       the link to the bus: connect, own the name, come back after loss
//   listener       the private socket and its clients
//
// Everything runs on the loop of the io_context given and never blocks it: sd-bus writes without waiting,
// what a receiver does not read is merged or its connection is closed. lvsd works the same with no bus at
// all. Nothing here changes the state of lvsd.
//
// D-Bus Specification 0.38; sd-bus(3).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "lvsd/base/base.hpp"
#include "lvsd/dbus/command.hpp"
#include "lvsd/events/events.hpp"
#include "lvsd/runtime/asio.hpp"
#include "lvsd/state/state.hpp"

namespace lvs::dbus {

inline constexpr const char* kBusName = "org.linuxvirtualserver.Lvsd1";
inline constexpr const char* kDefaultSocket = "/run/lvsd/lvsd.sock";

// The introspection XML of one of our interfaces ("org.linuxvirtualserver.Lvsd1.Manager"); empty: there is no such one.
[[nodiscard]] std::string introspection(std::string_view interface);

class BusServer {
public:
    explicit BusServer(asio::io_context& loop);
    ~BusServer();  // closes everything; the socket file goes too
    BusServer(const BusServer&) = delete;
    BusServer& operator=(const BusServer&) = delete;

    // Keeps a connection to the system bus (DBUS_SYSTEM_BUS_ADDRESS or the usual place) from now on, and owns
    // kBusName there. A missing bus is no error: it is logged once and tried again with back-off.
    void use_system_bus();

    // Serves the same objects on a Unix socket, mode 0666. The directory must exist. A stale socket file is
    // taken over; one that somebody answers on is an error (a second lvsd).
    [[nodiscard]] Result<void> listen(const std::string& path);

    // Shows this from now on and announces what differs from before. O(n); never null.
    void update(std::shared_ptr<const state::Snapshot> snapshot);

    // What Manager.ReadEvents() reads and the signal Event carries from now on; it must outlive this.
    void show_events(const events::Stream& stream);
    // The stream has new events: announces them to whoever subscribed.
    void on_event();

    // Called before a call from outside is answered, so that main can bring counters up to date by update(). It may be
    // called at any rate a client likes: what it costs is main's to bound.
    void on_call(std::function<void()> handler);

    // Answers calls that plan or change something. Called on the loop, from inside a call; it may call update().
    void on_command(CommandHandler handler);

    // Closes every connection; pending handlers end. Call before the io_context is to run empty.
    void stop();

    // For tests and status: whether the name is owned, and how many clients the private socket has.
    [[nodiscard]] bool has_bus_name() const;
    [[nodiscard]] std::size_t client_count() const;

private:
    struct Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace lvs::dbus
