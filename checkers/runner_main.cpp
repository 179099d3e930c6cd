// SPDX-License-Identifier: GPL-2.0-or-later
//
// lvsd-runner: the process that runs check scripts, trackers and notify scripts and watches files for lvsd.
// Started by lvsd, with its link as file descriptor 3; of no use by itself. The end of the link is its end,
// and that of everything it runs.
//
//   lvsd-runner --parent PID
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <deque>

#include "checkers/fd_link.hpp"
#include "checkers/runner_jobs.hpp"

namespace {

using namespace lvs::checkers;
using lvs::Duration;
using lvs::Result;
using lvs::Time;

constexpr int kLink = 3;
constexpr Duration kBeat = std::chrono::seconds(1);
constexpr std::uint64_t kLinkTag = 1;
constexpr std::uint64_t kFilesTag = 2;
constexpr std::size_t kMaxMessage = std::size_t{96} * 1024;

class Process {
public:
    Result<void> open() {
        epoll_ = Fd(epoll_create1(EPOLL_CLOEXEC));
        if (!epoll_.is_open()) return lvs::fail_errno(errno, "epoll_create1");
        jobs_.emplace(epoll_.get(), [this](std::uint32_t job, const CommandEnd& end) {
            say(runner_wire::Ended{job, end});
        });
        const auto inotify = files_.open();
        if (!inotify) return std::unexpected(inotify.error());
        add(*inotify, EPOLLIN, kFilesTag);
        add(kLink, EPOLLIN, kLinkTag);
        say(runner_wire::Hello{});
        return {};
    }

    void run() {
        while (!is_over_) {
            poll();
            const auto now = monotonic_time();
            jobs_->on_deadlines(now);
            jobs_->look(now);
            if (now >= next_beat_) beat(now);
        }
    }

private:
    void add(int fd, std::uint32_t events, std::uint64_t tag) const {
        epoll_event event{.events = events, .data = {}};
        event.data.u64 = tag;
        LVS_ASSERT(epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0);
    }

    void poll() {
        const auto next = std::min(next_beat_, jobs_->next_deadline().value_or(next_beat_));
        const auto wait = std::chrono::ceil<std::chrono::milliseconds>(next - monotonic_time()).count();
        std::array<epoll_event, 64> events;
        const int count = epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()),
                                     static_cast<int>(std::clamp<std::int64_t>(wait, 0, 1000)));
        for (int i = 0; i < count; ++i) {
            const auto tag = events.at(static_cast<std::size_t>(i)).data.u64;
            if (tag == kFilesTag) files_.on_readable();
            if (tag == kLinkTag) on_link();
        }
    }

    void on_link() {
        flush();
        static std::array<std::uint8_t, kMaxMessage + 1> buffer;
        std::vector<Fd> nothing;
        for (;;) {
            const auto size = receive_message(kLink, buffer, nothing);
            if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
            if (size <= 0) {
                is_over_ = true;
                return;
            }
            const auto message =
                runner_wire::decode_to_runner({buffer.data(), static_cast<std::size_t>(size)});
            if (!message) {
                is_over_ = true;
                return;
            }
            obey(*message);
        }
    }

    void obey(const runner_wire::ToRunner& message) {
        if (const auto* start = std::get_if<runner_wire::Start>(&message)) {
            if (validate(start->command))
                jobs_->start(start->job, start->command, monotonic_time());
            else
                say(runner_wire::Ended{start->job, {.how = CommandEnd::How::not_started, .number = EINVAL}});
        } else if (const auto* kill = std::get_if<runner_wire::Kill>(&message)) {
            jobs_->kill(kill->job);
        } else if (const auto* watch = std::get_if<runner_wire::Watch>(&message)) {
            if (watch->path.starts_with('/')) files_.watch(watch->watch, watch->path);
        } else {
            files_.unwatch(std::get<runner_wire::Unwatch>(message).watch);
        }
    }

    void beat(Time now) {
        next_beat_ = now + kBeat;
        files_.look_again();
        if (unsent_.empty()) say(runner_wire::Alive{});
    }

    // The queue is bounded by what the daemon has asked for.
    void say(const runner_wire::FromRunner& message) {
        unsent_.push_back(runner_wire::encode(message));
        flush();
    }

    void flush() {
        while (!unsent_.empty()) {
            if (send_message(kLink, unsent_.front()) < 0) {
                if (errno != EAGAIN && errno != ENOBUFS) is_over_ = true;
                break;
            }
            unsent_.pop_front();
        }
        if (const bool full = !unsent_.empty(); full != std::exchange(is_full_, full)) {
            epoll_event event{.events = EPOLLIN, .data = {}};
            if (full) event.events |= EPOLLOUT;
            event.data.u64 = kLinkTag;
            LVS_ASSERT(epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, kLink, &event) == 0);
        }
    }

    Fd epoll_;
    std::optional<Jobs> jobs_;
    Files files_{[this](std::uint32_t watch, const FileText& file) {
        say(runner_wire::FileRead{watch, file});
    }};
    std::deque<runner_wire::Bytes> unsent_;
    Time next_beat_{};
    bool is_full_ = false;
    bool is_over_ = false;
};

bool is_link(int fd) {
    int type = 0;
    socklen_t size = sizeof type;
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_SEQPACKET;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3 || std::string_view(argv[1]) != "--parent" || !is_link(kLink)) {
        std::fprintf(stderr, "lvsd-runner is started by lvsd, see lvsd(8)\n");
        return 2;
    }
    std::signal(SIGPIPE, SIG_IGN);
    // What programs leave behind comes here to be reaped.
    static_cast<void>(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0));
    fcntl(kLink, F_SETFD, FD_CLOEXEC);
    Process process;
    if (const auto opened = process.open(); !opened) {
        std::fprintf(stderr, "lvsd-runner: %s\n", lvs::to_string(opened.error()).c_str());
        return 1;
    }
    process.run();
    return 0;
}
