// SPDX-License-Identifier: GPL-2.0-or-later
//
// Log events. One event = one id from messages.hpp + fields; the sink decides how it looks: journal fields under
// systemd, one `key=value` line elsewhere. Library code does not log, it returns errors; programs and adaptors
// call log(). A line a stranger on the network can cause is counted, not logged.
//
// The sink is process-wide and set once by main before any thread starts. log() may be called from any thread but
// the VRRP thread, which reports through its event queue instead.
#pragma once

#include <fmt/core.h>

#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace lvs {

enum class Level { error = 3, warning = 4, notice = 5, info = 6, debug = 7 };  // syslog numbers

[[nodiscard]] std::string_view to_string(Level level);  // "warning"

struct EventId {
    std::string_view name;  // "vrrp-state"
    std::string_view uuid;  // journal MESSAGE_ID, 32 hex digits
};

struct Field {
    std::string_view key;  // lower case; the journal sees it as LVSD_KEY
    std::string value;

    Field(std::string_view k, std::string_view v) : key(k), value(v) {}
    template <class T>
        requires std::is_arithmetic_v<T>
    Field(std::string_view k, T v) : key(k), value(fmt::format("{}", v)) {}
};

using LogSink = void (*)(Level level, const EventId& id, std::string_view message, std::span<const Field> fields);
void set_log_sink(LogSink sink);
void set_log_level(Level most_verbose);

void log(Level level, const EventId& id, std::string_view message, std::initializer_list<Field> fields = {});
void log(Level level, const EventId& id, std::string_view message, std::span<const Field> fields);

// The plain form: `message key=value key="two words"`. Used by the stderr sink and by tests.
[[nodiscard]] std::string format_line(Level level, const EventId& id, std::string_view message,
                                      std::span<const Field> fields);

}  // namespace lvs
