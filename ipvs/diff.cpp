// SPDX-License-Identifier: GPL-2.0-or-later
//
// The plan from one table to another. Both tables are sorted by key, so every step is one merge over two
// sorted ranges: O(n) comparisons beyond what the maps cost to build.
#include "ipvs/ipvs.hpp"

namespace lvs::ipvs {
namespace {

Command on_service(Verb verb, const ServiceKey& key, const ServiceSettings& settings = {}) {
    return {.verb = verb, .service = key, .service_settings = settings, .dest = {}, .dest_settings = {}};
}

Command on_dest(Verb verb, const ServiceKey& key, const DestKey& dest, const DestSettings& settings = {}) {
    return {.verb = verb, .service = key, .service_settings = {}, .dest = dest, .dest_settings = settings};
}

using Dests = std::map<DestKey, Dest>;

// Appends what has to be there, then, after all of it, what has to go.
void diff_dests(const ServiceKey& key, const Dests& desired, const Dests& actual, std::vector<Command>& out) {
    std::vector<Command> removals;
    auto have = actual.begin();
    const auto remove_before = [&](const DestKey* end) {
        for (; have != actual.end() && (end == nullptr || have->first < *end); ++have)
            removals.push_back(on_dest(Verb::delete_dest, key, have->first));
    };
    for (const auto& [dest, want] : desired) {
        remove_before(&dest);
        if (have == actual.end() || have->first != dest) {
            out.push_back(on_dest(Verb::add_dest, key, dest, want.settings));
            continue;
        }
        if (have->second.settings != want.settings)
            out.push_back(on_dest(Verb::set_dest, key, dest, want.settings));
        ++have;
    }
    remove_before(nullptr);
    out.insert(out.end(), removals.begin(), removals.end());
}

void add_service(const ServiceKey& key, const Service& want, std::vector<Command>& out) {
    out.push_back(on_service(Verb::add_service, key, want.settings));
    diff_dests(key, want.dests, {}, out);
}

void change_service(const ServiceKey& key, const Service& want, const Service& have,
                    std::vector<Command>& out) {
    if (want.settings != have.settings) out.push_back(on_service(Verb::set_service, key, want.settings));
    diff_dests(key, want.dests, have.dests, out);
}

// A table that is written for the first time is long, and that is known beforehand.
std::size_t least_commands(const Table& desired, const Table& actual) {
    if (!actual.empty()) return 0;
    std::size_t out = desired.size();
    for (const auto& [key, service] : desired)
        out += service.dests.size();
    return out;
}

}  // namespace

std::vector<Command> diff(const Table& desired, const Table& actual, const Owned& owned) {
    std::vector<Command> out;
    out.reserve(least_commands(desired, actual));
    std::vector<Command> removals;
    auto have = actual.begin();
    auto ours = owned.begin();
    const auto remove_before = [&](const ServiceKey* end) {
        for (; have != actual.end() && (end == nullptr || have->first < *end); ++have) {
            while (ours != owned.end() && *ours < have->first)
                ++ours;
            const bool is_ours = ours != owned.end() && *ours == have->first;
            if (is_ours) removals.push_back(on_service(Verb::delete_service, have->first));
        }
    };
    for (const auto& [key, want] : desired) {
        remove_before(&key);
        if (have == actual.end() || have->first != key) {
            add_service(key, want, out);
            continue;
        }
        change_service(key, want, have->second, out);
        ++have;
    }
    remove_before(nullptr);
    out.insert(out.end(), removals.begin(), removals.end());
    return out;
}

}  // namespace lvs::ipvs
