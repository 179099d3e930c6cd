// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/events/events.hpp"

namespace lvs::events {
namespace {

void cut(std::string& text) {
    if (text.size() <= kMaxText) return;
    text.resize(kMaxText - 3);
    text += "...";
}

void bound(Event& event) {
    for (auto* text : {&event.object, &event.message, &event.from, &event.to, &event.reason})
        cut(*text);
    if (event.details.size() > kMaxDetails) event.details.resize(kMaxDetails);
    for (auto& [name, value] : event.details)
        cut(value);
}

}  // namespace

std::string_view to_string(Subject subject) {
    switch (subject) {
        case Subject::daemon:
            return "daemon";
        case Subject::router:
            return "router";
        case Subject::service:
            return "service";
        case Subject::server:
            return "server";
        case Subject::check:
            return "check";
        case Subject::table:
            return "table";
    }
    return "?";
}

Stream::Stream(std::size_t capacity) : capacity_(capacity) {
    LVS_ASSERT(capacity_ > 0);
}

const Event& Stream::append(Event event) {
    LVS_ASSERT(event.id != nullptr);
    bound(event);
    event.sequence = ++newest_;
    if (kept_.size() == capacity_) kept_.pop_front();
    return kept_.emplace_back(std::move(event));
}

std::uint64_t Stream::oldest() const {
    return newest_ + 1 - kept_.size();
}

const Event* Stream::first_after(std::uint64_t sequence) const {
    if (sequence >= newest_) return nullptr;
    const auto first = oldest();
    return &kept_[sequence < first ? 0 : static_cast<std::size_t>(sequence + 1 - first)];
}

std::vector<Field> log_fields(const Event& event) {
    std::vector<Field> fields;
    const auto add = [&fields](std::string_view key, std::string_view value) {
        if (!value.empty()) fields.emplace_back(key, value);
    };
    fields.emplace_back("sequence", event.sequence);
    add("subject", to_string(event.subject));
    add("object", event.object);
    add("from", event.from);
    add("to", event.to);
    for (const auto& [name, value] : event.details)
        add(name, value);
    add("reason", event.reason);
    return fields;
}

std::string to_json(const Event& event) {
    using state::json_text;
    const auto us =
        std::chrono::duration_cast<std::chrono::microseconds>(event.time.time_since_epoch()).count();
    auto out = fmt::format("{{\"sequence\":{},\"time_us\":{},\"event\":{},\"severity\":{},\"subject\":{}",
                           event.sequence, us, json_text(event.name()), json_text(to_string(event.level)),
                           json_text(to_string(event.subject)));
    const auto member = [&out](std::string_view name, std::string_view value) {
        out += fmt::format(",\"{}\":{}", name, json_text(value));
    };
    member("object", event.object);
    member("message", event.message);
    member("from", event.from);
    member("to", event.to);
    member("reason", event.reason);
    out += ",\"details\":{";
    bool first = true;
    for (const auto& [name, value] : event.details) {
        out += fmt::format("{}{}:{}", first ? "" : ",", json_text(name), json_text(value));
        first = false;
    }
    return out + "}}";
}

}  // namespace lvs::events
