// SPDX-License-Identifier: GPL-2.0-or-later
//
// Names as a shell would choose them: web*. Private to lvs_ctl.
#pragma once

#include <fnmatch.h>

#include <algorithm>
#include <string>
#include <vector>

namespace lvs::ctl {

// No pattern at all means everything.
[[nodiscard]] inline bool matches(const std::vector<std::string>& patterns, const std::string& name) {
    return patterns.empty() || std::ranges::any_of(patterns, [&name](const std::string& pattern) {
               return ::fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
           });
}

}  // namespace lvs::ctl
