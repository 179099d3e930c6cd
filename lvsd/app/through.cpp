// SPDX-License-Identifier: GPL-2.0-or-later
//
// Checks through their service: before a socket is made for one, its way must be there.
//
// Its packets start here, so IPVS takes them in LOCAL_OUT: on the director that holds the service's address
// and on a backup alike, for which routing only has to know some way to that address. Without the entry in
// the kernel they would go to whoever holds the address, and the verdict would be about somebody else; so
// there is no socket without it.
//
// Where this host holds the address, answers of DR and TUN come from an address of its own, and IPv4 drops
// such packets unless `accept_local` is set for the interface they come in by. That is set here, before the
// first such check and on a backup as well: a role changes between two checks, and the second must not fail
// of it.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "checkers/socket_maker.hpp"
#include "lvsd/app/daemon.hpp"
#include "lvsd/app/event_of.hpp"
#include "lvsd/app/route.hpp"
#include "lvsd/base/messages.hpp"

namespace lvs::app {
namespace {

constexpr Duration kReadyFor = std::chrono::seconds(5);  // somebody may change the settings, or the routes
constexpr std::size_t kMostReady = 65'536;

bool has_way(const ipvs::Table& table, const checkers::CheckSpec& spec) {
    const auto entry = table.find(ipvs::FwmarkKey{spec.target.address.family(), spec.fwmark});
    if (entry == table.end() || entry->second.dests.size() != 1) return false;
    return entry->second.dests.begin()->first.address.address == *spec.through;
}

}  // namespace

// 0, or why there shall be no socket: EAGAIN, the way is not there yet; ENETUNREACH, no route;
// kAnswersAreRefused.
int Daemon::refuse_socket(const checkers::CheckSpec& spec) {
    if (!spec.through) return 0;
    if (!reconciler_ || !has_way(reconciler_->table(), spec)) return EAGAIN;
    const std::pair<IpAddress, IpAddress> which{spec.target.address, *spec.through};
    const auto now = monotonic_now();
    if (const auto known = ready_ways_.find(which); known != ready_ways_.end() && now < known->second)
        return 0;
    if (!checkers::source_towards(spec.target.address)) return ENETUNREACH;
    const auto* wanted = engine_.check(engine::CheckId{static_cast<std::uint32_t>(spec.id)});
    const bool is_nat =
        wanted != nullptr && wanted->through && wanted->through->forward == config::Forward::nat;
    const auto lasts =
        is_nat || !spec.target.address.is_v4() ? std::optional(kReadyFor) : let_answers_in(spec);
    if (!lasts) return checkers::kAnswersAreRefused;
    if (ready_ways_.size() >= kMostReady) ready_ways_.clear();
    ready_ways_[which] = now + *lasts;
    return 0;
}

// For how long it is certain that answers are let in; absent: they are not. They come from the service's
// address, by an interface that leads to the server.
std::optional<Duration> Daemon::let_answers_in(const checkers::CheckSpec& spec) {
    const auto there = route_to(*spec.through);
    const auto back = route_to(spec.target.address);
    if (!there || there->is_local || !back) return kReadyFor;
    Duration lasts = kReadyFor;
    for (const auto& interface : there->interfaces) {
        const bool is_expected = std::ranges::count(back->interfaces, interface) != 0;
        if (!is_expected && is_strict(interface)) return std::nullopt;
        const auto accepting = accept_local(interface);
        if (accepting == Accepting::now)
            tell(daemon_event(
                ev::check_accept_local, Level::notice,
                fmt::format("net.ipv4.conf.{}.accept_local is set, for answers to checks through services",
                            interface),
                {{"interface", interface}}));
        if (accepting != Accepting::no) continue;
        if (back->is_local) return std::nullopt;
        lasts = {};  // until this host becomes master
    }
    return lasts;
}

// A check through a service that fails may say that somebody removed its way: look, and not only at the next
// interval.
void Daemon::look_at_way(const checkers::Transition& transition) {
    const auto* wanted = engine_.check(engine::CheckId{static_cast<std::uint32_t>(transition.id)});
    if (wanted == nullptr || !wanted->through || transition.state != checkers::State::down) return;
    reconciler_->look_at({ipvs::FwmarkKey{wanted->target.address.family(), wanted->through->mark}});
}

}  // namespace lvs::app
