// SPDX-License-Identifier: GPL-2.0-or-later
//
// Signals one receiver has not been sent yet. Changes of one object merge, so a receiver that reads slowly
// costs at most one entry per object, and gets the newest state when it reads again. Pure. Private to
// lvs_dbus.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "lvsd/dbus/objects.hpp"

namespace lvs::dbus {

class Outbox {
public:
    struct Item {
        std::string path;
        Kind kind = Kind::manager;
        bool removed = false;          // announce first that it went...
        bool added = false;            // ...then that it came
        std::uint64_t properties = 0;  // when neither: what changed
    };

    void put(const Change& change);
    // The next item, round and round in the order of paths: a busy object cannot starve the others.
    [[nodiscard]] std::optional<Item> take();
    [[nodiscard]] bool empty() const { return pending_.empty(); }
    [[nodiscard]] std::size_t size() const { return pending_.size(); }
    void clear() { pending_.clear(); }

private:
    using Pending = std::map<std::string, Item, std::less<>>;
    void put_removed(Pending::iterator entry);
    Pending pending_;
    std::string last_taken_;
};

}  // namespace lvs::dbus
