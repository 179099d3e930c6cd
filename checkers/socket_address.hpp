// SPDX-License-Identifier: GPL-2.0-or-later
//
// An Endpoint as the kernel takes it.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

#include "lvsd/base/base.hpp"

namespace lvs::checkers {

struct SocketAddress {
    sockaddr_storage storage{};
    socklen_t size = 0;
    [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

[[nodiscard]] inline SocketAddress socket_address(const Endpoint& endpoint) {
    SocketAddress out;
    const auto bytes = endpoint.address.bytes();
    if (endpoint.address.is_v4()) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(endpoint.port);
        std::memcpy(&address.sin_addr, bytes.data(), bytes.size());
        std::memcpy(&out.storage, &address, out.size = sizeof address);
    } else {
        sockaddr_in6 address{};
        address.sin6_family = AF_INET6;
        address.sin6_port = htons(endpoint.port);
        std::memcpy(&address.sin6_addr, bytes.data(), bytes.size());
        std::memcpy(&out.storage, &address, out.size = sizeof address);
    }
    return out;
}

}  // namespace lvs::checkers
