// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/dbus/bus_link.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cstring>

#include "lvsd/base/messages.hpp"
#include "lvsd/dbus/dbus.hpp"

namespace lvs::dbus {

void BusLink::start() {
    alive_ = std::make_shared<const bool>(true);
    if (const auto connected = connect(); !connected) on_lost(to_string(connected.error()));
}

void BusLink::stop() {
    alive_.reset();
    retry_.cancel();
    if (link_) link_->stop();
    link_.reset();
    has_name_ = false;
}

void BusLink::notify(std::span<const Change> changes) {
    if (link_) link_->notify(changes);
}

void BusLink::on_event() {
    if (link_) link_->on_event();
}

Result<void> BusLink::connect() {
    sd_bus* raw = nullptr;
    const int opened = sd_bus_open_system_with_description(&raw, "lvsd");  // does not wait for the answer
    BusPtr bus(raw);
    if (opened < 0) return fail_errno(-opened, "connect to the system bus");
    UniqueFd socket(::fcntl(sd_bus_get_fd(raw), F_DUPFD_CLOEXEC, 3));
    if (!socket) return fail_errno(errno, "connect to the system bus");
    int r = sd_bus_add_filter(raw, nullptr, on_name_signal, this);
    if (r >= 0) r = sd_bus_request_name_async(raw, nullptr, kBusName, SD_BUS_NAME_QUEUE, on_name_reply, this);
    if (r < 0) return fail_errno(-r, "ask for the bus name");
    link_ = std::make_shared<Link>(loop_, shown_, Link::Role::bus, std::move(bus), std::move(socket),
                                   UniqueFd(), [this](const std::string& why) { on_lost(why); });
    return link_->start();
}

void BusLink::on_lost(const std::string& why) {
    if (link_) link_->stop();
    link_.reset();
    has_name_ = false;
    if (!complained_)
        log(Level::warning, ev::bus_lost, "no system bus, retrying",
            {{"reason", why}, {"next", to_string(retry_delay_)}});
    complained_ = true;
    retry_.expires_after(retry_delay_);
    retry_delay_ = std::min(retry_delay_ * 2, kRetryMax);
    retry_.async_wait([this, weak = std::weak_ptr(alive_)](ErrorCode error) {
        if (!error && weak.lock()) start();
    });
}

void BusLink::on_name(bool ours) {
    if (ours == has_name_) return;
    if (ours && complained_) log(Level::notice, ev::bus_ready, "on the system bus", {{"name", kBusName}});
    if (ours) {
        complained_ = false;
        retry_delay_ = kRetryFirst;
    }
    has_name_ = ours;
}

// The answer counts as well as the signals: a bus policy may keep NameAcquired from us.
int BusLink::on_name_reply(sd_bus_message* m, void* userdata, sd_bus_error* /*error*/) {
    constexpr std::uint32_t kPrimaryOwner = 1;  // D-Bus Specification, RequestName
    auto* self = static_cast<BusLink*>(userdata);
    const auto* refusal = sd_bus_message_get_error(m);
    if (refusal == nullptr) {
        std::uint32_t code = 0;
        if (sd_bus_message_read(m, "u", &code) >= 0 && code == kPrimaryOwner) self->on_name(true);
        return 0;
    }
    const std::string why = refusal->message != nullptr ? refusal->message : refusal->name;
    asio::post(self->loop_,
               [self, why, weak = std::weak_ptr(self->alive_)] {  // not from inside sd_bus_process
                   if (weak.lock()) self->on_lost("bus name refused: " + why);
               });
    return 0;
}

int BusLink::on_name_signal(sd_bus_message* m, void* userdata, sd_bus_error* /*error*/) {
    constexpr const char* kBus = "org.freedesktop.DBus";
    const bool acquired = sd_bus_message_is_signal(m, kBus, "NameAcquired") > 0;
    const bool lost = sd_bus_message_is_signal(m, kBus, "NameLost") > 0;
    const char* name = nullptr;
    if ((!acquired && !lost) || sd_bus_message_read(m, "s", &name) < 0) return 0;
    if (std::strcmp(name, kBusName) == 0) static_cast<BusLink*>(userdata)->on_name(acquired);
    return 0;
}

}  // namespace lvs::dbus
