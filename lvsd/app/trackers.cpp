// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/app/trackers.hpp"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <set>
#include <utility>

#include "lvsd/runtime/runtime.hpp"

namespace lvs::app {
namespace {

using Kind = config::Tracker::Kind;

constexpr std::uint32_t kChanges = IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO;

// The first bytes of a file; never waits, whatever kind of file it is.
std::optional<std::string> beginning_of(const std::string& path, std::size_t most) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!fd) return std::nullopt;
    std::string out(most, '\0');
    const auto size = ::read(fd.get(), out.data(), out.size());
    out.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
    return out;
}

// Name and state of a process: "PID (NAME) STATE ...", where NAME may hold anything.
bool is_running(const std::string& folder, std::string_view name) {
    const auto stat = beginning_of(folder + "/stat", 512);
    if (!stat) return false;
    const auto open = stat->find('(');
    const auto close = stat->rfind(')');
    if (open == std::string::npos || close == std::string::npos || close + 2 >= stat->size()) return false;
    const char state = (*stat)[close + 2];
    if (state == 'Z' || state == 'X') return false;
    return name.empty() || std::string_view(*stat).substr(open + 1, close - open - 1) == name;
}

// The kernel keeps 15 characters of a name; a longer one is looked for in the command line.
bool is_called(const std::string& folder, const std::string& name) {
    constexpr std::size_t kLongest = 15;
    if (name.size() <= kLongest) return is_running(folder, name);
    if (!is_running(folder, name.substr(0, kLongest))) return false;
    const auto line = beginning_of(folder + "/cmdline", 4096).value_or("");
    const std::string first = line.c_str();
    return first.substr(first.rfind('/') + 1) == name;
}

bool runs_program(const std::string& folder, const std::string& path) {
    std::array<char, 4096> target{};
    const auto size = ::readlink((folder + "/exe").c_str(), target.data(), target.size());
    return size > 0 && std::string_view(target.data(), static_cast<std::size_t>(size)) == path &&
           is_running(folder, "");
}

}  // namespace

bool file_says_up(const std::string& path) {
    auto text = beginning_of(path, 16);
    if (!text) return false;
    const auto end = text->find_first_of(" \t\r\n");
    const auto word = text->substr(0, end);
    return word != "0" && word != "down";
}

int find_process(const std::string& name) {
    const bool is_path = name.find('/') != std::string::npos;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
        const auto file = entry.path().filename().string();
        int pid = 0;
        const auto [end, error] = std::from_chars(file.data(), file.data() + file.size(), pid);
        if (error != std::errc() || end != file.data() + file.size()) continue;
        const auto folder = entry.path().string();
        if (is_path ? runs_program(folder, name) : is_called(folder, name)) return pid;
    }
    return 0;
}

TrackerSources::TrackerSources(asio::io_context& loop, Tell tell, Run run)
    : loop_(loop), tell_(std::move(tell)), run_(std::move(run)), folders_(loop), second_(loop) {}

void TrackerSources::configure(const std::vector<config::Tracker>& trackers) {
    ++generation_;
    second_.cancel();
    if (folders_.is_open()) folders_.close();
    trackers_ = trackers;
    const auto is_other = [&](const auto& entry) {
        return std::ranges::find(trackers_, entry.second->tracker) == trackers_.end();
    };
    std::erase_if(processes_, is_other);
    std::erase_if(scripts_, is_other);
    watch_folders();
    look_at_files();
    for (const auto& tracker : trackers_)
        begin(tracker);
}

void TrackerSources::begin(const config::Tracker& tracker) {
    if (tracker.kind == Kind::service) tell_service(tracker);
    if (tracker.kind == Kind::process) {
        auto& process = processes_[tracker.name];
        if (process) return tell_(tracker.name, process->running.is_open());
        process = std::make_shared<Process>(loop_, tracker);
        look_for(process);
    }
    if (tracker.kind == Kind::script) {
        auto& script = scripts_[tracker.name];
        if (script) return script->good ? tell_(tracker.name, *script->good) : void();
        script = std::make_shared<Script>(loop_, tracker);
        run_script(script);
    }
}

void TrackerSources::stop() {
    configure({});
}

// ---- files
// --------------------------------------------------------------------------------------------------

