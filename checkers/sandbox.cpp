// SPDX-License-Identifier: GPL-2.0-or-later
#include "checkers/sandbox.hpp"

#include <grp.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <memory>

namespace lvs::checkers {

std::uint32_t raise_file_limit(std::uint32_t wanted) {
    rlimit limit{wanted, wanted};
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0) return wanted;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
    limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, wanted);
    static_cast<void>(setrlimit(RLIMIT_NOFILE, &limit));
    return static_cast<std::uint32_t>(limit.rlim_cur);
}

namespace {

Result<void> drop_capabilities() {
    for (int capability = 0; capability <= 63; ++capability)
        // Without CAP_SETPCAP the set stays, and gives nothing any more: no_new_privs follows.
        if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) != 0 && errno != EINVAL && errno != EPERM)
            return fail_errno(errno, "sandbox: drop the bounding set");
    static_cast<void>(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0));
    return {};
}

Result<void> clear_capabilities() {
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    std::array<__user_cap_data_struct, 2> none{};
    if (syscall(SYS_capset, &header, none.data()) != 0) return fail_errno(errno, "sandbox: capset");
    return {};
}

Result<void> change_user(const Identity& identity) {
    if (setgroups(0, nullptr) != 0) return fail_errno(errno, "sandbox: setgroups");
    if (setresgid(identity.group, identity.group, identity.group) != 0)
        return fail_errno(errno, "sandbox: setresgid");
    if (setresuid(identity.user, identity.user, identity.user) != 0)
        return fail_errno(errno, "sandbox: setresuid");
    return {};
}

}  // namespace

Result<void> drop_privileges(const Identity& identity, pid_t parent) {
    if (geteuid() == 0) {
        if (auto dropped = drop_capabilities(); !dropped) return dropped;
        if (auto changed = change_user(identity); !changed) return changed;
    }
    if (auto cleared = clear_capabilities(); !cleared) return cleared;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return fail_errno(errno, "sandbox: no_new_privs");
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return fail_errno(errno, "sandbox: not dumpable");
    // After the change of user, which resets it. The parent may have died before it took effect.
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0) return fail_errno(errno, "sandbox: parent-death signal");
    if (getppid() != parent) return fail(std::errc::no_such_process, "sandbox: the daemon is gone");
    return {};
}

namespace {

struct FilterDeleter {
    void operator()(void* filter) const { seccomp_release(filter); }
};

// Anything but these kills the process. Memory may not become executable; sockets are internet sockets only.
constexpr std::array kAllowed{
    // the link and the probes' sockets
    SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(writev), SCMP_SYS(recvfrom), SCMP_SYS(sendto), SCMP_SYS(recvmsg),
    SCMP_SYS(sendmsg), SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(getsockname), SCMP_SYS(getsockopt),
    SCMP_SYS(setsockopt), SCMP_SYS(shutdown), SCMP_SYS(close), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_ctl),
    // memory, time, entropy
    SCMP_SYS(brk), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(futex),
    SCMP_SYS(clock_gettime), SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(getrandom), SCMP_SYS(sched_yield),
    SCMP_SYS(restart_syscall),
    // the end, orderly or by abort()
    SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigaction), SCMP_SYS(sigaltstack), SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(tgkill)};

#ifdef __SANITIZE_ADDRESS__
constexpr bool kSanitized = true;  // UBSan asks through a pipe whether an address is readable
#else
constexpr bool kSanitized = false;
#endif

int add_rules(scmp_filter_ctx filter) {
    int failed = 0;
    if (kSanitized) failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(pipe2), 0);
    for (const auto call : kAllowed)
        failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0);
    for (const auto call : {SCMP_SYS(mmap), SCMP_SYS(mprotect)})
        failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    for (const auto family : {AF_INET, AF_INET6})
        failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
                                   SCMP_A0(SCMP_CMP_EQ, static_cast<scmp_datum_t>(family)));
    return failed;
}

}  // namespace

Result<void> close_sandbox() {
    const std::unique_ptr<void, FilterDeleter> filter(seccomp_init(SCMP_ACT_KILL_PROCESS));
    if (!filter) return fail(std::errc::not_enough_memory, "sandbox: seccomp_init");
    if (const int error = add_rules(filter.get()); error != 0)
        return fail(std::errc::invalid_argument, "sandbox: seccomp rules");
    static_cast<void>(seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, 2));  // a tree, not a list
    if (const int error = seccomp_load(filter.get()); error != 0) return fail_errno(-error, "sandbox: seccomp_load");
    return {};
}

}  // namespace lvs::checkers
