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
    bool up = false;        // administratively, and with carrier
    std::uint32_t ups = 0;  // how often it came up
    Mac mac{};
    std::vector<LinkAddress> addresses;  // without those that carry our mark
};

// An address that vanished, or a virtual one that was found.
struct PlacedAddress {
    int index = 0;
    Prefix prefix;
};

class LinkTable {
public:
    [[nodiscard]] Result<void> open();
    [[nodiscard]] int fd() const { return fd_.get(); }

    // Reads what is waiting. True when links or unmarked addresses changed.
    bool read();
    // All could not be read, or not in one piece: the next read() tries again. Nothing need ever be waiting.
    [[nodiscard]] bool is_stale() const { return stale_; }
    [[nodiscard]] const Link* find(const std::string& name) const;
    [[nodiscard]] std::uint64_t overruns() const { return overruns_; }
    [[nodiscard]] std::uint64_t dumps() const { return dumps_; }  // how often everything was read
    void forget();  // what was removed, found twice or taken down: the engine has seen it
    // Marked addresses found by the first dump, and all addresses deleted since the last call.
    [[nodiscard]] std::vector<PlacedAddress>& leftovers() { return leftovers_; }
    [[nodiscard]] std::vector<PlacedAddress>& removed() { return removed_; }
    // Virtual addresses for which duplicate address detection found another host.
    [[nodiscard]] std::vector<PlacedAddress>& duplicates() { return duplicates_; }
    // The same for devices of ours. They are no links: nobody runs a router on them.
    [[nodiscard]] const std::map<int, MarkedDevice>& devices() const { return devices_; }
    [[nodiscard]] std::vector<int>& removed_devices() { return removed_devices_; }
    [[nodiscard]] std::vector<int>& downed_devices() { return downed_devices_; }

private:
    [[nodiscard]] Result<void> dump();
    bool drain();
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
    std::vector<PlacedAddress> leftovers_, removed_, duplicates_;
    std::map<int, MarkedDevice> devices_;
    std::vector<int> removed_devices_, downed_devices_;
    bool dumping_ = false;
    bool lost_ = false;  // while dumping: notifications, or the dump's own consistency
    bool stale_ = false;
    std::uint64_t overruns_ = 0, dumps_ = 0;
    std::uint32_t seq_ = 0;
};

}  // namespace lvs::vrrp::io
