// SPDX-License-Identifier: GPL-2.0-or-later
#include "vrrp/io_address.hpp"

#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <netlink/addr.h>
#include <netlink/route/addr.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <ranges>

#include "vrrp/io_message.hpp"

namespace lvs::vrrp::io {

namespace {

constexpr std::size_t kChunk = 64;
// Addresses on a device of ours bring a route to their network; that of the interface below goes first.
constexpr std::uint32_t kRouteMetric = 4096;

struct AddrPut {
    void operator()(rtnl_addr* addr) const { rtnl_addr_put(addr); }
};
struct NlAddrPut {
    void operator()(nl_addr* addr) const { nl_addr_put(addr); }
};
using Addr = std::unique_ptr<rtnl_addr, AddrPut>;
using NlAddr = std::unique_ptr<nl_addr, NlAddrPut>;

Addr make_address(int index, const VirtualAddress& prefix) {
    const auto bytes = prefix.address.bytes();
    const int family = prefix.address.is_v4() ? AF_INET : AF_INET6;
    NlAddr local(nl_addr_build(family, bytes.data(), bytes.size()));
    Addr address(rtnl_addr_alloc());
    LVS_ASSERT(local != nullptr && address != nullptr);
    nl_addr_set_prefixlen(local.get(), prefix.length);
    rtnl_addr_set_ifindex(address.get(), index);
    rtnl_addr_set_local(address.get(), local.get());
    if (family == AF_INET6) {
        // No duplicate detection: the old master may still hold it. Deprecated: never picked as a source.
        if (!prefix.dad) rtnl_addr_set_flags(address.get(), IFA_F_NODAD);
        rtnl_addr_set_preferred_lifetime(address.get(), 0);
        rtnl_addr_set_valid_lifetime(address.get(), 0xffffffff);
    }
    if (!prefix.label.empty()) rtnl_addr_set_label(address.get(), prefix.label.c_str());
    return address;
}

std::vector<std::uint8_t> finish(nl_msg* message) {
    LVS_ASSERT(message != nullptr);
    auto* header = nlmsg_hdr(message);
    header->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
    header->nlmsg_pid = 0;
    const auto* begin = reinterpret_cast<const std::uint8_t*>(header);
    std::vector<std::uint8_t> bytes(begin, begin + header->nlmsg_len);
    bytes.resize(NLMSG_ALIGN(bytes.size()));
    return bytes;
}

std::vector<std::uint8_t> add_message(int index, const VirtualAddress& prefix, bool on_device) {
    nl_msg* raw = nullptr;
    const auto address = make_address(index, prefix);
    rtnl_addr_build_add_request(address.get(), NLM_F_CREATE | NLM_F_EXCL, &raw);
    const Message message(raw);
    nla_put_u8(raw, IFA_PROTO, kAddressMark);  // unknown to kernels before 5.18, which ignore it
    if (on_device) nla_put_u32(raw, IFA_RT_PRIORITY, kRouteMetric);
    return finish(raw);
}

std::vector<std::uint8_t> remove_message(int index, const Prefix& prefix) {
    nl_msg* raw = nullptr;
    const auto address = make_address(index, prefix);
    rtnl_addr_build_delete_request(address.get(), 0, &raw);
    const Message message(raw);
    return finish(raw);
}

Fd open_netlink() {
    Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE));
    const int on = 1;
    const int size = 1 << 20;
    if (!fd) return fd;
    ::setsockopt(fd.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    return fd;
}

}  // namespace

AddressSet::AddressSet(int index, Plan plan, std::shared_ptr<Device> device)
    : index_(index),
      device_(std::move(device)),
      plan_(std::move(plan)),
      ours_(plan_.addresses.size(), false),
      our_routes_(plan_.routes.size(), false) {
    for (std::size_t i = 0; i < plan_.addresses.size(); ++i) {
        const int named = plan_.places[i];
        const int place = named != 0 ? named : index;
        add_.push_back(add_message(place, plan_.addresses[i], device_ != nullptr && named == 0));
        remove_.push_back(remove_message(place, plan_.addresses[i]));
    }
}

