// SPDX-License-Identifier: GPL-2.0-or-later
//
// Written straight into one string: a tree of 10,000 servers would cost several times the text in memory, in
// a daemon that is to stay small.
#include <fmt/format.h>

#include <iterator>

#include "lvsd/state/fields.hpp"
#include "lvsd/state/names.hpp"

namespace lvs::state {
namespace {

class Writer {
public:
    explicit Writer(std::string& out) : out_(out) {}

    template <class T>
    void operator()(std::string_view name, const T& member) {  // the visitor of fields.hpp
        separate();
        text(name);
        out_ += ':';
        value(member);
    }

    template <class T>
    void value(const T& member) {
        if constexpr (requires(Writer & w) { fields(w, member); }) {
            open('{');
            fields(*this, member);
            close('}');
        } else if constexpr (std::is_enum_v<T>) {
            text(word(member));
        } else if constexpr (std::signed_integral<T>) {
            fmt::format_to(std::back_inserter(out_), "{}", member);
        } else {
            number(static_cast<std::uint64_t>(member));
        }
    }
    template <class T>
    void value(const std::vector<T>& list) {
        open('[');
        for (const auto& item : list) {
            separate();
            value(item);
        }
        close(']');
    }
    template <class T>
    void value(const std::optional<T>& member) {
        if (member) {
            value(*member);
        } else {
            out_ += "null";
        }
    }
    void value(const NamedCounters& counters) {
        open('{');
        for (const auto& [name, count] : counters)
            (*this)(to_utf8(name), count);
        close('}');
    }
    void value(const std::string& member) { text(to_utf8(member)); }
    void value(std::int32_t member) { out_ += std::to_string(member); }
    void value(bool member) { out_ += member ? "true" : "false"; }
    void value(WallTime member) { microseconds(member.time_since_epoch()); }
    void value(Duration member) { microseconds(member); }
    void value(const IpAddress& member) { text(to_string(member)); }
    void value(const Prefix& member) { text(to_string(member)); }
    void value(const Endpoint& member) { text(to_string(member)); }

private:
    void open(char bracket) {
        out_ += bracket;
        first_ = true;
    }
    void close(char bracket) {
        out_ += bracket;
        first_ = false;
    }
    void separate() {
        if (!first_) out_ += ',';
        first_ = false;
    }
    void number(std::uint64_t member) { fmt::format_to(std::back_inserter(out_), "{}", member); }
    void microseconds(std::chrono::nanoseconds member) {
        fmt::format_to(std::back_inserter(out_), "{}",
                       std::chrono::duration_cast<std::chrono::microseconds>(member).count());
    }
    void text(std::string_view utf8) {
        out_ += '"';
        for (const char c : utf8)
            character(c);
        out_ += '"';
    }
    void character(char c) {
        if (c == '"' || c == '\\') {
            out_ += '\\';
            out_ += c;
        } else if (static_cast<unsigned char>(c) < 0x20) {
            fmt::format_to(std::back_inserter(out_), "\\u{:04x}", static_cast<unsigned>(c));
        } else {
            out_ += c;
        }
    }

    std::string& out_;
    bool first_ = true;  // nothing written since the last opening bracket
};

template <class T>
std::string written(const T& value) {
    std::string out;
    Writer(out).value(value);
    return out;
}

}  // namespace

std::string to_json(const Snapshot& snapshot) {
    return written(snapshot);
}
std::string to_json(const Service& service) {
    return written(service);
}
std::string to_json(const Server& server) {
    return written(server);
}
std::string to_json(const RouterInstance& instance) {
    return written(instance);
}
std::string to_json(const Check& check) {
    return written(check);
}
std::string json_text(std::string_view text) {
    return written(std::string(text));
}

}  // namespace lvs::state
