// SPDX-License-Identifier: GPL-2.0-or-later
//
// The commands that plan and change: plan, apply; drain, undrain, enable, disable, weight, maintenance.
#include <fmt/core.h>

#include <boost/json.hpp>
#include <filesystem>

#include "lvsd/ctl/command.hpp"

namespace lvs::ctl {
namespace {

namespace json = boost::json;

constexpr std::uint64_t kLong = 120'000'000;  // a plan of a large file

int complain_about(const Error& error) {
    if (error.code != std::errc::operation_canceled) return complain(error);
    fmt::print(stderr, "lvsctl: {}\n", printable(error.context));  // lvsd's own words
    return kFailed;
}

// lvsd reads the file: it has to find it wherever lvsctl was started.
std::string absolute(const std::string& path) {
    return path.empty() ? path : std::filesystem::absolute(path).lexically_normal().string();
}

std::string readable(const json::value& plan) {
    std::string out;
    for (const auto& line : plan.at("lines").as_array())
        out += printable(json::value_to<std::string>(line)) + '\n';
    return out.empty() ? "Nothing would change.\n" : out;
}

// ---- plan and apply
// ---------------------------------------------------------------------------------------------

class Plan : public Command {
public:
    void declare(CLI::App& app) override {
        app.add_option("FILE", file_, "the configuration; default: the file lvsd was started with");
        app.footer("Exit statuses: 0 nothing would change, 2 something would, 1 it cannot be told.");
    }
    int run(const Context& context) override {
        const auto answer = ask(context.source, {"Plan", {absolute(file_)}, kLong});
        if (!answer) return complain_about(answer.error());
        const auto plan = json::parse(*answer);
        const int printed =
            context.json ? print(*answer + '\n') : print_paged(readable(plan), context.use_pager);
        if (printed != 0) return kFailed;
        return plan.at("changes").as_bool() ? 2 : 0;
    }

private:
    std::string file_;
};

class Apply : public Command {
public:
    void declare(CLI::App& app) override {
        app.add_option("FILE", file_, "the configuration; default: the file lvsd was started with");
        app.add_flag("--force", force_, "also when more servers would go than `guard` lets pass");
        app.footer("The file is put into force as it is now; the next reload reads lvsd's own file again.");
    }
    int run(const Context& context) override {
        const auto answer = ask(context.source, {"Apply", {absolute(file_), force_}, kLong});
        if (!answer) return complain_about(answer.error());
        if (context.json) return print(*answer + '\n');
        const auto plan = json::parse(*answer);
        return print(plan.at("changes").as_bool() ? readable(plan) : "Nothing changed.\n");
    }

private:
    std::string file_;
    bool force_ = false;
};

// ---- servers
// ----------------------------------------------------------------------------------------------------

std::uint64_t microseconds(const std::string& span) {
    if (span.empty()) return 0;
    const auto value = parse_duration(span);
    return static_cast<std::uint64_t>(value->count()) / 1000;
}

const CLI::Validator& is_duration() {
    static const CLI::Validator check(
        [](std::string& text) {
            return parse_duration(text) ? std::string() : "expected a duration such as 30s or 2h";
        },
        "DURATION", "duration");
    return check;
}

void warn_unless_stored(const json::value& answer) {
    if (!answer.at("stored").as_bool())
        fmt::print(stderr,
                   "lvsctl: done, but it could not be stored: it holds until lvsd stops (see its log)\n");
}

class ServerCommand : public Command {
public:
    enum class Takes { nothing, reason, timeout, weight };
    ServerCommand(const char* action, Takes takes) : action_(action), takes_(takes) {}

    void declare(CLI::App& app) override {
        app.add_option("SERVER", target_, "SERVICE/ADDRESS:PORT, or ADDRESS[:PORT] in every service")
            ->required();
        if (takes_ == Takes::weight) app.add_option("WEIGHT", weight_, "0 to 65535, or `reset`")->required();
        if (takes_ == Takes::nothing) return;
        app.add_option("--reason", reason_, "shown in every status")->type_name("TEXT");
        app.add_option("--for", expires_, "take it back by itself after this time")->check(is_duration());
        if (takes_ == Takes::timeout)
            app.add_option("--timeout", timeout_, "cut the connections that are left then; default: never")
                ->check(is_duration());
    }

