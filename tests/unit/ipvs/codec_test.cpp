// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>
#include <linux/genetlink.h>
#include <linux/ip_vs.h>
#include <linux/netlink.h>

#include <cstring>

#include "ipvs/codec.hpp"
#include "tests/unit/ipvs/random_table.hpp"

namespace lvs::ipvs {
namespace {

using codec::Bytes;

codec::Message only_message(const Bytes& bytes) {
    std::span<const std::uint8_t> rest(bytes);
    const auto message = codec::next_message(rest);
    EXPECT_TRUE(message.has_value());
    EXPECT_TRUE(rest.empty());
    return message.value_or(codec::Message{});
}

// An attribute with its padding.
template <class T>
void put(Bytes& out, std::uint16_t type, const T& value) {
    const nlattr head{static_cast<std::uint16_t>(NLA_HDRLEN + sizeof value), type};
    const auto at = out.size();
    out.resize(at + NLA_ALIGN(NLA_HDRLEN + sizeof value));
    std::memcpy(out.data() + at, &head, sizeof head);
    std::memcpy(out.data() + at + NLA_HDRLEN, &value, sizeof value);
}

void put_nest(Bytes& out, std::uint16_t type, const Bytes& content) {
    const nlattr head{static_cast<std::uint16_t>(NLA_HDRLEN + content.size()), type};
    const auto at = out.size();
    out.resize(at + NLA_HDRLEN);
    std::memcpy(out.data() + at, &head, sizeof head);
    out.insert(out.end(), content.begin(), content.end());
}

Bytes message(std::uint16_t type, std::uint16_t flags, const Bytes& payload) {
    Bytes out(NLMSG_HDRLEN);
    const nlmsghdr header{static_cast<std::uint32_t>(NLMSG_HDRLEN + payload.size()), type, flags, 7, 0};
    std::memcpy(out.data(), &header, sizeof header);
    out.insert(out.end(), payload.begin(), payload.end());
    return out;
}

Bytes data_message(const Bytes& attributes) {
    Bytes payload(GENL_HDRLEN);
    payload.insert(payload.end(), attributes.begin(), attributes.end());
    return message(40, 0, payload);
}

TEST(Codec, EveryServiceAndServerSurvivesTheRoundTrip) {
    for (std::uint32_t seed = 0; seed < 200; ++seed) {
        for (const auto& [key, service] : test::RandomTables(seed).table(32)) {
            Bytes bytes;
            codec::encode_command({40, 9}, {Verb::add_service, key, service.settings, {}, {}}, bytes);
            const auto parsed = codec::parse_service(only_message(bytes));
            ASSERT_TRUE(parsed.has_value());
            ASSERT_EQ(parsed->first, key) << "seed " << seed;
            ASSERT_EQ(parsed->second.settings, service.settings) << "seed " << seed;
            for (const auto& [dest_key, dest] : service.dests) {
                bytes.clear();
                codec::encode_command({40, 9}, {Verb::add_dest, key, {}, dest_key, dest.settings}, bytes);
                const auto back = codec::parse_dest(only_message(bytes), family_of(key));
                ASSERT_TRUE(back.has_value());
                ASSERT_EQ(back->first, dest_key);
                ASSERT_EQ(back->second.settings, dest.settings) << "seed " << seed;
            }
        }
    }
}

// The bytes of one request, against the kernel's layout rather than against our own parser.
TEST(Codec, ByteOrdersAreTheKernels) {
    Command command{Verb::add_dest,
                    AddressKey{Protocol::udp, *parse_endpoint("192.0.2.10:53")},
                    {},
                    {*parse_endpoint("[2001:db8::7]:5353")},
                    {}};
    command.dest_settings = {.forward = Forward::tun,
                             .weight = 300,
                             .upper_threshold = 0,
                             .lower_threshold = 0,
                             .tunnel_type = 1,
                             .tunnel_port = 6080,
                             .tunnel_flags = 1};
    Bytes bytes;
    codec::encode_command({40, 0x01020304}, command, bytes);
    const auto contains = [&bytes](const Bytes& part) {
        return std::search(bytes.begin(), bytes.end(), part.begin(), part.end()) != bytes.end();
    };
    EXPECT_EQ(bytes[4], 40);  // message type = family
    EXPECT_EQ(bytes[16], IPVS_CMD_NEW_DEST);
    EXPECT_EQ(bytes[17], 1);                                          // version
    EXPECT_TRUE(contains({6, 0, IPVS_SVC_ATTR_AF, 0, 2, 0}));         // host order
    EXPECT_TRUE(contains({6, 0, IPVS_SVC_ATTR_PROTOCOL, 0, 17, 0}));  // host order
    EXPECT_TRUE(contains({20, 0, IPVS_SVC_ATTR_ADDR, 0, 192, 0, 2, 10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
    EXPECT_TRUE(contains({6, 0, IPVS_SVC_ATTR_PORT, 0, 0, 53}));        // network order
    EXPECT_TRUE(contains({6, 0, IPVS_DEST_ATTR_PORT, 0, 0x14, 0xe9}));  // 5353, network order
    EXPECT_TRUE(contains({6, 0, IPVS_DEST_ATTR_ADDR_FAMILY, 0, 10, 0}));
    EXPECT_TRUE(contains({8, 0, IPVS_DEST_ATTR_WEIGHT, 0, 0x2c, 1, 0, 0}));  // host order
    EXPECT_TRUE(contains({6, 0, IPVS_DEST_ATTR_TUN_PORT, 0, 0x17, 0xc0}));   // 6080, network order
    EXPECT_TRUE(contains({6, 0, IPVS_DEST_ATTR_TUN_FLAGS, 0, 1, 0}));        // host order
    bytes.clear();
    ServiceSettings settings;
    settings.netmask = 0xffffff00;
    codec::encode_command({40, 1}, {Verb::add_service, command.service, settings, {}, {}}, bytes);
    EXPECT_TRUE(contains({8, 0, IPVS_SVC_ATTR_NETMASK, 0, 255, 255, 255, 0}));  // network order
    EXPECT_TRUE(contains({12, 0, IPVS_SVC_ATTR_FLAGS, 0, 0, 0, 0, 0, 255, 255, 255, 255}));
    bytes.clear();
    settings.netmask = 64;
    codec::encode_command({40, 1}, {Verb::add_service, FwmarkKey{Family::ipv6, 7}, settings, {}, {}}, bytes);
    EXPECT_TRUE(contains({8, 0, IPVS_SVC_ATTR_NETMASK, 0, 64, 0, 0, 0}));  // prefix length, host order
    EXPECT_TRUE(contains({8, 0, IPVS_SVC_ATTR_FWMARK, 0, 7, 0, 0, 0}));
}

TEST(Codec, ReadsConnectionsAndCounters) {
    Bytes stats64;
    put(stats64, IPVS_STATS_ATTR_CONNS, std::uint64_t{5'000'000'000});
    put(stats64, IPVS_STATS_ATTR_OUTBPS, std::uint64_t{11});
    Bytes stats32;
    put(stats32, IPVS_STATS_ATTR_CONNS, std::uint32_t{3});
    put(stats32, IPVS_STATS_ATTR_INBYTES, std::uint64_t{4});
    Bytes dest;
    const std::array<std::uint8_t, 16> address{10, 0, 0, 7};
    put(dest, IPVS_DEST_ATTR_ADDR, address);
    put(dest, IPVS_DEST_ATTR_PORT, std::array<std::uint8_t, 2>{0x1f, 0x90});
    put(dest, IPVS_DEST_ATTR_ACTIVE_CONNS, std::uint32_t{1});
    put(dest, IPVS_DEST_ATTR_INACT_CONNS, std::uint32_t{2});
    put(dest, IPVS_DEST_ATTR_PERSIST_CONNS, std::uint32_t{3});
    put_nest(dest, IPVS_DEST_ATTR_STATS, stats32);
    const auto parse = [](const Bytes& nest) {
        Bytes top;
        put_nest(top, IPVS_CMD_ATTR_DEST, nest);
        const auto bytes = data_message(top);
        return codec::parse_dest(only_message(bytes), Family::ipv4);
    };
    const auto old_kernel = parse(dest);
    ASSERT_TRUE(old_kernel.has_value());
    EXPECT_EQ(to_string(old_kernel->first.address), "10.0.0.7:8080");
    EXPECT_EQ(old_kernel->second.active_connections, 1U);
    EXPECT_EQ(old_kernel->second.inactive_connections, 2U);
    EXPECT_EQ(old_kernel->second.persistent_connections, 3U);
    EXPECT_EQ(old_kernel->second.counters.connections, 3U);
    EXPECT_EQ(old_kernel->second.counters.in_bytes, 4U);
    put_nest(dest, IPVS_DEST_ATTR_STATS64, stats64);
    EXPECT_EQ(parse(dest)->second.counters.connections, 5'000'000'000U);
    EXPECT_EQ(parse(dest)->second.counters.out_byte_rate, 11U);
}

TEST(Codec, HidesTheKernelsOwnFlags) {
    ServiceSettings settings;
    settings.flags = kPersistent | 0x2;  // 0x2: "hashed", the kernel's own
    Bytes bytes;
    codec::encode_command({40, 1}, {Verb::add_service, FwmarkKey{Family::ipv4, 1}, settings, {}, {}}, bytes);
    EXPECT_EQ(codec::parse_service(only_message(bytes))->second.settings.flags, kPersistent);
}

TEST(Codec, AnAnswerWithoutItsKeyIsAnError) {
    const auto bytes = data_message({});
    EXPECT_FALSE(codec::parse_service(only_message(bytes)).has_value());
    EXPECT_FALSE(codec::parse_dest(only_message(bytes), Family::ipv4).has_value());
    EXPECT_FALSE(codec::parse_info(only_message(bytes)).has_value());
    EXPECT_FALSE(codec::parse_family(only_message(bytes)).has_value());
}

TEST(Codec, StatusCarriesErrnoAndTheKernelsWords) {
    Bytes payload(sizeof(nlmsgerr));
    const int error = -ENOENT;
    std::memcpy(payload.data(), &error, sizeof error);
    auto bytes = message(NLMSG_ERROR, 0, payload);
    EXPECT_EQ(only_message(bytes).kind, codec::Message::Kind::status);
    EXPECT_EQ(only_message(bytes).error, ENOENT);
    EXPECT_EQ(only_message(bytes).sequence, 7U);
    put(payload, NLMSGERR_ATTR_MSG, std::array<char, 12>{"no such way"});
    bytes = message(NLMSG_ERROR, NLM_F_CAPPED | NLM_F_ACK_TLVS, payload);
    EXPECT_EQ(only_message(bytes).text, "no such way");
    bytes = message(NLMSG_DONE, NLM_F_MULTI, Bytes(4));
    EXPECT_EQ(only_message(bytes).kind, codec::Message::Kind::done);
    EXPECT_EQ(only_message(bytes).error, 0);
}

TEST(Codec, ShortOrLyingLengthsEndTheBuffer) {
    for (const std::uint32_t length : {0U, 15U, 17U, 0xffffffffU}) {
        Bytes bytes(16);
        std::memcpy(bytes.data(), &length, sizeof length);
        std::span<const std::uint8_t> rest(bytes);
        EXPECT_FALSE(codec::next_message(rest).has_value()) << length;
        EXPECT_TRUE(rest.empty());
    }
}

TEST(Codec, ReadsAgreedNumbers) {
    Bytes info;
    put(info, IPVS_INFO_ATTR_VERSION, std::uint32_t{0x010201});
    put(info, IPVS_INFO_ATTR_CONN_TAB_SIZE, std::uint32_t{4096});
    auto bytes = data_message(info);
    EXPECT_EQ(codec::parse_info(only_message(bytes))->version, 0x010201U);
    EXPECT_EQ(codec::parse_info(only_message(bytes))->connection_table_size, 4096U);
    Bytes id;
    put(id, CTRL_ATTR_FAMILY_ID, std::uint16_t{31});
    bytes = data_message(id);
    EXPECT_EQ(codec::parse_family(only_message(bytes))->id, 31);
}

}  // namespace
}  // namespace lvs::ipvs
