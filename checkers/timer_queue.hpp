// SPDX-License-Identifier: GPL-2.0-or-later
//
// Due times of many owners, one each, in a 4-ary heap: setting, moving and removing cost O(log n). An owner is a
// small dense number. Equal times come out in no particular order.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <vector>

#include "lvsd/base/base.hpp"

namespace lvs::checkers {

class TimerQueue {
   public:
    using Owner = std::uint32_t;

    void set(Owner owner, Time due) {
        if (owner >= places_.size()) places_.resize(owner + std::size_t{1}, kNone);
        auto place = places_[owner];
        if (place == kNone) {
            place = static_cast<std::uint32_t>(heap_.size());
            heap_.push_back({due, owner});
        }
        heap_[place].due = due;
        sink(rise(place));
    }

    void clear(Owner owner) {
        if (owner >= places_.size() || places_[owner] == kNone) return;
        const auto place = places_[owner];
        places_[owner] = kNone;
        const auto last = heap_.back();
        heap_.pop_back();
        if (place == heap_.size()) return;
        heap_[place] = last;
        sink(rise(place));
    }

    [[nodiscard]] std::optional<Time> next() const {
        if (heap_.empty()) return std::nullopt;
        return heap_.front().due;
    }

    // The owner longest due at `now`; its timer is gone.
    [[nodiscard]] std::optional<Owner> pop(Time now) {
        if (heap_.empty() || heap_.front().due > now) return std::nullopt;
        const auto owner = heap_.front().owner;
        clear(owner);
        return owner;
    }

    [[nodiscard]] std::size_t size() const { return heap_.size(); }

   private:
    static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();
    static constexpr std::uint32_t kArity = 4;
    struct Entry {
        Time due;
        Owner owner;
    };

    std::uint32_t rise(std::uint32_t place) {
        const auto entry = heap_[place];
        while (place > 0) {
            const auto parent = (place - 1) / kArity;
            if (heap_[parent].due <= entry.due) break;
            put(place, heap_[parent]);
            place = parent;
        }
        put(place, entry);
        return place;
    }

    void sink(std::uint32_t place) {
        const auto entry = heap_[place];
        for (;;) {
            const auto child = earliest_child(place);
            if (child == kNone || heap_[child].due >= entry.due) break;
            put(place, heap_[child]);
            place = child;
        }
        put(place, entry);
    }

    [[nodiscard]] std::uint32_t earliest_child(std::uint32_t place) const {
        const auto first = std::size_t{place} * kArity + 1;
        const auto end = std::min(first + kArity, heap_.size());
        auto best = kNone;
        for (auto child = first; child < end; ++child)
            if (best == kNone || heap_[child].due < heap_[best].due) best = static_cast<std::uint32_t>(child);
        return best;
    }

    void put(std::uint32_t place, Entry entry) {
        heap_[place] = entry;
        places_[entry.owner] = place;
    }

    std::vector<Entry> heap_;
    std::vector<std::uint32_t> places_;  // owner -> place in the heap
};

}  // namespace lvs::checkers
