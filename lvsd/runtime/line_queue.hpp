// SPDX-License-Identifier: GPL-2.0-or-later
//
// Lines on their way to somebody who may not take them: a thread of its own waits for him, whoever adds one
// never does. What comes on top of kMost is lost and counted; the count comes in its place, when there is
// room. Never ends: at the end of the process flush() gives what is left a moment. Part of lvs_runtime.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "lvsd/base/base.hpp"

namespace lvs {

class LineQueue {
public:
    using Line = std::vector<std::string>;  // its fields, "NAME=value"
    static constexpr std::size_t kMost = 4096;

    // `take` may block; `lost` makes the line that tells of so many.
    LineQueue(std::function<void(Line)> take, std::function<Line(std::size_t)> lost);
    LineQueue(const LineQueue&) = delete;
    LineQueue& operator=(const LineQueue&) = delete;

    void add(Line line);
    bool flush(Duration patience);  // true: all was taken

private:
    ~LineQueue() = default;
    void run();

    std::function<void(Line)> take_;
    std::function<Line(std::size_t)> lost_line_;
    std::mutex mine_;
    std::condition_variable changed_;
    std::deque<Line> lines_;
    std::size_t lost_ = 0;
    bool is_taking_ = false;
};

}  // namespace lvs
