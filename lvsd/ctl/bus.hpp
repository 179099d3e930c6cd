// SPDX-License-Identifier: GPL-2.0-or-later
//
// A connection to lvsd: on its private socket, or on the system bus. Methods of the Manager are called on it,
// and its events waited for. Blocking, for a program that does one thing. Private to lvsctl.
#pragma once

#include <systemd/sd-bus.h>

#include <expected>
#include <functional>
#include <memory>
#include <string>

#include "lvsd/ctl/ctl.hpp"

namespace lvs::ctl {

struct BusDeleter {
    void operator()(sd_bus* bus) const { sd_bus_close_unref(bus); }
};
struct MessageDeleter {
    void operator()(sd_bus_message* message) const { sd_bus_message_unref(message); }
};
using BusPtr = std::unique_ptr<sd_bus, BusDeleter>;
using MessagePtr = std::unique_ptr<sd_bus_message, MessageDeleter>;

struct CallFailure {
    Error error;          // says where lvsd was asked
    std::string refusal;  // lvsd answered with an error of its own: what it said
};

class Connection {
public:
    // Where the source says; with Way::any, the socket and then the system bus. The error says what was
    // tried.
    [[nodiscard]] static Result<Connection> open(const Source& source);

    // A method of the Manager that takes no arguments, or what `fill` puts into the call.
    using Fill = std::function<int(sd_bus_message*)>;  // < 0: an errno
    static constexpr std::uint64_t kDeadlineUs = 10'000'000;
    [[nodiscard]] std::expected<MessagePtr, CallFailure> request(
        const char* method, const Fill& fill = {}, std::uint64_t deadline_us = kDeadlineUs) const;
    // The same, for who does not care whether it was lvsd that said no.
    [[nodiscard]] Result<MessagePtr> call(const char* method, const Fill& fill = {}) const;
    [[nodiscard]] const std::string& where() const {
        return where_;
    }  // for errors: "socket /run/lvsd/lvsd.sock"

    // From now on wait_signal() sees the Manager's signals of this name.
    [[nodiscard]] Result<void> subscribe(const char* signal);
    // The next one; blocks. An error: lvsd is gone.
    [[nodiscard]] Result<MessagePtr> wait_signal();

private:
    Connection(BusPtr bus, const char* destination, std::string where)
        : bus_(std::move(bus)), destination_(destination), where_(std::move(where)) {}
    [[nodiscard]] static Result<Connection> open_socket(const std::string& path);
    [[nodiscard]] static Result<Connection> open_system();

    BusPtr bus_;
    const char* destination_;  // null on the private socket
    std::string where_;
    std::string signal_;
};

}  // namespace lvs::ctl
