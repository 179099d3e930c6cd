// SPDX-License-Identifier: GPL-2.0-or-later
#include "checkers/supervisor.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <poll.h>
#include <sched.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include "checkers/exec_words.hpp"
#include "checkers/fd_link.hpp"

namespace lvs::checkers {

namespace {

constexpr int kLinkInChild = 3;
constexpr Duration kOldAge = std::chrono::seconds(10);  // a worker that lived this long did not die young
constexpr Duration kUsualDeath = std::chrono::seconds(1);  // what stop() waits for the end of what it killed
constexpr std::size_t kMaxDying = 4;
constexpr int kMessagesPerTurn = 64;
constexpr std::size_t kMaxHelperMessage = std::size_t{96} * 1024;

// posix_spawn's two objects with their ends.
struct SpawnPlan {
    posix_spawn_file_actions_t actions{};
    posix_spawnattr_t attributes{};
    SpawnPlan() {
        LVS_ASSERT(posix_spawn_file_actions_init(&actions) == 0 && posix_spawnattr_init(&attributes) == 0);
    }
    ~SpawnPlan() {
        posix_spawn_file_actions_destroy(&actions);
        posix_spawnattr_destroy(&attributes);
    }
    SpawnPlan(const SpawnPlan&) = delete;
    SpawnPlan& operator=(const SpawnPlan&) = delete;

    // No input, no output but errors, the link as 3, nothing else.
    int give_files(int link) {
        int failed = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
        failed |= posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
        failed |= posix_spawn_file_actions_adddup2(&actions, link, kLinkInChild);
        failed |= posix_spawn_file_actions_addclosefrom_np(&actions, kLinkInChild + 1);
        return failed;
    }
    // Default signals, a process group of its own (a Ctrl-C is for the daemon), no real-time priority.
    int set_attributes() {
        sigset_t all;
        sigset_t none;
        sigfillset(&all);
        sigemptyset(&none);
        const sched_param priority{.sched_priority = 0};
        int failed = posix_spawnattr_setsigdefault(&attributes, &all);
        failed |= posix_spawnattr_setsigmask(&attributes, &none);
        failed |= posix_spawnattr_setpgroup(&attributes, 0);
        failed |= posix_spawnattr_setschedpolicy(&attributes, SCHED_OTHER);
        failed |= posix_spawnattr_setschedparam(&attributes, &priority);
        failed |= posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK |
                                                            POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSCHEDULER);
        return failed;
    }
};

// A TLS handshake takes and gives back hundreds of pieces of memory; the C library has seven of each size at hand unless
// told otherwise.
constexpr std::string_view kTunables = "GLIBC_TUNABLES=";
constexpr std::string_view kMorePieces = "glibc.malloc.tcache_count=127";

std::vector<std::string> environment_of_child() {
    std::vector<std::string> out;
    for (char** entry = environ; *entry != nullptr; ++entry)
        if (!std::string_view(*entry).starts_with(kTunables)) out.emplace_back(*entry);
    out.emplace_back(std::string(kTunables).append(kMorePieces));
    return out;
}

Result<pid_t> spawn_program(const Supervisor::Program& program, int link) {
    SpawnPlan plan;
    if (plan.give_files(link) != 0 || plan.set_attributes() != 0)
        return fail(std::errc::not_enough_memory, "checkers: prepare the worker");
    std::vector<std::string> words{program.path, "--parent", std::to_string(getpid())};
    words.insert(words.end(), program.arguments.begin(), program.arguments.end());
    const auto environment = environment_of_child();
    pid_t pid = 0;
    if (const int error = posix_spawn(&pid, program.path.c_str(), &plan.actions, &plan.attributes,
                                      exec_words(words).data(), exec_words(environment).data());
        error != 0)
        return fail_errno(error, "checkers: start " + program.path);
    return pid;
}

std::string describe_end(const siginfo_t& info) {
    if (info.si_code == CLD_EXITED) return fmt::format("exited with status {}", info.si_status);
    return fmt::format("was killed by signal {} ({})", info.si_status, strsignal(info.si_status));
}

}  // namespace

