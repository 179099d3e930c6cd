// SPDX-License-Identifier: GPL-2.0-or-later
//
// Private to lvs_vrrp_io: virtual addresses in the kernel.
//
// An AddressSet is the prepared netlink messages of one router on one interface. The AddressWriter sends them
// on a thread of its own, because the kernel takes its routing lock for each and may keep us waiting; the
// order of jobs is kept. Each message is matched with its acknowledgement. What was there before and is not
// ours is left alone.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <thread>
#include <vector>

#include "vrrp/io.hpp"
#include "vrrp/io_device.hpp"
#include "vrrp/io_fd.hpp"
#include "vrrp/io_route.hpp"

namespace lvs::vrrp::io {

// What a master has in the kernel.
struct Plan {
    std::vector<VirtualAddress> addresses;
    std::vector<int> places;  // for each address the number of the interface it names; 0: it names none
    std::vector<RouteMessages> routes;  // and rules; added in this order, removed in the other
};

class AddressSet {
public:
    // Addresses that name no interface live on the device, if there is one, else on `index`.
    AddressSet(int index, Plan plan, std::shared_ptr<Device> device = nullptr);

    [[nodiscard]] int index() const { return index_; }
    [[nodiscard]] const std::shared_ptr<Device>& device() const { return device_; }

    // A later job for the same router makes an unfinished addition pointless: it stops between two chunks.
    std::atomic<bool> wanted{false};

private:
    friend class AddressWriter;
    void move_to(int index);  // address thread
    int index_;
    std::shared_ptr<Device>
        device_;  // shared with the instance, and with the set that a reload puts in our place
    Plan plan_;
    std::vector<std::vector<std::uint8_t>> add_, remove_;  // one netlink message each
    std::vector<bool> ours_;                               // added by us; address thread only
    std::vector<bool> our_routes_;
};

struct AddressJob {
    enum class Kind : std::uint8_t { none, prepare, add, remove, replace, destroy, quit };
    Kind kind = Kind::none;
    std::uint32_t router = 0;  // handed back in the result
    Family family = Family::ipv4;
    std::shared_ptr<AddressSet> set =
        nullptr;  // shared: the router may be gone before its last removal is done
    std::shared_ptr<AddressSet> old_set = nullptr;  // replace: what is in both stays untouched
};

struct AddressResult {
    AddressJob::Kind kind = AddressJob::Kind::none;
    std::uint32_t router = 0;
    Family family = Family::ipv4;
    int device = 0;  // its number, for a set that has one
    int device_error = 0;
    std::uint32_t held = 0;  // addresses of the set that are on the interface now
    bool complete = false;   // additions: all are there, or failed and were reported
    int error = 0;           // of the first that failed
    std::optional<IpAddress> failed = std::nullopt;
    int route_error = 0;
    std::optional<IpAddress> failed_route = std::nullopt;
    std::optional<IpAddress> restored = std::nullopt;  // the first that was ours already, and had gone
};

class AddressWriter {
public:
    AddressWriter() = default;
    ~AddressWriter() { stop(); }
    AddressWriter(const AddressWriter&) = delete;
    AddressWriter& operator=(const AddressWriter&) = delete;

    [[nodiscard]] Result<void> open();
    [[nodiscard]] Result<void> start(int realtime_priority);
    void stop();  // finishes all jobs first
    // Before start(): removes what a killed run left.
    void clear(const std::vector<MarkedDevice>& devices) { devices_.clear(devices); }
    // Where our messages come from, as notifications name it; after open().
    [[nodiscard]] std::uint32_t port() const;
    // Speaker thread.
    void post(AddressJob job);
    [[nodiscard]] int result_fd() const { return results_ready_.fd(); }
    [[nodiscard]] bool next(AddressResult& result);
    void clear_wakeup() const { results_ready_.clear(); }

private:
    void hand_over();
    void run();
    [[nodiscard]] AddressResult carry_out(const AddressJob& job);
    [[nodiscard]] bool ready(AddressSet& set, bool up, AddressResult& result);
    void add(AddressSet& set, AddressResult& result);
    void remove(AddressSet& set, AddressResult& result);
    void add_routes(AddressSet& set, AddressResult& result);
    void remove_routes(AddressSet& set, AddressResult& result);
    static void inherit(AddressSet& set, AddressSet& old_set);
    using Messages = std::vector<std::vector<std::uint8_t>>;
    void exchange(Messages& messages, std::size_t from, std::size_t to, std::vector<int>& errors);
    bool read_acks(std::uint32_t first_seq, std::vector<int>& errors, std::size_t& open);

    Fd netlink_;
    DeviceKeeper devices_;
    Wakeup jobs_ready_, results_ready_;
    Ring<AddressJob, 4096> jobs_;
    Ring<AddressResult, 4096> results_;
    std::uint32_t seq_ = 0;
    std::deque<AddressJob> waiting_;  // for room in jobs_; speaker thread
    std::atomic<bool> stopping_ = false;
    std::thread thread_;
};

// Removes marked addresses, one by one, waiting for each. At start only.
void remove_now(const std::vector<std::pair<int, Prefix>>& addresses);

}  // namespace lvs::vrrp::io
