// SPDX-License-Identifier: GPL-2.0-or-later
//
// One table of properties per interface: name, how to read it from a View, whether a change is announced. The
// sd-bus vtables, their type signatures and the comparison of two views are all made from these tables.
// Private to lvs_dbus.
#pragma once

#include <systemd/sd-bus.h>

#include <span>
#include <vector>

#include "lvsd/dbus/objects.hpp"

namespace lvs::dbus {

struct Property {
    const char* name;
    const char* signature;
    std::uint64_t flags;        // SD_BUS_VTABLE_PROPERTY_...
    sd_bus_property_get_t get;  // userdata: const View*
    bool (*differs)(const View&, const View&);
};

[[nodiscard]] const char* interface_name(Kind kind);
[[nodiscard]] std::span<const Property> properties(Kind kind);  // at most 64
// Bit i is set when property i announces changes and differs. Both views are of the same kind.
[[nodiscard]] std::uint64_t changed_properties(const View& before, const View& after);

// The vtable of a kind: `methods` first, then its properties. It must outlive every bus it is added to.
[[nodiscard]] std::vector<sd_bus_vtable> make_vtable(Kind kind, std::span<const sd_bus_vtable> methods);

}  // namespace lvs::dbus
