// SPDX-License-Identifier: GPL-2.0-or-later
//
// Arbitrary bytes as what the kernel sent. Nothing may be read outside of them, and a service or server that
// was understood must come out the same when it is encoded and parsed once more.
#include "ipvs/codec.hpp"

using namespace lvs;
using namespace lvs::ipvs;

namespace {

codec::Message reparse(const codec::Bytes& bytes) {
    std::span<const std::uint8_t> rest(bytes);
    auto message = codec::next_message(rest);
    LVS_ASSERT(message.has_value() && rest.empty());
    return *message;
}

// The kernel's strings end at the first NUL and have a longest length; only such values are encoded
// unchanged.
bool is_encodable(const ServiceSettings& settings) {
    return settings.scheduler.size() < 16 && settings.persistence_engine.size() <= 16;
}

void check_service(const codec::Message& message) {
    const auto parsed = codec::parse_service(message);
    if (!parsed || !is_encodable(parsed->second.settings)) return;
    codec::Bytes bytes;
    codec::encode_command({40, 1}, {Verb::add_service, parsed->first, parsed->second.settings, {}, {}},
                          bytes);
    const auto again = codec::parse_service(reparse(bytes));
    LVS_ASSERT(again.has_value() && again->first == parsed->first);
    LVS_ASSERT(again->second.settings == parsed->second.settings);
}

void check_dest(const codec::Message& message, Family family) {
    const auto parsed = codec::parse_dest(message, family);
    if (!parsed) return;
    codec::Bytes bytes;
    const FwmarkKey service{family, 1};
    codec::encode_command({40, 1}, {Verb::add_dest, service, {}, parsed->first, parsed->second.settings},
                          bytes);
    const auto again = codec::parse_dest(reparse(bytes), family);
    LVS_ASSERT(again.has_value() && again->first == parsed->first);
    LVS_ASSERT(again->second.settings == parsed->second.settings);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const codec::Bytes bytes(data, data + size);  // a copy, aligned as a receive buffer is
    std::span<const std::uint8_t> rest(bytes);
    while (const auto message = codec::next_message(rest)) {
        check_service(*message);
        check_dest(*message, Family::ipv4);
        check_dest(*message, Family::ipv6);
        (void)codec::parse_info(*message);
        (void)codec::parse_timeouts(*message);
        (void)codec::parse_family(*message);
        (void)codec::parse_new_family(*message);
        (void)codec::parse_extension(*message);
        (void)codec::parse_change(*message);
    }
    return 0;
}
