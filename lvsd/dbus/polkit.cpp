// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/dbus/polkit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "lvsd/state/state.hpp"

namespace lvs::dbus {
namespace {

constexpr const char* kNotAuthorized = "org.linuxvirtualserver.Lvsd1.Error.NotAuthorized";
// What clients know as "try again, with a person at hand".
constexpr const char* kInteractive = "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired";

// There is no polkit, and nobody who could start it.
bool is_absent(const sd_bus_error& error) {
    constexpr std::array kNames{"org.freedesktop.DBus.Error.ServiceUnknown", "org.freedesktop.DBus.Error.NameHasNoOwner"};
    return std::ranges::any_of(kNames, [&error](const char* name) { return sd_bus_error_has_name(&error, name) > 0; });
}

Polkit::Refusal refusal_of(sd_bus_message* answer) {
    if (const auto* error = sd_bus_message_get_error(answer)) {
        if (is_absent(*error)) return {};
        return {kNotAuthorized,
                fmt::format("polkit does not answer, as root use the private socket: {}",
                            error->message != nullptr ? error->message : error->name)};
    }
    int authorized = 0, challenge = 0;
    if (sd_bus_message_enter_container(answer, 'r', "bba{ss}") < 0 ||
        sd_bus_message_read(answer, "bb", &authorized, &challenge) < 0)
        return {kNotAuthorized, "polkit's answer is not understood"};
    if (authorized != 0) return {};
    if (challenge != 0) return {kInteractive, "polkit wants somebody to authenticate"};
    return {kNotAuthorized, "polkit does not allow it"};
}

int append_question(sd_bus_message* m, sd_bus_message* call, const Polkit::Question& question) {
    constexpr std::uint32_t kAllowInteraction = 1;
    const bool interactive = sd_bus_message_get_allow_interactive_authorization(call) > 0;
    return sd_bus_message_append(m, "(sa{sv})sa{ss}us", "system-bus-name", 1, "name", "s",
                                 sd_bus_message_get_sender(call), question.action, 2, "verb",
                                 state::to_utf8(question.verb).c_str(), "target",
                                 state::to_utf8(question.target).c_str(), interactive ? kAllowInteraction : 0U, "");
}

}  // namespace

bool Polkit::ask(sd_bus_message* call, const Question& question, Done done) {
    if (waiting_.size() >= kWaitingMax) return false;
    auto* bus = sd_bus_message_get_bus(call);
    sd_bus_message* raw = nullptr;
    int r = sd_bus_message_new_method_call(bus, &raw, "org.freedesktop.PolicyKit1", "/org/freedesktop/PolicyKit1/Authority",
                                           "org.freedesktop.PolicyKit1.Authority", "CheckAuthorization");
    const std::unique_ptr<sd_bus_message, Unref> asked(raw);
    if (r >= 0) r = append_question(raw, call, question);
    if (r < 0) return false;
    const auto number = ++next_;
    auto& entry = waiting_[number];
    entry.owner = this;
    entry.number = number;
    entry.call.reset(sd_bus_message_ref(call));
    entry.done = std::move(done);
    sd_bus_slot* slot = nullptr;
    r = sd_bus_call_async(bus, &slot, raw, on_answer, &entry, kPatienceUs);
    entry.slot.reset(slot);
    if (r < 0) waiting_.erase(number);
    return r >= 0;
}

int Polkit::on_answer(sd_bus_message* answer, void* userdata, sd_bus_error* /*error*/) {
    auto* entry = static_cast<Waiting*>(userdata);
    const auto node = entry->owner->waiting_.extract(entry->number);  // done() may ask again, or end it all
    node.mapped().done(node.mapped().call.get(), refusal_of(answer));
    return 1;
}

}  // namespace lvs::dbus
