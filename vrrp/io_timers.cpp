// SPDX-License-Identifier: GPL-2.0-or-later
#include "vrrp/io_timers.hpp"

namespace lvs::vrrp::io {

namespace {
constexpr std::size_t kNowhere = SIZE_MAX;
}

void TimerHeap::set(Instance& instance, std::optional<Time> time) {
    const auto at = instance.heap_place;
    if (time == instance.heap_time && (at == kNowhere) == !time) return;
    if (!time) {
        exchange(at, heap_.size() - 1);
        heap_.pop_back();
        instance.heap_place = kNowhere;
        instance.heap_time.reset();
        if (at < heap_.size()) {
            up(at);
            down(heap_[at]->heap_place);
        }
        return;
    }
    instance.heap_time = time;
    if (at == kNowhere) {
        heap_.push_back(&instance);
        instance.heap_place = heap_.size() - 1;
    }
    up(instance.heap_place);
    down(instance.heap_place);
}

void TimerHeap::exchange(std::size_t a, std::size_t b) {
    std::swap(heap_[a], heap_[b]);
    heap_[a]->heap_place = a;
    heap_[b]->heap_place = b;
}

void TimerHeap::up(std::size_t at) {
    while (at > 0 && before(at, (at - 1) / 2)) {
        exchange(at, (at - 1) / 2);
        at = (at - 1) / 2;
    }
}

void TimerHeap::down(std::size_t at) {
    for (;;) {
        std::size_t least = at;
        for (const std::size_t child : {2 * at + 1, 2 * at + 2})
            if (child < heap_.size() && before(child, least)) least = child;
        if (least == at) return;
        exchange(at, least);
        at = least;
    }
}

}  // namespace lvs::vrrp::io
