// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/core.h>

#include <unordered_map>

#include "lvsd/config/config.hpp"

namespace lvs::config {
namespace {

template <class T>
std::unordered_map<std::string_view, const T*> by_name(const std::vector<T>& objects) {
    std::unordered_map<std::string_view, const T*> out;
    out.reserve(objects.size());
    for (const auto& object : objects)
        out.emplace(object.name, &object);
    return out;
}

template <class T>
NameChanges diff_named(const std::vector<T>& before, const std::vector<T>& after) {
    NameChanges out;
    const auto old_by_name = by_name(before);
    const auto new_by_name = by_name(after);
    for (const auto& object : before)
        if (!new_by_name.contains(object.name)) out.removed.push_back(object.name);
    for (const auto& object : after) {
        const auto old = old_by_name.find(object.name);
        if (old == old_by_name.end())
            out.added.push_back(object.name);
        else if (!(*old->second == object))
            out.changed.push_back(object.name);
    }
    return out;
}

constexpr std::size_t kMaxNamed = 20;  // a log line is for reading

void append(std::string& out, std::string_view what, const NameChanges& changes) {
    if (changes.empty()) return;
    out += fmt::format("{}{}:", out.empty() ? "" : "; ", what);
    std::size_t count = 0;
    const auto append_names = [&out, &count](char sign, const std::vector<std::string>& names) {
        for (const auto& name : names)
            if (++count <= kMaxNamed) out += fmt::format(" {}{}", sign, name);
    };
    append_names('+', changes.added);
    append_names('-', changes.removed);
    append_names('~', changes.changed);
    if (count > kMaxNamed) out += fmt::format(" and {} more", count - kMaxNamed);
}

}  // namespace

Changes diff(const Config& before, const Config& after) {
    const bool global =
        before.global != after.global || before.notify != after.notify || before.metrics != after.metrics;
    return {global, diff_named(before.routers, after.routers), diff_named(before.services, after.services),
            diff_named(before.sync_groups, after.sync_groups), diff_named(before.trackers, after.trackers)};
}

std::string to_string(const Changes& changes) {
    std::string out = changes.global ? "global" : "";
    append(out, "routers", changes.routers);
    append(out, "services", changes.services);
    append(out, "sync groups", changes.sync_groups);
    append(out, "trackers", changes.trackers);
    return out.empty() ? "no change" : out;
}

}  // namespace lvs::config
