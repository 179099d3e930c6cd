// SPDX-License-Identifier: GPL-2.0-or-later
//
// lvs_events: what happens in lvsd, as one ordered stream.
//
//   lvsd/app, the one place that learns of every change --append--> Stream --+--> journal (one message id per
//   kind)
//                                                                           +--> D-Bus: signal Event,
//                                                                           ReadEvents()
//                                                                           +--> notify scripts
//                                                                           `--> lvsctl watch (by way of
//                                                                           D-Bus)
//
// Every event has a sequence number: 1 for the first after the start of lvsd, then one more each, without
// gaps. All readers see the same events with the same numbers in the same order, so what one tells can be
// found in another. The stream keeps the last kCapacity events; a reader remembers the number it has seen and
// asks for what came after. One that was away for too long learns which is the oldest there is: it knows what
// it missed, and nobody waits for it.
//
// Kinds are named like the events of the log (lvsd/base/messages.hpp, etc/messages.md) because they are the
// same. Pure: no clock, no I/O; whoever appends says when it happened. Owner: main. Thread: the loop.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "lvsd/base/log.hpp"
#include "lvsd/state/state.hpp"

namespace lvs::events {

// What an event is about. Together with the object's name it says which one: scripts run in order per object.
enum class Subject : std::uint8_t { daemon, router, service, server, check, table };
[[nodiscard]] std::string_view to_string(Subject subject);  // "daemon"

using Details = std::vector<std::pair<std::string, std::string>>;

struct Event {
    std::uint64_t sequence = 0;   // append() writes it
    state::WallTime time;         // when it happened
    const EventId* id = nullptr;  // of messages.hpp; never null in a Stream
    Level level = Level::notice;
    Subject subject = Subject::daemon;
    std::string object;   // "web"; of a server "web 10.0.0.7:80"; empty: lvsd as a whole
    std::string message;  // one clause for people: "web is master"
    std::string from;     // state before and after, where there is one
    std::string to;
    std::string reason;
    Details details;  // what else there is to know: {"family", "ipv4"}

    [[nodiscard]] std::string_view name() const { return id->name; }
};

// Longest text of an event and most details; what is longer is cut.
inline constexpr std::size_t kMaxText = 1000;
inline constexpr std::size_t kMaxDetails = 16;

class Stream {
public:
    static constexpr std::size_t kCapacity = 8192;

    explicit Stream(std::size_t capacity = kCapacity);

    // Numbers the event and keeps it. The reference is valid until the next append().
    const Event& append(Event event);

    [[nodiscard]] std::uint64_t newest() const { return newest_; }  // 0: none yet
    [[nodiscard]] std::uint64_t oldest() const;                     // of those kept; newest() + 1: none
    // The first event after `sequence` that is kept; null: there is none yet.
    [[nodiscard]] const Event* first_after(std::uint64_t sequence) const;
    [[nodiscard]] std::size_t size() const { return kept_.size(); }

private:
    std::size_t capacity_;
    std::deque<Event> kept_;
    std::uint64_t newest_ = 0;
};

// The fields for the log: sequence, subject, object, from, to, reason where there are any, and the details.
[[nodiscard]] std::vector<Field> log_fields(const Event& event);

// One JSON object on one line; lvsd/dbus/api.md lists its members.
[[nodiscard]] std::string to_json(const Event& event);

}  // namespace lvs::events
