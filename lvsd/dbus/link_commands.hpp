// SPDX-License-Identifier: GPL-2.0-or-later
//
// Rows for the vtables: the methods that change something. Private to lvs_dbus.
#pragma once

#include <systemd/sd-bus.h>

#include <vector>

namespace lvs::dbus {

[[nodiscard]] std::vector<sd_bus_vtable> manager_commands();
[[nodiscard]] std::vector<sd_bus_vtable> server_commands();
[[nodiscard]] std::vector<sd_bus_vtable> router_commands();

}  // namespace lvs::dbus
