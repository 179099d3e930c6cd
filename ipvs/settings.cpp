// SPDX-License-Identifier: GPL-2.0-or-later
#include "ipvs/settings.hpp"

#include <fcntl.h>
#include <fmt/core.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "lvsd/runtime/runtime.hpp"

namespace lvs::ipvs {

std::string describe(const SettingKept& kept) {
    const auto name = fmt::format("net.ipv4.vs.{}", kept.name);
    if (!kept.error) return fmt::format("{} is {}, it was {}", name, kept.is, kept.was);
    if (kept.was.empty())
        return fmt::format("{} cannot be read: {}; see that /proc/sys is mounted and that this IPVS has the setting",
                           name, kept.error.message());
    return fmt::format("{} cannot be set: {}; it is {}: let lvsd write /proc/sys/net, or set it to {} with sysctl, or "
                       "write `{} = {}` in [global]",
                       name, kept.error.message(), kept.was, kept.is, kept.name, kept.is == "0" ? "true" : "false");
}

std::vector<SettingKept> Settings::keep(const WantedSettings& wanted) {
    std::vector<SettingKept> out;
    keep("expire_nodest_conn", wanted.expire_nodest_conn, out);
    keep("expire_quiescent_template", wanted.expire_quiescent_template, out);
    return out;
}

void Settings::keep(std::string_view name, bool wanted, std::vector<SettingKept>& out) {
    SettingKept kept{.name = name, .was = {}, .is = wanted ? "1" : "0", .error = {}};
    if (const auto found = read_file(fmt::format("{}/{}", directory_, name))) {
        kept.was = found->substr(0, found->find('\n'));
        found_.try_emplace(name, kept.was);
        if (kept.was != kept.is) kept.error = write(name, kept.is);
    } else {
        kept.error = found.error().code;
    }
    const auto before = std::exchange(troubles_[name], kept.error);
    if (kept.was != kept.is && (!kept.error || kept.error != before)) out.push_back(std::move(kept));
}

void Settings::restore() {
    for (const auto& [name, value] : found_)
        (void)write(name, value);  // it was told already if that cannot be
    found_.clear();
}

std::error_code Settings::write(std::string_view name, const std::string& value) const {
    const UniqueFd fd(::open(fmt::format("{}/{}", directory_, name).c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
    if (fd && ::write(fd.get(), value.c_str(), value.size()) == static_cast<ssize_t>(value.size())) return {};
    return {errno, std::generic_category()};
}

}  // namespace lvs::ipvs
