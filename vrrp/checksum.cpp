// SPDX-License-Identifier: GPL-2.0-or-later
#include "vrrp/checksum.hpp"

namespace lvs::vrrp {

namespace {

std::uint32_t add_words(std::span<const std::uint8_t> bytes, std::uint32_t sum) {
    std::size_t i = 0;
    for (; i + 1 < bytes.size(); i += 2)
        sum += static_cast<std::uint32_t>(bytes[i] << 8 | bytes[i + 1]);
    if (i < bytes.size()) sum += static_cast<std::uint32_t>(bytes[i] << 8);
    return sum;
}

}  // namespace

std::uint32_t pseudo_header_sum(const Envelope& envelope, std::size_t length, std::uint8_t protocol) {
    std::uint32_t sum = add_words(envelope.source.bytes(), 0);
    sum = add_words(envelope.destination.bytes(), sum);
    return sum + static_cast<std::uint32_t>(length) + protocol;
}

std::uint16_t checksum(std::span<const std::uint8_t> bytes, std::uint32_t sum) {
    sum = add_words(bytes, sum);
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(~sum);
}

}  // namespace lvs::vrrp
