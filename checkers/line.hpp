// SPDX-License-Identifier: GPL-2.0-or-later
//
// Lines out of a byte stream, each bounded.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace lvs::checkers {

class LineReader {
   public:
    static constexpr std::size_t kMaxLine = 1024;

    void add(std::string_view bytes) { pending_ += bytes; }
    // The next whole line without its end (LF or CR LF).
    [[nodiscard]] std::optional<std::string> next() {
        const auto end = pending_.find('\n');
        if (end == std::string::npos || end > kMaxLine) return std::nullopt;
        auto line = pending_.substr(0, end);
        pending_.erase(0, end + 1);
        if (line.ends_with('\r')) line.pop_back();
        return line;
    }
    // No end within the bound: there will be no more lines.
    [[nodiscard]] bool is_too_long() const {
        return pending_.size() > kMaxLine && pending_.find('\n') > kMaxLine;
    }
    // What came after the last line.
    [[nodiscard]] const std::string& rest() const { return pending_; }
    void clear() { pending_.clear(); }

   private:
    std::string pending_;
};

}  // namespace lvs::checkers
