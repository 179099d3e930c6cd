// SPDX-License-Identifier: GPL-2.0-or-later
//
// One sd_bus on the Asio loop: file descriptor, events and timeout in, objects and signals out. The
// connection to the bus and every client of the private socket are Links. Private to lvs_dbus.
//
// Owner: the bus link or the listener. Handlers in flight hold weak pointers only, so a Link can be dropped
// at any time but from inside on_closed, which is called from the loop and never from inside a member of the
// Link.
#pragma once

#include <systemd/sd-bus.h>

#include <array>
#include <functional>
#include <memory>
#include <vector>

#include "lvsd/dbus/command.hpp"
#include "lvsd/dbus/frame_guard.hpp"
#include "lvsd/dbus/objects.hpp"
#include "lvsd/dbus/outbox.hpp"
#include "lvsd/dbus/polkit.hpp"
#include "lvsd/events/events.hpp"
#include "lvsd/runtime/asio.hpp"
#include "lvsd/runtime/runtime.hpp"

namespace lvs::dbus {

struct BusDeleter {
    void operator()(sd_bus* bus) const { sd_bus_close_unref(bus); }
};
using BusPtr = std::unique_ptr<sd_bus, BusDeleter>;

// What all Links share: the objects shown now. Owned by BusServer, outlives every Link.
struct Shown {
    std::unique_ptr<const Objects> objects;
    const events::Stream* events = nullptr;  // null: there are none
    std::size_t subscribers = 0;
    CommandHandler on_command;
    std::function<void()> before_answer;  // a call arrived: the last moment to bring `objects` up to date
};

class Link : public std::enable_shared_from_this<Link> {
public:
    enum class Role : std::uint8_t {
        bus,     // our connection to a bus daemon, which polices its clients
        client,  // a client of the private socket, which we police ourselves
    };
    static constexpr std::size_t kSubscribersMax = 16;
    static constexpr std::uint64_t kQueueMax = 64;  // bus: unsent messages before signals wait
    static constexpr std::size_t kBusReplyMax =
        30U << 20U;  // a dbus-daemon disconnects who sends more than 32 MiB
    static constexpr std::chrono::seconds kStallMax{10};  // client: no progress in reading for so long

    using Closed = std::function<void(const std::string& why)>;

    // `socket` is a descriptor of the connection, waited on (and for clients read from) beside sd-bus's own.
    // `feed` is where a client's bytes go to reach sd-bus; not set for the bus.
    Link(asio::io_context& loop, Shown& shown, Role role, BusPtr bus, UniqueFd socket, UniqueFd feed,
         Closed on_closed);
    ~Link();
    Link(const Link&) = delete;
    Link& operator=(const Link&) = delete;

    [[nodiscard]] Result<void> start();  // publishes the objects and begins to serve
    void notify(std::span<const Change> changes);
    void on_event();  // the stream has new events
    void stop();

    [[nodiscard]] sd_bus* bus() const { return bus_.get(); }
    [[nodiscard]] const Objects& objects() const { return *shown_.objects; }
    [[nodiscard]] const Shown& shown() const { return shown_; }
    [[nodiscard]] Role role() const { return role_; }
    // On the bus its policy has decided; on the private socket who the client is.
    [[nodiscard]] bool may_change() const { return role_ == Role::bus || may_change_; }
    void allow_changes(bool allowed) { may_change_ = allowed; }
    [[nodiscard]] Polkit& polkit() { return polkit_; }  // of the bus; nobody is asked about clients
    [[nodiscard]] bool subscribe();  // false: too many already
    [[nodiscard]] std::uint64_t unsent() const;

private:
    void pump();
    int process();           // sd-bus until it has nothing to do; < 0 = lost
    int process_requests();  // clients: hand over one message at a time
    int send_signals();
    int send_events();
    void begin_events();  // from now on: what happened before is for ReadEvents()
    int emit(const Outbox::Item& item);
    int read_client();
    int hand_over();  // > 0: bytes were handed to sd-bus
    [[nodiscard]] bool wants_input() const;
    void arm();
    void arm_read();
    void arm_write();
    void arm_timer();
    void watch_stall();
    void schedule_pump();
    void lose(int error, const char* what);

    asio::io_context& loop_;
    Shown& shown_;
    Role role_;
    BusPtr bus_;
    asio::posix::stream_descriptor socket_;
    UniqueFd feed_;
    asio::steady_timer timer_;
    asio::steady_timer stall_timer_;
    Closed on_closed_;
    Outbox outbox_;
    Polkit polkit_;
    FrameGuard guard_;
    std::vector<std::uint8_t> inbox_;  // read from the client, not yet handed over; at most kChunk
    std::uint64_t told_event_ =
        0;  // the last one sent; the rest waits in the stream until the receiver reads
    bool subscribed_ = false;
    bool may_change_ = false;
    bool reading_ = false;  // a wait is pending
    bool writing_ = false;
    bool stall_armed_ = false;
    bool closed_ = false;
    bool pump_scheduled_ = false;
};

// link_events.cpp: one event as a signal; Manager.ReadEvents().
[[nodiscard]] int emit_event(sd_bus* bus, const events::Event& event);
int read_events(sd_bus_message* m, void* userdata, sd_bus_error* error);
// The D-Bus signature of an event, and the names of its parts as sd-bus wants them.
inline constexpr const char* kEventSignature = "ttssssssssa{ss}";
inline constexpr const char* kEventNames =
    "sequence\0time\0name\0severity\0subject\0object\0message\0from\0to\0reason\0details\0";

// The Link a message came by. Only from inside a callback of an object of publish_objects().
[[nodiscard]] Link& link_of(sd_bus_message* m);

// link_objects.cpp: adds the object tree to a bus. `link` is what Subscribe() speaks to.
[[nodiscard]] int publish_objects(Link& link);

}  // namespace lvs::dbus