Supervisor::Supervisor(asio::io_context& io, Program program, Callbacks callbacks)
    : program_(std::move(program)),
      callbacks_(std::move(callbacks)),
      anchor_(std::make_shared<Anchor>(this)),
      link_(io),
      process_(io),
      watchdog_(io),
      restart_(io) {}

Supervisor::~Supervisor() {
    stop();
    anchor_->owner = nullptr;
}

// Asio may call a handler with success although its object was closed meanwhile: the guard drops those.
template <class Handler>
auto Supervisor::guarded(Handler handler) {
    return [anchor = anchor_, generation = generation_, handler](error_code ec) {
        auto* owner = anchor->owner;
        if (!ec && owner && owner->generation_ == generation) handler(*owner);
    };
}

std::optional<pid_t> Supervisor::pid() const {
    if (pid_ == 0) return std::nullopt;
    return pid_;
}

void Supervisor::start() {
    ++generation_;
    if (const auto spawned = spawn(); !spawned) {
        lose(to_string(spawned.error()));
        return;
    }
    wait_for_input();
    wait_for_end();
    arm_watchdog();
}

Result<void> Supervisor::spawn() {
    spawned_ = monotonic_time();
    if (dying_.size() >= kMaxDying)
        return fail(std::errc::device_or_resource_busy,
                    "checkers: start " + program_.path + ": those before cannot be killed");
    std::array<int, 2> ends{};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
        return fail_errno(errno, "checkers: socketpair");
    Fd ours(ends[0]);
    const Fd theirs(ends[1]);
    const auto pid = spawn_program(program_, theirs.get());
    if (!pid) return std::unexpected(pid.error());
    pid_ = *pid;
    Fd process(static_cast<int>(syscall(SYS_pidfd_open, pid_, 0)));  // glibc 2.36's header is not for C++
    if (!process.is_open()) {
        const int error = errno;
        kill_and_reap({});
        return fail_errno(error, "checkers: pidfd_open");
    }
    error_code ec;
    link_.assign(ours.get(), ec);
    if (!ec) static_cast<void>(ours.release());
    if (!ec) process_.assign(process.get(), ec);
    if (!ec) static_cast<void>(process.release());
    if (ec) {
        kill_and_reap({});
        return fail(std::errc::io_error, "checkers: watch the worker: " + ec.message());
    }
    return {};
}

void Supervisor::stop() {
    ++generation_;
    wait_for_grace();
    kill_and_reap(kUsualDeath);
    restart_.cancel();
}

// A helper that has something to put away does so at the end of its link, in no time unless it hangs.
void Supervisor::wait_for_grace() {
    if (pid_ == 0 || program_.grace == Duration::zero()) return;
    error_code ignored;
    link_.close(ignored);
    await_end(program_.grace);
}

void Supervisor::await_end(Duration patience) {
    if (!process_.is_open()) return;
    pollfd ended{.fd = process_.native_handle(), .events = POLLIN, .revents = 0};
    static_cast<void>(::poll(&ended, 1, static_cast<int>(patience / std::chrono::milliseconds(1))));
}

// The process holds no state of worth, so there is nothing to ask it for.
void Supervisor::kill_and_reap(Duration patience) {
    ready_ = false;
    waiting_for_room_ = false;
    link_ended_ = false;
    unsent_.clear();
    error_code ignored;
    link_.close(ignored);
    if (pid_ != 0) {
        if (::kill(pid_, SIGKILL) == 0) await_end(patience);
        dying_.push_back(std::exchange(pid_, 0));
    }
    process_.close(ignored);
    watchdog_.cancel();
    reap();
}

// Never waits: a process that sleeps in the kernel, over a disk that hangs, does not die before it wakes, and
// one that may not be killed (without CAP_KILL) not before it reads the end of its link. Tried again with all
// that happens.
void Supervisor::reap() {
    std::erase_if(dying_, [](pid_t pid) { return waitpid(pid, nullptr, WNOHANG) != 0; });
}

Duration Supervisor::next_delay() {
    if (monotonic_time() - spawned_ >= kOldAge) early_deaths_ = 0;
    const auto died = early_deaths_++;
    if (died == 0) return Duration::zero();
    return std::min<Duration>(std::chrono::seconds(5),
                              std::chrono::milliseconds(100) * (1 << std::min(died - 1, 10U)));
}

