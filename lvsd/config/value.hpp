// SPDX-License-Identifier: GPL-2.0-or-later
//
// Private to lvs_config: what the file says, before anything is known about what it means. A tree of values,
// each with its place; made by parse.cpp from toml++'s, so that no other file need see toml++. Lives for one
// parse().
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "lvsd/config/config.hpp"

namespace lvs::config {

inline constexpr std::int64_t kMs = 1'000'000;  // the limits of durations are in nanoseconds
inline constexpr std::int64_t kSecond = 1000 * kMs;

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
    // For what is read beside; add_all() puts it behind what is here.
    [[nodiscard]] Report another() const;
    void add_all(Report&& other);

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
// What is known of a text before toml++ sees it.
struct Scan {
    std::optional<Place> too_deep;  // the first key with more than kMaxKeyParts parts
    std::size_t middle = 0;         // the first section behind the middle begins here; 0: none does
};
[[nodiscard]] Scan scan(std::string_view text);

// ---- a table read by its key table ------------------------------------------------------------------------

struct Fields {
    const Table* table = nullptr;  // null: the object was written without a table ("10.0.0.1:80")
    Place place;                   // of the table
    Params values;                 // defaults filled in; a key with an error is absent
    std::shared_ptr<const Params> defaults;  // or these, which many objects have in common: owners

