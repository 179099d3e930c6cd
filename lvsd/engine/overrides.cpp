// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the operator says beside the configuration.
#include "lvsd/engine/impl.hpp"

namespace lvs::engine {

std::string_view to_string(Admin mode) {
    switch (mode) {
        case Admin::disabled:
            return "disabled";
        case Admin::draining:
            return "draining";
        case Admin::maintenance:
            return "maintenance";
    }
    return "?";
}

// A drain that runs goes on when it is only given another deadline or another name.
void take_overrides(Time now, ServerStatus& status, Server& server, const Overrides& value) {
    const auto mode_of = [](const Overrides& o) {
        return o.admin ? std::optional(o.admin->mode) : std::nullopt;
    };
    const auto drains = [&mode_of](const Overrides& o) {
        const auto mode = mode_of(o);
        return mode == Admin::draining || mode == Admin::maintenance;
    };
    const bool drained_before = drains(status.overrides) && status.drain;
    status.overrides = value;
    if (!drains(value))
        end_drain(status, server);
    else if (!drained_before)
        begin_drain(now, status, server, value.admin->deadline);
    else
        status.drain->deadline = value.admin->deadline;
}

void Engine::Impl::note_expiry(const ServerId& server, const Overrides& value, bool is_there) {
    const auto note = [&](const auto& one) {
        if (!one || !one->expires) return;
        is_there ? (void)expiries.emplace(*one->expires, server)
                 : (void)expiries.erase({*one->expires, server});
    };
    note(value.admin);
    note(value.weight);
}

void Engine::Impl::set_overrides(Time now, const ServerId& server, Overrides value, Changes& out) {
    if (const auto old = overrides.find(server); old != overrides.end()) {
        note_expiry(server, old->second, false);
        overrides.erase(old);
    }
    note_expiry(server, value, true);
    if (!value.empty()) overrides.emplace(server, std::move(value));
    apply_overrides(now, server, out);
}

void Engine::Impl::apply_overrides(Time now, const ServerId& id, Changes& out) {
    const auto named = by_name.find(id.first);
    if (named == by_name.end()) return;
    auto& service = *named->second;
    const auto found = service.index.find(id.second);
    if (found == service.index.end()) return;
    const auto given = overrides.find(id);
    take_overrides(now, service.status.servers[found->second], service.servers[found->second],
                   given == overrides.end() ? Overrides{} : given->second);
    Judge(slots, desired, &touched).all(now, service, out);
    settle(now, service);
}

void Engine::Impl::expire_overrides(Time now, Changes& out) {
    while (!expiries.empty() && expiries.begin()->first <= now) {
        const auto server = expiries.begin()->second;
        auto value = overrides.at(server);
        if (value.admin && value.admin->expires && *value.admin->expires <= now) {
            out.emplace_back(OverrideEnded{server, std::string(to_string(value.admin->mode))});
            value.admin.reset();
        }
        if (value.weight && value.weight->expires && *value.weight->expires <= now) {
            out.emplace_back(OverrideEnded{server, "weight"});
            value.weight.reset();
        }
        set_overrides(now, server, std::move(value), out);
    }
}

}  // namespace lvs::engine
