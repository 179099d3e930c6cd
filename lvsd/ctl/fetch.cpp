// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/format.h>

#include <cctype>
#include <memory>
#include <string_view>
#include <variant>

#include "lvsd/ctl/bus.hpp"

namespace lvs::ctl {
namespace {

constexpr const char* kName = "org.linuxvirtualserver.Lvsd1";
constexpr const char* kPath = "/org/linuxvirtualserver/Lvsd1";
constexpr const char* kManager = "org.linuxvirtualserver.Lvsd1.Manager";

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

constexpr std::string_view kErrors = "org.linuxvirtualserver.Lvsd1.Error.";

struct Failure {
    Error error;
    bool answered = false;  // lvsd said no: nobody else is to be asked
};
using Outcome = std::expected<std::string, Failure>;

Failure failure_of(int r, const Reply& reply, const std::string& where) {
    const std::string name = reply.error.name != nullptr ? reply.error.name : "";
    const bool told = reply.error.message != nullptr;
    if (name.starts_with(kErrors) && told)
        return {{std::make_error_code(std::errc::operation_canceled), reply.error.message}, true};
    return {{std::error_code(-r, std::generic_category()), told ? where + ": " + reply.error.message : where},
            false};
}

// `destination` is null on the private socket.
Outcome call_on(const BusPtr& bus, const char* destination, const std::string& where,
                const Question& question) {
    Reply reply;
    sd_bus_message* raw = nullptr;
    int r = sd_bus_message_new_method_call(bus.get(), &raw, destination, kPath, kManager, question.method);
    const std::unique_ptr<sd_bus_message, decltype(&sd_bus_message_unref)> message(raw, sd_bus_message_unref);
    if (r >= 0 && destination != nullptr) r = sd_bus_message_set_auto_start(raw, 0);
    for (const auto& argument : question.arguments) {
        if (r < 0) break;
        if (const auto* text = std::get_if<std::string>(&argument))
            r = sd_bus_message_append(raw, "s", text->c_str());
        if (const auto* truth = std::get_if<bool>(&argument))
            r = sd_bus_message_append(raw, "b", static_cast<int>(*truth));
        if (const auto* number = std::get_if<std::uint32_t>(&argument))
            r = sd_bus_message_append(raw, "u", *number);
        if (const auto* large = std::get_if<std::uint64_t>(&argument))
            r = sd_bus_message_append(raw, "t", *large);
    }
    if (r >= 0) r = sd_bus_call(bus.get(), raw, question.deadline_us, &reply.error, &reply.message);
    const char* text = nullptr;
    if (r >= 0) r = sd_bus_message_read(reply.message, "s", &text);
    if (r >= 0) return std::string(text);
    return std::unexpected(failure_of(r, reply, where));
}

Outcome from_socket(const std::string& path, const Question& question) {
    const auto bus = open_socket(path);
    return bus ? call_on(*bus, nullptr, "socket " + path, question) : std::unexpected(Failure{bus.error()});
}

Outcome from_system(const Question& question) {
    const auto bus = open_system();
    return bus ? call_on(*bus, kName, "system bus", question) : std::unexpected(Failure{bus.error()});
}

}  // namespace

Result<std::string> ask(const Source& source, const Question& question) {
    auto first = source.way == Way::system ? from_system(question) : from_socket(source.socket, question);
    if (first) return std::move(*first);
    if (first.error().answered || source.way != Way::any) return std::unexpected(first.error().error);
    auto second = from_system(question);
    if (second) return std::move(*second);
    if (second.error().answered) return std::unexpected(second.error().error);
    const auto& error = first.error().error;
    return std::unexpected(Error{error.code, to_string(error) + "; " + second.error().error.context});
}

Result<std::string> fetch_description(const Source& source) {
    return ask(source, {.method = "Describe"});
}

}  // namespace lvs::ctl
