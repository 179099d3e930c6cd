// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>

#include "lvsd/ctl/ctl.hpp"

namespace lvs::ctl {
namespace {

constexpr std::size_t kGap = 2;  // spaces between columns

std::string_view escape_of(Tone tone) {
    switch (tone) {
        case Tone::plain:
            return "";
        case Tone::good:
            return "\x1b[32m";
        case Tone::warn:
            return "\x1b[33m";
        case Tone::bad:
            return "\x1b[1;31m";
        case Tone::dim:
            return "\x1b[2m";
        case Tone::bold:
            return "\x1b[1m";
    }
    return "";
}

bool is_continuation(char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) == 0x80;
}

void append_padded(std::string& out, const Cell& cell, const Column& column, std::size_t width, bool last,
                   bool color) {
    const auto text = printable(cell.text);
    const std::size_t fill = width - display_width(text);
    if (column.right) out.append(fill, ' ');
    out += paint(text, cell.tone, color);
    if (!column.right && !last) out.append(fill, ' ');
    if (!last) out.append(kGap, ' ');
}

}  // namespace

std::string paint(std::string_view text, Tone tone, bool color) {
    const auto escape = color ? escape_of(tone) : "";
    if (escape.empty() || text.empty()) return std::string(text);
    return std::string(escape) + std::string(text) + "\x1b[0m";
}

std::string printable(std::string_view utf8) {
    std::string out = state::to_utf8(utf8);
    for (std::size_t i = 0; i < out.size(); ++i) {
        const auto byte = static_cast<unsigned char>(out[i]);
        const bool c0 = byte < 0x20 || byte == 0x7F;
        const bool c1 = byte == 0xC2 && i + 1 < out.size() && static_cast<unsigned char>(out[i + 1]) < 0xA0;
        if (c1) out.erase(i + 1, 1);
        if (c0 || c1) out[i] = '?';
    }
    return out;
}

std::size_t display_width(std::string_view utf8) {
    return static_cast<std::size_t>(std::ranges::count_if(utf8, [](char c) { return !is_continuation(c); }));
}

std::string Table::render(bool color) const {
    std::vector<std::size_t> widths;
    for (const auto& column : columns_)
        widths.push_back(display_width(column.title));
    for (const auto& row : rows_)
        for (std::size_t i = 0; i < columns_.size(); ++i)
            widths[i] = std::max(widths[i], display_width(printable(row[i].text)));
    std::string out;
    const auto line = [&](const auto& cell_at) {
        std::string text;
        for (std::size_t i = 0; i < columns_.size(); ++i)
            append_padded(text, cell_at(i), columns_[i], widths[i], i + 1 == columns_.size(), color);
        text.erase(text.find_last_not_of(' ') + 1);
        out += text + '\n';
    };
    line([this](std::size_t i) { return Cell{std::string(columns_[i].title), Tone::dim}; });
    for (const auto& row : rows_)
        line([&row](std::size_t i) -> const Cell& { return row[i]; });
    return out;
}

}  // namespace lvs::ctl
