// SPDX-License-Identifier: GPL-2.0-or-later
//
// What keeps a taken-over worker harmless: no privilege, no files, no processes. In the order of use:
//
//   raise_file_limit()   while still privileged
//   drop_privileges()    another user, no groups, no capabilities, none to be had; not dumpable; dies with its parent
//   close_sandbox()      a seccomp filter: sockets, epoll, memory and clocks; anything else kills the process
#pragma once

#include <sys/types.h>

#include "lvsd/base/base.hpp"

namespace lvs::checkers {

// As many open files as allowed, at most `wanted`. Returns the limit.
[[nodiscard]] std::uint32_t raise_file_limit(std::uint32_t wanted);

struct Identity {
    uid_t user = 65534;
    gid_t group = 65534;
};
// Without privilege to begin with, only what needs none is done.
[[nodiscard]] Result<void> drop_privileges(const Identity& identity, pid_t parent);

[[nodiscard]] Result<void> close_sandbox();

}  // namespace lvs::checkers