    int run(const Context& context) override {
        std::string action = action_;
        std::uint32_t weight = 0;
        if (takes_ == Takes::weight && weight_ == "reset") {
            action = "reset-weight";
        } else if (takes_ == Takes::weight) {
            const auto number = parse_number(weight_);
            if (!number || *number > 65535) {
                fmt::print(stderr, "lvsctl: WEIGHT is {}, expected 0 to 65535 or `reset`\n",
                           printable(weight_));
                return kUsage;
            }
            weight = static_cast<std::uint32_t>(*number);
        }
        const auto answer =
            ask(context.source,
                {"OverrideServer",
                 {target_, action, weight, microseconds(timeout_), microseconds(expires_), reason_}});
        if (!answer) return complain_about(answer.error());
        return context.json ? print(*answer + '\n') : report(json::parse(*answer), action);
    }

private:
    static int report(const json::value& answer, const std::string& action) {
        std::string out;
        for (const auto& server : answer.at("servers").as_array())
            out +=
                printable(fmt::format("{}: {}/{}", action, json::value_to<std::string>(server.at("service")),
                                      json::value_to<std::string>(server.at("server")))) +
                '\n';
        warn_unless_stored(answer);
        return print(out);
    }

    const char* action_;
    Takes takes_;
    std::string target_, weight_, reason_, expires_, timeout_;
};

struct Drain : ServerCommand {
    Drain() : ServerCommand("drain", Takes::timeout) {}
};
struct Undrain : ServerCommand {
    Undrain() : ServerCommand("undrain", Takes::nothing) {}
};
struct Enable : ServerCommand {
    Enable() : ServerCommand("enable", Takes::nothing) {}
};
struct Disable : ServerCommand {
    Disable() : ServerCommand("disable", Takes::reason) {}
};
struct Maintenance : ServerCommand {
    Maintenance() : ServerCommand("maintenance", Takes::timeout) {}
};
struct SetWeight : ServerCommand {
    SetWeight() : ServerCommand("weight", Takes::weight) {}
};

// ---- routers
// ----------------------------------------------------------------------------------------------------

class RouterCommand : public Command {
public:
    explicit RouterCommand(const char* action) : action_(action) {}

    void declare(CLI::App& app) override {
        app.add_option("ROUTER", router_, "the virtual router; may be left out while there is only one");
    }

    int run(const Context& context) override {
        if (router_.empty())
            if (const int status = find_the_only_one(context); status != 0) return status;
        const auto answer = ask(context.source, {"OverrideRouter", {router_, std::string(action_)}});
        if (!answer) return complain_about(answer.error());
        if (context.json) return print(*answer + '\n');
        warn_unless_stored(json::parse(*answer));
        return print(printable(fmt::format("{}: {}", action_, router_)) + '\n');
    }

private:
    int find_the_only_one(const Context& context) {
        const auto described = fetch_description(context.source);
        if (!described) return complain_about(described.error());
        const auto whole = json::parse(*described);
        const auto& routers = whole.at("routers").as_array();
        if (routers.size() != 1) {
            fmt::print(stderr, "lvsctl: there are {} virtual routers, say which one\n", routers.size());
            return kUsage;
        }
        router_ = json::value_to<std::string>(routers.front().at("name"));
        return 0;
    }

    const char* action_;
    std::string router_;
};

struct Failover : RouterCommand {
    Failover() : RouterCommand("failover") {}
};
struct Hold : RouterCommand {
    Hold() : RouterCommand("hold") {}
};
struct Release : RouterCommand {
    Release() : RouterCommand("release") {}
};

constexpr std::array kChange{
    CommandRow{"plan", "what a configuration would change, before it does", make_command<Plan>},
    CommandRow{"apply", "put a configuration into force", make_command<Apply>},
    CommandRow{"drain", "no new connections for a server; out when the old ones are gone",
               make_command<Drain>},
    CommandRow{"undrain", "take back `drain`", make_command<Undrain>},
    CommandRow{"enable", "take back `disable`, `drain` or `maintenance`", make_command<Enable>},
    CommandRow{"disable", "take a server out now", make_command<Disable>},
    CommandRow{"maintenance", "drain a server and let it count for nothing", make_command<Maintenance>},
    CommandRow{"failover", "a master hands over, until `release` or until nobody else is left",
               make_command<Failover>},
    CommandRow{"hold", "a virtual router is not to be master here", make_command<Hold>},
    CommandRow{"release", "take back `hold` or `failover`", make_command<Release>},
    CommandRow{"weight", "the weight of a server, in place of the configured one", make_command<SetWeight>},
};

}  // namespace

std::span<const CommandRow> change_commands() {
    return kChange;
}

}  // namespace lvs::ctl