// The messages were written before the device had a number.
void AddressSet::move_to(int index) {
    if (index == index_) return;
    index_ = index;
    for (auto* messages : {&add_, &remove_})
        for (std::size_t i = 0; i < messages->size(); ++i) {
            if (plan_.places[i] != 0) continue;
            auto* header = reinterpret_cast<nlmsghdr*>((*messages)[i].data());
            static_cast<ifaddrmsg*>(nlmsg_data(header))->ifa_index = static_cast<std::uint32_t>(index);
        }
}

// ---- speaker thread ---------------------------------------------------------------------------------------

Result<void> AddressWriter::open() {
    netlink_ = open_netlink();
    if (!netlink_) return fail_errno(errno, "vrrp: open a netlink socket");
    sockaddr_nl local{};
    local.nl_family = AF_NETLINK;  // a port of the kernel's choice, now
    if (::bind(netlink_.get(), reinterpret_cast<sockaddr*>(&local), sizeof local) != 0)
        return fail_errno(errno, "vrrp: bind a netlink socket");
    return devices_.open();
}

std::uint32_t AddressWriter::port() const {
    sockaddr_nl local{};
    socklen_t size = sizeof local;
    const bool known = ::getsockname(netlink_.get(), reinterpret_cast<sockaddr*>(&local), &size) == 0;
    return known ? local.nl_pid : 0;
}

Result<void> AddressWriter::start(int realtime_priority) {
    thread_ = std::thread([this] { run(); });
    pthread_setname_np(thread_.native_handle(), "vrrp-address");
    if (realtime_priority > 0) {
        const sched_param parameters{.sched_priority = realtime_priority};
        pthread_setschedparam(thread_.native_handle(), SCHED_FIFO, &parameters);
    }
    return {};
}

void AddressWriter::stop() {
    if (!thread_.joinable()) return;
    stopping_ = true;
    post({.kind = AddressJob::Kind::quit});
    for (; !waiting_.empty(); hand_over())
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    thread_.join();
}

void AddressWriter::post(AddressJob job) {
    if (!waiting_.empty() || !jobs_.push(job)) waiting_.push_back(std::move(job));
    hand_over();
}

// Thousands of jobs behind, the rest waits here: the speaker does not wait for the kernel.
void AddressWriter::hand_over() {
    while (!waiting_.empty() && jobs_.push(waiting_.front()))
        waiting_.pop_front();
    jobs_ready_.notify();
}

bool AddressWriter::next(AddressResult& result) {
    if (!waiting_.empty()) hand_over();
    return results_.pop(result);
}

// ---- address thread ---------------------------------------------------------------------------------------

void AddressWriter::run() {
    for (;;) {
        AddressJob job;
        if (!jobs_.pop(job)) {
            pollfd waiter{.fd = jobs_ready_.fd(), .events = POLLIN, .revents = 0};
            ::poll(&waiter, 1, -1);
            jobs_ready_.clear();
            continue;
        }
        if (job.kind == AddressJob::Kind::quit) return;
        const auto result = carry_out(job);
        while (!results_.push(result) && !stopping_) {  // the speaker takes them, and never waits for us
            results_ready_.notify();
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
        }
        results_ready_.notify();
    }
}

AddressResult AddressWriter::carry_out(const AddressJob& job) {
    AddressResult result{.kind = job.kind, .router = job.router, .family = job.family};
    using Kind = AddressJob::Kind;
    auto& set = *job.set;
    if (job.kind == Kind::prepare) {
        (void)ready(set, false, result);
    } else if (job.kind == Kind::destroy) {
        devices_.destroy(*set.device_);
    } else if (job.kind == Kind::remove) {
        remove(set, result);
        if (set.device_ && set.device_->index != 0) (void)devices_.set_up(*set.device_, false);
    } else {
        if (job.old_set) inherit(set, *job.old_set);
        if (ready(set, true, result)) add(set, result);
        if (job.old_set) remove(*job.old_set, result);
    }
    result.held = static_cast<std::uint32_t>(std::count(job.set->ours_.begin(), job.set->ours_.end(), true));
    return result;
}

