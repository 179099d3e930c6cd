// SPDX-License-Identifier: GPL-2.0-or-later
//
// Private to lvs_vrrp_io: which instance is due next. A binary heap whose entries know their place, so that
// moving a timer is O(log n) and nothing is allocated once the heap has grown.
#pragma once

#include <vector>

#include "vrrp/io_instance.hpp"

namespace lvs::vrrp::io {

class TimerHeap {
public:
    [[nodiscard]] Instance* first() const { return heap_.empty() ? nullptr : heap_.front(); }
    void set(Instance& instance, std::optional<Time> time);  // nullopt: takes it out

private:
    void up(std::size_t at);
    void down(std::size_t at);
    [[nodiscard]] bool before(std::size_t a, std::size_t b) const {
        return *heap_[a]->heap_time < *heap_[b]->heap_time;
    }
    void exchange(std::size_t a, std::size_t b);

    std::vector<Instance*> heap_;
};

}  // namespace lvs::vrrp::io
