// SPDX-License-Identifier: GPL-2.0-or-later
#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "lvsd/runtime/runtime.hpp"

namespace lvs {
namespace {

constexpr std::size_t kFileBytesMax = 64U << 20U;

Result<void> write_all(int fd, std::string_view content, const std::string& path) {
    while (!content.empty()) {
        const auto written = ::write(fd, content.data(), content.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return fail_errno(errno, fmt::format("write {}", path));
        content.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

}  // namespace

void UniqueFd::reset(int fd) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
}

Result<std::string> read_file(const std::string& path) {
    const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!fd) return fail_errno(errno, fmt::format("read {}", path));
    std::string content;
    std::array<char, 65536> chunk{};
    while (true) {
        const auto got = ::read(fd.get(), chunk.data(), chunk.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return fail_errno(errno, fmt::format("read {}", path));
        if (got == 0) return content;
        content.append(chunk.data(), static_cast<std::size_t>(got));
        if (content.size() > kFileBytesMax) return fail(std::errc::file_too_large, fmt::format("read {}", path));
    }
}

Result<void> write_file_atomically(const std::string& path, std::string_view content) {
    const auto sibling = path + ".new";
    const UniqueFd fd(::open(sibling.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (!fd) return fail_errno(errno, fmt::format("create {}", sibling));
    auto outcome = write_all(fd.get(), content, sibling);
    if (outcome && ::fsync(fd.get()) != 0) outcome = fail_errno(errno, fmt::format("sync {}", sibling));
    if (outcome && ::rename(sibling.c_str(), path.c_str()) != 0)
        outcome = fail_errno(errno, fmt::format("rename {} to {}", sibling, path));
    if (!outcome) ::unlink(sibling.c_str());
    return outcome;
}

}  // namespace lvs
