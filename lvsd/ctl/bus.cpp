// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/ctl/bus.hpp"

#include <fmt/format.h>

#include <cctype>
#include <cerrno>

namespace lvs::ctl {
namespace {

constexpr const char* kName = "org.linuxvirtualserver.Lvsd1";
constexpr const char* kPath = "/org/linuxvirtualserver/Lvsd1";
constexpr const char* kManager = "org.linuxvirtualserver.Lvsd1.Manager";
constexpr std::string_view kErrors = "org.linuxvirtualserver.Lvsd1.Error.";

// D-Bus Specification, "Server Addresses": what is not in the optionally-escaped set is %xx.
std::string escape_address(std::string_view path) {
    std::string out;
    for (const char c : path) {
        const bool plain =
            std::isalnum(static_cast<unsigned char>(c)) != 0 || std::string_view("-_/.\\*").contains(c);
        out += plain ? std::string(1, c) : fmt::format("%{:02x}", static_cast<unsigned char>(c));
    }
    return out;
}

struct BusError {
    sd_bus_error error = SD_BUS_ERROR_NULL;
    BusError() = default;
    BusError(const BusError&) = delete;
    BusError& operator=(const BusError&) = delete;
    ~BusError() { sd_bus_error_free(&error); }
};

}  // namespace

Result<Connection> Connection::open_socket(const std::string& path) {
    sd_bus* raw = nullptr;
    if (sd_bus_new(&raw) < 0) return fail(std::errc::not_enough_memory, "socket " + path);
    BusPtr bus(raw);
    const auto address = "unix:path=" + escape_address(path);
    int r = sd_bus_set_address(raw, address.c_str());
    if (r >= 0) r = sd_bus_start(raw);
    if (r < 0) return fail_errno(-r, "socket " + path);
    return Connection(std::move(bus), nullptr, "socket " + path);
}

Result<Connection> Connection::open_system() {
    sd_bus* raw = nullptr;
    const int r = sd_bus_open_system_with_description(&raw, "lvsctl");
    BusPtr bus(raw);
    if (r < 0) return fail_errno(-r, "system bus");
    return Connection(std::move(bus), kName, "system bus");
}

Result<Connection> Connection::open(const Source& source) {
    if (source.way == Way::system) return open_system();
    auto first = open_socket(source.socket);
    if (first || source.way == Way::socket) return first;
    auto second = open_system();
    if (second) return second;
    return std::unexpected(
        Error{first.error().code, to_string(first.error()) + "; " + second.error().context});
}

std::expected<MessagePtr, CallFailure> Connection::request(const char* method, const Fill& fill,
                                                           std::uint64_t deadline_us) const {
    sd_bus_message* raw = nullptr;
    int r = sd_bus_message_new_method_call(bus_.get(), &raw, destination_, kPath, kManager, method);
    const MessagePtr call(raw);
    if (r >= 0 && destination_ != nullptr) r = sd_bus_message_set_auto_start(raw, 0);
    // Whoever has an agent for it is asked for a password, if the rules of the machine want one.
    if (r >= 0 && destination_ != nullptr) r = sd_bus_message_set_allow_interactive_authorization(raw, 1);
    if (r >= 0 && fill) r = fill(raw);
    BusError error;
    sd_bus_message* reply = nullptr;
    if (r >= 0) r = sd_bus_call(bus_.get(), raw, deadline_us, &error.error, &reply);
    if (r >= 0) return MessagePtr(reply);
    const std::string words = error.error.message != nullptr ? error.error.message : "";
    const bool own = error.error.name != nullptr && std::string_view(error.error.name).starts_with(kErrors);
    return std::unexpected(
        CallFailure{fail_errno(-r, error.error.message != nullptr ? where_ + ": " + words : where_).error(),
                    own ? words : ""});
}

Result<MessagePtr> Connection::call(const char* method, const Fill& fill) const {
    auto reply = request(method, fill);
    if (!reply) return std::unexpected(std::move(reply.error().error));
    return std::move(*reply);
}

Result<void> Connection::subscribe(const char* signal) {
    signal_ = signal;
    if (destination_ == nullptr) {
        const auto done = call("Subscribe");
        return done ? Result<void>() : std::unexpected(done.error());
    }
    const auto ignore = [](sd_bus_message*, void*, sd_bus_error*) { return 0; };  // wait_signal() reads it
    const int r =
        sd_bus_match_signal(bus_.get(), nullptr, destination_, kPath, kManager, signal, ignore, nullptr);
    if (r < 0) return fail_errno(-r, where_);
    return {};
}

Result<MessagePtr> Connection::wait_signal() {
    for (;;) {
        sd_bus_message* raw = nullptr;
        int r = sd_bus_process(bus_.get(), &raw);
        MessagePtr message(raw);
        if (r < 0) return fail_errno(-r, where_);
        if (message && sd_bus_message_is_signal(message.get(), kManager, signal_.c_str()) > 0) return message;
        if (r == 0) r = sd_bus_wait(bus_.get(), UINT64_MAX);
        if (r < 0 && r != -EINTR) return fail_errno(-r, where_);
    }
}

}  // namespace lvs::ctl
