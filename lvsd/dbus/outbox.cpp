// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/dbus/outbox.hpp"

namespace lvs::dbus {

void Outbox::put(const Change& change) {
    auto entry = pending_.find(change.path);
    const bool fresh = entry == pending_.end();
    if (fresh) entry = pending_.emplace(change.path, Item{std::string(change.path), change.kind}).first;
    auto& item = entry->second;
    switch (change.event) {
        case Event::changed:
            item.properties |= item.added ? 0 : change.properties;
            return;
        case Event::added:
            item.added = true;
            return;
        case Event::removed:
            put_removed(entry);
            return;
    }
}

// What was never announced needs no goodbye; what was announced and came back in between needs one.
void Outbox::put_removed(Pending::iterator entry) {
    auto& item = entry->second;
    const bool announced = !item.added || item.removed;
    if (!announced) {
        pending_.erase(entry);
        return;
    }
    item.removed = true;
    item.added = false;
    item.properties = 0;
}

std::optional<Outbox::Item> Outbox::take() {
    if (pending_.empty()) return std::nullopt;
    auto next = pending_.upper_bound(last_taken_);
    if (next == pending_.end()) next = pending_.begin();
    auto item = std::move(next->second);
    pending_.erase(next);
    last_taken_ = item.path;
    return item;
}

}  // namespace lvs::dbus
