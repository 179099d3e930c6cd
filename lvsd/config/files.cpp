// SPDX-License-Identifier: GPL-2.0-or-later
//
// Files named in the configuration, read with it: a reload sees what is in them then, and a check that cannot
// open files is handed their text.
#include <fcntl.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "lvsd/config/value.hpp"

namespace lvs::config {

namespace {

// Not a pipe or a device, which could keep us waiting.
Result<std::string> read_regular(int file) {
    struct stat about {};
    if (fstat(file, &about) != 0) return fail_errno(errno, "");
    if (!S_ISREG(about.st_mode)) return fail(std::errc::invalid_argument, "it is no regular file");
    std::string text;
    std::array<char, 4096> chunk{};
    for (ssize_t size = 0; (size = ::read(file, chunk.data(), chunk.size())) != 0;) {
        if (size < 0) return fail_errno(errno, "");
        text.append(chunk.data(), static_cast<std::size_t>(size));
        if (text.size() > kMaxNamedFile)
            return fail(std::errc::file_too_large, fmt::format("it has more than {} bytes", kMaxNamedFile));
    }
    return text;
}

}  // namespace

Result<std::string> read_named_file(const std::string& path) {
    const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file < 0) return fail_errno(errno, "");
    auto text = read_regular(file);
    close(file);
    return text;
}

Result<NamedFiles::Text> NamedFiles::load(const std::string& path) {
    if (!read_file_) return fail(std::errc::operation_not_supported, "no files here");
    auto text = read_file_(path);
    if (!text) return std::unexpected(text.error());
    return std::make_shared<const std::string>(*std::move(text));
}

void NamedFiles::read(Fields& fields, Report& report) {
    for (auto value = fields.values.begin(); value != fields.values.end();) {
        auto* file = std::get_if<FileText>(&value->second);
        if (!file) {
            ++value;
            continue;
        }
        const auto found = known_.find(file->path);
        const auto& text = found != known_.end() ? found->second
                                                 : known_.emplace(file->path, load(file->path)).first->second;
        if (text) {
            file->text = *text;
            ++value;
            continue;
        }
        const auto why = text.error().context.empty() ? text.error().code.message() : text.error().context;
        report.add(fields.place_of(value->first), fmt::format("`{}` is {}, which cannot be read: {}",
                                                              value->first, in_quotes(file->path), why));
        value = fields.values.erase(value);
    }
}

}  // namespace lvs::config
