// SPDX-License-Identifier: GPL-2.0-or-later
//
// A line by which a server, a script or a file says how it is, in the words of HAProxy's agent checks: up or
// ready; down, fail, failed or stopped; drain; maint; a percentage of the configured weight, as in "75%".
// Several may be combined, separated by spaces, tabs and commas; '#' begins a remark.
#pragma once

#include <string_view>

#include "checkers/checkers.hpp"

namespace lvs::checkers {

// `who`, as in "the agent", begins the reason.
[[nodiscard]] Verdict judge_words(std::string_view line, std::string_view who);

}  // namespace lvs::checkers
