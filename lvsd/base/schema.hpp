// SPDX-License-Identifier: GPL-2.0-or-later
//
// Configuration keys as data. A table of KeySpec is the one source for the parser (types, ranges, defaults,
// "did you mean"), the manual lvsd.toml(5) and the JSON schema. Parts that bring keys of their own (every
// checker kind) publish such a table; lvs_config reads it without knowing the part.
#pragma once

#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "lvsd/base/base.hpp"

namespace lvs {

enum class ValueType {
    string,  // min..max bytes, of `chars`
    boolean,
    integer,    // min..max
    duration,   // string with unit; min..max in nanoseconds, a multiple of `step`
    address,    // IpAddress
    endpoint,   // address with port
    host,       // IpAddress, or Endpoint where a port is given
    prefix,     // address with optional /length
    choice,     // one of `choices`
    strings,    // list of min..max strings; with `choices`: each one of them, none twice
    prefixes,   // list of min..max prefixes
    file,       // an absolute path; the file's text is read with the configuration
    durations,  // list of min..max durations; their value is the strings
    ranges,     // status ranges: 200, "200-299", or a list of them; always within 100..599
    // Structure, known to lvs_config alone; not for checker kinds:
    server,   // a host, or a table of section "server"
    servers,  // list of them
    check,    // a kind's name, or a table of section "check"
    checks,   // list of them
    items,    // list of min..max strings or tables of the section that KeySpec::items names
};

struct KeySpec {
    std::string_view key;
    ValueType type = ValueType::string;
    // The default, written as in the file but without quotes and brackets ("2s", "true", "GET, HEAD"); empty
    // = none.
    std::string_view fallback = {};
    bool required = false;
    std::int64_t min = 0;
    std::int64_t max = 0;  // min == max == 0: no range
    std::span<const std::string_view> choices = {};
    std::string_view doc = {};      // one or two sentences for the manual
    std::string_view example = {};  // as written in the file
    std::int64_t step = 0;          // duration: a multiple of this many nanoseconds; 0 = any
    std::string_view chars = {};  // string: the characters it may hold, as between [] in a regular expression
    std::string_view items = {};  // items: the section of their tables
};

struct StatusRange {
    std::uint16_t first = 200;
    std::uint16_t last = 299;
    friend auto operator<=>(const StatusRange&, const StatusRange&) = default;
};

// A file named in the configuration and what it held when that was read: whoever uses it may not be able to
// open files. Owners of the text: every check that names the file, since thousands may name the same one.
struct FileText {
    std::string path;
    std::shared_ptr<const std::string> text;
    friend bool operator==(const FileText& a, const FileText& b) {
        return a.path == b.path && (a.text == b.text || (a.text && b.text && *a.text == *b.text));
    }
};

// A parsed value of one key. endpoint/address/prefix values keep their type, choice is a string.
using ParamValue = std::variant<std::string, bool, std::int64_t, Duration, IpAddress, Endpoint, Prefix,
                                std::vector<std::string>, std::vector<Prefix>, std::vector<StatusRange>, FileText>;

// The parsed values of one table, defaults filled in; keys without value and default are absent.
using Params = std::map<std::string, ParamValue, std::less<>>;

template <class T>
[[nodiscard]] const T* param(const Params& params, std::string_view key) {
    const auto found = params.find(key);
    return found == params.end() ? nullptr : std::get_if<T>(&found->second);
}

// What a checker kind tells the configuration: its name, its keys, its manual paragraph.
struct KindSpec {
    std::string_view kind;  // "http"
    std::string_view doc;
    std::span<const KeySpec> keys;
    bool needs_port = true;  // false: a server without a port can be checked too (ping)
    // What the key table cannot say ("a path begins with a slash"); null: there is nothing.
    Result<void> (*validate)(const Params& params) = nullptr;
    bool has_socket = true;  // false: it sends no packets, so keys about them make no sense (script)
    // "tcp" or "udp": what its probes speak through a virtual service; null: they cannot go through one.
    std::string_view (*speaks)(const Params& params) = nullptr;
};

}  // namespace lvs
