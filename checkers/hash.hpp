// SPDX-License-Identifier: GPL-2.0-or-later
//
// Hashes that are the same in every process and build; not for secrets.
#pragma once

#include <cstdint>
#include <span>

namespace lvs::checkers {

// splitmix64's finaliser: every input bit reaches every output bit.
[[nodiscard]] constexpr std::uint64_t mix(std::uint64_t value) {
    value += 0x9e3779b97f4a7c15ULL;
    value = (value ^ (value >> 30U)) * 0xbf58476d1ce4e5b9ULL;
    value = (value ^ (value >> 27U)) * 0x94d049bb133111ebULL;
    return value ^ (value >> 31U);
}

// FNV-1a.
[[nodiscard]] constexpr std::uint64_t hash_bytes(std::span<const std::uint8_t> bytes) {
    std::uint64_t hash = 0xcbf29ce484222325ULL;
    for (const auto byte : bytes)
        hash = (hash ^ byte) * 0x100000001b3ULL;
    return hash;
}

}  // namespace lvs::checkers
