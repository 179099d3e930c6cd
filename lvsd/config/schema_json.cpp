// SPDX-License-Identifier: GPL-2.0-or-later
//
// The key tables as JSON Schema. Strings with an inner form (durations, addresses) get a pattern that refuses
// what is plainly wrong while typing; lvsd --check says the last word.
#include <fmt/core.h>

#include <algorithm>

#include "lvsd/config/value.hpp"

namespace lvs::config {
namespace {

constexpr std::string_view kDurationPattern = "^([0-9]+(\\\\.[0-9]+)?(d|h|m|s|ms|us|ns))+$";
constexpr std::string_view kAddressPattern =
    "^([0-9]{1,3}(\\\\.[0-9]{1,3}){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)$";
constexpr std::string_view kPrefixPattern =
    "^([0-9]{1,3}(\\\\.[0-9]{1,3}){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)(/[0-9]{1,3})?$";
constexpr std::string_view kEndpointPattern =
    "^([0-9]{1,3}(\\\\.[0-9]{1,3}){3}|\\\\[[0-9A-Fa-f:.]+\\\\]):[0-9]{1,5}$";
constexpr std::string_view kHostPattern =
    "^([0-9]{1,3}(\\\\.[0-9]{1,3}){3}(:[0-9]{1,5})?|\\\\[[0-9A-Fa-f:.]+\\\\]:[0-9]{1,5}|[0-9A-Fa-f:.]*:[0-9A-"
    "Fa-f:.]*)$";
constexpr std::string_view kStatus =
    R"({"anyOf": [{"type": "integer", "minimum": 100, "maximum": 599}, {"type": "string", "pattern": "^[1-5][0-9][0-9](-[1-5][0-9][0-9])?$"}]})";

std::string text(std::string_view value) {
    std::string out = "\"";
    for (const char c : value) {
        if (c == '"' || c == '\\')
            out += fmt::format("\\{}", c);
        else if (static_cast<unsigned char>(c) < 0x20)
            out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
        else
            out += c;
    }
    return out + '"';
}

template <class Items, class Print>
std::string joined(const Items& items, Print print) {
    std::string out;
    for (const auto& item : items)
        out += fmt::format("{}{}", out.empty() ? "" : ", ", print(item));
    return out;
}

std::string pattern(std::string_view regex) {
    return fmt::format(R"("type": "string", "pattern": "{}")", regex);
}

std::string string_type(const KeySpec& key) {
    std::string out = R"("type": "string")";
    if (has_range(key)) out += fmt::format(R"(, "minLength": {}, "maxLength": {})", key.min, key.max);
    if (!key.chars.empty()) out += ", \"pattern\": " + text(fmt::format("^[{}]*$", key.chars));
    return out;
}

std::string list_type(const KeySpec& key, const std::string& items) {
    auto out = fmt::format(R"("type": "array", "items": {{{}}})", items);
    if (has_range(key) && key.type != ValueType::ranges)
        out += fmt::format(R"(, "minItems": {}, "maxItems": {})", key.min, key.max);
    return out;
}

std::string choices(const KeySpec& key) {
    return fmt::format(R"("enum": [{}])", joined(key.choices, text));
}

std::string reference(std::string_view what) {
    return fmt::format("\"$ref\": \"#/$defs/{}\"", what);
}

std::string type_of(const KeySpec& key) {
    switch (key.type) {
        case ValueType::string:
            return string_type(key);
        case ValueType::boolean:
            return R"("type": "boolean")";
        case ValueType::integer:
            return R"("type": "integer")" +
                   (has_range(key) ? fmt::format(R"(, "minimum": {}, "maximum": {})", key.min, key.max) : "");
        case ValueType::duration:
            return pattern(kDurationPattern);
        case ValueType::address:
            return pattern(kAddressPattern);
        case ValueType::endpoint:
            return pattern(kEndpointPattern);
        case ValueType::host:
            return pattern(kHostPattern);
        case ValueType::prefix:
            return pattern(kPrefixPattern);
        case ValueType::file:
            return pattern("^/");
        case ValueType::choice:
            return choices(key);
        case ValueType::strings:
            return list_type(key, key.choices.empty() ? R"("type": "string")" : choices(key));
        case ValueType::prefixes:
            return list_type(key, pattern(kPrefixPattern));
        case ValueType::durations:
            return list_type(key, pattern(kDurationPattern));
        case ValueType::ranges:
            return fmt::format(R"("anyOf": [{}, {{"type": "array", "minItems": 1, "items": {}}}])", kStatus,
                               kStatus);
        case ValueType::server:
            return reference("server");
        case ValueType::servers:
            return list_type(key, reference("server"));
        case ValueType::check:
            return reference("check");
        case ValueType::checks:
            return list_type(key, reference("check"));
        case ValueType::items:
            return list_type(key, reference(key.items));
    }
    return "";
}

// As a value of the file.
std::string fallback(const KeySpec& key) {
    if (key.type == ValueType::boolean || key.type == ValueType::integer) return std::string(key.fallback);
    if (key.type == ValueType::strings || key.type == ValueType::prefixes ||
        key.type == ValueType::durations || key.type == ValueType::ranges)
        return fmt::format("[{}]", joined(split_list(key.fallback), text));
    return text(key.fallback);
}

std::string property(const KeySpec& key) {
    auto out = fmt::format("{}: {{{}, \"description\": {}", text(key.key), type_of(key), text(key.doc));
    if (!key.fallback.empty()) out += fmt::format(", \"default\": {}", fallback(key));
    return out + "}";
}

std::string required(std::span<const KeySpec> keys) {
    std::string out;
    for (const auto& key : keys)
        if (key.required) out += fmt::format("{}{}", out.empty() ? "" : ", ", text(key.key));
    return fmt::format("\"required\": [{}]", out);
}

// The members of an object schema with these keys and no others.
std::string object(std::string_view doc, std::span<const KeySpec> keys) {
    return fmt::format(
        "\"type\": \"object\", \"description\": {}, \"additionalProperties\": false, {},\n"
        "    \"properties\": {{\n      {}\n    }}",
        text(doc), required(keys), joined(keys, property));
}

std::string named(std::string_view doc, std::span<const KeySpec> keys) {
    return fmt::format(
        "{{\"type\": \"object\", \"propertyNames\": {{\"pattern\": \"^[{}]{{1,{}}}$\"}}, "
        "\"additionalProperties\": {{{}}}}}",
        kNameChars, kMaxName, object(doc, keys));
}

// A check of one kind: the common keys, with only this `kind`, and its own.
std::string check_of(const KindSpec& kind) {
    std::vector<KeySpec> keys(check_keys().begin(), check_keys().end());
    if (!kind.has_socket)
        std::erase_if(keys, [](const KeySpec& key) {
            return std::ranges::find(kSocketKeys, key.key) != kSocketKeys.end();
        });
    for (auto& key : keys)
        if (key.key == "kind") {
            key.type = ValueType::choice;
            key.choices = {&kind.kind, 1};
        }
    keys.insert(keys.end(), kind.keys.begin(), kind.keys.end());
    return fmt::format("    {{{}}}", object(kind.doc, keys));
}

std::string_view doc_of(std::string_view section) {
    for (const auto& one : sections())
        if (one.name == section) return one.doc;
    return {};
}

std::string item(const ItemSpec& spec) {
    return fmt::format("  \"{}\": {{\"anyOf\": [{{{}}}, {{{}}}]}}", spec.section, pattern(spec.pattern),
                       object(doc_of(spec.section), spec.keys));
}

}  // namespace

std::string json_schema(std::span<const KindSpec> kinds) {
    return fmt::format(
        "{{\n\"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n\"title\": \"lvsd.toml\",\n"
        "\"type\": \"object\", \"additionalProperties\": false,\n\"properties\": {{\n"
        "  {},\n  \"global\": {{{}}},\n  \"notify\": {{{}}},\n  \"metrics\": {{{}}},\n"
        "  \"virtual_router\": {},\n  \"virtual_service\": {},\n"
        "  \"server_template\": {},\n  \"server_group\": {},\n"
        "  \"service_defaults\": {{{}}},\n  \"server_defaults\": {{{}}},\n"
        "  \"sync_group\": {},\n  \"tracker\": {}\n}},\n"
        "\"$defs\": {{\n{},\n  \"server\": {{\"anyOf\": [{{{}}}, {{{}}}]}},\n"
        "  \"check\": {{\"anyOf\": [{{\"enum\": [{}]}},\n{}\n  ]}}\n}}\n}}\n",
        joined(top_keys(), property), object(doc_of("global"), global_keys()), object(doc_of("notify"), notify_keys()),
        object(doc_of("metrics"), metrics_keys()), named(doc_of("virtual_router.NAME"), router_keys()),
        named(doc_of("virtual_service.NAME"), service_keys()),
        named(doc_of("server_template.NAME"), template_keys()),
        named(doc_of("server_group.NAME"), group_keys()), object(doc_of("service_defaults"), service_keys()),
        object(doc_of("server_defaults"), template_keys()),
        named(doc_of("sync_group.NAME"), sync_group_keys()), named(doc_of("tracker.NAME"), tracker_keys()),
        joined(item_specs(), item), pattern(kHostPattern),
        object(doc_of("server"), server_keys()),
        joined(kinds, [](const KindSpec& kind) { return text(kind.kind); }), joined(kinds, check_of));
}

}  // namespace lvs::config
