// SPDX-License-Identifier: GPL-2.0-or-later
//
// toml++ bounds nested values but not dotted keys: `[a.a.a...]` of a megabyte makes a tree that deep, and
// freeing it overflows the stack. This scan finds such a key first, and where a large text can be cut in two.
// It need be right only as far as the text is valid TOML, because toml++ stops where it no longer is.
#include <algorithm>

#include "lvsd/config/value.hpp"

namespace lvs::config {
namespace {

class Scanner {
public:
    explicit Scanner(std::string_view text) : text_(text) {}

    Scan run() {
        while (at_ < text_.size()) {
            const char c = text_[at_];
            if (c == '#')
                skip_comment();
            else if (c == '"' || c == '\'')
                skip_string(c);
            else if (take(c))
                return {place(), 0};
        }
        return {std::nullopt, middle_};
    }

private:
    // Counts the dots of one key; true when there are too many. Numbers and dates never have as many.
    bool take(char c) {
        const bool separator =
            c == '=' || c == ',' || c == '[' || c == ']' || c == '{' || c == '}' || c == '\n';
        if (separator) dots_ = 0;
        if (c == '.' && ++dots_ >= kMaxKeyParts) return true;
        if (c == '[' || c == '{') ++open_;
        if (c == ']' || c == '}') --open_;
        ++at_;
        if (c == '\n' && at_ >= text_.size() / 2 && middle_ == 0 && open_ == 0 && text_.substr(at_, 1) == "[")
            middle_ = at_;
        return false;
    }

    void skip_comment() {
        at_ = std::min(text_.find('\n', at_), text_.size());
    }

    void skip_string(char quote) {
        const std::string triple(3, quote);
        const bool multi = text_.substr(at_, 3) == triple;
        advance(multi ? 3 : 1);
        while (at_ < text_.size()) {
            const char c = text_[at_];
            if (!multi && c == '\n') return;  // not valid TOML
            if (c == quote && (!multi || text_.substr(at_, 3) == triple)) return close(quote, multi);
            advance(c == '\\' && quote == '"' ? 2 : 1);
        }
    }

    // Up to two quotes may stand before the closing three.
    void close(char quote, bool multi) {
        advance(multi ? 3 : 1);
        for (int i = 0; multi && i < 2 && at_ < text_.size() && text_[at_] == quote; ++i)
            ++at_;
    }

    void advance(std::size_t count) { at_ = std::min(at_ + count, text_.size()); }

    // Columns are characters, not bytes.
    [[nodiscard]] Place place() const {
        Place out{1, 1};
        for (const char c : text_.substr(0, at_)) {
            if (c == '\n')
                out = {out.line + 1, 1};
            else if ((static_cast<unsigned char>(c) & 0xc0U) != 0x80)
                ++out.column;
        }
        return out;
    }

    std::string_view text_;
    std::size_t at_ = 0;
    std::size_t dots_ = 0;
    std::size_t open_ = 0;  // brackets and braces
    std::size_t middle_ = 0;
};

}  // namespace

Scan scan(std::string_view text) {
    return Scanner(text).run();
}

}  // namespace lvs::config
