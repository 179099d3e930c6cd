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
    const auto nest = writer.begin(LVSD_IPVS_ATTR_SERVER);
    put_dest_key(writer, key);
    put_dest_settings(writer, settings);
    writer.end(nest);
}

void put_replaced(Writer& writer, const ServiceKey& key, const ServiceSettings& settings) {
    const auto nest = writer.begin(LVSD_IPVS_ATTR_SERVICE_REPLACE);
    put_key(writer, key);
    put_service_settings(writer, settings, family_of(key));
    writer.end(nest);
}

}  // namespace

void encode_get_generation(const Header& header, Bytes& out) {
    put_request(header, LVSD_IPVS_CMD_GET_GENERATION, LVSD_IPVS_GENL_VERSION, NLM_F_ACK, out, [](Bytes&) {});
}

void append_removal(const ServiceKey& key, Bytes& steps) {
    Writer writer(steps);
    const auto nest = writer.begin(LVSD_IPVS_ATTR_SERVICE_DEL);
    put_key(writer, key);
    writer.end(nest);
}

void append_service(const ServiceKey& key, const Service& service, Bytes& steps) {
    Writer writer(steps);
    put_replaced(writer, key, service.settings);
    for (const auto& [dest, values] : service.dests)
        put_server(writer, dest, values.settings);
}

void append_addition(std::span<const Command> commands, Bytes& steps) {
    Writer writer(steps);
    put_replaced(writer, commands.front().service, commands.front().service_settings);
    for (const auto& command : commands.subspan(1))
        put_server(writer, command.dest, command.dest_settings);
}

void encode_batch(const Header& header, std::optional<Generation> expect, std::span<const std::uint8_t> steps,
                  Bytes& out) {
    put_request(header, LVSD_IPVS_CMD_BATCH, LVSD_IPVS_GENL_VERSION, NLM_F_ACK, out,
                [&expect, steps](Bytes& attributes) {
                    if (expect) Writer(attributes).bytes(LVSD_IPVS_ATTR_EXPECT, &*expect, sizeof *expect);
                    attributes.insert(attributes.end(), steps.begin(), steps.end());
                });
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
