// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/dbus/frame_guard.hpp"

#include <algorithm>

namespace lvs::dbus {

std::optional<std::size_t> FrameGuard::take(std::span<const std::uint8_t> bytes) {
    switch (phase_) {
        case Phase::auth:
            return take_auth(bytes);
        case Phase::header:
            return take_header(bytes);
        case Phase::rest:
            break;
    }
    const auto taken = std::min(rest_, bytes.size());
    rest_ -= taken;
    if (rest_ == 0) phase_ = Phase::header;
    return taken;
}

std::optional<std::size_t> FrameGuard::take_auth(std::span<const std::uint8_t> bytes) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        if (++auth_bytes_ > kAuthMax) return std::nullopt;
        line_ += static_cast<char>(bytes[i]);
        if (!line_.ends_with("\r\n")) continue;
        const bool begin = line_ == "BEGIN\r\n";
        line_.clear();
        if (begin) {
            phase_ = Phase::header;
            return i + 1;
        }
    }
    return bytes.size();
}

std::optional<std::size_t> FrameGuard::take_header(std::span<const std::uint8_t> bytes) {
    const auto taken = std::min(kHeader - header_filled_, bytes.size());
    std::ranges::copy(bytes.first(taken), header_.begin() + static_cast<std::ptrdiff_t>(header_filled_));
    header_filled_ += taken;
    if (header_filled_ < kHeader) return taken;
    const auto rest = rest_of_message();
    if (!rest) return std::nullopt;
    header_filled_ = 0;
    rest_ = *rest;
    if (rest_ == 0) return taken;
    phase_ = Phase::rest;
    const auto more = take(bytes.subspan(taken));
    return taken + more.value_or(0);
}

std::optional<std::size_t> FrameGuard::rest_of_message() const {
    constexpr std::uint8_t kProtocolVersion = 1;
    const bool known_order = header_[0] == 'l' || header_[0] == 'B';
    if (!known_order || header_[3] != kProtocolVersion) return std::nullopt;
    const std::uint64_t body = number_at(4);
    const std::uint64_t fields = (std::uint64_t{number_at(12)} + 7) / 8 * 8;  // padded to 8
    if (kHeader + fields + body > kRequestMax) return std::nullopt;
    return static_cast<std::size_t>(fields + body);
}

std::uint32_t FrameGuard::number_at(std::size_t offset) const {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) {
        const std::size_t at = header_[0] == 'l' ? offset + 3 - i : offset + i;
        value = value << 8U | header_[at];
    }
    return value;
}

}  // namespace lvs::dbus
