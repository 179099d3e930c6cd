// SPDX-License-Identifier: GPL-2.0-or-later
//
// The object tree of a Link: sd-bus asks these callbacks which objects exist and where their values are.
#include <cstdlib>
#include <cstring>

#include "lvsd/dbus/dbus.hpp"
#include "lvsd/dbus/interface_xml.hpp"
#include "lvsd/dbus/link.hpp"
#include "lvsd/dbus/link_commands.hpp"
#include "lvsd/dbus/properties.hpp"

namespace lvs::dbus {
namespace {

constexpr const char* kLimitsExceeded = "org.linuxvirtualserver.Lvsd1.Error.LimitsExceeded";
// What one object takes in a GetManagedObjects reply, with texts of usual length and some room.
constexpr std::size_t kObjectBytes = 1400, kCheckBytes = 1100;

int find_object(sd_bus* /*bus*/, const char* path, const char* interface, void* userdata, void** found,
                sd_bus_error* /*error*/) {
    const auto* view = static_cast<Link*>(userdata)->objects().find(path);
    if (view == nullptr || std::strcmp(interface, interface_name(view->kind)) != 0) return 0;
    *found = const_cast<View*>(view);  // sd-bus hands it to our getters, which only read
    return 1;
}

int list_objects(sd_bus* /*bus*/, const char* prefix, void* userdata, char*** nodes,
                 sd_bus_error* /*error*/) {
    const auto& objects = static_cast<Link*>(userdata)->objects();
    const auto indices = objects.below(prefix);
    auto** list = static_cast<char**>(std::calloc(indices.size() + 1, sizeof(char*)));  // sd-bus frees it
    if (list == nullptr) return -ENOMEM;
    std::size_t filled = 0;
    for (const auto index : indices)
        list[filled++] = ::strdup(objects.path(index).c_str());
    *nodes = list;
    return 0;
}

int too_large(sd_bus_message* m) {
    return sd_bus_reply_method_errorf(m, kLimitsExceeded,
                                      "The answer is larger than the bus carries: ask on the private socket");
}

int describe(sd_bus_message* m, void* userdata, sd_bus_error* /*error*/) {
    const auto json = state::to_json(*static_cast<View*>(userdata)->snapshot);
    if (link_of(m).role() == Link::Role::bus && json.size() > Link::kBusReplyMax) return too_large(m);
    return sd_bus_reply_method_return(m, "s", json.c_str());
}

int subscribe(sd_bus_message* m, void* /*userdata*/, sd_bus_error* /*error*/) {
    if (!link_of(m).subscribe())
        return sd_bus_reply_method_errorf(m, kLimitsExceeded, "Too many subscribers on the private socket");
    return sd_bus_reply_method_return(m, nullptr);
}

sd_bus_vtable signal(const char* name, const char* signature, const char* names) {
    sd_bus_vtable row{};
    row.type = _SD_BUS_VTABLE_SIGNAL;
    row.x.signal.member = name;
    row.x.signal.signature = signature;
    row.x.signal.names = names;
    return row;
}

const sd_bus_vtable* vtable_of(Kind kind) {
    static const auto methods = [] {
        auto rows = manager_commands();
        rows.push_back(method_row("Describe", "", "s", "json\0", describe));
        rows.push_back(method_row("Subscribe", "", "", "", subscribe));
        rows.push_back(method_row("ReadEvents", "tu", "ttta(ttssssssssa{ss})",
                              "after\0max\0started\0oldest\0newest\0events\0", read_events));
        rows.push_back(signal("Event", kEventSignature, kEventNames));
        return rows;
    }();
    static const auto manager = make_vtable(Kind::manager, methods);
    static const auto router = make_vtable(Kind::router, router_commands());
    static const auto service = make_vtable(Kind::service, {});
    static const auto server = make_vtable(Kind::server, server_commands());
    static const auto check = make_vtable(Kind::check, {});
    switch (kind) {
        case Kind::manager:
            return manager.data();
        case Kind::router:
            return router.data();
        case Kind::service:
            return service.data();
        case Kind::server:
            return server.data();
        case Kind::check:
            return check.data();
    }
    return nullptr;
}

std::size_t size_of_all(const Objects& objects) {
    std::size_t size = 0;
    for (const auto index : objects.all())
        size += objects.view(index).kind == Kind::check ? kCheckBytes : kObjectBytes;
    return size;
}

// Sees every message before the objects do: counters are brought up to date for those who ask, and what would
// hurt the connection to the bus is refused.
int before_objects(sd_bus_message* m, void* userdata, sd_bus_error* /*error*/) {
    const auto& link = *static_cast<Link*>(userdata);
    const bool is_call = sd_bus_message_is_method_call(m, nullptr, nullptr) > 0;
    if (is_call && link.shown().before_answer) link.shown().before_answer();
    if (!is_call || link.role() != Link::Role::bus) return 0;
    if (link.unsent() > Link::kQueueMax)
        return sd_bus_reply_method_errorf(m, kLimitsExceeded, "Too many answers are waiting to be read");
    if (sd_bus_message_is_method_call(m, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects") > 0 &&
        size_of_all(link.objects()) > Link::kBusReplyMax)
        return too_large(m);
    return 0;
}

}  // namespace

std::string introspection(std::string_view interface) {
    for (const auto kind : kKinds)
        if (interface == interface_name(kind)) return interface_xml(interface_name(kind), vtable_of(kind));
    return {};
}

Link& link_of(sd_bus_message* m) {
    auto* bus = sd_bus_message_get_bus(m);
    return *static_cast<Link*>(sd_bus_slot_get_userdata(sd_bus_get_current_slot(bus)));
}

int publish_objects(Link& link) {
    auto* bus = link.bus();
    int r = sd_bus_add_filter(bus, nullptr, before_objects, &link);
    for (const auto kind : kKinds)
        if (r >= 0)
            r = sd_bus_add_fallback_vtable(bus, nullptr, kRoot, interface_name(kind), vtable_of(kind),
                                           find_object, &link);
    if (r >= 0) r = sd_bus_add_node_enumerator(bus, nullptr, kRoot, list_objects, &link);
    if (r >= 0) r = sd_bus_add_object_manager(bus, nullptr, kRoot);
    return r;
}

}  // namespace lvs::dbus
