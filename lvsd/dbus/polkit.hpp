// SPDX-License-Identifier: GPL-2.0-or-later
//
// Asks polkit whether the sender of a call may do what it asks for, without waiting for the answer. The policy of the
// bus has let the call through already: polkit may refuse it, and where there is no polkit the policy alone counts. A
// polkit that is there and does not answer is a refusal. Private to lvs_dbus.
//
// Owner: a Link, of role bus. Answers come from inside sd_bus_process() of its bus.
//
// polkit(8); org.freedesktop.PolicyKit1.Authority.
#pragma once

#include <systemd/sd-bus.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace lvs::dbus {

// Actions, in etc/polkit-1/org.linuxvirtualserver.lvsd.policy.
inline constexpr const char* kMayApply = "org.linuxvirtualserver.lvsd.apply";
inline constexpr const char* kMayOverride = "org.linuxvirtualserver.lvsd.override-server";
inline constexpr const char* kMayFailover = "org.linuxvirtualserver.lvsd.override-router";

class Polkit {
public:
    static constexpr std::size_t kWaitingMax = 64;
    static constexpr std::uint64_t kPatienceUs = 120'000'000;  // a person may be typing a password

    struct Question {
        const char* action = kMayApply;
        std::string verb, target;  // for rules that want to know: action.lookup("verb")
    };
    struct Refusal {
        std::string error, text;  // full name of the D-Bus error; both empty: go ahead
    };
    using Done = std::function<void(sd_bus_message* call, const Refusal&)>;

    ~Polkit() { forget(); }

    // `call` is kept until `done` was called with it; it is never called from inside ask(). False: too many wait.
    [[nodiscard]] bool ask(sd_bus_message* call, const Question& question, Done done);
    // What waits gets no answer. To be called before the bus goes: the calls kept here hold on to it.
    void forget() { waiting_.clear(); }
    [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }

private:
    struct Unref {
        void operator()(sd_bus_message* m) const { sd_bus_message_unref(m); }
        void operator()(sd_bus_slot* s) const { sd_bus_slot_unref(s); }
    };
    struct Waiting {
        Polkit* owner = nullptr;
        std::uint64_t number = 0;
        std::unique_ptr<sd_bus_message, Unref> call;
        Done done;
        std::unique_ptr<sd_bus_slot, Unref> slot;  // gone: the answer is not delivered
    };
    static int on_answer(sd_bus_message* answer, void* userdata, sd_bus_error* error);

    std::map<std::uint64_t, Waiting> waiting_;
    std::uint64_t next_ = 0;
};

}  // namespace lvs::dbus