// True when the set's addresses have a place to be.
bool AddressWriter::ready(AddressSet& set, bool up, AddressResult& result) {
    if (!set.device_) return true;
    auto& device = *set.device_;
    result.device_error = devices_.ensure(device);
    if (result.device_error == 0 && up) result.device_error = devices_.set_up(device, true);
    if (device.index != 0) set.move_to(device.index);
    result.device = device.index;
    return result.device_error == 0;
}

// What both sets hold belongs to the new one from now on.
void AddressWriter::inherit(AddressSet& set, AddressSet& old_set) {
    const auto& before = old_set.plan_;
    std::map<std::pair<Prefix, int>, std::size_t> known;
    for (std::size_t k = 0; k < old_set.ours_.size(); ++k)
        known.emplace(std::pair(Prefix(before.addresses[k]), before.places[k]), k);
    for (std::size_t i = 0; i < set.ours_.size(); ++i) {
        const auto found = known.find(std::pair(Prefix(set.plan_.addresses[i]), set.plan_.places[i]));
        if (found == known.end() || before.addresses[found->second] != set.plan_.addresses[i]) continue;
        set.ours_[i] = old_set.ours_[found->second];
        old_set.ours_[found->second] = false;
    }
    const auto same = [](const RouteMessages& a, const RouteMessages& b) {  // but for the sequence number
        return std::ranges::equal(a.add | std::views::drop(sizeof(nlmsghdr)),
                                  b.add | std::views::drop(sizeof(nlmsghdr)));
    };
    for (std::size_t i = 0; i < set.our_routes_.size(); ++i)
        for (std::size_t k = 0; k < old_set.our_routes_.size(); ++k) {
            if (!same(before.routes[k], set.plan_.routes[i])) continue;
            set.our_routes_[i] = old_set.our_routes_[k];
            old_set.our_routes_[k] = false;
            break;
        }
}

void AddressWriter::add(AddressSet& set, AddressResult& result) {
    std::vector<int> errors;
    for (std::size_t from = 0; from < set.add_.size() && set.wanted.load(); from += kChunk) {
        const auto to = std::min(from + kChunk, set.add_.size());
        exchange(set.add_, from, to, errors);
        for (std::size_t i = from; i < to; ++i) {
            const int error = errors[i - from];
            if (error == 0 && set.ours_[i] && !result.restored)
                result.restored = set.plan_.addresses[i].address;
            if (error == 0) set.ours_[i] = true;
            if (error == 0 || error == EEXIST || result.error != 0) continue;
            result.error = error;
            result.failed = set.plan_.addresses[i].address;
        }
    }
    add_routes(set, result);
    result.complete = set.wanted.load();
}

// A route that is there and not ours stands in the way; the same rule of somebody else does what ours would.
void AddressWriter::add_routes(AddressSet& set, AddressResult& result) {
    Messages one(1);
    std::vector<int> errors;
    for (std::size_t i = 0; i < set.our_routes_.size() && set.wanted.load(); ++i) {
        one[0] = set.plan_.routes[i].add;
        exchange(one, 0, 1, errors);
        const bool is_rule = reinterpret_cast<const nlmsghdr*>(one[0].data())->nlmsg_type == RTM_NEWRULE;
        const bool again = errors[0] == 0 && set.our_routes_[i];
        if (again && !result.restored) result.restored = set.plan_.routes[i].about;
        if (errors[0] == 0) set.our_routes_[i] = true;
        const bool there = errors[0] == EEXIST && (is_rule || set.our_routes_[i]);
        if (errors[0] == 0 || there || result.route_error != 0) continue;
        result.route_error = errors[0];
        result.failed_route = set.plan_.routes[i].about;
    }
}

