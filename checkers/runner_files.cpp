// SPDX-License-Identifier: GPL-2.0-or-later
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <filesystem>

#include "checkers/runner_jobs.hpp"

namespace lvs::checkers {

namespace {

// The folder is watched, not the file: so a file that is replaced by another one (rename) stays in sight. It
// is the one the path leads to through all links; that these lead elsewhere is seen by look_again().
// IN_MODIFY is left out: half of a text is no news.
constexpr std::uint32_t kEvents = IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE |
                                  IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

Files::FileNumber number_of(const std::string& path) {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) return {};
    return {info.st_dev, info.st_ino};
}

}  // namespace

FileText read_small_file(const std::string& path) {
    const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!fd.is_open()) return {.error = errno, .text = ""};
    struct stat info {};
    if (fstat(fd.get(), &info) != 0) return {.error = errno, .text = ""};
    if (!S_ISREG(info.st_mode)) return {.error = EINVAL, .text = ""};
    std::array<char, FileText::kMaxFile + 1> buffer;
    std::string text;
    while (text.size() <= FileText::kMaxFile) {
        const auto size = read(fd.get(), buffer.data(), buffer.size() - text.size());
        if (size < 0) return {.error = errno, .text = ""};
        if (size == 0) return {.error = 0, .text = std::move(text)};
        text.append(buffer.data(), static_cast<std::size_t>(size));
    }
    return {.error = EFBIG, .text = ""};
}

Result<int> Files::open() {
    inotify_ = Fd(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    if (!inotify_.is_open()) return fail_errno(errno, "inotify_init1");
    return inotify_.get();
}

void Files::watch(std::uint32_t id, const std::string& path) {
    auto& entry = entries_[id] = {};
    entry.path = path;
    look(id, entry);
}

void Files::look(std::uint32_t id, Entry& entry) {
    follow(entry);
    tell(id, entry);
}

// One watch per folder, whoever asks for it: the kernel gives the same number again.
void Files::follow(Entry& entry) {
    std::error_code missing;
    auto real = std::filesystem::canonical(entry.path, missing);
    if (missing) real = entry.path;
    entry.name = real.filename();
    entry.number = number_of(real);
    const int before = std::exchange(entry.folder_watch,
                                     inotify_add_watch(inotify_.get(), real.parent_path().c_str(), kEvents));
    if (before != entry.folder_watch) leave(before);
}

void Files::unwatch(std::uint32_t id) {
    const auto found = entries_.find(id);
    if (found == entries_.end()) return;
    const int folder_watch = found->second.folder_watch;
    entries_.erase(found);
    leave(folder_watch);
}

// Unless another file is in that folder.
void Files::leave(int folder_watch) {
    for (const auto& [other, entry] : entries_)
        if (entry.folder_watch == folder_watch) return;
    if (folder_watch >= 0) inotify_rm_watch(inotify_.get(), folder_watch);
}

void Files::tell(std::uint32_t id, Entry& entry) {
    auto text = read_small_file(entry.path);
    if (entry.told == text) return;
    entry.told = std::move(text);
    read_(id, *entry.told);
}

void Files::on_readable() {
    alignas(inotify_event) std::array<char, 16384> buffer;
    const auto size = read(inotify_.get(), buffer.data(), buffer.size());
    for (ssize_t at = 0; at < size;) {
        const auto& event = *reinterpret_cast<const inotify_event*>(buffer.data() + at);
        at += static_cast<ssize_t>(sizeof event + event.len);
        const bool lost = (event.mask & IN_Q_OVERFLOW) != 0;
        const bool folder_gone = (event.mask & (IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF)) != 0;
        for (auto& [id, entry] : entries_) {
            if (!lost && entry.folder_watch != event.wd) continue;
            if (folder_gone) entry.folder_watch = -1;
            const bool concerned = event.len != 0 && entry.name == event.name;
            if (lost || folder_gone || concerned) look(id, entry);
        }
    }
}

// Not at what the file holds: somebody may be writing it, and its end is an event.
void Files::look_again() {
    for (auto& [id, entry] : entries_)
        if (entry.folder_watch < 0 || entry.number != number_of(entry.path)) look(id, entry);
}

}  // namespace lvs::checkers
