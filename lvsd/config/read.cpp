// SPDX-License-Identifier: GPL-2.0-or-later
//
// One value, or one table, read as its KeySpec says. Knows nothing of what the keys mean.
#include <fmt/core.h>

#include <algorithm>
#include <limits>

#include "lvsd/config/value.hpp"

namespace lvs::config {
namespace {

constexpr std::size_t kMaxString = 4096;  // where the table sets no range
constexpr std::size_t kMaxList = 256;

bool is_structural(ValueType type) {
    return type == ValueType::server || type == ValueType::servers || type == ValueType::check ||
           type == ValueType::checks || type == ValueType::items;
}

bool has_range(const KeySpec& key) {
    return key.min != 0 || key.max != 0;
}

bool in_range(const KeySpec& key, std::int64_t value) {
    return !has_range(key) || (value >= key.min && value <= key.max);
}

std::string number_range(const KeySpec& key) {
    return has_range(key) ? fmt::format(" from {} to {}", key.min, key.max) : "";
}

std::string duration_range(const KeySpec& key) {
    std::string out;
    if (has_range(key))
        out = fmt::format(" from {} to {}", to_string(Duration(key.min)), to_string(Duration(key.max)));
    if (key.step != 0) out += fmt::format(" in steps of {}", to_string(Duration(key.step)));
    return out;
}

std::string string_range(const KeySpec& key) {
    const auto longest = has_range(key) ? key.max : static_cast<std::int64_t>(kMaxString);
    auto out = fmt::format("a string of {} to {} characters", key.min, longest);
    if (!key.chars.empty()) out += fmt::format(" from [{}]", key.chars);
    return out;
}

std::string list_of(const KeySpec& key, std::string_view items) {
    const auto longest = has_range(key) ? key.max : static_cast<std::int64_t>(kMaxList);
    return fmt::format("a list of {} to {} {}", key.min, longest, items);
}

// ---- single values: nullopt = not what was expected -------------------------------------------------------

std::optional<ParamValue> as_string(const KeySpec& key, const std::string& text) {
    const auto longest = has_range(key) ? static_cast<std::size_t>(key.max) : kMaxString;
    if (text.size() < static_cast<std::size_t>(key.min) || text.size() > longest) return std::nullopt;
    if (!key.chars.empty() && !consists_of(text, key.chars)) return std::nullopt;
    return text;
}

std::optional<ParamValue> as_duration(const KeySpec& key, std::string_view text) {
    const auto value = parse_duration(text);
    if (!value || !in_range(key, value->count())) return std::nullopt;
    if (key.step != 0 && value->count() % key.step != 0) return std::nullopt;
    return *value;
}

std::optional<ParamValue> as_host(std::string_view text) {
    if (const auto address = IpAddress::parse(text)) return *address;
    if (const auto endpoint = parse_endpoint(text)) return *endpoint;
    return std::nullopt;
}

template <class T>
std::optional<ParamValue> widen(const std::optional<T>& value) {
    return value ? std::optional<ParamValue>(*value) : std::nullopt;
}

// Every type that is written as a string.
std::optional<ParamValue> from_text(const KeySpec& key, const std::string& text) {
    switch (key.type) {
        case ValueType::string:
            return as_string(key, text);
        case ValueType::duration:
            return as_duration(key, text);
        case ValueType::address:
            return widen(IpAddress::parse(text));
        case ValueType::endpoint:
            return widen(parse_endpoint(text));
        case ValueType::prefix:
            return widen(parse_prefix(text));
        case ValueType::host:
            return as_host(text);
        case ValueType::file:
            if (!text.starts_with('/') || text.size() > kMaxString) return std::nullopt;
            return FileText{text, nullptr};
        case ValueType::choice:
            if (std::ranges::find(key.choices, text) == key.choices.end()) return std::nullopt;
            return text;
        case ValueType::boolean:
        case ValueType::integer:
        case ValueType::strings:
        case ValueType::prefixes:
        case ValueType::durations:
        case ValueType::ranges:
        case ValueType::server:
        case ValueType::servers:
        case ValueType::check:
        case ValueType::checks:
        case ValueType::items:
            return std::nullopt;
    }
    return std::nullopt;
}

std::optional<std::uint16_t> status_code(std::string_view text) {
    const auto number = parse_number(text);
    if (!number || *number < 100 || *number > 599) return std::nullopt;
    return static_cast<std::uint16_t>(*number);
}

std::optional<StatusRange> status_range(const Value& value) {
    std::string text;
    if (const auto* number = std::get_if<std::int64_t>(&value.data)) text = fmt::format("{}", *number);
    if (const auto* written = std::get_if<std::string>(&value.data)) text = *written;
    const auto dash = text.find('-');
    const auto first = status_code(std::string_view(text).substr(0, dash));
    const auto last =
        dash == std::string::npos ? first : status_code(std::string_view(text).substr(dash + 1));
    if (!first || !last || *first > *last) return std::nullopt;
    return StatusRange{*first, *last};
}

// ---- with their complaints --------------------------------------------------------------------------------

void complain(const KeySpec& key, const Value& value, Report& report) {
    std::string hint;
    const auto* text = std::get_if<std::string>(&value.data);
    if (text && !key.choices.empty()) hint = suggest(*text, key.choices, '"');
    report.add(value.place,
               fmt::format("`{}` is {}, expected {}{}", key.key, show(value), expectation(key), hint));
}

struct Count {
    std::size_t least = 0;
    std::size_t most = kMaxList;
};
Count count_of(const KeySpec& key) {
    if (!has_range(key)) return {};
    return {static_cast<std::size_t>(key.min), static_cast<std::size_t>(key.max)};
}

// `read_one` gives the item or nothing; every bad item is reported at its own place.
template <class T, class ReadOne>
std::optional<ParamValue> read_list(const KeySpec& key, Count count, const Value& value, Report& report,
                                    ReadOne read_one) {
    const auto* list = std::get_if<List>(&value.data);
    if (!list || list->size() < count.least || list->size() > count.most) {
        const auto found = list ? fmt::format("has {} items", list->size()) : "is " + show(value);
        report.add(value.place, fmt::format("`{}` {}, expected {}", key.key, found, expectation(key)));
        return std::nullopt;
    }
    std::vector<T> out;
    for (const auto& item : *list) {
        if (auto read = read_one(item))
            out.push_back(std::move(*read));
        else
            complain(key, item, report);
    }
    if (out.size() != list->size()) return std::nullopt;
    return out;
}

std::optional<ParamValue> read_strings(const KeySpec& key, const Value& value, Report& report) {
    std::vector<std::string_view> seen;
    return read_list<std::string>(key, count_of(key), value, report,
                                  [&](const Value& item) -> std::optional<std::string> {
                                      const auto* text = std::get_if<std::string>(&item.data);
                                      if (!text || text->size() > kMaxString) return std::nullopt;
                                      if (key.choices.empty()) return *text;
                                      if (std::ranges::find(key.choices, *text) == key.choices.end())
                                          return std::nullopt;
                                      if (std::ranges::find(seen, *text) != seen.end()) return std::nullopt;
                                      seen.push_back(*text);
                                      return *text;
                                  });
}

std::optional<ParamValue> read_prefixes(const KeySpec& key, const Value& value, Report& report) {
    return read_list<Prefix>(key, count_of(key), value, report,
                             [](const Value& item) -> std::optional<Prefix> {
                                 const auto* text = std::get_if<std::string>(&item.data);
                                 return text ? parse_prefix(*text) : std::nullopt;
                             });
}

std::optional<ParamValue> read_durations(const KeySpec& key, const Value& value, Report& report) {
    return read_list<std::string>(
        key, count_of(key), value, report, [](const Value& item) -> std::optional<std::string> {
            const auto* text = std::get_if<std::string>(&item.data);
            return text && parse_duration(*text) ? std::optional(*text) : std::nullopt;
        });
}

std::optional<ParamValue> read_ranges(const KeySpec& key, const Value& value, Report& report) {
    if (std::holds_alternative<List>(value.data))
        return read_list<StatusRange>(key, {1, kMaxList}, value, report, status_range);
    if (const auto one = status_range(value)) return std::vector{*one};
    complain(key, value, report);
    return std::nullopt;
}

std::optional<ParamValue> read_scalar(const KeySpec& key, const Value& value, Report& report) {
    std::optional<ParamValue> out;
    if (const auto* text = std::get_if<std::string>(&value.data)) out = from_text(key, *text);
    if (const auto* truth = std::get_if<bool>(&value.data); truth && key.type == ValueType::boolean)
        out = *truth;
    if (const auto* number = std::get_if<std::int64_t>(&value.data);
        number && key.type == ValueType::integer && in_range(key, *number))
        out = *number;
    if (!out) complain(key, value, report);
    return out;
}

}  // namespace

std::optional<ParamValue> read_value(const KeySpec& key, const Value& value, Report& report) {
    if (key.type == ValueType::strings) return read_strings(key, value, report);
    if (key.type == ValueType::prefixes) return read_prefixes(key, value, report);
    if (key.type == ValueType::durations) return read_durations(key, value, report);
    if (key.type == ValueType::ranges) return read_ranges(key, value, report);
    return read_scalar(key, value, report);
}

namespace {

// ---- defaults ---------------------------------------------------------------------------------------------

Value fallback_item(const KeySpec& key, std::string_view text) {
    if (key.type == ValueType::boolean) return {{}, text == "true"};
    if (key.type == ValueType::integer) {
        const bool negative = text.starts_with('-');
        const auto number = parse_number(text.substr(negative ? 1 : 0));
        LVS_ASSERT(number.has_value());
        const auto value = static_cast<std::int64_t>(*number);
        return {{}, negative ? -value : value};
    }
    return {{}, std::string(text)};
}

Value fallback_value(const KeySpec& key) {
    const bool list = key.type == ValueType::strings || key.type == ValueType::prefixes ||
                      key.type == ValueType::durations || key.type == ValueType::ranges;
    if (!list) return fallback_item(key, key.fallback);
    List items;
    for (const auto item : split_list(key.fallback))
        items.push_back(fallback_item(key, item));
    return {{}, std::move(items)};
}

ParamValue fallback_of(const KeySpec& key) {
    Report none("");
    auto value = read_value(key, fallback_value(key), none);
    LVS_ASSERT(value.has_value());  // the key table contradicts itself
    return std::move(*value);
}

void complain_unknown(const Entry& entry, std::string_view where, std::span<const KeySpec> keys,
                      Report& report) {
    if (report.full()) return report.add(entry.place, "");  // looking for near names is not for free
    std::vector<std::string_view> names;
    for (const auto& key : keys)
        names.push_back(key.key);
    auto hint = suggest(entry.key, names, '`');
    const bool is_table = std::holds_alternative<Table>(entry.value.data);
    if (hint.empty() && is_table)
        hint = "; a name with a dot in it stands in quotes";
    else if (hint.empty())
        hint = ", expected one of " + listed(names, '`');
    report.add(entry.place, fmt::format("{} has an unknown key `{}`{}", where, entry.key, hint));
}

}  // namespace

bool has_range(const KeySpec& key) {
    return key.min != 0 || key.max != 0;
}

std::vector<std::string_view> split_list(std::string_view text) {
    std::vector<std::string_view> out;
    while (!text.empty()) {
        const auto comma = text.find(',');
        auto item = text.substr(0, comma);
        text = comma == std::string_view::npos ? std::string_view{} : text.substr(comma + 1);
        while (item.starts_with(' '))
            item.remove_prefix(1);
        out.push_back(item);
    }
    return out;
}

bool consists_of(std::string_view text, std::string_view chars) {
    const auto allowed = [chars](char c) {
        for (std::size_t i = 0; i < chars.size(); ++i) {
            const bool range = i + 2 < chars.size() && chars[i + 1] == '-';
            if (range ? (c >= chars[i] && c <= chars[i + 2]) : c == chars[i]) return true;
            if (range) i += 2;
        }
        return false;
    };
    return std::ranges::all_of(text, allowed);
}

std::string expectation(const KeySpec& key) {
    switch (key.type) {
        case ValueType::string:
            return string_range(key);
        case ValueType::boolean:
            return "true or false";
        case ValueType::integer:
            return "an integer" + number_range(key);
        case ValueType::duration:
            return "a duration" + duration_range(key) + R"(, such as "2s" or "100ms")";
        case ValueType::address:
            return R"(an address such as "192.0.2.1" or "2001:db8::1")";
        case ValueType::endpoint:
            return R"(an address with port such as "192.0.2.1:80" or "[2001:db8::1]:80")";
        case ValueType::host:
            return R"(an address such as "192.0.2.1:80", "[2001:db8::1]:80" or "192.0.2.1")";
        case ValueType::prefix:
            return R"(an address with prefix length such as "192.0.2.1/24")";
        case ValueType::file:
            return R"(the absolute path of a file such as "/etc/lvsd/ca.pem")";
        case ValueType::choice:
            return "one of " + listed(key.choices, '"');
        case ValueType::strings:
            return key.choices.empty() ? list_of(key, "strings")
                                       : list_of(key, "different strings out of ") + listed(key.choices, '"');
        case ValueType::prefixes:
            return list_of(key, R"(addresses such as "192.0.2.1/24" or "2001:db8::1/64")");
        case ValueType::durations:
            return list_of(key, R"(durations such as "2s" or "100ms")");
        case ValueType::ranges:
            return R"(a status from 100 to 599, a range such as "200-299", or a list of them)";
        case ValueType::server:
            return R"(a server such as "10.0.0.11:80" or a table)";
        case ValueType::servers:
            return list_of(key, R"(servers such as "10.0.0.11:80" or tables)");
        case ValueType::check:
            return R"(a check such as "tcp" or { kind = "tcp" })";
        case ValueType::checks:
            return list_of(key, R"(checks such as "tcp" or { kind = "tcp" })");
        case ValueType::items:
            return list_of(key, item_spec(key.items).noun);
    }
    return "something else";
}

Place Fields::place_of(std::string_view key) const {
    const auto* entry = table ? find(*table, key) : nullptr;
    return entry ? entry->value.place : place;
}

std::shared_ptr<const Params> defaults_of(std::span<const KeySpec> keys) {
    Params out;
    for (const auto& key : keys)
        if (!key.fallback.empty()) out.emplace(key.key, fallback_of(key));
    return std::make_shared<const Params>(std::move(out));
}

Fields read_fields(const Value& value, std::string_view where, std::span<const KeySpec> keys, Report& report,
                   std::shared_ptr<const Params> defaults) {
    Fields fields;
    fields.place = value.place;
    fields.table = std::get_if<Table>(&value.data);
    fields.defaults = std::move(defaults);
    LVS_ASSERT(fields.table != nullptr);
    std::vector<bool> given(keys.size());
    for (const auto& entry : *fields.table) {
        const auto key = std::ranges::find(keys, entry.key, &KeySpec::key);
        if (key == keys.end()) {
            complain_unknown(entry, where, keys, report);
            continue;
        }
        given[static_cast<std::size_t>(key - keys.begin())] = true;
        if (is_structural(key->type)) continue;
        if (auto read = read_value(*key, entry.value, report)) fields.values.emplace(entry.key, std::move(*read));
    }
    for (std::size_t i = 0; i < keys.size(); ++i) {
        const auto& key = keys[i];
        if (given[i]) continue;
        if (key.required)
            report.add(fields.place,
                       fmt::format("{} has no `{}`, expected {}", where, key.key, expectation(key)));
        if (!fields.defaults && !key.fallback.empty()) fields.values.emplace(key.key, fallback_of(key));
    }
    return fields;
}

}  // namespace lvs::config
