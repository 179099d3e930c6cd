// SPDX-License-Identifier: GPL-2.0-or-later
#include "checkers/reason.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "checkers/checkers.hpp"

namespace lvs::checkers {

std::string_view to_string(Outcome outcome) {
    switch (outcome) {
        case Outcome::ok:
            return "ok";
        case Outcome::failed:
            return "failed";
        case Outcome::unchecked:
            return "unchecked";
    }
    return "";
}

std::string_view to_string(Advice advice) {
    switch (advice) {
        case Advice::none:
            return "none";
        case Advice::drain:
            return "drain";
        case Advice::maint:
            return "maint";
    }
    return "";
}

std::string in_words(Duration value) {
    using std::chrono::milliseconds;
    using std::chrono::seconds;
    if (value < milliseconds(1)) return fmt::format("{} us", value / std::chrono::microseconds(1));
    if (value < seconds(1)) return fmt::format("{} ms", value / milliseconds(1));
    if (value % seconds(1) == Duration::zero()) return fmt::format("{} s", value / seconds(1));
    return fmt::format("{:.3g} s", static_cast<double>(value.count()) / 1e9);
}

std::string as_reason(std::string_view text) {
    std::string out(text.substr(0, kMaxReason));
    std::replace_if(
        out.begin(), out.end(), [](char c) { return c < ' ' || c > '~'; }, '.');
    return out;
}

std::string quoted(std::string_view text, std::size_t limit) {
    const auto line = text.substr(0, text.find_first_of("\r\n"));
    std::string out = "'" + as_reason(line.substr(0, limit)) + "'";
    if (line.size() > limit) out += "...";
    return out;
}

bool is_own_fault(int error_number) {
    switch (error_number) {
        case EMFILE:
        case ENFILE:
        case ENOMEM:
        case ENOBUFS:
        case EADDRNOTAVAIL:
            return true;
        default:
            return false;
    }
}

namespace {

std::string own_fault(int error_number) {
    if (error_number == EMFILE || error_number == ENFILE) return "not checked: no file descriptor left";
    if (error_number == EADDRNOTAVAIL) return "not checked: no local address or port to connect from";
    return "not checked: no memory left in the kernel";
}

std::string system_text(int error_number) {
    return std::generic_category().message(error_number);
}

}  // namespace

std::string connect_error(int error_number) {
    if (is_own_fault(error_number)) return own_fault(error_number);
    switch (error_number) {
        case ECONNREFUSED:
            return "connect refused";
        case EHOSTUNREACH:
            return "no route to the server (host unreachable)";
        case ENETUNREACH:
            return "no route to the server (network unreachable)";
        case ECONNRESET:
            return "connection reset while connecting";
        case ETIMEDOUT:
            return "connect timed out";
        default:
            return as_reason("connect failed: " + system_text(error_number));
    }
}

std::string stream_error(int error_number) {
    if (is_own_fault(error_number)) return own_fault(error_number);
    switch (error_number) {
        case ECONNRESET:
        case EPIPE:
            return "connection reset";
        case ETIMEDOUT:
            return "connection timed out";
        default:
            return as_reason("connection failed: " + system_text(error_number));
    }
}

}  // namespace lvs::checkers
