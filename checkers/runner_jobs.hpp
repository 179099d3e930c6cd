// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the runner process does: programs under way and files that are watched, on one epoll set. The rules
// are in runner.hpp. Owner: runner_main.cpp, one thread. Nothing here waits but poll().
#pragma once

#include <sys/types.h>

#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "checkers/fd.hpp"
#include "checkers/runner_wire.hpp"

namespace lvs::checkers {

class Jobs {
public:
    using Ended = std::function<void(std::uint32_t job, const CommandEnd&)>;
    Jobs(int epoll, Ended ended);
    ~Jobs();
    Jobs(const Jobs&) = delete;
    Jobs& operator=(const Jobs&) = delete;

    void start(std::uint32_t job, const Command& command, Time now);
    void kill(std::uint32_t job);
    // Something was readable: outputs, or a program's end.
    void look(Time now);
    void on_deadlines(Time now);
    [[nodiscard]] std::optional<Time> next_deadline() const;
    [[nodiscard]] std::size_t running() const { return jobs_.size(); }

private:
    struct Job;
    [[nodiscard]] Result<void> launch(Job& job, const Command& command);
    void read_outputs(Job& job) const;
    void reap(Time now);
    void report(Job& job, CommandEnd::How how, int number, Time now);

    int epoll_;
    Ended ended_;
    std::map<pid_t, std::unique_ptr<Job>> jobs_;
};

class Files {
public:
    using Read = std::function<void(std::uint32_t watch, const FileText&)>;
    using FileNumber = std::pair<dev_t, ino_t>;  // zero, zero: there is none
    explicit Files(Read read) : read_(std::move(read)) {}

    // The descriptor to be watched for input.
    [[nodiscard]] Result<int> open();
    void watch(std::uint32_t id, const std::string& path);
    void unwatch(std::uint32_t id);
    void on_readable();
    // For what events do not tell: a folder that was missing is there, a link on the path leads elsewhere.
    void look_again();

private:
    struct Entry {
        std::string path{};
        // Where the path leads, through all links.
        int folder_watch = -1;
        std::string name{};
        FileNumber number{};
        std::optional<FileText> told{};
    };
    void look(std::uint32_t id, Entry& entry);
    void follow(Entry& entry);
    void leave(int folder_watch);
    void tell(std::uint32_t id, Entry& entry);

    Read read_;
    Fd inotify_;
    std::map<std::uint32_t, Entry> entries_;
};

// Never waits; anything but a regular file is an error.
[[nodiscard]] FileText read_small_file(const std::string& path);

}  // namespace lvs::checkers
