// SPDX-License-Identifier: GPL-2.0-or-later
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <limits>

#include "lvsd/state/fields.hpp"
#include "lvsd/state/names.hpp"

namespace lvs::state {
namespace {

namespace json = boost::json;

// Fills members from one JSON object; the first error stops it.
class Reader {
public:
    Reader(const json::object& object, std::string& error) : object_(object), error_(error) {}

    template <class T>
    void operator()(std::string_view name, T& member) {  // the visitor of fields.hpp
        if (!error_.empty()) return;
        const auto* found = object_.if_contains(json::string_view(name.data(), name.size()));
        if (found != nullptr && !read(*found, member) && error_.empty())
            error_ = std::string(name) + " has the wrong type or range";
    }

private:
    template <class T>
    bool read(const json::value& from, T& to) {
        if constexpr (requires(Reader & r) { fields(r, to); }) {
            const auto* object = from.if_object();
            if (object == nullptr) return false;
            Reader reader(*object, error_);
            fields(reader, to);
            return error_.empty();
        } else if constexpr (std::is_enum_v<T>) {
            return parsed(from, to, from_word<T>);
        } else {
            return integer(from, to);
        }
    }
    template <class T>
    bool read(const json::value& from, std::vector<T>& to) {
        const auto* array = from.if_array();
        if (array == nullptr) return false;
        to.clear();
        for (const auto& item : *array)
            if (!read(item, to.emplace_back())) return false;
        return true;
    }
    template <class T>
    bool read(const json::value& from, std::optional<T>& to) {
        to.reset();
        return from.is_null() || read(from, to.emplace());
    }
    bool read(const json::value& from, NamedCounters& to) {
        const auto* object = from.if_object();
        if (object == nullptr) return false;
        to.clear();
        for (const auto& [name, count] : *object)
            if (!integer(count, to.emplace_back(std::string(name), 0).second)) return false;
        return true;
    }
    bool read(const json::value& from, std::string& to) {
        const auto* text = from.if_string();
        if (text != nullptr) to.assign(text->data(), text->size());
        return text != nullptr;
    }
    bool read(const json::value& from, bool& to) {
        const auto* flag = from.if_bool();
        if (flag != nullptr) to = *flag;
        return flag != nullptr;
    }
    bool read(const json::value& from, WallTime& to) {
        Duration since_epoch{};
        if (!read(from, since_epoch)) return false;
        to = WallTime(since_epoch);
        return true;
    }
    bool read(const json::value& from, Duration& to) {
        std::int64_t microseconds = 0;
        if (!integer(from, microseconds)) return false;
        constexpr auto kMost = std::numeric_limits<std::int64_t>::max() / 1000;
        if (microseconds > kMost || microseconds < -kMost) return false;
        to = std::chrono::microseconds(microseconds);
        return true;
    }
    bool read(const json::value& from, IpAddress& to) { return parsed(from, to, IpAddress::parse); }
    bool read(const json::value& from, Prefix& to) { return parsed(from, to, parse_prefix); }
    bool read(const json::value& from, Endpoint& to) { return parsed(from, to, parse_endpoint); }

    template <class T, class Parse>
    bool parsed(const json::value& from, T& to, Parse parse) {
        const auto* text = from.if_string();
        if (text == nullptr) return false;
        const auto value = parse(std::string_view(text->data(), text->size()));
        if (value) to = *value;
        return value.has_value();
    }
    template <class T>
    bool integer(const json::value& from, T& to) {
        json::error_code error;
        to = from.to_number<T>(error);
        return !error && !from.is_double();
    }

    const json::object& object_;
    std::string& error_;
};

}  // namespace

Result<Snapshot> parse_json(std::string_view text) {
    json::error_code bad;
    const auto value = json::parse(json::string_view(text.data(), text.size()), bad);
    if (bad) return fail(std::errc::bad_message, "state is not JSON: " + bad.message());
    const auto* object = value.if_object();
    if (object == nullptr) return fail(std::errc::bad_message, "state is not a JSON object");
    Snapshot snapshot;
    std::string error;
    Reader reader(*object, error);
    fields(reader, snapshot);
    if (!error.empty()) return fail(std::errc::bad_message, "state: " + error);
    return snapshot;
}

}  // namespace lvs::state
