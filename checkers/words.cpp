// SPDX-License-Identifier: GPL-2.0-or-later
#include "checkers/words.hpp"

#include <fmt/core.h>

#include <algorithm>

#include "checkers/reason.hpp"

namespace lvs::checkers {

namespace {

struct Answer {
    std::optional<bool> healthy;
    std::optional<std::uint16_t> weight;
    Advice advice = Advice::none;
    std::string unknown;
};

void read_word(std::string_view word, Answer& answer) {
    if (word.ends_with('%')) {
        const auto percent = parse_number(word.substr(0, word.size() - 1));
        if (percent && *percent <= 1000) {
            answer.weight = static_cast<std::uint16_t>(*percent);
            return;
        }
    }
    if (word == "up" || word == "ready") {
        answer.healthy = true;
    } else if (word == "drain") {
        answer.advice = std::max(answer.advice, Advice::drain);
    } else if (word == "maint") {
        answer.advice = Advice::maint;
    } else if (word == "down" || word == "fail" || word == "fail(ed)" || word == "failed" ||
               word == "stopped") {
        answer.healthy = false;
    } else if (answer.unknown.empty()) {
        answer.unknown = word;
    }
}

Answer read_answer(std::string_view line) {
    constexpr std::string_view kBetween = " \t,";
    line = line.substr(0, line.find('#'));
    Answer answer;
    while (!line.empty()) {
        const auto begin = line.find_first_not_of(kBetween);
        if (begin == std::string_view::npos) break;
        const auto end = std::min(line.find_first_of(kBetween, begin), line.size());
        read_word(line.substr(begin, end - begin), answer);
        line.remove_prefix(end);
    }
    return answer;
}

}  // namespace

Verdict judge_words(std::string_view line, std::string_view who) {
    const auto answer = read_answer(line);
    const auto said = fmt::format("{} says {}", who, quoted(line));
    if (answer.advice != Advice::none) {  // on purpose, so no failure
        auto verdict = Verdict::good(said);
        verdict.weight_percent = std::uint16_t{0};
        verdict.advice = answer.advice;
        return verdict;
    }
    if (answer.healthy == false) return Verdict::bad(said);
    if (!answer.healthy && !answer.weight)
        return Verdict::bad("expected up, down, drain, maint or a percentage, got " + quoted(line));
    auto verdict = Verdict::good(said);
    verdict.weight_percent = answer.weight;
    return verdict;
}

}  // namespace lvs::checkers
