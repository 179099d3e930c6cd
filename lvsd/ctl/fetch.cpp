// SPDX-License-Identifier: GPL-2.0-or-later
#include <variant>

#include "lvsd/ctl/bus.hpp"

namespace lvs::ctl {
namespace {

int append(sd_bus_message* call, const Argument& argument) {
    if (const auto* text = std::get_if<std::string>(&argument))
        return sd_bus_message_append(call, "s", text->c_str());
    if (const auto* truth = std::get_if<bool>(&argument))
        return sd_bus_message_append(call, "b", static_cast<int>(*truth));
    if (const auto* number = std::get_if<std::uint32_t>(&argument))
        return sd_bus_message_append(call, "u", *number);
    return sd_bus_message_append(call, "t", std::get<std::uint64_t>(argument));
}

std::expected<std::string, CallFailure> ask_at(const Source& source, const Question& question) {
    const auto connection = Connection::open(source);
    if (!connection) return std::unexpected(CallFailure{connection.error(), ""});
    const auto fill = [&question](sd_bus_message* call) {
        int r = 0;
        for (const auto& argument : question.arguments)
            if (r = append(call, argument); r < 0) break;
        return r;
    };
    const auto reply = connection->request(question.method, fill, question.deadline_us);
    if (!reply) return std::unexpected(reply.error());
    const char* text = nullptr;
    const int r = sd_bus_message_read(reply->get(), "s", &text);
    if (r < 0) return std::unexpected(CallFailure{fail_errno(-r, connection->where()).error(), ""});
    return std::string(text);
}

Result<std::string> refused(const CallFailure& failure) {
    return fail(std::errc::operation_canceled, failure.refusal);
}

}  // namespace

// Somebody may listen on the socket without being lvsd: then the bus is asked all the same.
Result<std::string> ask(const Source& source, const Question& question) {
    const auto first_way = source.way == Way::any ? Way::socket : source.way;
    auto first = ask_at({first_way, source.socket}, question);
    if (first) return std::move(*first);
    if (!first.error().refusal.empty()) return refused(first.error());
    if (source.way != Way::any) return std::unexpected(first.error().error);
    auto second = ask_at({Way::system, ""}, question);
    if (second) return std::move(*second);
    if (!second.error().refusal.empty()) return refused(second.error());
    const auto& error = first.error().error;
    return std::unexpected(Error{error.code, to_string(error) + "; " + second.error().error.context});
}

Result<std::string> fetch_description(const Source& source) {
    return ask(source, {.method = "Describe"});
}

}  // namespace lvs::ctl
