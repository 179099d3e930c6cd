// SPDX-License-Identifier: GPL-2.0-or-later
//
// Checks through their service: the ways they take, each an IPVS service of its own for one firewall mark
// with one real server. Private to lvs_engine.
//
// A way belongs to a server of a service (and to the port there), not to a check: several checks share it,
// and it keeps its mark over any number of reloads. New ways get the lowest free mark; those that go give
// theirs back only after the new ones have come, so that a mark never means two servers in one change.
#pragma once

#include <compare>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "ipvs/ipvs.hpp"
#include "lvsd/config/model.hpp"

namespace lvs::engine {

struct WayKey {
    std::uint32_t base = 0;    // `check_mark`
    ipvs::ServiceKey service;  // the first of its addresses
    Endpoint server;           // with the port packets have there
    friend auto operator<=>(const WayKey&, const WayKey&) = default;
};

struct Way {
    WayKey key;
    Endpoint target;      // what the check connects to: the service's address
    ipvs::Service entry;  // for the kernel
    config::Forward forward = config::Forward::nat;
    std::string label;  // "the check of 10.0.0.11:80 through web"
};

// Absent: the check goes straight to the server.
[[nodiscard]] std::optional<Way> way_of(std::uint32_t base, const config::VirtualService& service,
                                        const config::RealServer& server, const config::Check& check);
[[nodiscard]] bool is_entry_of(const Way& way, const ipvs::Service& entry);
[[nodiscard]] bool has_ways(const config::VirtualService& service);

// Who has which mark.
class Ways {
public:
    struct Known {
        ipvs::FwmarkKey mark;
        std::string label;
        std::size_t users = 0;  // checks
    };
    // `taken`: a table whose firewall marks are not to be used.
    const Known& find_or_add(const Way& way, const ipvs::Table& taken);
    [[nodiscard]] const Known* find(const WayKey& key) const;
    void use(const WayKey& key) { ++known_.at(key).users; }
    // The mark, when nobody uses the way any more: it is forgotten.
    std::optional<ipvs::FwmarkKey> leave(const WayKey& key);
    // Null: this is no way.
    [[nodiscard]] const std::string* label(const ipvs::ServiceKey& key) const;
    [[nodiscard]] std::size_t size() const { return known_.size(); }

private:
    std::map<WayKey, Known> known_;
    std::map<std::uint32_t, WayKey> by_mark_;
    std::uint32_t lowest_ = 0;  // no mark below it is free; of base_
    std::uint32_t base_ = 0;
};

}  // namespace lvs::engine
