// SPDX-License-Identifier: GPL-2.0-or-later
//
// The commands that show the state: status, services, servers, routers, checks, version.
#include <fmt/core.h>

#include <array>
#include <cstdio>

#include "lvsd/ctl/command.hpp"
#include "lvsd/ctl/lists.hpp"

namespace lvs::ctl {
namespace {

class Status : public Command {
public:
    void declare(CLI::App& app) override {
        app.footer("--json is the whole state, as lvsd's D-Bus method Describe() gives it.");
    }
    int run(const Context& context) override {
        if (context.json) {
            const auto json = fetch_description(context.source);
            return json ? print(*json + '\n') : complain(json.error());
        }
        const auto snapshot = fetch_snapshot(context);
        return snapshot ? print_paged(render_status(*snapshot, view_of_terminal()), context.use_pager)
                        : kFailed;
    }
};

// One kind of object: its filters, its table and its JSON.
class Listing : public Command {
public:
    int run(const Context& context) override {
        const auto snapshot = fetch_snapshot(context);
        if (!snapshot) return kFailed;
        if (context.json) return print(json(*snapshot) + '\n');
        return print_paged(table(*snapshot, view_of_terminal()), context.use_pager);
    }

protected:
    [[nodiscard]] virtual std::string table(const state::Snapshot& snapshot, const View& view) const = 0;
    [[nodiscard]] virtual std::string json(const state::Snapshot& snapshot) const = 0;

    void declare_state(CLI::App& app, std::initializer_list<std::string> states, const char* down) {
        app.add_option("--state", filter_.states, "only those in this state; may be given more than once")
            ->check(CLI::IsMember(std::vector<std::string>(states)))
            ->type_name("STATE");
        app.add_flag("--down", filter_.down, down);
        app.add_option("--limit", filter_.limit, "at most so many rows; 0: all")->type_name("ROWS");
    }
    static void declare_pattern(CLI::App& app, const char* option, std::vector<std::string>& patterns,
                                const char* doc) {
        app.add_option(option, patterns, doc)->type_name("PATTERN");
    }

    Filter filter_;
};

class Services : public Listing {
public:
    void declare(CLI::App& app) override {
        declare_pattern(app, "--service", filter_.services, "only services with such a name: web-*");
        declare_state(app, {"up", "degraded", "sorry", "down"}, "only services with a server that is not up");
    }
    std::string table(const state::Snapshot& snapshot, const View& view) const override {
        return services_table(snapshot, filter_, view);
    }
    std::string json(const state::Snapshot& snapshot) const override {
        return services_json(snapshot, filter_);
    }
};

class Servers : public Listing {
public:
    void declare(CLI::App& app) override {
        declare_pattern(app, "--service", filter_.services,
                        "only servers of services with such a name: web-*");
        declare_pattern(app, "--server", filter_.servers, "only servers with such an address: 10.0.0.*");
        declare_state(app, {"starting", "up", "down", "draining", "maintenance", "standby", "sorry"},
                      "only servers that are neither up nor a sorry server in waiting");
        app.add_flag("--overridden", filter_.overridden, "only servers that were drained, disabled or weighed by hand");
    }
    std::string table(const state::Snapshot& snapshot, const View& view) const override {
        return servers_table(snapshot, filter_, view);
    }
    std::string json(const state::Snapshot& snapshot) const override {
        return servers_json(snapshot, filter_);
    }
};

class Routers : public Listing {
public:
    void declare(CLI::App& app) override {
        declare_pattern(app, "--router", filter_.routers, "only virtual routers with such a name: web-*");
        declare_state(app, {"initialize", "backup", "master", "waiting", "stopped"},
                      "only virtual routers that are neither master nor backup");
    }
    std::string table(const state::Snapshot& snapshot, const View& view) const override {
        return routers_table(snapshot, filter_, view);
    }
    std::string json(const state::Snapshot& snapshot) const override {
        return routers_json(snapshot, filter_);
    }
};

class Checks : public Listing {
public:
    void declare(CLI::App& app) override {
        declare_pattern(app, "--service", filter_.services,
                        "only checks for services with such a name: web-*");
        declare_pattern(app, "--server", filter_.servers,
                        "only checks of servers with such an address: 10.0.0.*");
        declare_state(app, {"starting", "up", "down"}, "only checks that do not pass");
        app.add_flag(
            "--history", filter_.history,
            "below each check what was decided before, newest first, and the end of what its script wrote");
    }
    std::string table(const state::Snapshot& snapshot, const View& view) const override {
        return checks_table(snapshot, filter_, view);
    }
    std::string json(const state::Snapshot& snapshot) const override {
        return checks_json(snapshot, filter_);
    }
};

// lvsctl's own version is known without lvsd; lvsd's is told when it answers.
class Version : public Command {
public:
    void declare(CLI::App& /*app*/) override {}
    int run(const Context& context) override {
        const auto json = fetch_description(context.source);
        const auto snapshot = json ? state::parse_json(*json) : std::unexpected(json.error());
        if (context.json)
            return print(fmt::format("{{\"lvsctl\":\"{}\",\"lvsd\":{}}}\n", LVSD_VERSION,
                                     snapshot ? state::json_text(snapshot->daemon.version) : "null"));
        return print(
            fmt::format("lvsctl {}\n{}\n", LVSD_VERSION,
                        snapshot ? "lvsd " + printable(snapshot->daemon.version) : "lvsd not reachable"));
    }
};

constexpr std::array kShow{
    CommandRow{"status", "routers, services and servers at a glance", make_command<Status>},
    CommandRow{"services", "the virtual services", make_command<Services>},
    CommandRow{"servers", "the real servers", make_command<Servers>},
    CommandRow{"routers", "the virtual routers", make_command<Routers>},
    CommandRow{"checks", "the health checks", make_command<Checks>},
    CommandRow{"version", "versions of lvsctl and of the running lvsd", make_command<Version>},
};

}  // namespace

std::span<const CommandRow> show_commands() {
    return kShow;
}

int complain(const Error& error) {
    fmt::print(stderr, "lvsctl: cannot reach lvsd: {}\n", printable(to_string(error)));
    if (error.code == std::errc::permission_denied)
        fmt::print(stderr,
                   "Reading needs no rights on a standard installation: check the mode of the socket.\n");
    else
        fmt::print(stderr,
                   "Is it running? Look at: systemctl status lvsd; journalctl -u lvsd. "
                   "Another socket: lvsctl --socket PATH.\n");
    return kFailed;
}

std::optional<state::Snapshot> fetch_snapshot(const Context& context) {
    const auto json = fetch_description(context.source);
    if (!json) {
        complain(json.error());
        return std::nullopt;
    }
    auto snapshot = state::parse_json(*json);
    if (snapshot) return std::move(*snapshot);
    fmt::print(stderr, "lvsctl: {}\nlvsd and lvsctl are of different versions: see lvsctl version.\n",
               printable(to_string(snapshot.error())));
    return std::nullopt;
}

}  // namespace lvs::ctl
