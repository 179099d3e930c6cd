// SPDX-License-Identifier: GPL-2.0-or-later
//
// Watches what a client of the private socket sends before sd-bus sees it. sd-bus would buffer a message of
// up to 128 MiB from anybody; the guard knows where messages begin and end, lets none larger than kRequestMax
// pass, and stops at each end so that requests can be handed over one at a time. Pure. Private to lvs_dbus.
//
// D-Bus Specification: "Authentication Protocol" (lines up to BEGIN), "Message Format" (the fixed header).
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>

#include "lvsd/base/base.hpp"

namespace lvs::dbus {

class FrameGuard {
public:
    static constexpr std::size_t kAuthMax = 4096;      // bytes before BEGIN
    static constexpr std::size_t kRequestMax = 65536;  // bytes of one message

    // How many of `bytes` may be handed on now: up to the end of the current message, all if it does not end
    // here. Nothing when the client broke a limit or does not speak D-Bus; then the guard is spent.
    [[nodiscard]] std::optional<std::size_t> take(std::span<const std::uint8_t> bytes);

private:
    static constexpr std::size_t kHeader = 16;
    [[nodiscard]] std::optional<std::size_t> take_auth(std::span<const std::uint8_t> bytes);
    [[nodiscard]] std::optional<std::size_t> take_header(std::span<const std::uint8_t> bytes);
    // Size of what follows the fixed header; nothing when it is not a D-Bus header or says too much.
    [[nodiscard]] std::optional<std::size_t> rest_of_message() const;
    [[nodiscard]] std::uint32_t number_at(std::size_t offset) const;

    enum class Phase : std::uint8_t { auth, header, rest };
    Phase phase_ = Phase::auth;
    std::size_t auth_bytes_ = 0;
    std::string line_;  // the current line of the authentication
    std::array<std::uint8_t, kHeader> header_{};
    std::size_t header_filled_ = 0;
    std::size_t rest_ = 0;  // bytes of the message still to come
};

}  // namespace lvs::dbus
