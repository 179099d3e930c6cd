// SPDX-License-Identifier: GPL-2.0-or-later
//
// lvsctl config check: whether lvsd would accept a configuration. It runs `lvsd --check`, so the answer is
// that of the program that will read the file, and needs no running lvsd.
#include <fmt/core.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include "lvsd/ctl/command.hpp"

namespace lvs::ctl {
namespace {

// lvsd lies beside lvsctl in a build tree, and in the sbin beside its bin once installed.
std::string find_lvsd() {
    std::error_code error;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
    for (const auto& place :
         {self.parent_path() / "lvsd", self.parent_path().parent_path() / "sbin" / "lvsd"})
        if (!error && ::access(place.c_str(), X_OK) == 0) return place;
    return "lvsd";  // in PATH
}

class ConfigCheck : public Command {
public:
    void declare(CLI::App& app) override {
        app.add_option("FILE", file_, "the configuration to check")->capture_default_str();
        app.footer("Exit statuses: 0 valid, 1 not, 2 wrong usage. No running lvsd is needed.");
    }
    int run(const Context& context) override {
        const auto lvsd = find_lvsd();
        std::vector<const char*> arguments{lvsd.c_str(), "--check", "--config", file_.c_str()};
        if (context.json) arguments.push_back("--json");
        arguments.push_back(nullptr);
        ::execvp(lvsd.c_str(), const_cast<char* const*>(arguments.data()));
        fmt::print(stderr, "lvsctl: cannot run {}: {}\n", lvsd, std::strerror(errno));
        return kFailed;
    }

private:
    std::string file_ = "/etc/lvsd/lvsd.toml";
};

constexpr std::array kConfig{
    CommandRow{"config check", "whether lvsd would accept a configuration", make_command<ConfigCheck>},
};

}  // namespace

std::span<const CommandRow> config_commands() {
    return kConfig;
}

}  // namespace lvs::ctl
