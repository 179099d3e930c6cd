// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/dbus/listener.hpp"

#include <fcntl.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

namespace lvs::dbus {
namespace {

constexpr auto kAcceptPause = std::chrono::milliseconds(200);
constexpr mode_t kSocketMode = 0666;  // reading is for everybody

Result<sockaddr_un> socket_address(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || path.size() >= sizeof(address.sun_path))
        return fail(std::errc::filename_too_long, "socket path '" + path + "'");
    std::memcpy(address.sun_path, path.c_str(), path.size());
    return address;
}

// Root, or a member of our group. The groups are those the client had when it connected.
bool may_change(int fd, uid_t user) {
    if (user == 0) return true;
    std::array<char, 4096> room{};
    group entry{};
    group* found = nullptr;
    if (::getgrnam_r(kGroup, &entry, room.data(), room.size(), &found) != 0 || found == nullptr) return false;
    ucred peer{};
    socklen_t length = sizeof(peer);
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 && peer.gid == entry.gr_gid)
        return true;
    std::array<gid_t, 1024> groups{};
    length = sizeof(groups);
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &length) != 0) return false;
    const std::span held(groups.data(), length / sizeof(gid_t));
    return std::ranges::find(held, entry.gr_gid) != held.end();
}

bool somebody_answers(const sockaddr_un& address) {
    const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    return ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0 ||
           errno == EAGAIN;  // its queue is full
}

// A file left behind by a killed lvsd is removed; a socket somebody answers on, or any other file, is not
// ours.
Result<void> make_room(const std::string& path, const sockaddr_un& address) {
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) return {};
    if (!S_ISSOCK(info.st_mode)) return fail(std::errc::file_exists, "socket " + path);
    if (somebody_answers(address)) return fail(std::errc::address_in_use, "socket " + path);
    if (::unlink(path.c_str()) != 0) return fail_errno(errno, "remove stale socket " + path);
    return {};
}

Result<UniqueFd> make_listening(const std::string& path) {
    const auto address = socket_address(path);
    if (!address) return std::unexpected(address.error());
    if (const auto room = make_room(path, *address); !room) return std::unexpected(room.error());
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd || ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof(*address)) != 0)
        return fail_errno(errno, "bind " + path);
    if (::chmod(path.c_str(), kSocketMode) != 0 || ::listen(fd.get(), SOMAXCONN) != 0)
        return fail_errno(errno, "listen on " + path);
    return fd;
}

std::optional<uid_t> user_of(int fd) {
    ucred peer{};
    socklen_t length = sizeof(peer);
    if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0) return std::nullopt;
    return peer.uid;
}

}  // namespace

Result<void> Listener::listen(const std::string& path) {
    auto fd = make_listening(path);
    if (!fd) return std::unexpected(fd.error());
    ErrorCode error;
    acceptor_.assign(asio::local::stream_protocol(), fd->get(), error);
    if (error) return fail_errno(error.value(), "listen on " + path);
    static_cast<void>(fd->release());  // the acceptor's now
    path_ = path;
    alive_ = std::make_shared<const bool>(true);
    accept();
    return {};
}

void Listener::stop() {
    alive_.reset();
    ErrorCode ignored;
    acceptor_.close(ignored);
    pause_.cancel();
    for (auto& [id, client] : clients_)
        client.link->stop();
    clients_.clear();
    if (!path_.empty()) ::unlink(path_.c_str());
    path_.clear();
}

void Listener::notify(std::span<const Change> changes) {
    for (auto& [id, client] : clients_)
        client.link->notify(changes);
}

void Listener::on_event() {
    for (auto& [id, client] : clients_)
        client.link->on_event();
}

void Listener::accept() {
    acceptor_.async_accept(
        [this, weak = std::weak_ptr(alive_)](ErrorCode error, asio::local::stream_protocol::socket socket) {
            if (weak.lock()) on_accept(error, std::move(socket));
        });
}

void Listener::on_accept(ErrorCode error, asio::local::stream_protocol::socket socket) {
    if (!error) {
        ErrorCode ignored;
        serve(UniqueFd(socket.release(ignored)));
        accept();
        return;
    }
    pause_.expires_after(kAcceptPause);
    pause_.async_wait([this, weak = std::weak_ptr(alive_)](ErrorCode cancelled) {
        if (!cancelled && weak.lock()) accept();
    });
}

bool Listener::has_room_for(uid_t user) const {
    if (clients_.size() >= kClientsMax) return false;
    const auto same_user = [user](const auto& entry) { return entry.second.user == user; };
    return user == 0 ||
           static_cast<std::size_t>(std::ranges::count_if(clients_, same_user)) < kClientsPerUserMax;
}

// Whom we cannot serve is closed without a word in the log: strangers could fill it.
void Listener::serve(UniqueFd socket) {
    const auto user = user_of(socket.get());
    if (!user || !has_room_for(*user)) return;
    const auto id = next_id_++;
    const bool allowed = may_change(socket.get(), *user);
    const auto link = make_link(std::move(socket), id);
    if (!link) return;
    (*link)->allow_changes(allowed);
    clients_.emplace(id, Client{*link, *user});
    if (!(*link)->start()) clients_.erase(id);
}

// sd-bus writes to the client itself but reads from a socket pair, into which the Link puts what FrameGuard
// passed.
Result<std::shared_ptr<Link>> Listener::make_link(UniqueFd socket, std::uint64_t id) {
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
        return fail_errno(errno, "socket pair");
    UniqueFd input(pair[0]);
    UniqueFd feed(pair[1]);
    UniqueFd ours(::fcntl(socket.get(), F_DUPFD_CLOEXEC, 3));
    sd_bus* raw = nullptr;
    if (!ours || sd_bus_new(&raw) < 0) return fail(std::errc::not_enough_memory, "client");
    BusPtr bus(raw);
    sd_id128_t server{};
    int r = sd_id128_randomize(&server);
    if (r >= 0) r = sd_bus_set_fd(raw, input.get(), socket.get());
    if (r < 0) return fail_errno(-r, "client");
    static_cast<void>(input.release());  // sd-bus's now
    static_cast<void>(socket.release());
    r = sd_bus_set_server(raw, 1, server);
    if (r >= 0) r = sd_bus_negotiate_fds(raw, 0);
    if (r >= 0) r = sd_bus_start(raw);
    if (r < 0) return fail_errno(-r, "client");
    return std::make_shared<Link>(loop_, shown_, Link::Role::client, std::move(bus), std::move(ours),
                                  std::move(feed), [this, id](const std::string&) { clients_.erase(id); });
}

}  // namespace lvs::dbus
