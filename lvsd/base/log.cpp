// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/base/log.hpp"

#include <fmt/format.h>

#include <atomic>
#include <cstdio>

namespace lvs {

std::string_view to_string(Level level) {
    switch (level) {
        case Level::error: return "error";
        case Level::warning: return "warning";
        case Level::notice: return "notice";
        case Level::info: return "info";
        case Level::debug: return "debug";
    }
    return "?";
}

namespace {

bool needs_quotes(std::string_view value) {
    return value.empty() || value.find_first_of(" \"=\n\t") != std::string_view::npos;
}

void append_value(std::string& out, std::string_view value) {
    if (!needs_quotes(value)) {
        out += value;
        return;
    }
    out += '"';
    for (const char c : value) {
        if (c == '"' || c == '\\') out += '\\';
        out += c == '\n' || c == '\t' ? ' ' : c;
    }
    out += '"';
}

void stderr_sink(Level level, const EventId& id, std::string_view message, std::span<const Field> fields) {
    const auto line = format_line(level, id, message, fields);
    std::fprintf(stderr, "%s\n", line.c_str());
}

std::atomic<LogSink> the_sink{stderr_sink};
std::atomic<Level> the_level{Level::info};

}  // namespace

void set_log_sink(LogSink sink) { the_sink = sink; }
void set_log_level(Level most_verbose) { the_level = most_verbose; }

void log(Level level, const EventId& id, std::string_view message, std::initializer_list<Field> fields) {
    log(level, id, message, std::span(fields.begin(), fields.size()));
}

void log(Level level, const EventId& id, std::string_view message, std::span<const Field> fields) {
    if (level > the_level.load(std::memory_order_relaxed)) return;
    the_sink.load()(level, id, message, fields);
}

std::string format_line(Level level, const EventId& id, std::string_view message,
                        std::span<const Field> fields) {
    auto line = fmt::format("{:<7} {}: {}", to_string(level), id.name, message);
    for (const auto& field : fields) {
        line += fmt::format(" {}=", field.key);
        append_value(line, field.value);
    }
    return line;
}

}  // namespace lvs
