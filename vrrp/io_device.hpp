// SPDX-License-Identifier: GPL-2.0-or-later
//
// Private to lvs_vrrp_io: the macvlan device that holds a virtual MAC and the virtual addresses of one router
// and family. Address thread only, but for the constants of a Device.
//
//   - It is made when the router starts and is up only while the router is master: a device that is down
//   neither
//     answers nor listens, says nothing that would move the virtual MAC in a switch, and lets the adverts of
//     the master, which come from the same MAC, pass to the interface below. Mode bridge for the same reason:
//     a private device would keep the adverts of a second master for itself.
//   - Adverts and announcements leave through the interface below, as whole frames.
//   - Its group (IFLA_GROUP) is kDeviceMark: what a killed run left is found by it and removed.
//   - The interface below must leave ARP for the virtual addresses to the device: arp_ignore=1,
//   arp_announce=2 there
//     while such a router of IPv4 is on it. What it was before is kept in the alias of the device, so that
//     the next run can put it back after a crash.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "vrrp/io.hpp"
#include "vrrp/io_fd.hpp"

struct nl_msg;

namespace lvs::vrrp::io {

struct Device {
    Device(int below, std::string below_name, Family its_family, Vrid its_vrid);
    const int parent;
    const std::string parent_name;
    const Family family;
    const Vrid vrid;
    const std::string name;  // "vrrp4.51.2": family, VRID, number of the interface below
    int index = 0;           // 0: not there
};

// A device with our mark, found at start.
struct MarkedDevice {
    int index = 0;
    int parent = 0;
    bool up = false;  // administratively
    std::string alias;
};

struct ArpSettings {
    std::uint32_t ignore = 0, announce = 0;
    friend bool operator==(const ArpSettings&, const ArpSettings&) = default;
};
[[nodiscard]] std::string to_alias(const ArpSettings& settings);
[[nodiscard]] std::optional<ArpSettings> from_alias(const std::string& alias);

class DeviceKeeper {
public:
    [[nodiscard]] Result<void> open();
    // Each returns 0 or an errno.
    int ensure(Device& device);  // makes it, down
    int set_up(const Device& device, bool up);
    void destroy(Device& device);
    // At start: removes what a killed run left and gives the interfaces below their settings back.
    void clear(const std::vector<MarkedDevice>& devices);

private:
    int create(Device& device);
    int configure(const Device& device, const std::string& alias, std::uint32_t rp_filter,
                  std::uint32_t forwarding);
    int configure_ipv6(const Device& device);
    int take_parent(const Device& device, std::vector<std::uint32_t>& settings);
    void leave_parent(const Device& device);
    void restore(int parent, const ArpSettings& settings);
    int remove(int index);
    int read_settings(int index, std::vector<std::uint32_t>& settings);  // IPV4_DEVCONF_* less one
    int write_settings(int index, const ArpSettings& settings);
    int transact(nl_msg* message);
    struct Parent {
        ArpSettings before;
        std::size_t users = 0;
    };

    Fd netlink_;
    std::map<int, Parent> parents_;
    std::vector<std::uint8_t> answer_;
    std::uint32_t seq_ = 0;
};

}  // namespace lvs::vrrp::io
