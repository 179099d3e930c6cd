// SPDX-License-Identifier: GPL-2.0-or-later
//
// Standard output of lvsctl: a terminal, on which there are colours and long texts go through a pager, or
// something else, which gets the plain text.
#pragma once

#include <string>

#include "lvsd/ctl/ctl.hpp"

namespace lvs::ctl {

// Colours on a terminal, unless NO_COLOR is set (https://no-color.org) or TERM is dumb.
[[nodiscard]] View view_of_terminal();

// What is printed must arrive: a full disk behind a redirection is an error. 0 or 1, for the exit status.
int print(const std::string& text);

// As print(); what does not fit on the terminal's screen goes through $PAGER (less, if that is not set).
int print_paged(const std::string& text, bool use_pager);

}  // namespace lvs::ctl