void Supervisor::lose(std::string reason) {
    ++generation_;
    kill_and_reap({});
    restart_.expires_after(next_delay());
    restart_.async_wait(guarded([](Supervisor& self) { self.start(); }));
    callbacks_.on_lost(reason);
}

void Supervisor::wait_for_input() {
    link_.async_wait(asio::posix::descriptor_base::wait_read,
                     guarded([](Supervisor& self) { self.receive(); }));
}

void Supervisor::wait_for_end() {
    process_.async_wait(asio::posix::descriptor_base::wait_read, guarded([](Supervisor& self) {
                            siginfo_t info{};
                            if (waitid(P_PIDFD, static_cast<id_t>(self.process_.native_handle()), &info,
                                       WEXITED | WNOWAIT | WNOHANG) != 0)
                                info.si_code = 0;
                            self.lose("the " + self.program_.name + " " + describe_end(info));
                        }));
}

void Supervisor::arm_watchdog() {
    const auto due = monotonic_time() + program_.silence;
    watchdog_.expires_after(program_.silence);
    watchdog_.async_wait(guarded([due](Supervisor& self) { self.on_silence(due); }));
}

// The silence may be ours: after a pause of the whole machine or of this process the worker gets its time
// again.
void Supervisor::on_silence(Time due) {
    const auto late = monotonic_time() - due;
    const auto generation = generation_;
    const auto heard = drain();
    if (generation != generation_ || heard) return;
    if (late > std::chrono::seconds(1)) return arm_watchdog();
    lose(fmt::format("the {} has been silent for {}", program_.name, lvs::to_string(program_.silence)));
}

void Supervisor::receive() {
    const auto generation = generation_;
    drain();
    if (generation == generation_ && !link_ended_) wait_for_input();
}

// Takes what has arrived; true when that was anything.
bool Supervisor::drain() {
    reap();
    const auto generation = generation_;
    int count = 0;
    while (count < kMessagesPerTurn && receive_one() && generation == generation_)
        ++count;
    if (generation == generation_ && count > 0) arm_watchdog();
    return count > 0;
}

// False when there is nothing more to read now, or the worker was lost over it.
bool Supervisor::receive_one() {
    static std::array<std::uint8_t, kMaxHelperMessage + 1> buffer;
    const auto size = recv(link_.native_handle(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    if (size <= 0) {
        // The end of the link is followed by the end of the process, which tells more.
        link_ended_ = true;
        ::kill(pid_, SIGKILL);
        return false;
    }
    return take({buffer.data(), static_cast<std::size_t>(size)});
}

bool Supervisor::take(std::span<const std::uint8_t> message) {
    const auto generation = generation_;
    const auto understood = ready_ ? callbacks_.on_message(message) : callbacks_.on_hello(message);
    if (generation != generation_) return false;
    if (!understood) {
        lose(fmt::format("the {} sent {} bytes that are no message: {}", program_.name, message.size(),
                         lvs::to_string(understood.error())));
        return false;
    }
    if (!std::exchange(ready_, true)) callbacks_.on_ready();
    return true;
}

void Supervisor::send(std::vector<std::uint8_t> message, std::vector<Fd> fds) {
    if (!ready_) return;
    unsent_.push_back({std::move(message), std::move(fds)});
    flush();
}

void Supervisor::flush() {
    while (!unsent_.empty() && !waiting_for_room_) {
        const auto& message = unsent_.front();
        if (send_message(link_.native_handle(), message.bytes, message.fds) >= 0) {
            unsent_.pop_front();
        } else if (errno == EAGAIN || errno == ENOBUFS) {
            wait_for_room();
        } else if (errno == ETOOMANYREFS || errno == EMFILE || errno == ENOMEM) {
            unsent_.pop_front();  // more descriptors on their way than allowed: these are lost
        } else {
            return;  // the worker is gone; its pidfd will say so
        }
    }
}

void Supervisor::wait_for_room() {
    waiting_for_room_ = true;
    link_.async_wait(asio::posix::descriptor_base::wait_write, guarded([](Supervisor& self) {
                         self.waiting_for_room_ = false;
                         self.flush();
                     }));
}

}  // namespace lvs::checkers
