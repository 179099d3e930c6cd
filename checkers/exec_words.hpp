// SPDX-License-Identifier: GPL-2.0-or-later
//
// Arguments and environment in the form that execve(2) and posix_spawn(3) take.
#pragma once

#include <string>
#include <vector>

namespace lvs::checkers {

// Good as long as the words are. Not const only because C's interface says so: nothing changes them.
[[nodiscard]] inline std::vector<char*> exec_words(const std::vector<std::string>& words) {
    std::vector<char*> out;
    out.reserve(words.size() + 1);
    for (const auto& word : words)
        out.push_back(const_cast<char*>(word.c_str()));
    out.push_back(nullptr);
    return out;
}

}  // namespace lvs::checkers
