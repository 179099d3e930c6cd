// SPDX-License-Identifier: GPL-2.0-or-later
//
// Datagrams with file descriptors (SCM_RIGHTS) over a SOCK_SEQPACKET link. Neither direction ever blocks.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <array>
#include <cstring>
#include <span>
#include <vector>

#include "checkers/fd.hpp"

namespace lvs::checkers {

inline constexpr std::size_t kMaxFdsPerMessage = 253;  // SCM_MAX_FD

// As send(2): the number of bytes, or -1 and errno. The descriptors stay the caller's.
[[nodiscard]] inline ssize_t send_message(int link, std::span<const std::uint8_t> bytes,
                                          std::span<const Fd> fds = {}) {
    LVS_ASSERT(fds.size() <= kMaxFdsPerMessage);
    alignas(cmsghdr) std::array<char, CMSG_SPACE(kMaxFdsPerMessage * sizeof(int))> control{};
    iovec part{.iov_base = const_cast<std::uint8_t*>(bytes.data()), .iov_len = bytes.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    if (!fds.empty()) {
        message.msg_control = control.data();
        message.msg_controllen = CMSG_SPACE(fds.size() * sizeof(int));
        auto* header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(fds.size() * sizeof(int));
        for (std::size_t i = 0; i < fds.size(); ++i) {
            const int fd = fds[i].get();
            std::memcpy(CMSG_DATA(header) + i * sizeof fd, &fd, sizeof fd);
        }
    }
    return sendmsg(link, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

// As recv(2). Descriptors that came along are appended to `fds`, whatever the message turns out to be.
[[nodiscard]] inline ssize_t receive_message(int link, std::span<std::uint8_t> buffer, std::vector<Fd>& fds) {
    alignas(cmsghdr) std::array<char, CMSG_SPACE(kMaxFdsPerMessage * sizeof(int))> control{};
    iovec part{.iov_base = buffer.data(), .iov_len = buffer.size()};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    const auto size = recvmsg(link, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (size < 0) return size;
    for (auto* header = CMSG_FIRSTHDR(&message); header; header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) continue;
        const auto count = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (std::size_t i = 0; i < count; ++i) {
            int fd = -1;
            std::memcpy(&fd, CMSG_DATA(header) + i * sizeof fd, sizeof fd);
            fds.emplace_back(fd);
        }
    }
    return size;
}

}  // namespace lvs::checkers
