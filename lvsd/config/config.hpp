// SPDX-License-Identifier: GPL-2.0-or-later
//
// lvs_config: from TOML text to a valid Config, or to every error in it.
//
//   text --parse.cpp--> Value tree --read, build--> Draft --validate--> Config --print--> text
//         (toml++: here only)      (by the KeySpec tables)   (cross checks)
//
// load() and `lvsd --check` are the same call. All errors are reported at once, each with its place in the
// file. Nothing here touches the system: whether an interface exists is not a matter of configuration.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lvsd/base/base.hpp"
#include "lvsd/base/schema.hpp"
#include "lvsd/config/model.hpp"

namespace lvs::config {

inline constexpr std::size_t kMaxFileSize = 16U << 20U;

struct Diagnostic {
    std::string file;
    std::uint32_t line = 0;  // from 1; 0 = the file as a whole
    std::uint32_t column = 0;
    std::string message;  // what is wrong, what was expected
    friend auto operator<=>(const Diagnostic&, const Diagnostic&) = default;
};
[[nodiscard]] std::string to_string(const Diagnostic& diagnostic);  // "file:line:column: message"

struct Loaded {
    std::optional<Config> config;         // absent exactly when there are diagnostics
    std::vector<Diagnostic> diagnostics;  // by line, then column
};

// Runs two pieces of work at once and returns when both are done. With it, the halves of a large configuration are
// read beside each other; nothing else changes.
using Both = std::function<void(const std::function<void()>& one, const std::function<void()>& other)>;

// Reads a file that the configuration names (certificates); the error's context says why it cannot be. With Both, it
// may be called by both at once.
using ReadFile = std::function<Result<std::string>(const std::string& path)>;

// `kinds` are the checker kinds a check may name, with their keys. Without `read_file`, a key that names a file
// is an error.
[[nodiscard]] Loaded parse(std::string_view text, std::string_view file, std::span<const KindSpec> kinds,
                           const ReadFile& read_file = {}, const Both& both = {});

// Reads the file and those it includes, then parse(), which reads those that checks name. An unreadable file is
// one diagnostic; so is a pattern without wildcards that names no file.
[[nodiscard]] Loaded load(const std::string& path, std::span<const KindSpec> kinds, const Both& both = {});

// The effective configuration as TOML, every default written out. parse(print_effective(c)) == c.
[[nodiscard]] std::string print_effective(const Config& config, std::span<const KindSpec> kinds);

// What a reload has to do, by name; each list in the order of the file. Moved but equal objects are no
// change.
struct NameChanges {
    std::vector<std::string> added, removed, changed;
    [[nodiscard]] bool empty() const { return added.empty() && removed.empty() && changed.empty(); }
    friend bool operator==(const NameChanges&, const NameChanges&) = default;
};
struct Changes {
    bool global = false;
    NameChanges routers;
    NameChanges services;
    NameChanges sync_groups;
    NameChanges trackers;
    [[nodiscard]] bool empty() const {
        return !global && routers.empty() && services.empty() && sync_groups.empty() && trackers.empty();
    }
    friend bool operator==(const Changes&, const Changes&) = default;
};
[[nodiscard]] Changes diff(const Config& before, const Config& after);
[[nodiscard]] std::string to_string(const Changes& changes);  // one line for the log: "services: +a -b ~c"

// The tables behind the parser; the manual and the schema are made from them.
struct Section {
    std::string_view name;  // "virtual_router.NAME"
    std::string_view doc;
    std::span<const KeySpec> keys;
    std::string_view keys_of = {};  // the section that describes these keys; empty: this one
};
[[nodiscard]] std::span<const Section> sections();
// JSON Schema (draft 2020-12) for editors and CI: keys, types, ranges, defaults; not the cross checks.
[[nodiscard]] std::string json_schema(std::span<const KindSpec> kinds);
// lvsd.toml(5) in roff.
[[nodiscard]] std::string manual(std::span<const KindSpec> kinds);

}  // namespace lvs::config
