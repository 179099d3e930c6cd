// SPDX-License-Identifier: GPL-2.0-or-later
#include "checkers/regex.hpp"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <fmt/core.h>
#include <pcre2.h>

#include <array>

namespace lvs::checkers {

namespace {

// A search over 64 KiB that needs more than this is one that explodes.
constexpr std::uint32_t kMaxSteps = 200'000;
constexpr std::uint32_t kMaxDepth = 2'000;
constexpr std::uint32_t kMaxHeapKib = 1024;
constexpr std::uint32_t kMaxNesting = 50;

struct ContextFree {
    void operator()(pcre2_compile_context* context) const { pcre2_compile_context_free(context); }
    void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
    void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};

PCRE2_SPTR units(std::string_view text) {
    return reinterpret_cast<PCRE2_SPTR>(text.data());
}

const pcre2_code* as_code(const void* code) {
    return static_cast<const pcre2_code*>(code);
}

pcre2_match_context* limits() {
    static const std::unique_ptr<pcre2_match_context, ContextFree> made = [] {
        auto* out = pcre2_match_context_create(nullptr);
        LVS_ASSERT(out);
        pcre2_set_match_limit(out, kMaxSteps);
        pcre2_set_depth_limit(out, kMaxDepth);
        pcre2_set_heap_limit(out, kMaxHeapKib);
        return std::unique_ptr<pcre2_match_context, ContextFree>(out);
    }();
    return made.get();
}

}  // namespace

void Regex::Free::operator()(void* code) const {
    pcre2_code_free(static_cast<pcre2_code*>(code));
}

Result<Regex> Regex::compile(std::string_view pattern) {
    if (pattern.size() > kMaxPattern)
        return fail(std::errc::invalid_argument, fmt::format("has at most {} bytes", kMaxPattern));
    const std::unique_ptr<pcre2_compile_context, ContextFree> context(pcre2_compile_context_create(nullptr));
    LVS_ASSERT(context);
    pcre2_set_parens_nest_limit(context.get(), kMaxNesting);
    int error = 0;
    std::size_t where = 0;
    auto* code = pcre2_compile(units(pattern), pattern.size(), PCRE2_NEVER_UTF | PCRE2_NEVER_UCP, &error,
                               &where, context.get());
    if (code) return Regex(code);
    std::array<PCRE2_UCHAR, 128> text{};
    pcre2_get_error_message(error, text.data(), text.size());
    return fail(std::errc::invalid_argument,
                fmt::format("is no regular expression: {} at character {}",
                            reinterpret_cast<const char*>(text.data()), where + 1));
}

Regex::Found Regex::search(std::string_view text) const {
    const std::unique_ptr<pcre2_match_data, ContextFree> data(pcre2_match_data_create(1, nullptr));
    LVS_ASSERT(data);
    const int found = pcre2_match(as_code(code_.get()), units(text), text.size(), 0, 0, data.get(), limits());
    if (found >= 0) return Found::yes;
    return found == PCRE2_ERROR_NOMATCH ? Found::no : Found::too_costly;
}

}  // namespace lvs::checkers
