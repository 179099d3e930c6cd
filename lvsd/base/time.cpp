// SPDX-License-Identifier: GPL-2.0-or-later
#include <fmt/core.h>

#include <charconv>
#include <limits>

#include "lvsd/base/base.hpp"

namespace lvs {
namespace {

struct Unit {
    std::string_view name;
    std::int64_t nanoseconds;
};
// Largest first: to_string() takes the first that divides what is left.
constexpr std::array kUnits{
    Unit{"d", 86'400'000'000'000}, Unit{"h", 3'600'000'000'000}, Unit{"m", 60'000'000'000},
    Unit{"s", 1'000'000'000},      Unit{"ms", 1'000'000},        Unit{"us", 1'000},
    Unit{"ns", 1},
};

std::optional<Unit> find_unit(std::string_view name) {
    for (const auto& unit : kUnits)
        if (unit.name == name) return unit;
    return std::nullopt;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Takes "12.5" off the front; false when there is no number.
bool take_number(std::string_view& text, double& value) {
    if (text.empty() || !is_digit(text.front())) return false;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
    if (error != std::errc{}) return false;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    return true;
}

std::string_view take_unit(std::string_view& text) {
    std::size_t length = 0;
    while (length < text.size() && text[length] >= 'a' && text[length] <= 'z')
        ++length;
    const auto unit = text.substr(0, length);
    text.remove_prefix(length);
    return unit;
}

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
    constexpr double kLimit = 9.0e18;  // below the largest int64
    double total = 0;
    std::int64_t previous_unit = std::numeric_limits<std::int64_t>::max();
    if (text.empty()) return std::nullopt;
    while (!text.empty()) {
        double number = 0;
        if (!take_number(text, number)) return std::nullopt;
        const auto unit = find_unit(take_unit(text));
        if (!unit || unit->nanoseconds >= previous_unit) return std::nullopt;  // "1s2m" is a typo
        previous_unit = unit->nanoseconds;
        total += number * static_cast<double>(unit->nanoseconds);
        if (total > kLimit) return std::nullopt;
    }
    return Duration(static_cast<std::int64_t>(total + 0.5));
}

std::string to_string(Duration value) {
    if (value == Duration::zero()) return "0s";
    std::string out = value < Duration::zero() ? "-" : "";
    auto left = value.count();
    if (left < 0) left = -left;
    constexpr std::int64_t kSecond = 1'000'000'000;
    if (left > kSecond && left < 60 * kSecond && left % 1'000'000 == 0) {  // 1.5s reads better than 1s500ms
        auto seconds = fmt::format("{}.{:03}", left / kSecond, left % kSecond / 1'000'000);
        while (seconds.back() == '0')
            seconds.pop_back();
        if (seconds.back() == '.') seconds.pop_back();
        return out + seconds + "s";
    }
    for (const auto& unit : kUnits) {
        if (left < unit.nanoseconds) continue;
        out += fmt::format("{}{}", left / unit.nanoseconds, unit.name);
        left %= unit.nanoseconds;
    }
    return out;
}

}  // namespace lvs
