// SPDX-License-Identifier: GPL-2.0-or-later
//
// A Perl-compatible regular expression (PCRE2, its interpreter: the sandbox has no executable memory),
// bounded in what it may cost: the pattern's size and nesting, and the steps, depth and memory of one search.
// Bytes, not characters: what servers send need not be UTF-8.
#pragma once

#include <memory>
#include <string_view>

#include "lvsd/base/base.hpp"

namespace lvs::checkers {

class Regex {
public:
    enum class Found { yes, no, too_costly };

    static constexpr std::size_t kMaxPattern = 1024;

    // The error says at which character (from 1) the pattern is wrong.
    [[nodiscard]] static Result<Regex> compile(std::string_view pattern);
    [[nodiscard]] Found search(std::string_view text) const;

private:
    struct Free {
        void operator()(void* code) const;
    };
    explicit Regex(void* code) : code_(code) {}
    std::unique_ptr<void, Free> code_;  // a pcre2_code
};

}  // namespace lvs::checkers
