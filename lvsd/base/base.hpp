// SPDX-License-Identifier: GPL-2.0-or-later
//
// lvs_base: the vocabulary every part of lvsd shares.
//
//   Time, Duration      points and spans of time. Time's clock has no now(): pure code cannot read a clock, it is
//                       handed the time. Drivers call lvs::monotonic_now() (runtime/runtime.hpp).
//   Result<T>, Error    a value, or an errno-like code plus the story of what was tried. Library code returns
//                       errors, programs log them.
//   LVS_ASSERT          states what must hold. It stays on in release builds: for a high-availability daemon
//                       stopping at once is right, the peer takes over and the supervisor restarts us.
//   IpAddress, Prefix, Endpoint     addresses in the usual notation, both families.
//   Bounded<...>        small integers that cannot leave their range (Vrid, Priority, Weight, Fwmark).
//
// Everything here is a value without owner, lock or global state. Nothing here does I/O.
// Log events are in log.hpp, configuration key tables in schema.hpp.
#pragma once

#include <endian.h>

#include <array>
#include <chrono>
#include <compare>
#include <cstdint>
#include <cstring>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

namespace lvs {

// ---- time ---------------------------------------------------------------------------------------------------

struct Clock {  // deliberately without now()
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<Clock>;
    static constexpr bool is_steady = true;
};
using Duration = Clock::duration;
using Time = Clock::time_point;

// "100ms", "2s", "1m30s", "250us". Units: ns us ms s m h d. A bare number is an error: it has no unit.
[[nodiscard]] std::optional<Duration> parse_duration(std::string_view text);
// The shortest exact form: 1500 ms -> "1.5s", 90 s -> "1m30s".
[[nodiscard]] std::string to_string(Duration value);

// ---- errors -------------------------------------------------------------------------------------------------

struct Error {
    std::error_code code;
    std::string context;  // what was tried, outermost first: "ipvs: add server 10.0.0.7:80"
};

template <class T>
using Result = std::expected<T, Error>;

[[nodiscard]] std::unexpected<Error> fail(std::errc code, std::string context);
[[nodiscard]] std::unexpected<Error> fail_errno(int error_number, std::string context);
// Prepends what the caller was doing.
[[nodiscard]] std::unexpected<Error> fail_in(std::string_view context, const Error& inner);
[[nodiscard]] std::string to_string(const Error& error);  // "context: No such file or directory"

[[noreturn]] void assertion_failed(const char* expression, const char* file, int line);

#define LVS_ASSERT(expression) \
    (static_cast<bool>(expression) ? void(0) : ::lvs::assertion_failed(#expression, __FILE__, __LINE__))

// ---- addresses ----------------------------------------------------------------------------------------------

enum class Family : std::uint8_t { ipv4 = 4, ipv6 = 6 };
[[nodiscard]] std::string_view to_string(Family family);  // "IPv4", "IPv6"

// An IPv4 or IPv6 address without zone. Ordered by family, then numerically.
class IpAddress {
   public:
    constexpr IpAddress() = default;  // 0.0.0.0
    [[nodiscard]] static std::optional<IpAddress> parse(std::string_view text);
    [[nodiscard]] static IpAddress from_v4(std::uint32_t host_order);
    // Takes 4 or 16 bytes in network order.
    [[nodiscard]] static IpAddress from_bytes(std::span<const std::uint8_t> bytes);

    [[nodiscard]] Family family() const { return family_; }
    [[nodiscard]] bool is_v4() const { return family_ == Family::ipv4; }
    [[nodiscard]] bool is_v6() const { return family_ == Family::ipv6; }
    [[nodiscard]] std::uint32_t v4() const;                       // host order; asserts is_v4()
    [[nodiscard]] std::span<const std::uint8_t> bytes() const {  // 4 or 16 bytes, network order
        return {bytes_.data(), is_v4() ? 4U : 16U};
    }
    [[nodiscard]] bool is_unspecified() const;
    [[nodiscard]] bool is_loopback() const;
    [[nodiscard]] bool is_multicast() const;
    [[nodiscard]] bool is_link_local() const;
    [[nodiscard]] std::uint8_t max_prefix_length() const { return is_v4() ? 32 : 128; }

    friend bool operator==(const IpAddress&, const IpAddress&) = default;
    // Tables of tens of thousands are ordered by it: two numbers, not sixteen bytes.
    friend std::strong_ordering operator<=>(const IpAddress& a, const IpAddress& b) {
        if (a.family_ != b.family_) return a.family_ <=> b.family_;
        if (const auto high = a.half(0) <=> b.half(0); high != 0) return high;
        return a.half(8) <=> b.half(8);
    }

   private:
    [[nodiscard]] std::uint64_t half(std::size_t at) const {
        std::uint64_t out = 0;
        std::memcpy(&out, bytes_.data() + at, sizeof out);
        return be64toh(out);
    }

    Family family_ = Family::ipv4;
    std::array<std::uint8_t, 16> bytes_{};
};
[[nodiscard]] std::string to_string(const IpAddress& address);

// An address with a prefix length, host bits kept: "192.0.2.10/24". Without a slash: the whole address.
struct Prefix {
    IpAddress address;
    std::uint8_t length = 32;
    friend auto operator<=>(const Prefix&, const Prefix&) = default;
};
[[nodiscard]] std::optional<Prefix> parse_prefix(std::string_view text);
[[nodiscard]] std::string to_string(const Prefix& prefix);

// "192.0.2.10:80", "[2001:db8::1]:80".
struct Endpoint {
    IpAddress address;
    std::uint16_t port = 0;
    friend auto operator<=>(const Endpoint&, const Endpoint&) = default;
};
[[nodiscard]] std::optional<Endpoint> parse_endpoint(std::string_view text);
[[nodiscard]] std::string to_string(const Endpoint& endpoint);

// A whole unsigned number with nothing before or behind it.
[[nodiscard]] std::optional<std::uint64_t> parse_number(std::string_view text);

// ---- small integers that cannot leave their range -----------------------------------------------------------

template <class Tag, class Rep, std::int64_t Min, std::int64_t Max>
class Bounded {
   public:
    static constexpr std::int64_t kMin = Min;
    static constexpr std::int64_t kMax = Max;
    [[nodiscard]] static constexpr std::optional<Bounded> make(std::int64_t value) {
        if (value < Min || value > Max) return std::nullopt;
        return Bounded(static_cast<Rep>(value));
    }
    // For constants: Priority::of(100). A constant out of range does not compile.
    [[nodiscard]] static consteval Bounded of(std::int64_t value) { return make(value).value(); }
    [[nodiscard]] constexpr Rep value() const { return value_; }
    friend constexpr auto operator<=>(const Bounded&, const Bounded&) = default;

   private:
    constexpr explicit Bounded(Rep value) : value_(value) {}
    Rep value_;
};

using Vrid = Bounded<struct VridTag, std::uint8_t, 1, 255>;          // RFC 9568 5.2.3
using Priority = Bounded<struct PriorityTag, std::uint8_t, 1, 255>;  // RFC 9568 5.2.4; 255 = address owner
using Weight = Bounded<struct WeightTag, std::int32_t, 0, 65535>;    // 0 = no new connections
using Fwmark = Bounded<struct FwmarkTag, std::uint32_t, 1, 0xffffffff>;

}  // namespace lvs
