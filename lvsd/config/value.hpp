// SPDX-License-Identifier: GPL-2.0-or-later
//
// Private to lvs_config: what the file says, before anything is known about what it means. A tree of values,
// each with its place; made by parse.cpp from toml++'s, so that no other file need see toml++. Lives for one
// parse().
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "lvsd/config/config.hpp"

namespace lvs::config {

struct Place {  // from 1; line 0 = the file as a whole
    std::uint32_t line = 0;
    std::uint32_t column = 0;
    std::uint32_t file = 0;  // 0 = the main file, then those it includes, in their order
    friend auto operator<=>(const Place&, const Place&) = default;
};

struct Value;
struct Entry;
using List = std::vector<Value>;
using Table = std::vector<Entry>;  // in the order of the file; keys are unique, TOML sees to that

struct Other {  // a TOML type that no key of ours takes
    std::string_view name;
};

struct Value {
    Place place;
    std::variant<std::string, bool, std::int64_t, Other, List, Table> data;
};

struct Entry {
    std::string key;
    Place place;  // of the key
    Value value;
};

// Linear: tables with many entries (services by name) are walked, not searched.
[[nodiscard]] const Entry* find(const Table& table, std::string_view key);

// What was found, for messages: "text", 42, a list.
[[nodiscard]] std::string show(const Value& value);
[[nodiscard]] std::string in_quotes(std::string_view text);  // shortened, control characters escaped

// ", did you mean `near`?" or nothing.
[[nodiscard]] std::string suggest(std::string_view written, std::span<const std::string_view> candidates,
                                  char quote);
// `"a", "b"` with the given quote character.
[[nodiscard]] std::string listed(std::span<const std::string_view> names, char quote);

// Collects diagnostics; after kMaxDiagnostics it only counts.
class Report {
public:
    static constexpr std::size_t kMaxDiagnostics = 1000;
    explicit Report(std::string_view file) : files_{std::string(file)} {}
    // The place of `file` in places.
    std::uint32_t add_file(std::string_view file);
    // "line 7", with the file's name where it is another one than that of `from`.
    [[nodiscard]] std::string where(Place place, Place from) const;
    void add(Place place, std::string message);
    [[nodiscard]] std::size_t count() const { return diagnostics_.size() + suppressed_; }
    [[nodiscard]] bool full() const { return diagnostics_.size() >= kMaxDiagnostics; }
    [[nodiscard]] std::vector<Diagnostic> take();  // by file, line, column

private:
    struct Noted {
        Place place;
        std::string message;
    };
    std::vector<std::string> files_;
    std::vector<Noted> diagnostics_;
    std::size_t suppressed_ = 0;
};

// Parts of tables deeper than this are refused before toml++ sees the text: it recurses over them.
inline constexpr std::size_t kMaxKeyParts = 16;
inline constexpr std::size_t kMaxNestedValues = 32;
// The place of the first key with more than kMaxKeyParts parts.
[[nodiscard]] std::optional<Place> find_too_deep_key(std::string_view text);

// ---- a table read by its key table ------------------------------------------------------------------------

struct Fields {
    const Table* table = nullptr;  // null: the object was written without a table ("10.0.0.1:80")
    Place place;                   // of the table
    Params values;                 // defaults filled in; a key with an error is absent

    template <class T>
    [[nodiscard]] const T* get(std::string_view key) const {
        return param<T>(values, key);
    }
    template <class T>
    [[nodiscard]] T get_or(std::string_view key, T otherwise) const {
        const T* found = get<T>(key);
        return found ? *found : otherwise;
    }
    [[nodiscard]] bool given(std::string_view key) const { return table && find(*table, key); }
    [[nodiscard]] Place place_of(std::string_view key) const;  // of its value; else of the table
};

// `where` names the table in messages: "[virtual_router.web]". Structural keys are accepted and left alone.
[[nodiscard]] Fields read_fields(const Value& value, std::string_view where, std::span<const KeySpec> keys,
                                 Report& report);
// "an integer from 1 to 255": for messages and the manual.
[[nodiscard]] std::string expectation(const KeySpec& key);
[[nodiscard]] bool has_range(const KeySpec& key);
// Defaults of the list types are written "a, b".
[[nodiscard]] std::vector<std::string_view> split_list(std::string_view text);
[[nodiscard]] bool consists_of(std::string_view text, std::string_view chars);

inline constexpr std::string_view kNameChars = "A-Za-z0-9._-";
inline constexpr std::size_t kMaxName = 64;

// ---- the key tables (sections.cpp) ------------------------------------------------------------------------

[[nodiscard]] std::span<const KeySpec> global_keys();
[[nodiscard]] std::span<const KeySpec> router_keys();
[[nodiscard]] std::span<const KeySpec> service_keys();
[[nodiscard]] std::span<const KeySpec> server_keys();
[[nodiscard]] std::span<const KeySpec> check_keys();
[[nodiscard]] std::span<const KeySpec> group_keys();
[[nodiscard]] std::span<const KeySpec> top_keys();  // outside of any table

// ---- the file as objects, not yet known to make sense together --------------------------------------------

struct CheckDraft {
    Check check;
    Place place;
};
struct ServerDraft {
    RealServer server;
    Fields fields;
    std::optional<std::vector<CheckDraft>> checks;  // its own; absent: those of the service
    bool address_known = false;                     // false: could not be read, so nothing follows from it
    bool forward_known = false;
};
struct ServiceDraft {
    VirtualService service;  // without servers
    Fields fields;
    bool match_known = false;
    std::vector<CheckDraft> checks;  // for servers without their own
    std::vector<ServerDraft> servers;
    std::optional<ServerDraft> sorry_server;
};
struct RouterDraft {
    VirtualRouter router;
    Fields fields;
    std::vector<Place> address_places;
};
struct Draft {
    Global global;
    std::vector<RouterDraft> routers;
    std::vector<ServiceDraft> services;
};

// Templates, groups and defaults: what is left are routers and services that say everything themselves.
// The files' values in their order, the main file first; the result is one value.
[[nodiscard]] Value expand(std::vector<Value> files, Report& report);
// "192.0.2.10-192.0.2.13:80", "[2001:db8::1]:80-82". Nothing when it is no such thing, or more than `most`.
[[nodiscard]] std::optional<std::vector<Endpoint>> parse_endpoint_range(std::string_view text,
                                                                        std::size_t most);
inline constexpr std::size_t kMaxAddresses = 4096;  // of one service

[[nodiscard]] Draft build(const Value& root, std::span<const KindSpec> kinds, Report& report);
void find_routers(Draft& draft);
void validate(const Draft& draft, std::span<const KindSpec> kinds, Report& report);
[[nodiscard]] Config finish(Draft&& draft);  // of a draft without diagnostics

}  // namespace lvs::config
