// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/dbus/interface_xml.hpp"

#include <fmt/format.h>

#include <cstring>
#include <vector>

#include "lvsd/base/base.hpp"

namespace lvs::dbus {
namespace {

constexpr const char* kHead =
    "<!DOCTYPE node PUBLIC \"-//freedesktop//DTD D-BUS Object Introspection 1.0//EN\"\n"
    "\"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">\n"
    "<!-- Made from the code of lvsd; lvsd/dbus/api.md explains every member. -->\n";

// The complete types of a signature: "sa{sv}u" -> "s", "a{sv}", "u". Ours are well-formed.
std::vector<std::string> types_in(std::string_view signature) {
    std::vector<std::string> out;
    std::size_t depth = 0;
    bool begins = true;
    for (const char c : signature) {
        if (begins) out.emplace_back();
        out.back() += c;
        depth += c == '(' || c == '{' ? 1 : 0;
        depth -= c == ')' || c == '}' ? 1 : 0;
        begins = depth == 0 && c != 'a';
    }
    return out;
}

// Names come one after the other, each with its NUL, those of the results after those of the arguments.
std::string arguments(const char* signature, const char*& names, const char* direction) {
    std::string out;
    for (const auto& type : types_in(signature)) {
        LVS_ASSERT(*names != '\0');  // every argument of ours has a name
        out += fmt::format("   <arg name=\"{}\" type=\"{}\"{}/>\n", names, type, direction);
        names += std::strlen(names) + 1;
    }
    return out;
}

std::string method(const sd_bus_vtable& row) {
    const auto& m = row.x.method;
    const char* names = m.names;
    auto inner = arguments(m.signature, names, " direction=\"in\"");
    inner += arguments(m.result, names, " direction=\"out\"");
    if (inner.empty()) return fmt::format("  <method name=\"{}\"/>\n", m.member);
    return fmt::format("  <method name=\"{}\">\n{}  </method>\n", m.member, inner);
}

std::string signal(const sd_bus_vtable& row) {
    const char* names = row.x.signal.names;
    return fmt::format("  <signal name=\"{}\">\n{}  </signal>\n", row.x.signal.member,
                       arguments(row.x.signal.signature, names, ""));
}

std::string property(const sd_bus_vtable& row) {
    const auto flags = row.flags;
    const char* emits = (flags & SD_BUS_VTABLE_PROPERTY_CONST) != 0          ? "const"
                        : (flags & SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE) != 0 ? nullptr  // the default
                                                                             : "false";
    const auto begin = fmt::format("  <property name=\"{}\" type=\"{}\" access=\"read\"", row.x.property.member,
                                   row.x.property.signature);
    if (emits == nullptr) return begin + "/>\n";
    return fmt::format(
        "{}>\n   <annotation name=\"org.freedesktop.DBus.Property.EmitsChangedSignal\" value=\"{}\"/>\n"
        "  </property>\n",
        begin, emits);
}

}  // namespace

std::string interface_xml(const char* interface, const sd_bus_vtable* vtable) {
    std::string out = fmt::format("{}<node>\n <interface name=\"{}\">\n", kHead, interface);
    for (const auto* row = vtable; row->type != _SD_BUS_VTABLE_END; ++row) {
        if (row->type == _SD_BUS_VTABLE_METHOD) out += method(*row);
        if (row->type == _SD_BUS_VTABLE_SIGNAL) out += signal(*row);
        if (row->type == _SD_BUS_VTABLE_PROPERTY) out += property(*row);
    }
    return out + " </interface>\n</node>\n";
}

}  // namespace lvs::dbus
