// SPDX-License-Identifier: GPL-2.0-or-later
//
// Rows for the vtables: the methods that change something. Private to lvs_dbus.
#pragma once

#include <systemd/sd-bus.h>

#include <vector>

namespace lvs::dbus {

// A row for a method; `names` has those of arguments and results, each with its NUL.
[[nodiscard]] sd_bus_vtable method_row(const char* name, const char* arguments, const char* result, const char* names,
                                       sd_bus_message_handler_t handler);

[[nodiscard]] std::vector<sd_bus_vtable> manager_commands();
[[nodiscard]] std::vector<sd_bus_vtable> server_commands();
[[nodiscard]] std::vector<sd_bus_vtable> router_commands();

}  // namespace lvs::dbus
