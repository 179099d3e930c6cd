// SPDX-License-Identifier: GPL-2.0-or-later
#include "lvsd/ctl/lists.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "lvsd/ctl/cells.hpp"
#include "lvsd/ctl/patterns.hpp"

namespace lvs::ctl {
namespace {

using namespace state;

template <class E>
bool has_state(const Filter& filter, E state) {
    return filter.states.empty() || std::ranges::find(filter.states, to_string(state)) != filter.states.end();
}

bool works(const RouterInstance& instance) {
    return instance.state == RouterState::master || instance.state == RouterState::backup;
}
bool works(const Service& service) {
    return service.state == ServiceState::up;
}
bool works(const Server& server) {
    return server.state == ServerState::up || server.state == ServerState::standby;
}
bool works(const Check& check) {
    return check.state == CheckState::up;
}

template <class T>
bool passes(const Filter& filter, const T& object) {
    if constexpr (std::same_as<T, Server>)
        if (filter.overridden && object.overrides.empty()) return false;
    return has_state(filter, object.state) && !(filter.down && works(object));
}

// Lets the first rows through and counts the others.
class Room {
public:
    explicit Room(const Filter& filter) : limit_(filter.limit) {}
    [[nodiscard]] bool take() { return ++asked_ <= limit_ || limit_ == 0; }
    [[nodiscard]] std::string tail() const {
        if (limit_ == 0 || asked_ <= limit_) return "";
        return fmt::format("... and {} more\n", asked_ - limit_);
    }

private:
    std::size_t limit_, asked_ = 0;
};

// ---- what passes, in the order of the state

// Each returns what is to be said about what was left out.

template <class F>
void look_at_services(const Snapshot& snapshot, const Filter& filter, F visit) {
    for (const auto& service : snapshot.services)
        if (matches(filter.services, service.name)) visit(service);
}

template <class F>
void look_at_servers(const Snapshot& snapshot, const Filter& filter, F visit) {
    look_at_services(snapshot, filter, [&](const Service& service) {
        for (const auto& server : service.servers)
            if (matches(filter.servers, to_string(server.address))) visit(service, server);
    });
}

template <class F>
std::string for_services(const Snapshot& snapshot, const Filter& filter, F visit) {
    Room room(filter);
    look_at_services(snapshot, filter, [&](const Service& service) {
        if (passes(filter, service) && room.take()) visit(service);
    });
    return room.tail();
}

template <class F>
std::string for_servers(const Snapshot& snapshot, const Filter& filter, F visit) {
    Room room(filter);
    look_at_servers(snapshot, filter, [&](const Service& service, const Server& server) {
        if (passes(filter, server) && room.take()) visit(service, server);
    });
    return room.tail();
}

template <class F>
std::string for_instances(const Snapshot& snapshot, const Filter& filter, F visit) {
    Room room(filter);
    for (const auto& router : snapshot.routers)
        for (const auto& instance : router.instances)
            if (matches(filter.routers, router.name) && passes(filter, instance) && room.take())
                visit(router, instance);
    return room.tail();
}

template <class F>
std::string for_checks(const Snapshot& snapshot, const Filter& filter, F visit) {
    Room room(filter);
    look_at_servers(snapshot, filter, [&](const Service& service, const Server& server) {
        for (const auto& check : server.checks)
            if (passes(filter, check) && room.take()) visit(service, server, check);
    });
    return room.tail();
}

// ---- JSON

class List {
public:
    // `object` is a JSON object with at least one member; `leading` members go in front of its own.
    void add(std::string_view leading, std::string_view object) {
        text_ += text_.size() == 1 ? "" : ",";
        text_ += '{';
        text_ += leading;
        text_ += object.substr(1);
    }
    [[nodiscard]] std::string done() { return std::move(text_) + "]"; }

private:
    std::string text_ = "[";
};

std::string member(std::string_view name, const std::string& value) {
    return fmt::format("\"{}\":{},", name, json_text(value));
}

}  // namespace

std::string services_json(const Snapshot& snapshot, const Filter& filter) {
    List list;
    (void)for_services(snapshot, filter, [&](const Service& service) {
        auto alone = service;
        alone.servers.clear();
        list.add("", to_json(alone));
    });
    return list.done();
}

std::string servers_json(const Snapshot& snapshot, const Filter& filter) {
    List list;
    (void)for_servers(snapshot, filter, [&](const Service& service, const Server& server) {
        list.add(member("service", service.name), to_json(server));
    });
    return list.done();
}

std::string routers_json(const Snapshot& snapshot, const Filter& filter) {
    List list;
    (void)for_instances(snapshot, filter, [&](const Router& router, const RouterInstance& instance) {
        const auto leading = member("router", router.name) + member("interface", router.interface) +
                             fmt::format("\"vrid\":{},", router.vrid);
        list.add(leading, to_json(instance));
    });
    return list.done();
}

std::string checks_json(const Snapshot& snapshot, const Filter& filter) {
    List list;
    (void)for_checks(snapshot, filter, [&](const Service& service, const Server& server, const Check& check) {
        list.add(member("service", service.name) + member("server", to_string(server.address)),
                 to_json(check));
    });
    return list.done();
}

// ---- tables

std::string services_table(const Snapshot& snapshot, const Filter& filter, const View& view) {
    Table table({{"SERVICE"},
                 {"ADDRESS"},
                 {"STATE"},
                 {"SINCE", true},
                 {"UP", true},
                 {"SCHEDULER"},
                 {"ACTIVE", true},
                 {"INACTIVE", true},
                 {"CONN/S", true},
                 {"IN", true},
                 {"OUT", true},
                 {"REASON"}});
    const auto tail = for_services(snapshot, filter, [&](const Service& service) {
        table.add({{service.name, Tone::bold},
                   {match_text(service)},
                   state_cell(service.state),
                   since_cell(service.since, view.now),
                   {fmt::format("{}/{}", service.servers_up, service.servers_total)},
                   {service.scheduler},
                   number_cell(service.active_connections),
                   number_cell(service.inactive_connections),
                   number_cell(service.traffic.connection_rate),
                   {rate_text(service.traffic.in_byte_rate), Tone::dim},
                   {rate_text(service.traffic.out_byte_rate), Tone::dim},
                   {service.reason, Tone::dim}});
    });
    return table.render(view.color) + tail;
}

std::string servers_table(const Snapshot& snapshot, const Filter& filter, const View& view) {
    Table table({{"SERVICE"},
                 {"SERVER"},
                 {"STATE"},
                 {"SINCE", true},
                 {"WEIGHT", true},
                 {"METHOD"},
                 {"ACTIVE", true},
                 {"INACTIVE", true},
                 {"CONN/S", true},
                 {"IN", true},
                 {"OUT", true},
                 {"OVERRIDE"},
                 {"REASON"}});
    const auto tail = for_servers(snapshot, filter, [&](const Service& service, const Server& server) {
        table.add({{service.name, Tone::bold},
                   {to_string(server.address) + (server.is_sorry ? " (sorry)" : "")},
                   state_cell(server.state),
                   since_cell(server.since, view.now),
                   {weight_text(server)},
                   {server.forward},
                   number_cell(server.active_connections),
                   number_cell(server.inactive_connections),
                   number_cell(server.traffic.connection_rate),
                   {rate_text(server.traffic.in_byte_rate), Tone::dim},
                   {rate_text(server.traffic.out_byte_rate), Tone::dim},
                   {overrides_text(server, view.now), server.overrides.empty() ? Tone::dim : Tone::warn},
                   {server.reason, Tone::dim}});
    });
    return table.render(view.color) + tail;
}

std::string routers_table(const Snapshot& snapshot, const Filter& filter, const View& view) {
    Table table({{"ROUTER"},
                 {"FAMILY"},
                 {"STATE"},
                 {"SINCE", true},
                 {"PRIORITY", true},
                 {"INTERFACE"},
                 {"VRID", true},
                 {"INTERVAL", true},
                 {"MASTER"},
                 {"TIMES MASTER", true},
                 {"SENT", true},
                 {"RECEIVED", true},
                 {"ADDRESSES"},
                 {"REASON"}});
    const auto tail = for_instances(snapshot, filter, [&](const Router& router, const RouterInstance& instance) {
        table.add({{router.name, Tone::bold},
                   {std::string(to_string(instance.family))},
                   state_cell(instance.state),
                   since_cell(instance.since, view.now),
                   {priority_text(instance)},
                   {router.interface},
                   {fmt::format("{}", router.vrid)},
                   {to_string(instance.advert_interval)},
                   {instance.master ? to_string(*instance.master) : "-"},
                   number_cell(instance.transitions),
                   number_cell(instance.adverts_sent),
                   number_cell(instance.adverts_received),
                   {addresses_text(instance.addresses)},
                   {instance.reason, Tone::dim}});
    });
    return table.render(view.color) + tail;
}

namespace {

// Lines are told apart by " | "; the last line's end is none.
std::string one_line(std::string_view text) {
    while (text.ends_with('\n'))
        text.remove_suffix(1);
    std::string out;
    for (const char c : text)
        c == '\n' ? out += " | " : out += c;
    return out;
}

// What was decided before, newest first, for the newest is the state of the row above; then what a script wrote.
void add_history(Table& table, const Check& check, const View& view) {
    const auto blank = [] { return Cell{}; };
    for (std::size_t i = check.history.size(); i-- > 1;) {
        const auto& change = check.history[i - 1];
        table.add({blank(), blank(), blank(), {"  before", Tone::dim}, state_cell(change.state),
                   since_cell(change.at, view.now), {latency_text(change.latency)}, blank(), blank(), blank(),
                   blank(), {change.reason, Tone::dim}});
    }
    if (!check.output.empty())
        table.add({blank(), blank(), blank(), {"  wrote", Tone::dim}, blank(), blank(), blank(), blank(), blank(),
                   blank(), blank(), {printable(one_line(check.output)), Tone::dim}});
}

}  // namespace

std::string checks_table(const Snapshot& snapshot, const Filter& filter, const View& view) {
    Table table({{"SERVICE"},
                 {"SERVER"},
                 {"KIND"},
                 {"TARGET"},
                 {"STATE"},
                 {"SINCE", true},
                 {"TOOK", true},
                 {"LAG", true},
                 {"LAST RUN", true},
                 {"RUNS", true},
                 {"FAILED", true},
                 {"REASON"}});
    const auto tail = for_checks(snapshot, filter, [&](const Service& service, const Server& server, const Check& check) {
        table.add({{service.name, Tone::bold},
                   {to_string(server.address)},
                   {check.kind},
                   {check.target},
                   state_cell(check.state),
                   since_cell(check.since, view.now),
                   {latency_text(check.latency)},
                   {latency_text(check.lag)},
                   since_cell(check.last_run, view.now),
                   number_cell(check.runs),
                   number_cell(check.failures),
                   {check.reason, Tone::dim}});
        if (filter.history) add_history(table, check, view);
    });
    return table.render(view.color) + tail;
}

}  // namespace lvs::ctl
