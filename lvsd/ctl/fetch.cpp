// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>
#include <systemd/sd-bus.h>

#include <cctype>
#include <memory>

#include "lvsd/ctl/ctl.hpp"

namespace lvs::ctl {
namespace {

constexpr const char* kName = "org.linuxvirtualserver.Lvsd1";
constexpr const char* kPath = "/org/linuxvirtualserver/Lvsd1";
constexpr const char* kManager = "org.linuxvirtualserver.Lvsd1.Manager";
constexpr std::uint64_t kDeadlineUs = 10'000'000;

struct BusDeleter {
    void operator()(sd_bus* bus) const { sd_bus_close_unref(bus); }
};
using BusPtr = std::unique_ptr<sd_bus, BusDeleter>;

struct Reply {
    sd_bus_message* message = nullptr;
    sd_bus_error error = SD_BUS_ERROR_NULL;
    Reply() = default;
    Reply(const Reply&) = delete;
    Reply& operator=(const Reply&) = delete;
    ~Reply() {
        sd_bus_message_unref(message);
        sd_bus_error_free(&error);
    }
};

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

Result<BusPtr> open_socket(const std::string& path) {
    sd_bus* raw = nullptr;
    if (sd_bus_new(&raw) < 0) return fail(std::errc::not_enough_memory, "socket " + path);
    BusPtr bus(raw);
    const auto address = "unix:path=" + escape_address(path);
    int r = sd_bus_set_address(raw, address.c_str());
    if (r >= 0) r = sd_bus_start(raw);
    if (r < 0) return fail_errno(-r, "socket " + path);
    return bus;
}

Result<BusPtr> open_system() {
    sd_bus* raw = nullptr;
    const int r = sd_bus_open_system_with_description(&raw, "lvsctl");
    BusPtr bus(raw);
    if (r < 0) return fail_errno(-r, "system bus");
    return bus;
}

// `destination` is null on the private socket.
Result<std::string> describe(const BusPtr& bus, const char* destination, const std::string& where) {
    Reply reply;
    sd_bus_message* raw = nullptr;
    int r = sd_bus_message_new_method_call(bus.get(), &raw, destination, kPath, kManager, "Describe");
    const std::unique_ptr<sd_bus_message, decltype(&sd_bus_message_unref)> call(raw, sd_bus_message_unref);
    if (r >= 0 && destination != nullptr) r = sd_bus_message_set_auto_start(raw, 0);
    if (r >= 0) r = sd_bus_call(bus.get(), raw, kDeadlineUs, &reply.error, &reply.message);
    const char* json = nullptr;
    if (r >= 0) r = sd_bus_message_read(reply.message, "s", &json);
    if (r >= 0) return std::string(json);
    const bool told = reply.error.message != nullptr;
    return fail_errno(-r, told ? where + ": " + reply.error.message : where);
}

Result<std::string> from_socket(const std::string& path) {
    const auto bus = open_socket(path);
    return bus ? describe(*bus, nullptr, "socket " + path) : std::unexpected(bus.error());
}

Result<std::string> from_system() {
    const auto bus = open_system();
    return bus ? describe(*bus, kName, "system bus") : std::unexpected(bus.error());
}

}  // namespace

Result<std::string> fetch_description(const Source& source) {
    if (source.way == Way::system) return from_system();
    auto answer = from_socket(source.socket);
    if (answer || source.way == Way::socket) return answer;
    auto second = from_system();
    if (second) return second;
    return std::unexpected(
        Error{answer.error().code, to_string(answer.error()) + "; " + second.error().context});
}

}  // namespace lvs::ctl
