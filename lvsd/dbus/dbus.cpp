// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/dbus/dbus.hpp"

#include "lvsd/dbus/bus_link.hpp"
#include "lvsd/dbus/listener.hpp"

namespace lvs::dbus {

struct BusServer::Impl {
    explicit Impl(asio::io_context& loop) : bus(loop, shown), listener(loop, shown) {
        shown.objects = std::make_unique<const Objects>(std::make_shared<const state::Snapshot>(), nullptr);
    }
    Shown shown;  // before those that refer to it
    BusLink bus;
    Listener listener;
};

BusServer::BusServer(asio::io_context& loop) : impl_(std::make_unique<Impl>(loop)) {}
BusServer::~BusServer() = default;

void BusServer::use_system_bus() {
    impl_->bus.start();
}

Result<void> BusServer::listen(const std::string& path) {
    return impl_->listener.listen(path);
}

void BusServer::update(std::shared_ptr<const state::Snapshot> snapshot) {
    LVS_ASSERT(snapshot != nullptr);
    auto& shown = impl_->shown.objects;
    const auto before =
        std::exchange(shown, std::make_unique<const Objects>(std::move(snapshot), shown.get()));
    const auto changes = difference(*before, *shown);
    if (changes.empty()) return;
    impl_->bus.notify(changes);
    impl_->listener.notify(changes);
}

void BusServer::show_events(const events::Stream& stream) {
    impl_->shown.events = &stream;
}

void BusServer::on_event() {
    impl_->bus.on_event();
    impl_->listener.on_event();
}

void BusServer::on_call(std::function<void()> handler) {
    impl_->shown.before_answer = std::move(handler);
}

void BusServer::on_command(CommandHandler handler) {
    impl_->shown.on_command = std::move(handler);
}

void BusServer::stop() {
    impl_->bus.stop();
    impl_->listener.stop();
}

bool BusServer::has_bus_name() const {
    return impl_->bus.has_name();
}
std::size_t BusServer::client_count() const {
    return impl_->listener.client_count();
}

}  // namespace lvs::dbus
