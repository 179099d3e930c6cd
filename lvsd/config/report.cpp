// SPDX-License-Identifier: GPL-2.0-or-later
//
// Diagnostics: collecting them, and the words they are made of.
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <numeric>
#include <tuple>

#include "lvsd/config/value.hpp"

namespace lvs::config {
namespace {

constexpr std::size_t kMaxShown = 48;
constexpr std::size_t kMaxCompared = 64;  // bounds the cost of edit_distance()

// Damerau-Levenshtein, adjacent swaps counted once: what fingers do wrong.
std::size_t edit_distance(std::string_view a, std::string_view b) {
    std::array<std::array<std::size_t, kMaxCompared + 1>, 3> rows{};
    std::iota(rows[0].begin(), rows[0].end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        auto& row = rows.at(i % 3);
        const auto& above = rows.at((i - 1) % 3);
        const auto& before = rows.at((i + 1) % 3);
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
            row.at(j) = std::min({above.at(j) + 1, row.at(j - 1) + 1, above.at(j - 1) + change});
            const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped) row.at(j) = std::min(row.at(j), before.at(j - 2) + 1);
        }
    }
    return rows.at(a.size() % 3).at(b.size());
}

}  // namespace

const Entry* find(const Table& table, std::string_view key) {
    const auto found = std::ranges::find(table, key, &Entry::key);
    return found == table.end() ? nullptr : &*found;
}

std::string in_quotes(std::string_view text) {
    std::string out = "\"";
    const bool cut = text.size() > kMaxShown;
    for (const char c : text.substr(0, kMaxShown)) {
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
            out += fmt::format("\\x{:02x}", static_cast<unsigned>(c));
        else
            out += c;
    }
    // Never end inside a UTF-8 sequence.
    if (cut)
        while (!out.empty() && (static_cast<unsigned char>(out.back()) & 0x80U) != 0)
            out.pop_back();
    return out + (cut ? "...\"" : "\"");
}

std::string show(const Value& value) {
    struct {
        std::string operator()(const std::string& text) const { return in_quotes(text); }
        std::string operator()(bool truth) const { return truth ? "true" : "false"; }
        std::string operator()(std::int64_t number) const { return fmt::format("{}", number); }
        std::string operator()(const Other& other) const { return std::string(other.name); }
        std::string operator()(const List&) const { return "a list"; }
        std::string operator()(const Table&) const { return "a table"; }
    } visitor;
    return std::visit(visitor, value.data);
}

std::string suggest(std::string_view written, std::span<const std::string_view> candidates, char quote) {
    if (written.size() > kMaxCompared) return {};
    std::size_t best = written.size() <= 4 ? 1 : 1 + written.size() / 4;  // farther away is no typo
    std::string_view nearest;
    for (const auto candidate : candidates) {
        const auto distance =
            candidate.size() > kMaxCompared ? kMaxCompared : edit_distance(written, candidate);
        if (distance < best || (distance == best && nearest.empty())) {
            best = distance;
            nearest = candidate;
        }
    }
    return nearest.empty() ? "" : fmt::format(", did you mean {}{}{}?", quote, nearest, quote);
}

std::string listed(std::span<const std::string_view> names, char quote) {
    std::string out;
    for (const auto name : names)
        out += fmt::format("{}{}{}{}", out.empty() ? "" : ", ", quote, name, quote);
    return out;
}

std::uint32_t Report::add_file(std::string_view file) {
    files_.emplace_back(file);
    return static_cast<std::uint32_t>(files_.size() - 1);
}

std::string Report::where(Place place, Place from) const {
    if (place.file == from.file) return fmt::format("line {}", place.line);
    return fmt::format("{} line {}", files_.at(place.file), place.line);
}

void Report::add(Place place, std::string message) {
    if (full()) {
        ++suppressed_;
        return;
    }
    diagnostics_.push_back({place, std::move(message)});
}

Report Report::another() const {
    Report out("");
    out.files_ = files_;
    return out;
}

void Report::add_all(Report&& other) {
    for (auto& [place, message] : other.diagnostics_)
        add(place, std::move(message));
    suppressed_ += other.suppressed_;
}

std::vector<Diagnostic> Report::take() {
    std::ranges::stable_sort(diagnostics_, {}, [](const Noted& noted) {
        return std::tuple(noted.place.file, noted.place.line, noted.place.column);
    });
    std::vector<Diagnostic> out;
    for (auto& [place, message] : diagnostics_)
        out.push_back({files_.at(place.file), place.line, place.column, std::move(message)});
    diagnostics_.clear();
    if (suppressed_ != 0)
        out.push_back({files_.front(), 0, 0, fmt::format("{} more errors are not shown", suppressed_)});
    return out;
}

std::string to_string(const Diagnostic& diagnostic) {
    if (diagnostic.line == 0) return fmt::format("{}: {}", diagnostic.file, diagnostic.message);
    return fmt::format("{}:{}:{}: {}", diagnostic.file, diagnostic.line, diagnostic.column,
                       diagnostic.message);
}

}  // namespace lvs::config