    template <class T>
    [[nodiscard]] const T* get(std::string_view key) const {
        if (defaults && !given(key)) return param<T>(*defaults, key);
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

// The defaults of those keys that have one.
[[nodiscard]] std::shared_ptr<const Params> defaults_of(std::span<const KeySpec> keys);
// `where` names the table in messages: "[virtual_router.web]". Structural keys are accepted and left alone.
// `defaults`: those of `keys`, to be shared instead of filled in.
[[nodiscard]] Fields read_fields(const Value& value, std::string_view where, std::span<const KeySpec> keys,
                                 Report& report, std::shared_ptr<const Params> defaults = nullptr);
// One value by its key's rules, which are not structural; nullopt after a complaint.
[[nodiscard]] std::optional<ParamValue> read_value(const KeySpec& key, const Value& value, Report& report);
// One item of a list of ValueType::items: a table, a string with the item's main key alone, or a string of
// words: main key first, then names of keys and their values ("198.51.100.0/24 via 192.0.2.1 table 100").
struct ItemSpec {
    std::string_view section;
    std::string_view main;     // the key a string begins with; empty: none
    std::string_view noun;     // "routes such as ...": for messages and the manual
    std::string_view pattern;  // what the JSON Schema lets a string be
    std::span<const KeySpec> keys;
};
[[nodiscard]] std::span<const ItemSpec> item_specs();
[[nodiscard]] const ItemSpec& item_spec(std::string_view section);
// The items of `key`, those that could be read.
[[nodiscard]] std::vector<Fields> read_items(const Fields& owner, const KeySpec& key, std::string_view where,
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
[[nodiscard]] std::span<const KeySpec> notify_keys();   // observe.cpp
[[nodiscard]] std::span<const KeySpec> metrics_keys();  // observe.cpp
[[nodiscard]] std::span<const KeySpec> router_keys();
[[nodiscard]] std::span<const KeySpec> sync_group_keys();
[[nodiscard]] std::span<const KeySpec> tracker_keys();
[[nodiscard]] std::span<const KeySpec> service_keys();
[[nodiscard]] std::span<const KeySpec> server_keys();
[[nodiscard]] std::span<const KeySpec> template_keys();  // those of a server that many may have in common
[[nodiscard]] std::span<const KeySpec> check_keys();
// Of those, what only a kind with a socket takes.
inline constexpr std::array<std::string_view, 3> kSocketKeys{"source", "interface", "fwmark"};
[[nodiscard]] std::span<const KeySpec> group_keys();
[[nodiscard]] std::span<const KeySpec> top_keys();  // outside of any table

// ---- the file as objects, not yet known to make sense together --------------------------------------------

struct CheckDraft {
    Check check;
    Place place;
};
struct ServerDraft {
    RealServer server;
    Place place;                                    // of its address
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
    bool addresses_known = false;
    // Of the items, in the order of the router's lists.
    std::vector<Place> address_places, excluded_places, route_places, rule_places, track_places, peer_places;
};
struct SyncGroupDraft {
    SyncGroup group;
    Fields fields;
};
struct TrackerDraft {
    Tracker tracker;
    Fields fields;
    bool kind_known = false;
};
struct Draft {
    Global global;
    Notify notify;
    Metrics metrics;
    std::vector<RouterDraft> routers;
    std::vector<SyncGroupDraft> sync_groups;
    std::vector<TrackerDraft> trackers;
    std::vector<ServiceDraft> services;
};

// build_router.cpp, validate_router.cpp, print_router.cpp
[[nodiscard]] RouterDraft build_router(const std::string& name, const Value& value, Report& report);
[[nodiscard]] SyncGroupDraft build_sync_group(const std::string& name, const Value& value, Report& report);
[[nodiscard]] TrackerDraft build_tracker(const std::string& name, const Value& value, Report& report);
void validate_routers(const Draft& draft, Report& report);
// validate_via.cpp
void validate_via(const Draft& draft, std::span<const KindSpec> kinds, Report& report);
[[nodiscard]] std::string print_routers(const Config& config);
[[nodiscard]] std::string toml_text(std::string_view value);  // a TOML basic string
template <class T>
[[nodiscard]] std::string toml_text_of(const T& value) {
    return toml_text(to_string(value));
}
template <class T, class Print>
[[nodiscard]] std::string toml_list(const std::vector<T>& items, Print print) {
    std::string out = "[";
    for (const auto& item : items) {
        if (out.size() > 1) out += ", ";
        out += print(item);
    }
    return out + ']';
}
[[nodiscard]] std::string toml_header(
    std::string_view name);  // a name in a table header: bare where TOML allows it
// Templates, groups and defaults: what is left are routers and services that say everything themselves.
// The files' values in their order, the main file first; the result is one value.
[[nodiscard]] Value expand(std::vector<Value> files, Report& report);
// "192.0.2.10-192.0.2.13:80", "[2001:db8::1]:80-82". Nothing when it is no such thing, or more than `most`.
[[nodiscard]] std::optional<std::vector<Endpoint>> parse_endpoint_range(std::string_view text,
                                                                        std::size_t most);
inline constexpr std::size_t kMaxAddresses = 4096;  // of one service
// observe.cpp
[[nodiscard]] Notify build_notify(const Value& value, Report& report);
[[nodiscard]] Metrics build_metrics(const Value& value, Report& report);
// The argv of a program; its first item is an absolute path.
[[nodiscard]] std::vector<std::string> read_command(const Fields& fields, std::string_view key,
                                                    Report& report);

[[nodiscard]] Draft build(const Value& root, std::span<const KindSpec> kinds, const ReadFile& read_file,
                          const Both& both, Report& report);
void find_routers(Draft& draft);
void validate(const Draft& draft, std::span<const KindSpec> kinds, Report& report);
[[nodiscard]] Config finish(Draft&& draft);  // of a draft without diagnostics

// ---- files that the file names (files.cpp) ----------------------------------------------------------------

inline constexpr std::size_t kMaxNamedFile = 32768;  // what fits into one message to a checker

// Fills in the texts of FileText values, each file read once.
class NamedFiles {
public:
    explicit NamedFiles(const ReadFile& read_file) : read_file_(read_file) {}
    void read(Fields& fields, Report& report);

private:
    using Text = std::shared_ptr<const std::string>;  // owners: the values
    [[nodiscard]] Result<Text> load(const std::string& path);
    const ReadFile& read_file_;
    std::map<std::string, Result<Text>> known_;
};

// As ReadFile.
[[nodiscard]] Result<std::string> read_named_file(const std::string& path);

}  // namespace lvs::config
