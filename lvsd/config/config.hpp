// SPDX-License-Identifier: GPL-2.0-or-later
//
// lvs_config: from TOML text to a valid Config, or to every error in it.
//
//   text --parse--> tables --validate--> Config            (parse.cpp is the only file that sees toml++)
//
// load() and `lvsd --check` are the same call. All errors are reported at once, each with its place in the file.
// Nothing here touches the system: whether an interface exists is not a matter of configuration.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lvsd/base/base.hpp"
#include "lvsd/base/schema.hpp"
#include "lvsd/config/model.hpp"

namespace lvs::config {

struct Diagnostic {
    std::string file;
    std::uint32_t line = 0;  // from 1; 0 = the file as a whole
    std::uint32_t column = 0;
    std::string message;  // what is wrong, what was expected
    friend auto operator<=>(const Diagnostic&, const Diagnostic&) = default;
};
[[nodiscard]] std::string to_string(const Diagnostic& diagnostic);  // "file:line:column: message"

struct Loaded {
    std::optional<Config> config;          // absent exactly when there are diagnostics
    std::vector<Diagnostic> diagnostics;  // by line, then column
};

// `kinds` are the checker kinds a check may name, with their keys.
[[nodiscard]] Loaded parse(std::string_view text, std::string_view file, std::span<const KindSpec> kinds);

// Reads the file, then parse(). An unreadable file is one diagnostic.
[[nodiscard]] Loaded load(const std::string& path, std::span<const KindSpec> kinds);

// The effective configuration as TOML, every default written out. parse(print_effective(c)) == c.
[[nodiscard]] std::string print_effective(const Config& config, std::span<const KindSpec> kinds);

// The tables behind the parser; the manual and the schema are made from them.
struct Section {
    std::string_view name;  // "virtual_router.NAME"
    std::string_view doc;
    std::span<const KeySpec> keys;
};
[[nodiscard]] std::span<const Section> sections();

}  // namespace lvs::config
