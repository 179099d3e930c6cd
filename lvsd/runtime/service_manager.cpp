// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/core.h>
#include <sys/stat.h>
#include <sys/uio.h>
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "lvsd/base/log.hpp"
#include "lvsd/base/messages.hpp"
#include "lvsd/runtime/line_queue.hpp"
#include "lvsd/runtime/runtime.hpp"

namespace lvs {
namespace {

void notify(const std::string& text) { sd_notify(0, text.c_str()); }

std::string journal_key(std::string_view key) {
    std::string name = "LVSD_";
    for (const char c : key)
        name += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    return name;
}

// The readable line keeps the fields: `journalctl -u lvsd` must tell the story without -o verbose.
std::string readable(std::string_view message, std::span<const Field> fields) {
    std::string text(message);
    for (const auto& field : fields)
        text += fmt::format(" {}={}", field.key, field.value);
    return text;
}

LineQueue::Line journal_line(Level level, const EventId& id, std::string_view message, std::span<const Field> fields) {
    LineQueue::Line entries;
    entries.reserve(fields.size() + 4);
    entries.push_back(fmt::format("PRIORITY={}", static_cast<int>(level)));
    entries.push_back(fmt::format("MESSAGE_ID={}", id.uuid));
    entries.push_back(fmt::format("LVSD_EVENT={}", id.name));
    entries.push_back("MESSAGE=" + readable(message, fields));
    for (const auto& field : fields)
        entries.push_back(fmt::format("{}={}", journal_key(field.key), field.value));
    return entries;
}

// The journal takes nothing while its disk hangs or its queue is full: the watchdog would end us.
LineQueue& journal() {
    static auto& queue = *new LineQueue(
        [](const LineQueue::Line& line) {
            std::vector<iovec> parts;
            parts.reserve(line.size());
            for (const auto& field : line)
                parts.push_back({const_cast<char*>(field.data()), field.size()});
            sd_journal_sendv(parts.data(), static_cast<int>(parts.size()));
        },
        [](std::size_t lost) {
            const std::vector<Field> fields{{"lines", lost}};
            return journal_line(Level::warning, ev::log_lost, "the journal took no more lines, some are lost", fields);
        });
    return queue;
}

void journal_sink(Level level, const EventId& id, std::string_view message, std::span<const Field> fields) {
    journal().add(journal_line(level, id, message, fields));
}

void stderr_sink(Level level, const EventId& id, std::string_view message, std::span<const Field> fields) {
    const auto line = format_line(level, id, message, fields) + "\n";
    // One write per line: lines of several processes do not mix. A lost log line is not worth stopping for.
    [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace

void ServiceManager::ready(std::string_view status) { notify(fmt::format("READY=1\nSTATUS={}", status)); }

void ServiceManager::reloading() {
    notify(fmt::format("RELOADING=1\nMONOTONIC_USEC={}",
                       monotonic_now().time_since_epoch().count() / 1000));
}

void ServiceManager::stopping() { notify("STOPPING=1\nSTATUS=Stopping"); }

void ServiceManager::status(std::string_view text) { notify(fmt::format("STATUS={}", text)); }

void ServiceManager::keep_alive() { notify("WATCHDOG=1"); }

std::optional<Duration> ServiceManager::watchdog_interval() {
    std::uint64_t usec = 0;
    if (sd_watchdog_enabled(0, &usec) <= 0) return std::nullopt;
    return std::chrono::microseconds(usec / 2);
}

bool journal_is_attached() {
    const char* stream = std::getenv("JOURNAL_STREAM");  // "device:inode" of the stderr systemd gave us
    struct stat now {};
    if (stream == nullptr || fstat(STDERR_FILENO, &now) != 0) return false;
    return fmt::format("{}:{}", now.st_dev, now.st_ino) == stream;
}

void use_stderr_log() { set_log_sink(stderr_sink); }
void use_journal_log() {
    set_log_sink(journal_sink);
    std::atexit([] { journal().flush(std::chrono::seconds(1)); });
}

}  // namespace lvs
