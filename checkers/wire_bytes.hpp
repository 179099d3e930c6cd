// SPDX-License-Identifier: GPL-2.0-or-later
//
// Writing and strict reading of wire.hpp's primitive values. A Reader that met anything unexpected stays failed; its
// values are then zero and of no meaning.
#pragma once

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lvsd/base/base.hpp"

namespace lvs::checkers::wire {

class Writer {
   public:
    explicit Writer(std::vector<std::uint8_t>& out) : out_(out) {}

    template <std::unsigned_integral T>
    void number(T value) {
        for (std::size_t i = 0; i < sizeof(T); ++i)
            out_.push_back(static_cast<std::uint8_t>(static_cast<std::uint64_t>(value) >> (8U * i)));
    }
    void signed_number(std::int64_t value) { number(static_cast<std::uint64_t>(value)); }
    void boolean(bool value) { number<std::uint8_t>(value ? 1 : 0); }
    // A span measured on two processors can come out a little below zero; the reader takes none such.
    void duration(Duration value) { signed_number(std::max(value, Duration::zero()).count()); }
    void text(std::string_view value) {
        LVS_ASSERT(value.size() <= std::numeric_limits<std::uint16_t>::max());
        number(static_cast<std::uint16_t>(value.size()));
        out_.insert(out_.end(), value.begin(), value.end());
    }
    void address(const IpAddress& value) {
        number(static_cast<std::uint8_t>(value.family()));
        out_.insert(out_.end(), value.bytes().begin(), value.bytes().end());
    }
    void endpoint(const Endpoint& value) {
        address(value.address);
        number(value.port);
    }
    void prefix(const Prefix& value) {
        address(value.address);
        number(value.length);
    }

   private:
    std::vector<std::uint8_t>& out_;
};

class Reader {
   public:
    explicit Reader(std::span<const std::uint8_t> bytes) : rest_(bytes) {}

    [[nodiscard]] bool ok() const { return ok_; }
    [[nodiscard]] bool is_at_end() const { return rest_.empty(); }
    void refuse() {
        ok_ = false;
        rest_ = {};
    }

    template <std::unsigned_integral T>
    T number() {
        const auto bytes = take(sizeof(T));
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < bytes.size(); ++i)
            value |= static_cast<std::uint64_t>(bytes[i]) << (8U * i);
        return static_cast<T>(value);
    }
    std::int64_t signed_number() { return static_cast<std::int64_t>(number<std::uint64_t>()); }
    bool boolean() { return choice<std::uint8_t>(1) != 0; }
    // A number in 0..last, as a T.
    template <class T>
    T choice(std::uint8_t last) {
        const auto value = number<std::uint8_t>();
        if (value > last) refuse();
        return static_cast<T>(ok_ ? value : 0);
    }
    // Never negative, and small enough that sums and differences of two do not overflow.
    Duration duration() {
        constexpr std::int64_t kLimit = std::int64_t{1} << 61U;
        const auto value = signed_number();
        if (value < 0 || value > kLimit) refuse();
        return Duration(ok_ ? value : 0);
    }
    std::string text(std::size_t limit) {
        const auto size = number<std::uint16_t>();
        if (size > limit) refuse();
        const auto bytes = take(size);
        return {bytes.begin(), bytes.end()};
    }
    IpAddress address() {
        const auto family = number<std::uint8_t>();
        if (family != 4 && family != 6) refuse();
        const auto bytes = take(family == 4 ? 4 : 16);
        return bytes.empty() ? IpAddress() : IpAddress::from_bytes(bytes);
    }
    Endpoint endpoint() {
        const auto host = address();
        return {host, number<std::uint16_t>()};
    }
    Prefix prefix() {
        const auto host = address();
        const auto length = number<std::uint8_t>();
        if (length > host.max_prefix_length()) refuse();
        return {host, length};
    }

   private:
    std::span<const std::uint8_t> take(std::size_t size) {
        if (size > rest_.size()) refuse();
        if (!ok_) return {};
        const auto out = rest_.first(size);
        rest_ = rest_.subspan(size);
        return out;
    }
    std::span<const std::uint8_t> rest_;
    bool ok_ = true;
};

}  // namespace lvs::checkers::wire
