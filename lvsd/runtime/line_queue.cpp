// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/runtime/line_queue.hpp"

#include <pthread.h>

#include <chrono>
#include <thread>
#include <utility>

namespace lvs {

LineQueue::LineQueue(std::function<void(Line)> take, std::function<Line(std::size_t)> lost)
    : take_(std::move(take)), lost_line_(std::move(lost)) {
    std::thread thread([this] { run(); });
    pthread_setname_np(thread.native_handle(), "log");
    thread.detach();
}

void LineQueue::add(Line line) {
    const std::lock_guard lock(mine_);
    if (lines_.size() >= kMost) {
        ++lost_;
        return;
    }
    if (const auto lost = std::exchange(lost_, 0); lost != 0) lines_.push_back(lost_line_(lost));
    lines_.push_back(std::move(line));
    changed_.notify_all();
}

bool LineQueue::flush(Duration patience) {
    std::unique_lock lock(mine_);
    return changed_.wait_for(lock, patience, [this] { return lines_.empty() && !is_taking_; });
}

void LineQueue::run() {
    std::unique_lock lock(mine_);
    for (;;) {
        changed_.wait(lock, [this] { return !lines_.empty(); });
        auto line = std::move(lines_.front());
        lines_.pop_front();
        is_taking_ = true;
        lock.unlock();
        take_(std::move(line));
        lock.lock();
        is_taking_ = false;
        changed_.notify_all();
    }
}

}  // namespace lvs
