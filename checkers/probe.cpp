// SPDX-License-Identifier: GPL-2.0-or-later
//
// What most kinds say when a run is cut short.
#include <fmt/core.h>

#include "checkers/checkers.hpp"
#include "checkers/reason.hpp"

namespace lvs::checkers {

namespace {

std::string after_bytes(std::uint64_t count) {
    if (count == 0) return " before any answer";
    return fmt::format(" after {} byte{}", count, count == 1 ? "" : "s");
}

}  // namespace

Verdict Verdict::good(std::string why) {
    return {.outcome = Outcome::ok, .reason = as_reason(why)};
}
Verdict Verdict::bad(std::string why) {
    return {.outcome = Outcome::failed, .reason = as_reason(why)};
}
Verdict Verdict::skipped(std::string why) {
    return {.outcome = Outcome::unchecked, .reason = as_reason(why)};
}

Verdict Probe::on_eof(const Progress& progress) {
    return Verdict::bad("connection closed" + after_bytes(progress.received));
}

Verdict Probe::on_error(int error_number, const Progress& progress) {
    if (is_own_fault(error_number)) return Verdict::skipped(connect_error(error_number));
    if (!progress.connected) return Verdict::bad(connect_error(error_number));
    return Verdict::bad(stream_error(error_number) + after_bytes(progress.received));
}

Verdict Probe::on_command(const CommandEnd& /*end*/) {
    return Verdict::skipped("not checked: no command was expected");
}

Verdict Probe::on_file(const FileText& /*file*/) {
    return Verdict::skipped("not checked: no file was expected");
}

Command Plan::command(const Endpoint& /*target*/) const {
    return {};
}

Verdict Probe::on_deadline(const Progress& progress) {
    if (!progress.connected) return Verdict::bad("no connection in " + in_words(progress.timeout));
    auto text = "no answer in " + in_words(progress.timeout);
    if (progress.received != 0) text += after_bytes(progress.received);
    return Verdict::bad(text);
}

}  // namespace lvs::checkers
