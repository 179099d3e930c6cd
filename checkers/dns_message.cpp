// SPDX-License-Identifier: GPL-2.0-or-later
#include "checkers/dns_message.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "lvsd/base/base.hpp"

namespace lvs::checkers::dns {

namespace {

constexpr std::array<std::pair<std::string_view, RecordType>, 9> kTypes{{{"A", RecordType::a},
                                                                         {"AAAA", RecordType::aaaa},
                                                                         {"CNAME", RecordType::cname},
                                                                         {"MX", RecordType::mx},
                                                                         {"NS", RecordType::ns},
                                                                         {"PTR", RecordType::ptr},
                                                                         {"SOA", RecordType::soa},
                                                                         {"SRV", RecordType::srv},
                                                                         {"TXT", RecordType::txt}}};
constexpr std::array<std::string_view, 6> kRcodes{"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"};
constexpr std::size_t kHeader = 12;
constexpr unsigned kMaxRecords = 64;

void put16(std::vector<std::uint8_t>& out, std::uint16_t value) {
    out.push_back(static_cast<std::uint8_t>(value >> 8U));
    out.push_back(static_cast<std::uint8_t>(value & 0xffU));
}

bool put_name(std::vector<std::uint8_t>& out, std::string_view name) {
    if (name.ends_with('.')) name.remove_suffix(1);
    if (name.size() > 253) return false;
    while (!name.empty()) {
        const auto label = name.substr(0, name.find('.'));
        if (label.empty() || label.size() > 63) return false;
        out.push_back(static_cast<std::uint8_t>(label.size()));
        out.insert(out.end(), label.begin(), label.end());
        name.remove_prefix(std::min(name.size(), label.size() + 1));
    }
    out.push_back(0);
    return true;
}

// Reads from one place of a message; names may point backwards to others. Anything odd makes it fail for good.
class Cursor {
   public:
    Cursor(std::span<const std::uint8_t> message, std::size_t at) : message_(message), at_(at) {}
    [[nodiscard]] bool ok() const { return ok_; }
    [[nodiscard]] std::size_t at() const { return at_; }
    void skip(std::size_t size) { static_cast<void>(bytes(size)); }

    std::uint8_t number8() {
        const auto byte = bytes(1);
        return byte.empty() ? 0 : byte[0];
    }
    std::uint16_t number16() {
        const auto high = number8();
        return static_cast<std::uint16_t>(high << 8U | number8());
    }
    std::span<const std::uint8_t> bytes(std::size_t size) {
        if (!ok_ || size > message_.size() - at_) {
            ok_ = false;
            return {};
        }
        at_ += size;
        return message_.subspan(at_ - size, size);
    }
    // Lower case, with dots between the labels and none at the end. Pointers must point backwards, so they end.
    std::string name() {
        std::string out;
        std::optional<std::size_t> resume;
        auto limit = at_;
        while (const auto length = number8()) {
            if ((length & 0xc0U) == 0xc0U) {
                const auto target = static_cast<std::size_t>((length & 0x3fU) << 8U | number8());
                if (!resume) resume = at_;
                if (target >= limit) ok_ = false;
                limit = at_ = std::min(target, message_.size());
            } else if (length > 63) {
                ok_ = false;
            } else {
                append_label(out, bytes(length));
            }
            if (!ok_ || out.size() > 255) return fail_name();
        }
        if (resume) at_ = *resume;
        return out;
    }

   private:
    static void append_label(std::string& out, std::span<const std::uint8_t> label) {
        if (!out.empty()) out += '.';
        for (const auto byte : label)
            out += byte >= 'A' && byte <= 'Z' ? static_cast<char>(byte + 32) : static_cast<char>(byte);
    }
    std::string fail_name() {
        ok_ = false;
        return {};
    }

