// SPDX-License-Identifier: GPL-2.0-or-later
//
// The methods that change something, and Plan. Each makes a Command of its message; who may call is decided
// before.
#include "lvsd/dbus/link_commands.hpp"

#include <fmt/core.h>

#include "lvsd/dbus/link.hpp"

namespace lvs::dbus {
namespace {

constexpr const char* kErrors = "org.linuxvirtualserver.Lvsd1.Error.";

int refuse(sd_bus_message* m, const std::string& name, const std::string& text) {
    return sd_bus_reply_method_errorf(m, (kErrors + name).c_str(), "%s", state::to_utf8(text).c_str());
}

int perform(const Link& link, sd_bus_message* m, const Command& command) {
    if (!link.shown().on_command) return refuse(m, "NotReady", "lvsd is starting");
    const auto answer = link.shown().on_command(command);
    if (!answer.error_name.empty()) return refuse(m, answer.error_name, answer.error_text);
    const auto text = state::to_utf8(answer.text);
    if (link.role() == Link::Role::bus && text.size() > Link::kBusReplyMax)
        return refuse(m, "LimitsExceeded",
                      "The answer is larger than the bus carries: ask on the private socket");
    return sd_bus_reply_method_return(m, "s", text.c_str());
}

Polkit::Question question_of(const Command& command) {
    switch (command.verb) {
        case Command::Verb::plan:
            return {kMayApply, "plan", command.target};
        case Command::Verb::apply:
            return {kMayApply, "apply", command.target};
        case Command::Verb::server:
            return {kMayOverride, command.action, command.target};
        case Command::Verb::router:
            return {kMayFailover, command.action, command.target};
    }
    return {};
}

// The policy of the bus let the sender through; where there is polkit it has a say, too. Answered when it has answered.
int ask_polkit(Link& link, sd_bus_message* m, const Command& command) {
    const auto done = [&link, command](sd_bus_message* call, const Polkit::Refusal& refusal) {
        if (refusal.error.empty())
            (void)perform(link, call, command);
        else
            (void)sd_bus_reply_method_errorf(call, refusal.error.c_str(), "%s", refusal.text.c_str());
    };
    if (link.polkit().ask(m, question_of(command), done)) return 1;
    return refuse(m, "LimitsExceeded", "Too many calls wait for polkit");
}

int carry_out(sd_bus_message* m, const Command& command) {
    auto& link = link_of(m);
    // Everybody may ask what reading lvsd's own file anew would change.
    if (command.verb == Command::Verb::plan && command.target.empty()) return perform(link, m, command);
    if (!link.may_change())
        return refuse(m, "NotAuthorized",
                      fmt::format("Only root and members of the group {} may do this", kGroup));
    return link.role() == Link::Role::bus ? ask_polkit(link, m, command) : perform(link, m, command);
}

Duration from_us(std::uint64_t us) {
    constexpr std::uint64_t kYears = 100ULL * 365 * 86'400 * 1'000'000;  // longer is for ever
    return us > kYears ? Duration{} : Duration(std::chrono::microseconds(us));
}

// ---- the manager
// ----------------------------------------------------------------------------------------------

int plan(sd_bus_message* m, void* /*userdata*/, sd_bus_error* /*error*/) {
    const char* path = nullptr;
    if (const int r = sd_bus_message_read(m, "s", &path); r < 0) return r;
    Command command;
    command.target = path;  // read with our rights: not for everybody
    return carry_out(m, command);
}

int apply(sd_bus_message* m, void* /*userdata*/, sd_bus_error* /*error*/) {
    const char* path = nullptr;
    int force = 0;
    if (const int r = sd_bus_message_read(m, "sb", &path, &force); r < 0) return r;
    Command command;
    command.verb = Command::Verb::apply;
    command.target = path;
    command.force = force != 0;
    return carry_out(m, command);
}

int reload(sd_bus_message* m, void* /*userdata*/, sd_bus_error* /*error*/) {
    Command command;
    command.verb = Command::Verb::apply;
    return carry_out(m, command);
}

int override_server(sd_bus_message* m, void* /*userdata*/, sd_bus_error* /*error*/) {
    const char *target = nullptr, *action = nullptr, *reason = nullptr;
    std::uint64_t timeout = 0, expires = 0;
    Command command;
    command.verb = Command::Verb::server;
    const int r =
        sd_bus_message_read(m, "ssutts", &target, &action, &command.weight, &timeout, &expires, &reason);
    if (r < 0) return r;
    command.target = target;
    command.action = action;
    command.reason = reason;
    command.timeout = from_us(timeout);
    command.expires = from_us(expires);
    return carry_out(m, command);
}

int override_router(sd_bus_message* m, void* /*userdata*/, sd_bus_error* /*error*/) {
    const char *router = nullptr, *action = nullptr;
    if (const int r = sd_bus_message_read(m, "ss", &router, &action); r < 0) return r;
    Command command;
    command.verb = Command::Verb::router;
    command.target = router;
    command.action = action;
    return carry_out(m, command);
}

// ---- servers and routers
// ----------------------------------------------------------------------------------------

Command for_server(void* userdata, const char* action) {
    const auto& view = *static_cast<const View*>(userdata);
    Command command;
    command.verb = Command::Verb::server;
    command.target = view.service->name + "/" + to_string(view.server->address);
    command.action = action;
    return command;
}

enum class Takes { nothing, reason, drain, weight };

template <Takes takes>
int read_server_arguments(sd_bus_message* m, Command& command) {
    const char* reason = "";
    std::uint64_t timeout = 0, expires = 0;
    int r = 0;
    if constexpr (takes == Takes::reason) r = sd_bus_message_read(m, "st", &reason, &expires);
    if constexpr (takes == Takes::drain) r = sd_bus_message_read(m, "tst", &timeout, &reason, &expires);
    if constexpr (takes == Takes::weight)
        r = sd_bus_message_read(m, "ust", &command.weight, &reason, &expires);
    if (r < 0) return r;
    command.reason = reason;
    command.timeout = from_us(timeout);
    command.expires = from_us(expires);
    return 0;
}

template <const char* const& action, Takes takes>
int server_method(sd_bus_message* m, void* userdata, sd_bus_error* /*error*/) {
    auto command = for_server(userdata, action);
    if (const int r = read_server_arguments<takes>(m, command); r < 0) return r;
    return carry_out(m, command);
}

template <const char* const& action>
int router_method(sd_bus_message* m, void* userdata, sd_bus_error* /*error*/) {
    Command command;
    command.verb = Command::Verb::router;
    command.target = static_cast<const View*>(userdata)->router->name;
    command.action = action;
    return carry_out(m, command);
}

constexpr const char* kEnable = "enable";
constexpr const char* kDisable = "disable";
constexpr const char* kDrain = "drain";
constexpr const char* kUndrain = "undrain";
constexpr const char* kMaintenance = "maintenance";
constexpr const char* kWeight = "weight";
constexpr const char* kReset = "reset-weight";
constexpr const char* kFailover = "failover";
constexpr const char* kHold = "hold";
constexpr const char* kRelease = "release";

sd_bus_vtable method(const char* name, const char* takes, const char* names, sd_bus_message_handler_t handler) {
    return method_row(name, takes, "s", names, handler);
}

}  // namespace

sd_bus_vtable method_row(const char* name, const char* arguments, const char* result, const char* names,
                         sd_bus_message_handler_t handler) {
    sd_bus_vtable row{};
    row.type = _SD_BUS_VTABLE_METHOD;
    row.flags = SD_BUS_VTABLE_UNPRIVILEGED;  // who may is decided in carry_out()
    row.x.method.member = name;
    row.x.method.signature = arguments;
    row.x.method.result = result;
    row.x.method.handler = handler;
    row.x.method.names = names;
    return row;
}

std::vector<sd_bus_vtable> manager_commands() {
    return {method("Plan", "s", "path\0json\0", plan), method("Apply", "sb", "path\0force\0json\0", apply),
            method("Reload", "", "json\0", reload),
            method("OverrideServer", "ssutts",
                   "target\0action\0weight\0timeout_us\0expires_us\0reason\0json\0", override_server),
            method("OverrideRouter", "ss", "router\0action\0json\0", override_router)};
}

std::vector<sd_bus_vtable> server_commands() {
    return {
        method("Enable", "", "json\0", server_method<kEnable, Takes::nothing>),
        method("Disable", "st", "reason\0expires_us\0json\0", server_method<kDisable, Takes::reason>),
        method("Drain", "tst", "timeout_us\0reason\0expires_us\0json\0", server_method<kDrain, Takes::drain>),
        method("Undrain", "", "json\0", server_method<kUndrain, Takes::nothing>),
        method("Maintenance", "tst", "timeout_us\0reason\0expires_us\0json\0",
               server_method<kMaintenance, Takes::drain>),
        method("SetWeight", "ust", "weight\0reason\0expires_us\0json\0",
               server_method<kWeight, Takes::weight>),
        method("ResetWeight", "", "json\0", server_method<kReset, Takes::nothing>)};
}

std::vector<sd_bus_vtable> router_commands() {
    return {method("Failover", "", "json\0", router_method<kFailover>),
            method("Hold", "", "json\0", router_method<kHold>),
            method("Release", "", "json\0", router_method<kRelease>)};
}

}  // namespace lvs::dbus
