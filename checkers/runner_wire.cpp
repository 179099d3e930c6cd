// SPDX-License-Identifier: GPL-2.0-or-later
#include "checkers/runner_wire.hpp"

#include "checkers/wire_bytes.hpp"

namespace lvs::checkers::runner_wire {

namespace {

using wire::Reader;
using wire::Writer;

constexpr std::size_t kMaxWords = 64;
constexpr std::size_t kMaxWord = 32768;

void put(Writer& out, const std::vector<std::string>& words) {
    LVS_ASSERT(words.size() <= kMaxWords);
    out.number(static_cast<std::uint8_t>(words.size()));
    for (const auto& word : words)
        out.text(word);
}
void get(Reader& in, std::vector<std::string>& words) {
    words.resize(in.choice<std::size_t>(kMaxWords));
    for (auto& word : words)
        word = in.text(kMaxWord);
}

void put(Writer& out, const Start& value) {
    out.number(value.job);
    put(out, value.command.argv);
    put(out, value.command.environment);
    out.text(value.command.user);
    out.duration(value.command.timeout);
}
void get(Reader& in, Start& value) {
    value.job = in.number<std::uint32_t>();
    get(in, value.command.argv);
    get(in, value.command.environment);
    value.command.user = in.text(kMaxWord);
    value.command.timeout = in.duration();
}

void put(Writer& out, const Kill& value) {
    out.number(value.job);
}
void get(Reader& in, Kill& value) {
    value.job = in.number<std::uint32_t>();
}

void put(Writer& out, const Watch& value) {
    out.number(value.watch);
    out.text(value.path);
}
void get(Reader& in, Watch& value) {
    value.watch = in.number<std::uint32_t>();
    value.path = in.text(kMaxPath);
}

void put(Writer& out, const Unwatch& value) {
    out.number(value.watch);
}
void get(Reader& in, Unwatch& value) {
    value.watch = in.number<std::uint32_t>();
}

void put(Writer& out, const Hello& value) {
    out.number(value.version);
}
void get(Reader& in, Hello& value) {
    value.version = in.number<std::uint32_t>();
}

void put(Writer& out, const Ended& value) {
    out.number(value.job);
    out.number(static_cast<std::uint8_t>(value.end.how));
    out.number(static_cast<std::uint32_t>(value.end.number));
    out.duration(value.end.took);
    out.text(value.end.output);
    out.text(value.end.errors);
}
void get(Reader& in, Ended& value) {
    value.job = in.number<std::uint32_t>();
    value.end.how = in.choice<CommandEnd::How>(4);
    value.end.number = static_cast<int>(in.number<std::uint32_t>());
    value.end.took = in.duration();
    value.end.output = in.text(CommandEnd::kMaxTail);
    value.end.errors = in.text(CommandEnd::kMaxTail);
}

void put(Writer& out, const FileRead& value) {
    out.number(value.watch);
    out.number(static_cast<std::uint32_t>(value.file.error));
    out.text(value.file.text);
}
void get(Reader& in, FileRead& value) {
    value.watch = in.number<std::uint32_t>();
    value.file.error = static_cast<int>(in.number<std::uint32_t>());
    value.file.text = in.text(FileText::kMaxFile);
}

void put(Writer& /*out*/, const Alive& /*value*/) {}
void get(Reader& /*in*/, Alive& /*value*/) {}

template <class Message>
Bytes encode_any(const Message& message) {
    Bytes bytes;
    Writer out(bytes);
    out.number(static_cast<std::uint8_t>(message.index()));
    std::visit([&out](const auto& body) { put(out, body); }, message);
    return bytes;
}

template <class Message, std::size_t I = 0>
void decode_as(std::size_t type, Reader& in, std::optional<Message>& out) {
    if constexpr (I < std::variant_size_v<Message>) {
        if (type != I) return decode_as<Message, I + 1>(type, in, out);
        std::variant_alternative_t<I, Message> body;
        get(in, body);
        out = std::move(body);
    }
}

template <class Message>
Result<Message> decode_any(std::span<const std::uint8_t> bytes) {
    Reader in(bytes);
    std::optional<Message> message;
    const auto type = in.number<std::uint8_t>();
    if (in.ok()) decode_as(type, in, message);
    if (!message || !in.ok() || !in.is_at_end())
        return fail(std::errc::bad_message, "malformed runner message");
    return *std::move(message);
}

}  // namespace

Bytes encode(const ToRunner& message) {
    return encode_any(message);
}
Bytes encode(const FromRunner& message) {
    return encode_any(message);
}
Result<ToRunner> decode_to_runner(std::span<const std::uint8_t> bytes) {
    return decode_any<ToRunner>(bytes);
}
Result<FromRunner> decode_from_runner(std::span<const std::uint8_t> bytes) {
    return decode_any<FromRunner>(bytes);
}

}  // namespace lvs::checkers::runner_wire
