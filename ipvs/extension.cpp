// SPDX-License-Identifier: GPL-2.0-or-later
//
// The messages of LVSD_IPVS: generation, batches, events.
#include "ipvs/kmod/uapi/lvsd_ipvs.h"
#include "ipvs/reader.hpp"
#include "ipvs/writer.hpp"

namespace lvs::ipvs::codec {
namespace {

using Extension = Attributes<LVSD_IPVS_ATTR_END - 1>;

void put_server(Writer& writer, const DestKey& key, const DestSettings& settings) {
    auto* nest = writer.begin(LVSD_IPVS_ATTR_SERVER);
    put_dest_key(writer, key);
    put_dest_settings(writer, settings);
    writer.end(nest);
}

}  // namespace

void encode_get_generation(const Header& header, Bytes& out) {
    Writer(header, LVSD_IPVS_CMD_GET_GENERATION, LVSD_IPVS_GENL_VERSION, NLM_F_ACK).append_to(out);
}

void append_step(const ServiceKey& key, const Service* service, Bytes& steps) {
    const auto servers = service != nullptr ? service->dests.size() : 0;
    Writer writer({}, LVSD_IPVS_CMD_BATCH, LVSD_IPVS_GENL_VERSION, 0, kMessageRoom + servers * kServerRoom);
    auto* nest =
        writer.begin(service != nullptr ? LVSD_IPVS_ATTR_SERVICE_REPLACE : LVSD_IPVS_ATTR_SERVICE_DEL);
    put_key(writer, key);
    if (service != nullptr) put_service_settings(writer, service->settings, family_of(key));
    writer.end(nest);
    if (service != nullptr)
        for (const auto& [dest, values] : service->dests)
            put_server(writer, dest, values.settings);
    writer.append_payload_to(steps);
}

void encode_batch(const Header& header, std::optional<Generation> expect, std::span<const std::uint8_t> steps,
                  Bytes& out) {
    const auto begin = out.size();
    Writer writer(header, LVSD_IPVS_CMD_BATCH, LVSD_IPVS_GENL_VERSION, NLM_F_ACK);
    if (expect) writer.bytes(LVSD_IPVS_ATTR_EXPECT, &*expect, sizeof *expect);
    writer.append_to(out);
    out.insert(out.end(), steps.begin(), steps.end());
    const auto length = static_cast<std::uint32_t>(out.size() - begin);
    std::memcpy(out.data() + begin + offsetof(nlmsghdr, nlmsg_len), &length, sizeof length);
}

ExtensionAnswer parse_extension(const Message& message) {
    const Extension top(message.attributes);
    return {top.number<Generation>(LVSD_IPVS_ATTR_GENERATION),
            top.number<std::uint32_t>(LVSD_IPVS_ATTR_STEP)};
}

std::optional<Change> parse_change(const Message& message) {
    if (message.kind != Message::Kind::data || message.command != LVSD_IPVS_CMD_EVENT) return std::nullopt;
    const Extension top(message.attributes);
    const auto generation = top.number<Generation>(LVSD_IPVS_ATTR_GENERATION);
    const auto what = top.number<std::uint32_t>(LVSD_IPVS_ATTR_EVENT);
    if (!generation || !what) return std::nullopt;
    Change out{*generation, std::nullopt};
    if (*what >= LVSD_IPVS_EVENT_CONFIG_CHANGED) return out;  // nothing a table shows
    const ServiceNest nest(top.get(LVSD_IPVS_ATTR_SERVICE));
    if (const auto family = family_from(nest.number<std::uint16_t>(IPVS_SVC_ATTR_AF)))
        out.key = parse_key(nest, *family);
    return out;
}

}  // namespace lvs::ipvs::codec
