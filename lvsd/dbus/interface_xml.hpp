// SPDX-License-Identifier: GPL-2.0-or-later
//
// An interface as D-Bus introspection XML, for those who generate code or documentation from it: installed as
// /usr/share/dbus-1/interfaces/NAME.xml. Made from the vtable that serves the calls, so it cannot differ. Private to
// lvs_dbus.
//
// D-Bus Specification 0.43, "Introspection Data Format".
#pragma once

#include <systemd/sd-bus.h>

#include <string>

namespace lvs::dbus {

[[nodiscard]] std::string interface_xml(const char* interface, const sd_bus_vtable* vtable);

}  // namespace lvs::dbus
