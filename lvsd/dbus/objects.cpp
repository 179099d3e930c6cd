// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/dbus/objects.hpp"

#include <systemd/sd-bus.h>

#include <algorithm>
#include <cstdlib>
#include <numeric>

#include "lvsd/dbus/properties.hpp"

namespace lvs::dbus {
namespace {

using state::Snapshot;

std::string encode(const std::string& prefix, const std::string& name) {
    char* path = nullptr;
    LVS_ASSERT(sd_bus_path_encode(prefix.c_str(), name.c_str(), &path) >= 0);
    std::string result(path);
    std::free(path);
    return result;
}

bool same_identity(const state::Router& a, const state::Router& b) {
    return a.name == b.name &&
           std::ranges::equal(a.instances, b.instances, {}, &state::RouterInstance::family,
                              &state::RouterInstance::family);
}

bool same_identity(const state::Service& a, const state::Service& b) {
    return a.name == b.name &&
           std::ranges::equal(a.servers, b.servers, [](const state::Server& x, const state::Server& y) {
               return x.address == y.address && x.is_sorry == y.is_sorry && x.checks.size() == y.checks.size();
           });
}

bool same_shape(const Snapshot& a, const Snapshot& b) {
    return std::ranges::equal(a.routers, b.routers,
                              [](const auto& x, const auto& y) { return same_identity(x, y); }) &&
           std::ranges::equal(a.services, b.services,
                              [](const auto& x, const auto& y) { return same_identity(x, y); });
}

// The order of views and of paths is the same: manager, routers, services each followed by its servers, and each of
// those by its checks.
std::vector<View> make_views(const Snapshot& s) {
    std::vector<View> views{{.snapshot = &s}};
    for (const auto& router : s.routers)
        for (const auto& instance : router.instances)
            views.push_back({.kind = Kind::router, .snapshot = &s, .router = &router, .instance = &instance});
    for (const auto& service : s.services) {
        views.push_back({.kind = Kind::service, .snapshot = &s, .service = &service});
        for (const auto& server : service.servers) {
            auto view = views.emplace_back(View{.kind = Kind::server, .snapshot = &s, .service = &service, .server = &server});
            view.kind = Kind::check;
            for (const auto& check : server.checks) {
                view.check = &check;
                views.push_back(view);
            }
        }
    }
    return views;
}

void add_server_paths(const std::string& service, const state::Server& server, std::vector<std::string>& paths) {
    const auto path =
        server.is_sorry ? service + "/sorry" : encode(service + "/server", to_string(server.address));
    paths.push_back(path);
    for (std::size_t i = 1; i <= server.checks.size(); ++i)
        paths.push_back(path + "/check/" + std::to_string(i));
}

std::vector<std::string> make_paths(const Snapshot& s) {
    const std::string root = kRoot;
    std::vector<std::string> paths{root};
    for (const auto& router : s.routers)
        for (const auto& instance : router.instances)
            paths.push_back(encode(root + "/router", router.name) +
                            (instance.family == Family::ipv4 ? "/ipv4" : "/ipv6"));
    for (const auto& service : s.services) {
        const auto path = encode(root + "/service", service.name);
        paths.push_back(path);
        for (const auto& server : service.servers)
            add_server_paths(path, server, paths);
    }
    return paths;
}

std::shared_ptr<const Layout> make_layout(const Snapshot& snapshot) {
    auto layout = std::make_shared<Layout>();
    layout->paths = make_paths(snapshot);
    auto& order = layout->by_path;
    order.resize(layout->paths.size());
    std::iota(order.begin(), order.end(), 0U);
    const auto path_of = [&layout](std::uint32_t i) -> const std::string& { return layout->paths[i]; };
    std::ranges::stable_sort(order, {}, path_of);
    const auto doubles = std::ranges::unique(order, {}, path_of);
    order.erase(doubles.begin(), doubles.end());
    return layout;
}

// Appends what differs between two objects at the same path.
void compare(const View& before, const View& after, std::string_view path, std::vector<Change>& changes) {
    const auto properties = changed_properties(before, after);
    if (properties != 0) changes.push_back({Event::changed, after.kind, path, properties});
}

}  // namespace

Objects::Objects(std::shared_ptr<const Snapshot> snapshot, const Objects* previous)
    : snapshot_(std::move(snapshot)), views_(make_views(*snapshot_)) {
    const bool same = previous != nullptr && same_shape(*snapshot_, *previous->snapshot_);
    layout_ = same ? previous->layout_ : make_layout(*snapshot_);
}

const View* Objects::find(std::string_view path) const {
    const auto& order = layout_->by_path;
    const auto path_of = [this](std::uint32_t i) { return std::string_view(layout_->paths[i]); };
    const auto found = std::ranges::lower_bound(order, path, {}, path_of);
    return found != order.end() && path_of(*found) == path ? &views_[*found] : nullptr;
}

std::span<const std::uint32_t> Objects::below(std::string_view prefix) const {
    const std::span order = layout_->by_path;
    if (prefix == "/" || std::string_view(kRoot).starts_with(prefix)) return order;
    const auto path_of = [this](std::uint32_t i) { return std::string_view(layout_->paths[i]); };
    const auto first = std::ranges::lower_bound(order, prefix, {}, path_of);
    const auto last = std::ranges::find_if_not(
        first, order.end(), [&prefix](std::string_view path) { return path.starts_with(prefix); }, path_of);
    return {first, last};
}

std::vector<Change> difference(const Objects& before, const Objects& after) {
    std::vector<Change> changes;
    const auto old_order = before.all();
    const auto new_order = after.all();
    std::size_t o = 0;
    std::size_t n = 0;
    while (o < old_order.size() || n < new_order.size()) {
        const std::string* old_path = o < old_order.size() ? &before.path(old_order[o]) : nullptr;
        const std::string* new_path = n < new_order.size() ? &after.path(new_order[n]) : nullptr;
        const int order = old_path == nullptr    ? 1
                          : new_path == nullptr  ? -1
                          : old_path == new_path ? 0  // the layout is shared: no need to compare texts
                                                 : old_path->compare(*new_path);
        if (order < 0) changes.push_back({Event::removed, before.view(old_order[o]).kind, *old_path, 0});
        if (order > 0) changes.push_back({Event::added, after.view(new_order[n]).kind, *new_path, 0});
        if (order == 0) compare(before.view(old_order[o]), after.view(new_order[n]), *new_path, changes);
        o += order <= 0 ? 1 : 0;
        n += order >= 0 ? 1 : 0;
    }
    return changes;
}

}  // namespace lvs::dbus
