// SPDX-License-Identifier: GPL-2.0-or-later
//
// lvsctl watch: follows the event stream (lvsd/dbus/api.md, "Events"). First what ReadEvents() still has,
// then the signals; a gap in their numbers is filled by ReadEvents() again, and what is gone for good is
// said.
#include "lvsd/ctl/watch.hpp"

#include <fmt/format.h>

#include <array>
#include <cstdio>

#include "lvsd/ctl/bus.hpp"
#include "lvsd/ctl/command.hpp"

namespace lvs::ctl {
namespace {

constexpr std::uint32_t kAtOnce = 1000;

struct Read {
    std::uint64_t oldest = 0;
    std::uint64_t newest = 0;
    std::vector<WatchedEvent> events;
};

Level level_of(std::string_view word) {
    for (const auto level : {Level::error, Level::warning, Level::notice, Level::info, Level::debug})
        if (to_string(level) == word) return level;
    return Level::notice;
}

events::Subject subject_of(std::string_view word) {
    using events::Subject;
    for (const auto subject :
         {Subject::daemon, Subject::router, Subject::service, Subject::server, Subject::check})
        if (events::to_string(subject) == word) return subject;
    return Subject::table;
}

int parse_details(sd_bus_message* m, events::Details& out) {
    int r = sd_bus_message_enter_container(m, 'a', "{ss}");
    const char* name = nullptr;
    const char* value = nullptr;
    while (r > 0 && (r = sd_bus_message_read(m, "{ss}", &name, &value)) > 0)
        out.emplace_back(name, value);
    return r >= 0 ? sd_bus_message_exit_container(m) : r;
}

// The members of one event, wherever they stand.
int parse_event(sd_bus_message* m, WatchedEvent& out) {
    std::array<const char*, 8> text{};
    std::uint64_t time_us = 0;
    auto& event = out.event;
    const int r = sd_bus_message_read(m, "ttssssssss", &event.sequence, &time_us, &text[0], &text[1],
                                      &text[2], &text[3], &text[4], &text[5], &text[6], &text[7]);
    if (r <= 0) return r < 0 ? r : -EBADMSG;
    event.time = state::WallTime(std::chrono::microseconds(time_us));
    out.name = text[0];
    event.level = level_of(text[1]);
    event.subject = subject_of(text[2]);
    event.object = text[3];
    event.message = text[4];
    event.from = text[5];
    event.to = text[6];
    event.reason = text[7];
    return parse_details(m, event.details);
}

int parse_answer(sd_bus_message* m, Read& out) {
    std::uint64_t started = 0;
    int r = sd_bus_message_read(m, "ttt", &started, &out.oldest, &out.newest);
    if (r >= 0) r = sd_bus_message_enter_container(m, 'a', "(ttssssssssa{ss})");
    while (r > 0 && (r = sd_bus_message_enter_container(m, 'r', "ttssssssssa{ss}")) > 0) {
        r = parse_event(m, out.events.emplace_back());
        if (r >= 0) r = sd_bus_message_exit_container(m);
    }
    return r;
}

Result<Read> read_after(const Connection& connection, std::uint64_t after, std::uint32_t max) {
    const auto reply = connection.call(
        "ReadEvents", [&](sd_bus_message* m) { return sd_bus_message_append(m, "tu", after, max); });
    if (!reply) return std::unexpected(reply.error());
    Read out;
    const int r = parse_answer(reply->get(), out);
    if (r < 0) return fail_errno(-r, "answer of ReadEvents()");
    return out;
}

class Watch : public Command {
public:
    void declare(CLI::App& app) override {
        app.add_option("--last", last_, "begin with this many events that have been")->capture_default_str();
        app.add_flag("--no-follow", no_follow_, "end after those");
        app.add_option("--event", filter_.events, "only events with such a name: vrrp-*")
            ->type_name("PATTERN");
        app.add_option("--object", filter_.objects, "only events about such an object: web*")
            ->type_name("PATTERN");
        app.footer("With --json, one object per line. Ends with status 1 when lvsd does.");
    }

    int run(const Context& context) override {
        context_ = &context;
        view_ = view_of_terminal();
        auto connection = Connection::open(context.source);
        if (!connection) return complain(connection.error());
        if (!no_follow_)
            if (const auto subscribed = connection->subscribe("Event"); !subscribed)
                return complain(subscribed.error());
        const auto begin = read_after(*connection, UINT64_MAX, 0);
        if (!begin) return complain(begin.error());
        seen_ = begin->newest - std::min(begin->newest - begin->oldest + 1, last_);
        if (const auto caught_up = catch_up(*connection); !caught_up) return complain(caught_up.error());
        return no_follow_ || output_lost_ ? (output_lost_ ? kFailed : kDone) : follow(*connection);
    }

private:
    // Shows everything lvsd has after seen_.
    Result<void> catch_up(const Connection& connection) {
        for (;;) {
            const auto read = read_after(connection, seen_, kAtOnce);
            if (!read) return std::unexpected(read.error());
            if (read->oldest > seen_ + 1)
                fmt::print(stderr, "lvsctl: {} events are gone, lvsd keeps the newest only\n",
                           read->oldest - seen_ - 1);
            for (const auto& event : read->events)
                show(event);
            if (read->events.empty() || seen_ >= read->newest || output_lost_) return {};
        }
    }

    int follow(Connection& connection) {
        while (!output_lost_) {
            const auto signal = connection.wait_signal();
            if (!signal) {
                fmt::print(stderr, "lvsctl: lvsd is gone: {}\n", printable(to_string(signal.error())));
                return kFailed;
            }
            WatchedEvent event;
            if (parse_event(signal->get(), event) < 0) continue;  // of a later version of lvsd
            if (event.event.sequence > seen_ + 1)
                if (const auto caught_up = catch_up(connection); !caught_up)
                    return complain(caught_up.error());
            if (event.event.sequence > seen_) show(event);
        }
        return kFailed;
    }

    void show(const WatchedEvent& event) {
        seen_ = event.event.sequence;
        if (!passes(filter_, event)) return;
        const auto text = context_->json ? watch_json(event) : watch_line(event, view_);
        output_lost_ = print(text) != 0;
    }

    std::uint64_t last_ = 10;
    bool no_follow_ = false;
    WatchFilter filter_;
    const Context* context_ = nullptr;
    View view_;
    std::uint64_t seen_ = 0;
    bool output_lost_ = false;
};

constexpr std::array kWatch{
    CommandRow{"watch", "what happens, as it happens", make_command<Watch>},
};

}  // namespace

std::span<const CommandRow> watch_commands() {
    return kWatch;
}

}  // namespace lvs::ctl
