// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/ctl/bus.hpp"

namespace lvs::ctl {
namespace {

Result<std::string> describe(const Source& source) {
    const auto connection = Connection::open(source);
    if (!connection) return std::unexpected(connection.error());
    const auto reply = connection->call("Describe");
    if (!reply) return std::unexpected(reply.error());
    const char* json = nullptr;
    const int r = sd_bus_message_read(reply->get(), "s", &json);
    if (r < 0) return fail_errno(-r, "answer of Describe()");
    return std::string(json);
}

}  // namespace

// Somebody may listen on the socket without being lvsd: then the bus is asked all the same.
Result<std::string> fetch_description(const Source& source) {
    if (source.way != Way::any) return describe(source);
    auto answer = describe({Way::socket, source.socket});
    if (answer) return answer;
    auto second = describe({Way::system, ""});
    if (second) return second;
    return std::unexpected(
        Error{answer.error().code, to_string(answer.error()) + "; " + second.error().context});
}

}  // namespace lvs::ctl