    std::span<const std::uint8_t> message_;
    std::size_t at_;
    bool ok_ = true;
};

std::string text_of(Cursor& in, std::size_t end) {
    std::string out;
    while (in.ok() && in.at() < end) {
        const auto part = in.bytes(in.number8());
        out.append(part.begin(), part.end());
    }
    return out;
}

std::string data_of(Cursor& in, RecordType type, std::size_t size) {
    switch (type) {
        case RecordType::a:
        case RecordType::aaaa: {
            const auto bytes = in.bytes(type == RecordType::a ? 4 : 16);
            return bytes.empty() ? "" : to_string(IpAddress::from_bytes(bytes));
        }
        case RecordType::mx: {
            const auto preference = in.number16();
            return fmt::format("{} {}", preference, in.name());
        }
        case RecordType::srv: {
            const auto priority = in.number16();
            const auto weight = in.number16();
            const auto port = in.number16();
            return fmt::format("{} {} {} {}", priority, weight, port, in.name());
        }
        case RecordType::txt: return text_of(in, in.at() + size);
        case RecordType::soa:
        case RecordType::ns:
        case RecordType::cname:
        case RecordType::ptr: return in.name();
    }
    return "";
}

// Appends the record when it has the asked type.
void read_record(Cursor& in, RecordType wanted, Answer& answer) {
    static_cast<void>(in.name());
    const auto type = in.number16();
    in.skip(6);  // class, time to live
    const auto size = in.number16();
    const auto data = in;
    in.skip(size);
    if (!in.ok() || type != static_cast<std::uint16_t>(wanted)) return;
    auto reader = data;
    auto text = data_of(reader, wanted, size);
    if (reader.ok()) answer.records.push_back(std::move(text));
}

}  // namespace

std::optional<RecordType> parse_type(std::string_view name) {
    for (const auto& [known, type] : kTypes)
        if (known == name) return type;
    return std::nullopt;
}

std::optional<std::uint8_t> parse_rcode(std::string_view name) {
    const auto found = std::find(kRcodes.begin(), kRcodes.end(), name);
    if (found == kRcodes.end()) return std::nullopt;
    return static_cast<std::uint8_t>(found - kRcodes.begin());
}

std::string rcode_name(std::uint8_t rcode) {
    return rcode < kRcodes.size() ? std::string(kRcodes.at(rcode)) : fmt::format("rcode {}", rcode);
}

std::optional<std::vector<std::uint8_t>> encode_query(std::uint16_t id, std::string_view name, RecordType type) {
    std::vector<std::uint8_t> out;
    put16(out, id);
    put16(out, 0x0100);  // recursion desired
    put16(out, 1);       // one question
    out.insert(out.end(), 6, 0);
    if (!put_name(out, name)) return std::nullopt;
    put16(out, static_cast<std::uint16_t>(type));
    put16(out, 1);  // class IN
    return out;
}

Parsed parse_answer(std::span<const std::uint8_t> bytes, std::span<const std::uint8_t> query) {
    Cursor in(bytes, 0);
    Cursor asked(query, 0);
    const auto id = in.number16();
    const auto flags = in.number16();
    const auto questions = in.number16();
    const auto answers = in.number16();
    in.skip(4);
    if (!in.ok()) return {.match = Match::broken, .answer = {}};
    if (id != asked.number16() || (flags & 0x8000U) == 0) return {.match = Match::other, .answer = {}};
    Answer answer{.is_cut = (flags & 0x0200U) != 0, .rcode = static_cast<std::uint8_t>(flags & 0x0fU), .records = {}};
    asked.skip(kHeader - 2);
    const auto name = asked.name();
    const auto type = asked.number16();
    if (questions != 1) {  // servers that refuse may leave the question out
        const bool refusal = questions == 0 && answer.rcode != 0;
        return {.match = refusal ? Match::answer : Match::broken, .answer = std::move(answer)};
    }
    const bool same = in.name() == name && in.number16() == type && in.number16() == 1;
    if (!in.ok()) return {.match = Match::broken, .answer = {}};
    if (!same) return {.match = Match::other, .answer = {}};
    for (unsigned i = 0; i < std::min<unsigned>(answers, kMaxRecords) && in.ok(); ++i)
        read_record(in, static_cast<RecordType>(type), answer);
    if (!in.ok() && !answer.is_cut) return {.match = Match::broken, .answer = {}};
    return {.match = Match::answer, .answer = std::move(answer)};
}

}  // namespace lvs::checkers::dns
