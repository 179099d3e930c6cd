// SPDX-License-Identifier: GPL-2.0-or-later
//
// Events on the wire: the signal Manager.Event and the method Manager.ReadEvents().
#include "lvsd/dbus/append.hpp"
#include "lvsd/dbus/link.hpp"
#include "lvsd/dbus/properties.hpp"

namespace lvs::dbus {
namespace {

constexpr std::uint32_t kReadMax = 1000;  // events in one answer

std::string safe(std::string_view text) {  // sd-bus refuses what is not UTF-8
    return state::to_utf8(text);
}

int append_details(sd_bus_message* m, const events::Details& details) {
    int r = sd_bus_message_open_container(m, 'a', "{ss}");
    for (const auto& [name, value] : details)
        if (r >= 0) r = sd_bus_message_append(m, "{ss}", safe(name).c_str(), safe(value).c_str());
    return r >= 0 ? sd_bus_message_close_container(m) : r;
}

int append(sd_bus_message* m, const events::Event& event) {
    int r = sd_bus_message_append(m, "tt", event.sequence, microseconds(event.time.time_since_epoch()));
    for (const auto text :
         {event.name(), to_string(event.level), events::to_string(event.subject),
          std::string_view(event.object), std::string_view(event.message), std::string_view(event.from),
          std::string_view(event.to), std::string_view(event.reason)})
        if (r >= 0) r = sd_bus_message_append(m, "s", safe(text).c_str());
    return r >= 0 ? append_details(m, event.details) : r;
}

int append_all(sd_bus_message* m, const events::Stream& stream, std::uint64_t after, std::uint32_t max) {
    int r = sd_bus_message_open_container(m, 'a', "(ttssssssssa{ss})");
    const auto* event = stream.first_after(after);
    for (; event != nullptr && max > 0 && r >= 0; --max, event = stream.first_after(event->sequence)) {
        r = sd_bus_message_open_container(m, 'r', kEventSignature);
        if (r >= 0) r = append(m, *event);
        if (r >= 0) r = sd_bus_message_close_container(m);
    }
    return r >= 0 ? sd_bus_message_close_container(m) : r;
}

using MessagePtr = std::unique_ptr<sd_bus_message, decltype(&sd_bus_message_unref)>;

}  // namespace

int emit_event(sd_bus* bus, const events::Event& event) {
    sd_bus_message* raw = nullptr;
    int r = sd_bus_message_new_signal(bus, &raw, kRoot, interface_name(Kind::manager), "Event");
    const MessagePtr signal(raw, sd_bus_message_unref);
    if (r >= 0) r = append(raw, event);
    return r >= 0 ? sd_bus_send(bus, raw, nullptr) : r;
}

int read_events(sd_bus_message* m, void* userdata, sd_bus_error* /*error*/) {
    static const events::Stream kNone;
    std::uint64_t after = 0;
    std::uint32_t max = 0;
    int r = sd_bus_message_read(m, "tu", &after, &max);
    if (r < 0) return r;
    const auto& shown = link_of(m).shown();
    const auto& stream = shown.events != nullptr ? *shown.events : kNone;
    sd_bus_message* raw = nullptr;
    r = sd_bus_message_new_method_return(m, &raw);
    const MessagePtr reply(raw, sd_bus_message_unref);
    const auto started = microseconds(static_cast<View*>(userdata)->snapshot->daemon.started.time_since_epoch());
    if (r >= 0) r = sd_bus_message_append(raw, "ttt", started, stream.oldest(), stream.newest());
    if (r >= 0) r = append_all(raw, stream, after, std::min(max, kReadMax));
    return r >= 0 ? sd_bus_send(nullptr, raw, nullptr) : r;
}

}  // namespace lvs::dbus
