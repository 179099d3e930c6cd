// SPDX-License-Identifier: GPL-2.0-or-later
//
// The D-Bus objects of one snapshot: which paths exist and what each shows. Immutable. Private to lvs_dbus.
//
// Paths are made once per shape of the configuration (names and addresses) and shared by all snapshots of
// that shape, so an ordinary update neither encodes nor sorts a path.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "lvsd/state/state.hpp"

namespace lvs::dbus {

inline constexpr const char* kRoot = "/org/linuxvirtualserver/Lvsd1";

enum class Kind : std::uint8_t { manager, router, service, server, check };
inline constexpr std::array kKinds{Kind::manager, Kind::router, Kind::service, Kind::server, Kind::check};

// What an object shows. Pointers that do not belong to its kind are null; all point into the snapshot.
struct View {
    Kind kind = Kind::manager;
    const state::Snapshot* snapshot = nullptr;
    const state::Router* router = nullptr;
    const state::RouterInstance* instance = nullptr;
    const state::Service* service = nullptr;
    const state::Server* server = nullptr;
    const state::Check* check = nullptr;
};

struct Layout {
    std::vector<std::string> paths;      // one for each view, in the order of the snapshot
    std::vector<std::uint32_t> by_path;  // indices, sorted by path, doubles left out
};

class Objects {
public:
    // `previous` may be null; its paths are taken over when the shape is the same.
    Objects(std::shared_ptr<const state::Snapshot> snapshot, const Objects* previous);

    [[nodiscard]] const View* find(std::string_view path) const;
    // Indices of all objects below `prefix` and of the one at it, in the order of their paths.
    [[nodiscard]] std::span<const std::uint32_t> below(std::string_view prefix) const;
    [[nodiscard]] std::span<const std::uint32_t> all() const { return layout_->by_path; }
    [[nodiscard]] const std::string& path(std::uint32_t index) const { return layout_->paths[index]; }
    [[nodiscard]] const View& view(std::uint32_t index) const { return views_[index]; }
    [[nodiscard]] const state::Snapshot& snapshot() const { return *snapshot_; }
    [[nodiscard]] bool same_layout(const Objects& other) const { return layout_ == other.layout_; }

private:
    std::shared_ptr<const state::Snapshot>
        snapshot_;                          // shared with main, which may hold it longer or shorter
    std::shared_ptr<const Layout> layout_;  // shared with earlier and later Objects of the same shape
    std::vector<View> views_;
};

enum class Event : std::uint8_t { changed, added, removed };

struct Change {
    Event event = Event::changed;
    Kind kind = Kind::manager;
    std::string_view path;         // lives as long as both Objects
    std::uint64_t properties = 0;  // for changed: bit i = property i of the kind's table
};

// What turns `before` into `after`, in the order of paths. O(n).
[[nodiscard]] std::vector<Change> difference(const Objects& before, const Objects& after);

}  // namespace lvs::dbus
