// SPDX-License-Identifier: GPL-2.0-or-later
//
// What a master has in the kernel stays there, whoever takes it away.
#include <algorithm>
#include <cerrno>
#include <utility>

#include "vrrp/io_instance.hpp"

namespace lvs::vrrp::io {

void Instance::on_result(Time now, const AddressResult& result) {
    using Kind = AddressJob::Kind;
    if (result.kind == Kind::destroy) return;
    if (result.device != 0) device_ = result.device;
    if (result.kind == Kind::prepare) {
        if (result.device_error != 0) trouble(now, Trouble::virtual_mac, result.device_error);
        return;
    }
    held_ = result.held;
    if (result.kind == Kind::remove) {
        if (result.device_error != 0) trouble(now, Trouble::virtual_mac, result.device_error);
        if (result.route_error != 0)
            trouble(now, Trouble::route_remove, result.route_error, result.failed_route);
        if (result.error != 0) trouble(now, Trouble::address_remove, result.error, result.failed);
        return;
    }
    tell_failures(now, result);
    if (result.restored && host_.may_tell(now)) trouble(now, Trouble::restored, 0, result.restored);
    const bool failed = result.device_error != 0 || result.error != 0 || result.route_error != 0;
    if (!failed) restoring_again_.reset();
    if (!result.complete && result.device_error == 0) return;
    adding_ = false;
    if (std::exchange(missed_, false)) restore(now);
    if (failed && !adding_ && !restore_at_ && machine_.state() == State::master)
        restore_at_ = restoring_again_.next(now);
}

// Each once, however often it is tried again.
void Instance::tell_failures(Time now, const AddressResult& result) {
    const auto& before = told_failures_;
    if (result.device_error != 0 && result.device_error != before[0])
        trouble(now, Trouble::virtual_mac, result.device_error);
    if (result.error != 0 && result.error != before[1])
        trouble(now, Trouble::address_add, result.error, result.failed);
    if (result.route_error != 0 && result.route_error != before[2])
        trouble(now, Trouble::route_add, result.route_error, result.failed_route);
    told_failures_ = {result.device_error, result.error, result.route_error};
}

// At once, but for somebody who takes them away again and again.
void Instance::restore(Time now) {
    if (machine_.state() != State::master || !set_) return;
    if (adding_) {
        restore_at_.reset();
        missed_ = true;
    } else if (restoring_.take(now, 1) == 0) {
        restore_at_ = restoring_.ready_at(1);
    } else {
        restore_at_.reset();
        adding_ = true;
        post(AddressJob::Kind::add);
    }
}

std::optional<Time> Instance::deadline() const {
    auto due = machine_.deadline();
    for (const auto& at : {restore_at_, join_at_})
        if (at) due = due ? std::min(*due, *at) : *at;
    return due;
}

bool Instance::has(const PlacedAddress& address) const {
    const auto known = std::ranges::find(addresses_, address.prefix.address, &Prefix::address);
    if (known == addresses_.end()) return false;
    const auto place = place_[static_cast<std::size_t>(known - addresses_.begin())];
    return address.index == (place != SIZE_MAX ? others_[place].index : set_->device() ? device_ : index_);
}

// Somebody took an address of ours away, or one that was there before us: put it back.
void Instance::on_address_removed(Time now, const PlacedAddress& address) {
    if (machine_.state() != State::master || missed_ || !set_) return;
    if (has(address)) restore(now);
}

// Another host holds it, so ours does not work. Only for those with `dad`.
void Instance::on_duplicate(Time now, const PlacedAddress& address) {
    if (machine_.state() == State::master && set_ && has(address))
        trouble(now, Trouble::address_add, EADDRINUSE, address.prefix.address);
}

// Adding the addresses again takes it up first.
void Instance::on_device_down(Time now, int device) {
    if (set_ && set_->device() && device == device_) restore(now);
}

// The same for the device: it begins anew, and with another number.
void Instance::on_device_removed(Time now, int device, const Link* link) {
    if (device != device_ || !set_ || !set_->device()) return;
    stop(now, Reason::interface);
    drop_device();
    update(now, link);
}

}  // namespace lvs::vrrp::io