void TrackerSources::look_at_files() {
    for (const auto& tracker : trackers_)
        if (tracker.kind == Kind::file) tell_(tracker.name, file_says_up(tracker.target));
}

void TrackerSources::watch_folders() {
    std::set<std::string> folders;
    for (const auto& tracker : trackers_)
        if (tracker.kind == Kind::file) folders.insert(std::filesystem::path(tracker.target).parent_path());
    if (folders.empty()) return;
    UniqueFd watch(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    for (const auto& folder : folders)
        if (watch) (void)::inotify_add_watch(watch.get(), folder.c_str(), kChanges | IN_ONLYDIR);
    if (watch) {
        folders_.assign(watch.release());
        await_change();
    }
    await_second();
}

void TrackerSources::await_change() {
    folders_.async_wait(asio::posix::stream_descriptor::wait_read,
                        [this, generation = generation_](error_code error) {
                            if (error || generation != generation_) return;
                            std::array<char, 4096> events{};
                            while (::read(folders_.native_handle(), events.data(), events.size()) > 0) {
                            }
                            look_at_files();
                            await_change();
                        });
}

void TrackerSources::await_second() {
    second_.expires_after(std::chrono::seconds(1));
    second_.async_wait([this, generation = generation_](error_code error) {
        if (error || generation != generation_) return;
        look_at_files();
        await_second();
    });
}

// ---- processes
// ----------------------------------------------------------------------------------------------

void TrackerSources::look_for(const ProcessPtr& process) {
    if (const int pid = find_process(process->tracker.target); pid != 0) return await_end(process, pid);
    tell_(process->tracker.name, false);
    look_again(process, process->tracker.interval);
}

void TrackerSources::look_again(const ProcessPtr& process, Duration after) {
    process->timer.expires_after(after);
    process->timer.async_wait([this, weak = std::weak_ptr(process)](error_code error) {
        const auto still = weak.lock();
        if (!error && still) look_for(still);
    });
}

// It may have ended between being found and being opened, and its number may be another's by now: look again.
void TrackerSources::await_end(const ProcessPtr& process, int pid) {
    const auto fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0U));
    if (fd < 0)
        return look_again(process,
                          std::min<Duration>(process->tracker.interval, std::chrono::milliseconds(100)));
    process->running.assign(fd);
    tell_(process->tracker.name, true);
    process->running.async_wait(asio::posix::stream_descriptor::wait_read,
                                [this, weak = std::weak_ptr(process)](error_code error) {
                                    const auto still = weak.lock();
                                    if (error || !still) return;
                                    still->running.close();
                                    look_for(still);
                                });
}

// ---- scripts
// ------------------------------------------------------------------------------------------------

// A run that has not ended when the next is due is waited for: it is late, not wrong.
void TrackerSources::run_script(const ScriptPtr& script) {
    script->timer.expires_after(script->tracker.interval);
    script->timer.async_wait([this, weak = std::weak_ptr(script)](error_code error) {
        const auto still = weak.lock();
        if (!error && still) run_script(still);
    });
    if (std::exchange(script->is_running, true)) return;
    run_(script->tracker, [this, weak = std::weak_ptr(script)](std::optional<bool> result) {
        if (const auto still = weak.lock()) on_script(*still, result);
    });
}

// The first result decides at once. A run of which nothing is known changes nothing.
void TrackerSources::on_script(Script& script, std::optional<bool> result) {
    script.is_running = false;
    if (!result) return;
    const bool good = *result;
    script.streak = good == script.last ? script.streak + 1 : 1;
    script.last = good;
    const auto enough = good ? script.tracker.rise : script.tracker.fall;
    if (script.good && (good == *script.good || script.streak < enough)) return;
    script.good = good;
    tell_(script.tracker.name, good);
}

// ---- services
// -----------------------------------------------------------------------------------------------

void TrackerSources::set_service(const std::string& service, bool good) {
    services_[service] = good;
    for (const auto& tracker : trackers_)
        if (tracker.kind == Kind::service && tracker.target == service) tell_service(tracker);
}

void TrackerSources::tell_service(const config::Tracker& tracker) {
    const auto known = services_.find(tracker.target);
    if (known != services_.end()) tell_(tracker.name, known->second);
}

}  // namespace lvs::app
