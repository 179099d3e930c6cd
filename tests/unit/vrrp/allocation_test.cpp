// SPDX-License-Identifier: GPL-2.0-or-later
//
// A running machine allocates nothing: the speaker thread must never wait for the allocator's lock.
#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

#include "tests/unit/vrrp/bench.hpp"

namespace {
std::size_t allocations = 0;
}

// Not inlined: the compiler would see free() meet new and warn.
[[gnu::noinline]] void* operator new(std::size_t size) {
    ++allocations;
    if (void* memory = std::malloc(size)) return memory;
    throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
    std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept {
    std::free(memory);
}

namespace lvs::vrrp {
namespace {

TEST(Allocation, IsCountedAtAll) {
    const auto before = allocations;
    delete new int(1);
    EXPECT_GT(allocations, before);
}

TEST(Allocation, NoneInAnElectionNorInPeace) {
    Machine machine(Config{});
    const IpAddress own = *IpAddress::parse("192.0.2.1"), other = *IpAddress::parse("192.0.2.2");
    const std::array<std::uint8_t, 4> list{192, 0, 2, 100};
    std::array<std::uint8_t, kMaxAdvertSize> buffer{};
    Effects effects;
    Time now{1h};
    const auto before = allocations;
    machine.handle(now, Start{own}, effects);
    for (int i = 0; i < 1000; ++i) {
        effects.clear();
        now = *machine.deadline();
        machine.advance(now, effects);
        const Advert advert{.priority = static_cast<std::uint8_t>(i % 200 + 1), .addresses = list};
        const Envelope envelope{.source = other, .destination = group_address(Family::ipv4)};
        const auto size = encode(advert, envelope, buffer);
        const auto heard = parse(envelope, std::span(buffer).first(size));
        effects.clear();
        machine.handle(now, Received{*heard, other}, effects);
        (void)encode_garp({}, own);
    }
    EXPECT_EQ(allocations, before);
    EXPECT_GT(machine.counters().became_master, 0U);
}

}  // namespace
}  // namespace lvs::vrrp
