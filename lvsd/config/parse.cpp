// SPDX-License-Identifier: GPL-2.0-or-later
//
// The one file that sees toml++: text -> Value tree, or the place of the syntax error. toml++ stops at the
// first of these; everything after that is reported all at once.
#define TOML_EXCEPTIONS 0
#define TOML_HEADER_ONLY 1
#define TOML_ENABLE_FORMATTERS 0
#define TOML_MAX_NESTED_VALUES 32
#include <fmt/core.h>
#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <system_error>

#include "lvsd/config/value.hpp"

namespace lvs::config {
namespace {

static_assert(TOML_MAX_NESTED_VALUES == kMaxNestedValues);

Place place_of(const toml::source_region& source) {
    return {source.begin.line, source.begin.column};
}

Value convert(const toml::node& node);

List convert_list(const toml::array& array) {
    List out;
    out.reserve(array.size());
    for (const auto& node : array)
        out.push_back(convert(node));
    return out;
}

// toml++ orders a table by key; we want the order of the file.
Table convert_table(const toml::table& table) {
    Table out;
    out.reserve(table.size());
    for (const auto& [key, node] : table)
        out.push_back({std::string(key.str()), place_of(key.source()), convert(node)});
    std::ranges::stable_sort(out, {}, &Entry::place);
    return out;
}

Value convert(const toml::node& node) {
    Value out{place_of(node.source()), Other{"nothing"}};
    if (const auto* table = node.as_table()) out.data = convert_table(*table);
    if (const auto* array = node.as_array()) out.data = convert_list(*array);
    if (const auto* text = node.as_string()) out.data = text->get();
    if (const auto* number = node.as_integer()) out.data = number->get();
    if (const auto* truth = node.as_boolean()) out.data = truth->get();
    if (node.is_floating_point()) out.data = Other{"a number with a fraction"};
    if (node.is_date() || node.is_time() || node.is_date_time()) out.data = Other{"a date or time"};
    return out;
}

// toml++ says "Error while parsing decimal integer: expected digit, saw 's'".
std::string explain(std::string_view description) {
    constexpr std::string_view kPrefix = "Error while parsing ";
    constexpr std::string_view kTwice = "cannot redefine existing ";
    if (description.starts_with(kPrefix)) description.remove_prefix(kPrefix.size());
    if (const auto twice = description.find(kTwice); twice != std::string_view::npos) {
        const auto rest = description.substr(twice + kTwice.size());
        const auto first = rest.find('\'');
        const auto last = rest.rfind('\'');
        if (first != std::string_view::npos && last > first)
            return fmt::format("`{}` is defined twice", rest.substr(first + 1, last - first - 1));
    }
    std::string out = fmt::format("not valid TOML: {}", description);
    for (const std::string_view what :
         {"boolean", "decimal integer", "floating-point", "time", "date", "value: could not"})
        if (description.starts_with(what)) return out + " (text, addresses and durations stand in quotes)";
    return out;
}

std::string_view without_bom(std::string_view text) {
    return text.starts_with("\xEF\xBB\xBF") ? text.substr(3) : text;
}

std::optional<Value> read_toml(std::string_view text, Report& report) {
    if (text.size() > kMaxFileSize) {
        report.add({}, fmt::format("the file has {} bytes, expected at most {}", text.size(), kMaxFileSize));
        return std::nullopt;
    }
    if (const auto deep = find_too_deep_key(without_bom(text))) {
        report.add(*deep, fmt::format("a key of more than {} parts, expected fewer dots", kMaxKeyParts));
        return std::nullopt;
    }
    const auto parsed = toml::parse(text);
    if (!parsed) {
        report.add(place_of(parsed.error().source()), explain(parsed.error().description()));
        return std::nullopt;
    }
    return convert(parsed.table());
}

}  // namespace

Loaded parse(std::string_view text, std::string_view file, std::span<const KindSpec> kinds) {
    Report report(file);
    Loaded out;
    if (const auto root = read_toml(text, report)) {
        auto draft = build(*root, kinds, report);
        validate(draft, kinds, report);
        out.diagnostics = report.take();
        if (out.diagnostics.empty()) out.config = finish(std::move(draft));
    } else {
        out.diagnostics = report.take();
    }
    return out;
}

Loaded load(const std::string& path, std::span<const KindSpec> kinds) {
    const auto unreadable = [&path](int error) {
        Report report(path);
        report.add({}, fmt::format("cannot be read: {}", std::generic_category().message(error)));
        return Loaded{std::nullopt, report.take()};
    };
    errno = 0;
    std::ifstream in(path, std::ios::binary);
    if (!in) return unreadable(errno);
    std::string text;
    std::array<char, 65536> chunk{};
    do {
        in.read(chunk.data(), chunk.size());
        text.append(chunk.data(), static_cast<std::size_t>(in.gcount()));
    } while (in && text.size() <= kMaxFileSize);
    if (in.bad()) return unreadable(errno ? errno : EIO);
    return parse(text, path, kinds);
}

}  // namespace lvs::config
