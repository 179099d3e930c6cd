// SPDX-License-Identifier: GPL-2.0-or-later
#include "checkers/wire.hpp"

#include <algorithm>

#include "checkers/wire_entry.hpp"

namespace lvs::checkers::wire {

namespace {

enum class Type : std::uint8_t {
    put = 1,
    drop = 2,
    sockets = 3,
    command_done = 4,
    file_holds = 5,
    hello = 16,
    changes = 17,
    statuses = 18,
    heartbeat = 19,
    ask = 20
};

void put_entry(Writer& out, CheckId id) {
    out.number(static_cast<std::uint32_t>(id));
}
void get_entry(Reader& in, CheckId& id) {
    id = get_id(in);
}

void put_entry(Writer& out, const SocketAnswer& value) {
    out.number(static_cast<std::uint32_t>(value.id));
    out.number(value.error);
}
void get_entry(Reader& in, SocketAnswer& value) {
    value.id = get_id(in);
    value.error = in.number<std::uint16_t>();
}

// Reasons reach logs and the bus, and a worker may have been taken over by what it talked to.
std::string get_reason(Reader& in) {
    auto text = in.text(kMaxReason);
    if (std::any_of(text.begin(), text.end(), [](char c) { return c < ' ' || c > '~'; })) in.refuse();
    return text;
}

void put_entry(Writer& out, const Transition& value) {
    out.number(static_cast<std::uint32_t>(value.id));
    out.number(static_cast<std::uint8_t>(value.state));
    put_optional(out, value.weight_percent);
    out.number(static_cast<std::uint8_t>(value.advice));
    out.duration(value.latency);
    out.duration(value.at.time_since_epoch());
    out.text(value.reason);
}

void get_entry(Reader& in, Transition& value) {
    value.id = get_id(in);
    value.state = in.choice<State>(2);
    value.weight_percent = get_optional<std::uint16_t>(in);
    value.advice = in.choice<Advice>(2);
    value.latency = in.duration();
    value.at = Time(in.duration());
    value.reason = get_reason(in);
}

void put_entry(Writer& out, const Status& value) {
    out.number(static_cast<std::uint32_t>(value.id));
    out.number(static_cast<std::uint8_t>(value.state));
    out.number(static_cast<std::uint8_t>(value.outcome));
    out.number(value.against);
    put_optional(out, value.weight_percent);
    out.number(static_cast<std::uint8_t>(value.advice));
    out.boolean(value.certificate_days.has_value());
    if (value.certificate_days) out.number(static_cast<std::uint32_t>(*value.certificate_days));
    out.duration(value.latency);
    out.duration(value.lag);
    out.duration(value.at.time_since_epoch());
    out.number(value.runs);
    out.number(value.failures);
    out.text(value.reason);
}

void get_entry(Reader& in, Status& value) {
    value.id = get_id(in);
    value.state = in.choice<State>(2);
    value.outcome = in.choice<Outcome>(2);
    value.against = in.number<std::uint32_t>();
    value.weight_percent = get_optional<std::uint16_t>(in);
    value.advice = in.choice<Advice>(2);
    if (in.boolean()) value.certificate_days = static_cast<std::int32_t>(in.number<std::uint32_t>());
    value.latency = in.duration();
    value.lag = in.duration();
    value.at = Time(in.duration());
    value.runs = in.number<std::uint64_t>();
    value.failures = in.number<std::uint64_t>();
    value.reason = get_reason(in);
}

void put_body(Writer& out, const Hello& value) {
    out.number(value.version);
    out.number(value.max_files);
}

Hello get_hello(Reader& in) {
    const auto version = in.number<std::uint32_t>();
    return {version, in.number<std::uint32_t>()};
}

void put_body(Writer& out, const Heartbeat& value) {
    out.duration(value.at.time_since_epoch());
    for (const auto lag : {value.lag_p50, value.lag_p99, value.lag_max})
        out.duration(lag);
    out.number(value.started);
    out.number(value.unchecked);
    out.number(value.configured);
    out.number(value.running);
    for (const auto count : value.lag_counts)
        out.number(count);
}

Heartbeat get_heartbeat(Reader& in) {
    Heartbeat value;
    value.at = Time(in.duration());
    for (auto* lag : {&value.lag_p50, &value.lag_p99, &value.lag_max})
        *lag = in.duration();
    value.started = in.number<std::uint64_t>();
    value.unchecked = in.number<std::uint64_t>();
    value.configured = in.number<std::uint32_t>();
    value.running = in.number<std::uint32_t>();
    for (auto& count : value.lag_counts)
        count = in.number<std::uint32_t>();
    return value;
}

// Lists have no count: they end with the message, and are never empty.
template <class Entry>
std::vector<Entry> get_list(Reader& in) {
    std::vector<Entry> list;
    do {
        get_entry(in, list.emplace_back());
    } while (in.ok() && !in.is_at_end());
    return list;
}

template <class Entry>
void put_list(Writer& out, const std::vector<Entry>& list) {
    for (const auto& entry : list)
        put_entry(out, entry);
}

constexpr Type type_of(const Put& /*unused*/) {
    return Type::put;
}
constexpr Type type_of(const Drop& /*unused*/) {
    return Type::drop;
}
constexpr Type type_of(const Sockets& /*unused*/) {
    return Type::sockets;
}
constexpr Type type_of(const CommandDone& /*unused*/) {
    return Type::command_done;
}
constexpr Type type_of(const FileHolds& /*unused*/) {
    return Type::file_holds;
}
constexpr Type type_of(const Ask& /*unused*/) {
    return Type::ask;
}
constexpr Type type_of(const Hello& /*unused*/) {
    return Type::hello;
}
constexpr Type type_of(const Changes& /*unused*/) {
    return Type::changes;
}
constexpr Type type_of(const Statuses& /*unused*/) {
    return Type::statuses;
}
constexpr Type type_of(const Heartbeat& /*unused*/) {
    return Type::heartbeat;
}

constexpr Type list_type(const CheckSpec* /*unused*/) {
    return Type::put;
}
constexpr Type list_type(const CheckId* /*unused*/) {
    return Type::drop;
}
constexpr Type list_type(const Transition* /*unused*/) {
    return Type::changes;
}
constexpr Type list_type(const Status* /*unused*/) {
    return Type::statuses;
}

void put_body(Writer& out, const Put& value) {
    put_list(out, value.checks);
}
void put_body(Writer& out, const Drop& value) {
    put_list(out, value.ids);
}
void put_body(Writer& out, const Sockets& value) {
    put_list(out, value.answers);
}
void put_body(Writer& out, const CommandDone& value) {
    put_entry(out, value.id);
    out.number(static_cast<std::uint8_t>(value.end.how));
    out.number(static_cast<std::uint32_t>(value.end.number));
    out.duration(value.end.took);
    out.text(value.end.output);
    out.text(value.end.errors);
}
CommandDone get_command_done(Reader& in) {
    CommandDone value;
    value.id = get_id(in);
    value.end.how = in.choice<CommandEnd::How>(4);
    value.end.number = static_cast<int>(in.number<std::uint32_t>());
    value.end.took = in.duration();
    value.end.output = in.text(CommandEnd::kMaxTail);
    value.end.errors = in.text(CommandEnd::kMaxTail);
    return value;
}
void put_body(Writer& out, const FileHolds& value) {
    put_entry(out, value.id);
    out.number(static_cast<std::uint32_t>(value.file.error));
    out.text(value.file.text);
}
FileHolds get_file_holds(Reader& in) {
    FileHolds value;
    value.id = get_id(in);
    value.file.error = static_cast<int>(in.number<std::uint32_t>());
    value.file.text = in.text(FileText::kMaxFile);
    return value;
}
void put_body(Writer& out, const Ask& value) {
    put_list(out, value.ids);
}
void put_body(Writer& out, const Changes& value) {
    put_list(out, value.transitions);
}
void put_body(Writer& out, const Statuses& value) {
    put_list(out, value.statuses);
}

template <class Message>
Bytes encode_any(const Message& message) {
    Bytes bytes;
    Writer out(bytes);
    std::visit(
        [&out](const auto& body) {
            out.number(static_cast<std::uint8_t>(type_of(body)));
            put_body(out, body);
        },
        message);
    return bytes;
}

// What was read, if the message was well-formed to its last byte.
template <class Message>
Result<Message> finish(const Reader& in, Message message) {
    if (!in.ok() || !in.is_at_end()) return fail(std::errc::bad_message, "malformed checker message");
    return message;
}

}  // namespace

Bytes encode(const ToWorker& message) {
    return encode_any(message);
}
Bytes encode(const FromWorker& message) {
    return encode_any(message);
}

Result<ToWorker> decode_to_worker(std::span<const std::uint8_t> bytes) {
    Reader in(bytes);
    switch (in.number<std::uint8_t>()) {
        case static_cast<std::uint8_t>(Type::put): {
            Put put{get_list<CheckSpec>(in)};
            return finish<ToWorker>(in, std::move(put));
        }
        case static_cast<std::uint8_t>(Type::drop): {
            Drop drop{get_list<CheckId>(in)};
            return finish<ToWorker>(in, std::move(drop));
        }
        case static_cast<std::uint8_t>(Type::sockets): {
            Sockets sockets{get_list<SocketAnswer>(in)};
            return finish<ToWorker>(in, std::move(sockets));
        }
        case static_cast<std::uint8_t>(Type::command_done): {
            auto done = get_command_done(in);
            return finish<ToWorker>(in, std::move(done));
        }
        case static_cast<std::uint8_t>(Type::file_holds): {
            auto holds = get_file_holds(in);
            return finish<ToWorker>(in, std::move(holds));
        }
        default:
            return fail(std::errc::bad_message, "unknown type of checker message");
    }
}

Result<FromWorker> decode_from_worker(std::span<const std::uint8_t> bytes) {
    Reader in(bytes);
    switch (in.number<std::uint8_t>()) {
        case static_cast<std::uint8_t>(Type::hello): {
            const auto hello = get_hello(in);
            return finish<FromWorker>(in, hello);
        }
        case static_cast<std::uint8_t>(Type::changes): {
            Changes changes{get_list<Transition>(in)};
            return finish<FromWorker>(in, std::move(changes));
        }
        case static_cast<std::uint8_t>(Type::statuses): {
            Statuses statuses{get_list<Status>(in)};
            return finish<FromWorker>(in, std::move(statuses));
        }
        case static_cast<std::uint8_t>(Type::heartbeat): {
            const auto heartbeat = get_heartbeat(in);
            return finish<FromWorker>(in, heartbeat);
        }
        case static_cast<std::uint8_t>(Type::ask): {
            Ask ask{get_list<CheckId>(in)};
            return finish<FromWorker>(in, std::move(ask));
        }
        default:
            return fail(std::errc::bad_message, "unknown type of checker message");
    }
}

template <class Entry>
Batch<Entry>::Batch() : bytes_{static_cast<std::uint8_t>(list_type(static_cast<Entry*>(nullptr)))} {}

template <class Entry>
bool Batch<Entry>::add(const Entry& entry) {
    const auto before = bytes_.size();
    Writer out(bytes_);
    put_entry(out, entry);
    if (bytes_.size() > kMaxMessage) {
        bytes_.resize(before);
        return false;
    }
    ++count_;
    return true;
}

template <class Entry>
Bytes Batch<Entry>::take() {
    Bytes out{bytes_.front()};
    out.swap(bytes_);
    count_ = 0;
    return out;
}

template class Batch<CheckSpec>;
template class Batch<CheckId>;
template class Batch<Transition>;
template class Batch<Status>;

}  // namespace lvs::checkers::wire
