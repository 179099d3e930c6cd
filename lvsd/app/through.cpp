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
// such packets unless `accept_local` is set for the interface they come in by. That is set here.
#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <fstream>

#include "checkers/socket_maker.hpp"
#include "lvsd/app/daemon.hpp"
#include "lvsd/app/event_of.hpp"
#include "lvsd/base/messages.hpp"

namespace lvs::app {
namespace {

constexpr Duration kReadyFor = std::chrono::seconds(2);  // addresses come and go with the router's role
constexpr std::size_t kMostReady = 65'536;

std::optional<IpAddress> v4_of(const sockaddr* address) {
    if (address == nullptr || address->sa_family != AF_INET) return std::nullopt;
    const auto& in = *reinterpret_cast<const sockaddr_in*>(address);
    return IpAddress::from_bytes({reinterpret_cast<const std::uint8_t*>(&in.sin_addr), 4});
}

// The interface that has the address; empty: none.
std::string interface_of(const IpAddress& address) {
    ifaddrs* all = nullptr;
    if (getifaddrs(&all) != 0) return "";
    std::string out;
    for (const auto* each = all; each != nullptr && out.empty(); each = each->ifa_next)
        if (v4_of(each->ifa_addr) == address) out = each->ifa_name;
    freeifaddrs(all);
    return out;
}

bool is_set(const std::string& path) {
    std::ifstream in(path);
    int value = 0;
    return in >> value && value != 0;
}

enum class Accepting { already, now, no };

Accepting accept_local(const std::string& interface) {
    const auto path = [](const std::string& name) {
        return fmt::format("/proc/sys/net/ipv4/conf/{}/accept_local", name);
    };
    if (is_set(path("all")) || is_set(path(interface))) return Accepting::already;
    std::ofstream(path(interface)) << "1\n" << std::flush;
    return is_set(path(interface)) ? Accepting::now : Accepting::no;
}

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
    const auto source = checkers::source_towards(spec.target.address);
    if (!source) return ENETUNREACH;
    const auto* wanted = engine_.check(engine::CheckId{static_cast<std::uint32_t>(spec.id)});
    const bool is_nat =
        wanted != nullptr && wanted->through && wanted->through->forward == config::Forward::nat;
    if (*source == spec.target.address && source->is_v4() && !is_nat) {  // an address of this host
        const auto own = checkers::source_towards(*spec.through);
        const auto interface = own ? interface_of(*own) : "";
        if (interface.empty()) return checkers::kAnswersAreRefused;
        const auto accepting = accept_local(interface);
        if (accepting == Accepting::no) return checkers::kAnswersAreRefused;
        if (accepting == Accepting::now)
            tell(daemon_event(
                ev::check_accept_local, Level::notice,
                fmt::format("net.ipv4.conf.{}.accept_local is set, for answers to checks through services",
                            interface),
                {{"interface", interface}}));
    }
    if (ready_ways_.size() >= kMostReady) ready_ways_.clear();
    ready_ways_[which] = now + kReadyFor;
    return 0;
}

// A check through a service that fails may say that somebody removed its way: look, and not only at the next
// interval.
void Daemon::look_at_way(const checkers::Transition& transition) {
    const auto* wanted = engine_.check(engine::CheckId{static_cast<std::uint32_t>(transition.id)});
    if (wanted == nullptr || !wanted->through || transition.state != checkers::State::down) return;
    reconciler_->look_at({ipvs::FwmarkKey{wanted->target.address.family(), wanted->through->mark}});
}

}  // namespace lvs::app
