// SPDX-License-Identifier: GPL-2.0-or-later
#include <linux/genetlink.h>
#include <linux/ip_vs.h>

#include "ipvs/writer.hpp"

namespace lvs::ipvs::codec {
namespace {

std::uint8_t kernel_command(Verb verb) {
    switch (verb) {
        case Verb::add_service:
            return IPVS_CMD_NEW_SERVICE;
        case Verb::set_service:
            return IPVS_CMD_SET_SERVICE;
        case Verb::delete_service:
            return IPVS_CMD_DEL_SERVICE;
        case Verb::add_dest:
            return IPVS_CMD_NEW_DEST;
        case Verb::set_dest:
            return IPVS_CMD_SET_DEST;
        case Verb::delete_dest:
            return IPVS_CMD_DEL_DEST;
    }
    return IPVS_CMD_UNSPEC;
}

void encode_about_service(const Header& header, std::uint8_t command, int flags, const ServiceKey& key,
                          Bytes& out) {
    put_request(header, command, IPVS_GENL_VERSION, flags, out, [&key](Bytes& attributes) {
        Writer writer(attributes);
        const auto nest = writer.begin(IPVS_CMD_ATTR_SERVICE);
        put_key(writer, key);
        writer.end(nest);
    });
}

void encode_plain(const Header& header, std::uint8_t command, int flags, Bytes& out) {
    put_request(header, command, IPVS_GENL_VERSION, flags, out, [](Bytes&) {});
}

void put_command(const Command& command, Writer writer) {
    const auto service = writer.begin(IPVS_CMD_ATTR_SERVICE);
    put_key(writer, command.service);
    if (command.verb == Verb::add_service || command.verb == Verb::set_service)
        put_service_settings(writer, command.service_settings, family_of(command.service));
    writer.end(service);
    if (!is_dest_verb(command.verb)) return;
    const auto dest = writer.begin(IPVS_CMD_ATTR_DEST);
    put_dest_key(writer, command.dest);
    if (command.verb != Verb::delete_dest) put_dest_settings(writer, command.dest_settings);
    writer.end(dest);
}

}  // namespace

void encode_command(const Header& header, const Command& command, Bytes& out) {
    put_request(header, kernel_command(command.verb), IPVS_GENL_VERSION, NLM_F_ACK, out,
                [&command](Bytes& attributes) { put_command(command, Writer(attributes)); });
}

void encode_get_services(const Header& header, Bytes& out) {
    encode_plain(header, IPVS_CMD_GET_SERVICE, NLM_F_DUMP, out);
}

void encode_get_service(const Header& header, const ServiceKey& key, Bytes& out) {
    encode_about_service(header, IPVS_CMD_GET_SERVICE, NLM_F_ACK, key, out);
}

void encode_get_dests(const Header& header, const ServiceKey& key, Bytes& out) {
    encode_about_service(header, IPVS_CMD_GET_DEST, NLM_F_DUMP, key, out);
}

void encode_get_info(const Header& header, Bytes& out) {
    encode_plain(header, IPVS_CMD_GET_INFO, NLM_F_ACK, out);
}

void encode_get_timeouts(const Header& header, Bytes& out) {
    encode_plain(header, IPVS_CMD_GET_CONFIG, NLM_F_ACK, out);
}

void encode_resolve(std::uint32_t sequence, std::string_view family_name, Bytes& out) {
    put_request({.family = GENL_ID_CTRL, .sequence = sequence}, CTRL_CMD_GETFAMILY, 1, NLM_F_ACK, out,
                [family_name](Bytes& attributes) {
                    Writer(attributes).text(CTRL_ATTR_FAMILY_NAME, std::string(family_name));
                });
}

}  // namespace lvs::ipvs::codec
