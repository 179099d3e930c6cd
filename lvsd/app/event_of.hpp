// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the parts report, as events of the one stream (lvsd/events/events.hpp). Pure; private to lvs_app. The
// time is left to Daemon::tell(), which everything passes.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ipvs/reconciler.hpp"
#include "ipvs/settings.hpp"
#include "lvsd/engine/engine.hpp"
#include "lvsd/events/events.hpp"
#include "vrrp/io.hpp"

namespace lvs::app {

[[nodiscard]] events::Event event_of(const engine::ServerChanged& change);
[[nodiscard]] events::Event event_of(const engine::ServiceChanged& change);
[[nodiscard]] events::Event event_of(const engine::QuorumChanged& change);
[[nodiscard]] events::Event event_of(const engine::PanicChanged& change);
[[nodiscard]] events::Event event_of(const engine::OverrideEnded& change);
[[nodiscard]] events::Event override_event(const engine::ServerId& which, const std::string& action,
                                           const std::string& reason);
[[nodiscard]] events::Event event_of(const vrrp::Event& event);

[[nodiscard]] events::Event router_order(const std::string& router, const std::string& action);
[[nodiscard]] events::Event event_of(const ipvs::Applied& applied);
// What an entry is the way of, as Engine::way() tells; null: it is a service of its own.
using WayOf = std::function<const std::string*(const ipvs::ServiceKey&)>;
// One for each entry, within reason.
[[nodiscard]] std::vector<events::Event> events_of(const ipvs::Drifted& drifted, const WayOf& way_of = {});
[[nodiscard]] events::Event event_of(const ipvs::Recovered& recovered);
[[nodiscard]] events::Event event_of(const ipvs::NotStored& unstored);
[[nodiscard]] events::Event event_of(const ipvs::SettingKept& kept);
// What went wrong as a whole, then each refused command.
[[nodiscard]] std::vector<events::Event> events_of(const ipvs::Troubled& troubled);
[[nodiscard]] std::string describe(const ipvs::Troubled& troubled);

[[nodiscard]] events::Event worker_event(bool up, const std::string& reason);
[[nodiscard]] events::Event runner_event(bool up, const std::string& reason);
// `from` is empty for the first verdict.
[[nodiscard]] events::Event check_event(const std::string& kind, const std::string& target,
                                        std::string_view from, std::string_view to,
                                        const std::string& reason);

// About lvsd as a whole.
[[nodiscard]] events::Event daemon_event(const EventId& id, Level level, std::string message,
                                         events::Details details = {});
[[nodiscard]] events::Event router_trouble(const Error& error);  // of the speaker as a whole

}  // namespace lvs::app
