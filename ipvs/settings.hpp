// SPDX-License-Identifier: GPL-2.0-or-later
//
// The two settings of IPVS (sysctls, one set for each network namespace) that decide what becomes of clients whose
// server is gone or has weight 0. Kept like the table: what is wanted, what is there, the difference written. Part of
// lvs_ipvs_io.
//
// They come and go with the module: call keep() when IPVS is known to be there, and again from time to time.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "lvsd/base/base.hpp"

namespace lvs::ipvs {

struct WantedSettings {
    bool expire_nodest_conn = true;
    bool expire_quiescent_template = true;
    friend bool operator==(const WantedSettings&, const WantedSettings&) = default;
};

// What is to be told: a setting was changed, or, with an error, is not as wanted.
struct SettingKept {
    std::string_view name;  // "expire_nodest_conn"
    std::string was;        // as it was read; empty: it could not be
    std::string is;         // as it is wanted
    std::error_code error;
};
[[nodiscard]] std::string describe(const SettingKept& kept);

class Settings {
public:
    explicit Settings(std::string directory = "/proc/sys/net/ipv4/vs") : directory_(std::move(directory)) {}

    // Reads both and writes what differs. The same trouble is told once, until it is over.
    [[nodiscard]] std::vector<SettingKept> keep(const WantedSettings& wanted);
    // Puts back what the first look found. Before the table is emptied: with expire_nodest_conn the connections of a
    // removed server are gone, without it they go on when it comes back.
    void restore();

private:
    void keep(std::string_view name, bool wanted, std::vector<SettingKept>& out);
    [[nodiscard]] std::error_code write(std::string_view name, const std::string& value) const;

    std::string directory_;
    std::map<std::string_view, std::error_code> troubles_;  // as last told
    std::map<std::string_view, std::string> found_;         // at the first look
};

}  // namespace lvs::ipvs
