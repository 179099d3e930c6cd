// SPDX-License-Identifier: GPL-2.0-or-later
//
// What configure() would do, without consequences.
#include "lvsd/engine/impl.hpp"

namespace lvs::engine {
namespace {

void note_servers(Preview& out, const config::VirtualService& before, const config::VirtualService& after) {
    std::set<Endpoint> had, has;
    for (const auto& server : before.servers)
        had.insert(server.address);
    for (const auto& server : after.servers)
        has.insert(server.address);
    for (const auto& address : had)
        if (!has.contains(address)) out.removed.emplace_back(after.name, address);
    for (const auto& address : has)
        if (!had.contains(address)) out.added.emplace_back(after.name, address);
}

}  // namespace

// The ways of checks that would come and go. Copies the marks that are given with the first new one.
class Engine::Impl::WaysPreview {
public:
    WaysPreview(const Impl& engine, std::uint32_t base) : engine_(engine), base_(base) {}

    // The check there is already, or one without verdict.
    CheckId comes(const config::VirtualService& service, const config::RealServer& server,
                  const config::Check& check) {
        const auto way = way_of(base_, service, server, check);
        const auto id = engine_.known_check(key_of(server, check, way));
        kept_.insert(id);
        if (way) add(*way);
        return id;
    }
    void goes(const Service& service) { gone_.push_back(&service); }

    void finish(Preview& out) {
        remove_unused();
        for (auto& [key, change] : changes_) {
            out.patch[key] = std::move(change.entry);
            out.ways[key] = std::move(change.label);
        }
    }

private:
    struct Change {
        std::optional<ipvs::Service> entry;
        std::string label;
    };

    void add(const Way& way) {
        if (!marks_) marks_ = engine_.ways;
        const auto& known = marks_->find_or_add(way, engine_.desired);
        wanted_.insert(way.key);
        const auto held = engine_.desired.find(known.mark);
        if (held == engine_.desired.end() || !is_entry_of(way, held->second))
            changes_[known.mark] = {way.entry, way.label};
    }

    // A way goes with its last check, a check with its last server.
    void remove_unused() {
        std::set<std::uint64_t> serials;
        for (const auto* service : gone_)
            serials.insert(service->serial);
        std::map<WayKey, std::set<CheckId>> leaving;
        for (const auto* service : gone_)
            for (const auto& server : service->status.servers)
                for (const auto id : server.checks)
                    if (const auto& slot = engine_.slots.at(id);
                        slot.way && !kept_.contains(id) && is_gone(slot, serials))
                        leaving[*slot.way].insert(id);
        for (const auto& [key, checks] : leaving) {
            const auto* known = engine_.ways.find(key);
            if (known != nullptr && checks.size() == known->users && !wanted_.contains(key))
                changes_[known->mark] = {std::nullopt, known->label};
        }
    }

    static bool is_gone(const CheckSlot& slot, const std::set<std::uint64_t>& serials) {
        for (const auto& [user, service] : slot.users)
            if (!serials.contains(user.first)) return false;
        return true;
    }

    const Impl& engine_;
    std::uint32_t base_;
    std::optional<Ways> marks_;
    std::set<CheckId> kept_;
    std::set<WayKey> wanted_;
    std::vector<const Service*> gone_;
    std::map<ipvs::ServiceKey, Change> changes_;
};

Preview Engine::Impl::preview(Time now, const config::Config& next) const {
    Preview out;
    const auto known = former(next);
    const auto live = keys_of(next);
    ipvs::Table table;
    Changes ignored;
    std::set<std::size_t> found;
    WaysPreview ways_preview(*this, next.global.check_mark);
    const bool same_marks = config.global.check_mark == next.global.check_mark;
    const auto note = [&out, &table](const std::vector<ipvs::ServiceKey>& keys) {
        for (const auto& key : keys) {
            const auto at = table.find(key);
            out.patch[key] = at == table.end() ? std::nullopt : std::optional(at->second);
        }
    };
    const auto leaves = [&](const Service& service) {
        const auto left = leave(now, service, live);
        if (left == nullptr) return;
        if (!left->servers.empty()) Judge(slots, table, nullptr).all(now, *left, ignored);
        note(left->status.keys);
    };
    for (const auto& of : next.services) {
        const auto position = find_former(known, of);
        const bool is_mine = position && found.insert(*position).second;
        const auto* before = is_mine ? services[*position].get() : nullptr;
        if (before != nullptr && is_unchanged(*before->status.config, of, same_marks)) continue;
        auto service = build(now, of, before);
        for (std::size_t i = 0; i < of.servers.size() + (of.sorry_server ? 1 : 0); ++i)
            for (const auto& check : server_at(of, i).checks)
                service->status.servers[i].checks.push_back(ways_preview.comes(of, server_at(of, i), check));
        Judge(slots, table, nullptr).all(now, *service, ignored);
        note(service->status.keys);
        if (before == nullptr) continue;
        ways_preview.goes(*before);
        note_servers(out, *before->status.config, of);
        leaves(*before);
    }
    out.servers_removed = out.removed.size();
    for (std::size_t i = 0; i < services.size(); ++i) {
        out.servers_before += services[i]->status.config->servers.size();
        if (found.contains(i)) continue;
        ways_preview.goes(*services[i]);
        out.servers_removed += services[i]->status.config->servers.size();
        leaves(*services[i]);
    }
    ways_preview.finish(out);
    return out;
}

}  // namespace lvs::engine
