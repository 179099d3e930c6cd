// SPDX-License-Identifier: GPL-2.0-or-later
#include <algorithm>

#include "vrrp/vrrp.hpp"

namespace lvs::vrrp {

namespace {

const Peer* find_peer(const Policy& policy, const IpAddress& source) {
    const auto found = std::find_if(policy.peers.begin(), policy.peers.end(),
                                    [&](const Peer& peer) { return peer.address == source; });
    return found == policy.peers.end() ? nullptr : &*found;
}

}  // namespace

std::uint8_t minimum_ttl(const Policy& policy, const IpAddress& source) {
    const auto* peer = find_peer(policy, source);
    return peer == nullptr ? kTtl : peer->minimum_ttl;
}

std::optional<Discard> refuse(const Policy& policy, const Envelope& envelope, const Advert& advert) {
    if (policy.peers.empty()) {
        // RFC 9568 5.1.1.2, 5.1.2.2: adverts go to the group. A unicast one is not meant for this router.
        if (!envelope.destination.is_multicast()) return Discard::source;
    } else if (envelope.destination.is_multicast() || find_peer(policy, envelope.source) == nullptr) {
        return Discard::source;
    }
    if (advert.version != Version::v2) return std::nullopt;
    if (advert.authenticated != policy.password.has_value()) return Discard::authentication;
    if (policy.password && advert.password != *policy.password) return Discard::authentication;
    return std::nullopt;
}

}  // namespace lvs::vrrp
