// SPDX-License-Identifier: GPL-2.0-or-later
//
// Private to lvs_vrrp_io: what the kernel says about interfaces and their addresses, kept up to date by
// rtnetlink notifications. When notifications were lost (ENOBUFS) everything is read again. Speaker thread
// only.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "vrrp/io.hpp"
#include "vrrp/io_device.hpp"
#include "vrrp/io_fd.hpp"

struct nlmsghdr;

namespace lvs::vrrp::io {

struct LinkAddress {
    Prefix prefix;
    std::uint32_t flags = 0;  // IFA_F_*
    std::uint8_t mark = 0;    // IFA_PROTO
};

struct Link {
    int index = 0;
    std::string name;
    bool up = false;  // administratively, and with carrier
    Mac mac{};
    std::vector<LinkAddress> addresses;  // without those that carry our mark
};

// A virtual address that vanished or appeared.
struct MarkedAddress {
    int index = 0;
    Prefix prefix;
};

class LinkTable {
public:
    [[nodiscard]] Result<void> open();
    [[nodiscard]] int fd() const { return fd_.get(); }

    // Reads what is waiting. True when links or unmarked addresses changed.
    bool read();
    [[nodiscard]] const Link* find(const std::string& name) const;
    [[nodiscard]] std::uint64_t overruns() const { return overruns_; }
    // Marked addresses found by the first dump, and those deleted since the last call.
    [[nodiscard]] std::vector<MarkedAddress>& leftovers() { return leftovers_; }
    [[nodiscard]] std::vector<MarkedAddress>& removed() { return removed_; }
    // The same for devices of ours. They are no links: nobody runs a router on them.
    [[nodiscard]] const std::map<int, MarkedDevice>& devices() const { return devices_; }
    [[nodiscard]] std::vector<int>& removed_devices() { return removed_devices_; }

private:
    [[nodiscard]] Result<void> dump();
    [[nodiscard]] Result<void> dump_once();
    [[nodiscard]] Result<void> request(int type, int family);
    [[nodiscard]] Result<void> await_dump();
    bool take(const nlmsghdr* message);
    bool take_link(const nlmsghdr* message);
    void take_device(const MarkedDevice& device, bool gone);
    bool take_address(const nlmsghdr* message);
    bool read_buffer(std::size_t size, bool& done);

    Fd fd_;
    std::vector<std::uint8_t> buffer_;
    std::map<int, Link> links_;
    std::vector<MarkedAddress> leftovers_, removed_;
    std::map<int, MarkedDevice> devices_;
    std::vector<int> removed_devices_;
    bool dumping_ = false;
    bool lost_ = false;   // while dumping: notifications, or the dump's own consistency
    bool stale_ = false;  // the last dump failed
    std::uint64_t overruns_ = 0;
    std::uint32_t seq_ = 0;
};

}  // namespace lvs::vrrp::io
