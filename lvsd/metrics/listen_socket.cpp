// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/metrics/listen_socket.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace lvs::metrics {
namespace {

constexpr int kBacklog = 16;

Result<UniqueFd> bound(int family, const sockaddr* address, socklen_t size, const std::string& what) {
    UniqueFd fd(::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const int on = 1;
    if (fd && family != AF_UNIX) ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (fd && family == AF_INET6) ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (!fd || ::bind(fd.get(), address, size) != 0) return fail_errno(errno, "metrics: bind " + what);
    return fd;
}

Result<UniqueFd> listening(Result<UniqueFd> fd, const std::string& what) {
    if (fd && ::listen(fd->get(), kBacklog) != 0) return fail_errno(errno, "metrics: listen on " + what);
    return fd;
}

Result<void> make_room(const sockaddr_un& address, const std::string& path) {
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) return {};
    if (!S_ISSOCK(info.st_mode)) return fail(std::errc::file_exists, "metrics: socket " + path);
    const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    const bool answered =
        ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 ||
        errno == EAGAIN;
    if (answered) return fail(std::errc::address_in_use, "metrics: socket " + path);
    if (::unlink(path.c_str()) != 0) return fail_errno(errno, "metrics: remove stale socket " + path);
    return {};
}

}  // namespace

Result<UniqueFd> listen_on(const Endpoint& endpoint) {
    const auto bytes = endpoint.address.bytes();
    const auto what = to_string(endpoint);
    if (endpoint.address.is_v4()) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(endpoint.port);
        std::memcpy(&address.sin_addr, bytes.data(), bytes.size());
        return listening(bound(AF_INET, reinterpret_cast<const sockaddr*>(&address), sizeof(address), what),
                         what);
    }
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(endpoint.port);
    std::memcpy(&address.sin6_addr, bytes.data(), bytes.size());
    return listening(bound(AF_INET6, reinterpret_cast<const sockaddr*>(&address), sizeof(address), what),
                     what);
}

Result<UniqueFd> listen_on(const std::string& path) {
    constexpr mode_t kEverybody = 0666;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof(address.sun_path))
        return fail(std::errc::filename_too_long, "metrics: socket " + path);
    std::memcpy(address.sun_path, path.c_str(), path.size());
    if (auto room = make_room(address, path); !room) return std::unexpected(room.error());
    auto fd = bound(AF_UNIX, reinterpret_cast<const sockaddr*>(&address), sizeof(address), path);
    if (fd && ::chmod(path.c_str(), kEverybody) != 0) return fail_errno(errno, "metrics: mode of " + path);
    return listening(std::move(fd), path);
}

}  // namespace lvs::metrics
