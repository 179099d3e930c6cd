// SPDX-License-Identifier: GPL-2.0-or-later
//
// Lists whose items are strings or tables: addresses, peers, routes, rules, what a router tracks. A string is
// turned into the table it stands for, so that both have the same rules and the same messages.
#include <fmt/core.h>

#include <algorithm>

#include "lvsd/config/value.hpp"

namespace lvs::config {
namespace {

std::vector<std::string> words_of(std::string_view text) {
    std::vector<std::string> out;
    constexpr std::string_view kBlank = " \t";
    for (auto from = text.find_first_not_of(kBlank); from != std::string_view::npos;) {
        const auto to = std::min(text.find_first_of(kBlank, from), text.size());
        out.emplace_back(text.substr(from, to - from));
        from = text.find_first_not_of(kBlank, to);
    }
    return out;
}

class WordReader {
public:
    WordReader(const ItemSpec& spec, std::string_view where, Place place, Report& report)
        : spec_(spec), where_(where), place_(place), report_(report) {}

    // The table that the words stand for; nullopt after a complaint.
    std::optional<Table> read(const std::vector<std::string>& words) {
        std::size_t at = 0;
        if (!words.empty() && read_type(words.front())) ++at;
        if (at < words.size() && !spec_.main.empty() && !find_key(words[at])) add(spec_.main, words[at++]);
        while (at < words.size()) {
            const auto* key = find_key(words[at]);
            if (key == nullptr) return unknown(words[at]);
            if (find(table_, key->key) != nullptr)
                return complain(fmt::format("`{}` is there twice", key->key));
            if (key->type == ValueType::boolean) {
                table_.push_back({std::string(key->key), place_, {place_, true}});
                ++at;
            } else if (at + 1 == words.size()) {
                return complain(fmt::format("`{}` has no value, expected {}", key->key, expectation(*key)));
            } else {
                add(key->key, words[at + 1]);
                at += 2;
            }
        }
        return std::move(table_);
    }

private:
    // "blackhole 203.0.113.0/24": a choice may stand first without its name, as ip(8) has it.
    bool read_type(const std::string& word) {
        for (const auto& key : spec_.keys) {
            if (key.key != "type" || std::ranges::find(key.choices, word) == key.choices.end()) continue;
            add(key.key, word);
            return true;
        }
        return false;
    }

    const KeySpec* find_key(std::string_view word) const {
        const auto found = std::ranges::find(spec_.keys, word, &KeySpec::key);
        return found == spec_.keys.end() ? nullptr : &*found;
    }

    void add(std::string_view name, const std::string& word) {
        const auto* key = find_key(name);
        LVS_ASSERT(key != nullptr);
        Value value{place_, word};
        if (key->type == ValueType::integer) {
            const bool negative = word.starts_with('-');
            const auto number = parse_number(std::string_view(word).substr(negative ? 1 : 0));
            if (number && *number <= 0xffffffff)
                value.data = static_cast<std::int64_t>(*number) * (negative ? -1 : 1);
        }
        table_.push_back({std::string(name), place_, std::move(value)});
    }

    std::nullopt_t complain(const std::string& what) {
        report_.add(place_, fmt::format("{}: {}", where_, what));
        return std::nullopt;
    }

    std::nullopt_t unknown(const std::string& word) {
        std::vector<std::string_view> names;
        for (const auto& key : spec_.keys)
            names.push_back(key.key);
        return complain(fmt::format("unknown word {}, expected one of {}{}", in_quotes(word),
                                    listed(names, '`'), suggest(word, names, '`')));
    }

    const ItemSpec& spec_;
    std::string_view where_;
    Place place_;
    Report& report_;
    Table table_;
};

std::optional<Fields> read_item(const Value& value, const KeySpec& key, std::string_view where,
                                Report& report) {
    const auto& spec = item_spec(key.items);
    const auto name = fmt::format("{} in {}", spec.section, where);
    if (std::holds_alternative<Table>(value.data)) return read_fields(value, name, spec.keys, report);
    const auto* text = std::get_if<std::string>(&value.data);
    const auto words = text ? words_of(*text) : std::vector<std::string>{};
    if (words.empty()) {
        report.add(value.place,
                   fmt::format("`{}` has {}, expected {}", key.key, show(value), expectation(key)));
        return std::nullopt;
    }
    auto table = WordReader(spec, name, value.place, report).read(words);
    if (!table) return std::nullopt;
    auto fields = read_fields({value.place, std::move(*table)}, name, spec.keys, report);
    fields.table = nullptr;  // it was a temporary
    return fields;
}

}  // namespace

std::vector<Fields> read_items(const Fields& owner, const KeySpec& key, std::string_view where,
                               Report& report) {
    std::vector<Fields> out;
    const auto* entry = owner.table ? find(*owner.table, key.key) : nullptr;
    if (entry == nullptr) return out;
    const auto* list = std::get_if<List>(&entry->value.data);
    const auto count = list ? static_cast<std::int64_t>(list->size()) : -1;
    if (count < key.min || count > key.max) {
        const auto found = list ? fmt::format("has {} items", count) : "is " + show(entry->value);
        report.add(entry->value.place, fmt::format("`{}` {}, expected {}", key.key, found, expectation(key)));
        return out;
    }
    for (const auto& item : *list) {
        const auto errors_before = report.count();
        auto fields = read_item(item, key, where, report);
        if (fields && report.count() == errors_before) out.push_back(std::move(*fields));
    }
    return out;
}

}  // namespace lvs::config
