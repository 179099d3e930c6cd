// SPDX-License-Identifier: GPL-2.0-or-later
#include <future>

#include "lvsd/runtime/runtime.hpp"

namespace lvs {

void do_both(const std::function<void()>& one, const std::function<void()>& other) {
    auto beside = std::async(other);  // where no thread is to be had: in get()
    one();
    beside.get();
}

}  // namespace lvs