// Some are gone already, with the address they are from or the interface they lead to.
void AddressWriter::remove_routes(AddressSet& set, AddressResult& result) {
    Messages one(1);
    std::vector<int> errors;
    for (std::size_t i = set.our_routes_.size(); i-- > 0;) {
        if (!set.our_routes_[i]) continue;
        set.our_routes_[i] = false;
        one[0] = set.plan_.routes[i].remove;
        exchange(one, 0, 1, errors);
        const bool gone = errors[0] == ESRCH || errors[0] == ENOENT || errors[0] == ENODEV;
        if (errors[0] == 0 || gone || result.route_error != 0) continue;
        result.route_error = errors[0];
        result.failed_route = set.plan_.routes[i].about;
    }
}

// Only what we added: foreign addresses stay.
void AddressWriter::remove(AddressSet& set, AddressResult& result) {
    remove_routes(set, result);
    Messages messages;
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < set.remove_.size(); ++i) {
        if (!set.ours_[i]) continue;
        messages.push_back(set.remove_[i]);
        places.push_back(i);
    }
    std::vector<int> errors;
    for (std::size_t from = 0; from < messages.size(); from += kChunk) {
        const auto to = std::min(from + kChunk, messages.size());
        exchange(messages, from, to, errors);
        for (std::size_t i = from; i < to; ++i) {
            const int error = errors[i - from];
            set.ours_[places[i]] = false;
            if (error == 0 || error == EADDRNOTAVAIL || error == ENODEV || result.error != 0) continue;
            result.error = error;
            result.failed = set.plan_.addresses[places[i]].address;
        }
    }
    result.complete = true;
}

// Sends messages [from, to) at once and waits for all their acknowledgements.
void AddressWriter::exchange(Messages& messages, std::size_t from, std::size_t to, std::vector<int>& errors) {
    std::array<iovec, kChunk> parts{};
    const std::uint32_t first_seq = seq_ + 1;
    for (std::size_t i = from; i < to; ++i) {
        reinterpret_cast<nlmsghdr*>(messages[i].data())->nlmsg_seq = ++seq_;
        parts[i - from] = {.iov_base = messages[i].data(), .iov_len = messages[i].size()};
    }
    errors.assign(to - from, ETIMEDOUT);
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = to - from;
    if (::sendmsg(netlink_.get(), &message, 0) < 0) {
        errors.assign(to - from, errno);
        return;
    }
    for (std::size_t open = to - from; open > 0;) {
        pollfd waiter{.fd = netlink_.get(), .events = POLLIN, .revents = 0};
        if (::poll(&waiter, 1, 5000) <= 0 || !read_acks(first_seq, errors, open)) return;
    }
}

bool AddressWriter::read_acks(std::uint32_t first_seq, std::vector<int>& errors, std::size_t& open) {
    std::array<std::uint8_t, 16384> buffer;
    const auto size = ::recv(netlink_.get(), buffer.data(), buffer.size(), 0);
    if (size < 0) return errno == EINTR || errno == EAGAIN;
    int left = static_cast<int>(size);
    for (auto* message = reinterpret_cast<nlmsghdr*>(buffer.data()); nlmsg_ok(message, left);
         message = nlmsg_next(message, &left)) {
        const std::uint32_t place = message->nlmsg_seq - first_seq;
        if (message->nlmsg_type != NLMSG_ERROR || place >= errors.size()) continue;
        errors[place] = -static_cast<const nlmsgerr*>(nlmsg_data(message))->error;
        --open;
    }
    return true;
}

void remove_now(const std::vector<std::pair<int, Prefix>>& addresses) {
    const Fd fd = open_netlink();
    for (const auto& [index, prefix] : addresses) {
        const auto message = remove_message(index, prefix);
        std::array<std::uint8_t, 4096> answer;
        if (::send(fd.get(), message.data(), message.size(), 0) < 0) continue;
        pollfd waiter{.fd = fd.get(), .events = POLLIN, .revents = 0};
        if (::poll(&waiter, 1, 5000) > 0) (void)::recv(fd.get(), answer.data(), answer.size(), 0);
    }
}

}  // namespace lvs::vrrp::io
