// SPDX-License-Identifier: GPL-2.0-or-later
//
// How values of the state travel over D-Bus: for each C++ type its D-Bus signature and how it is appended to
// a message. api.md, "Types used below". Private to lvs_dbus.
#pragma once

#include <systemd/sd-bus.h>

#include <concepts>

#include "lvsd/state/state.hpp"

namespace lvs::dbus {

template <class T>
struct Wire;  // { static constexpr const char* signature; static int append(sd_bus_message*, const T&); }

inline int append_text(sd_bus_message* m, std::string_view text) {
    return sd_bus_message_append(m, "s", state::to_utf8(text).c_str());
}
inline std::uint64_t microseconds(std::chrono::nanoseconds span) {
    const auto count = std::chrono::duration_cast<std::chrono::microseconds>(span).count();
    return count < 0 ? 0 : static_cast<std::uint64_t>(count);
}

template <>
struct Wire<bool> {
    static constexpr const char* signature = "b";
    static int append(sd_bus_message* m, bool v) {
        return sd_bus_message_append(m, "b", static_cast<int>(v));
    }
};
template <>
struct Wire<std::uint32_t> {
    static constexpr const char* signature = "u";
    static int append(sd_bus_message* m, std::uint32_t v) { return sd_bus_message_append(m, "u", v); }
};
template <>
struct Wire<std::uint64_t> {
    static constexpr const char* signature = "t";
    static int append(sd_bus_message* m, std::uint64_t v) { return sd_bus_message_append(m, "t", v); }
};
template <>
struct Wire<state::WallTime> {
    static constexpr const char* signature = "t";
    static int append(sd_bus_message* m, state::WallTime v) {
        return sd_bus_message_append(m, "t", microseconds(v.time_since_epoch()));
    }
};
template <>
struct Wire<Duration> {
    static constexpr const char* signature = "t";
    static int append(sd_bus_message* m, Duration v) {
        return sd_bus_message_append(m, "t", microseconds(v));
    }
};
template <>
struct Wire<std::string> {
    static constexpr const char* signature = "s";
    static int append(sd_bus_message* m, const std::string& v) { return append_text(m, v); }
};
template <class E>
requires std::is_enum_v<E>
struct Wire<E> {
    static constexpr const char* signature = "s";
    static int append(sd_bus_message* m, E v) {
        if constexpr (std::same_as<E, Family>)
            return append_text(m, v == Family::ipv4 ? "ipv4" : "ipv6");
        else
            return append_text(m, to_string(v));
    }
};
template <class T>
requires std::same_as<T, IpAddress> || std::same_as<T, Endpoint> || std::same_as<T, Prefix>
struct Wire<T> {
    static constexpr const char* signature = "s";
    static int append(sd_bus_message* m, const T& v) { return append_text(m, to_string(v)); }
};
template <class T>  // an absent value is the empty string: D-Bus has no null
struct Wire<std::optional<T>> {
    static constexpr const char* signature = "s";
    static int append(sd_bus_message* m, const std::optional<T>& v) {
        return append_text(m, v ? to_string(*v) : std::string());
    }
};

// Opens a container, appends every item with `one`, closes it.
template <class List, class One>
int append_array(sd_bus_message* m, const char* element, const List& list, One one) {
    int r = sd_bus_message_open_container(m, 'a', element);
    for (const auto& item : list)
        if (r >= 0) r = one(item);
    return r < 0 ? r : sd_bus_message_close_container(m);
}

template <>
struct Wire<std::vector<Prefix>> {
    static constexpr const char* signature = "as";
    static int append(sd_bus_message* m, const std::vector<Prefix>& v) {
        return append_array(m, "s", v, [m](const Prefix& p) { return append_text(m, to_string(p)); });
    }
};
template <>
struct Wire<state::NamedCounters> {
    static constexpr const char* signature = "a{st}";
    static int append(sd_bus_message* m, const state::NamedCounters& v) {
        return append_array(m, "{st}", v, [m](const auto& counter) {
            return sd_bus_message_append(m, "{st}", state::to_utf8(counter.first).c_str(), counter.second);
        });
    }
};
template <>
struct Wire<std::vector<state::RouterTracker>> {
    static constexpr const char* signature = "a(ssi)";
    static int append(sd_bus_message* m, const std::vector<state::RouterTracker>& v) {
        return append_array(m, "(ssi)", v, [m](const state::RouterTracker& t) {
            return sd_bus_message_append(m, "(ssi)", state::to_utf8(t.name).c_str(), t.state.c_str(),
                                         t.weight);
        });
    }
};
template <>
struct Wire<std::vector<state::RouterPeer>> {
    static constexpr const char* signature = "a(sut)";
    static int append(sd_bus_message* m, const std::vector<state::RouterPeer>& v) {
        return append_array(m, "(sut)", v, [m](const state::RouterPeer& p) {
            return sd_bus_message_append(m, "(sut)", to_string(p.address).c_str(), p.priority,
                                         microseconds(p.heard.time_since_epoch()));
        });
    }
};
template <>
struct Wire<std::optional<std::int32_t>> {
    static constexpr const char* signature = "s";
    static int append(sd_bus_message* m, const std::optional<std::int32_t>& v) {
        return sd_bus_message_append(m, "s", v ? std::to_string(*v).c_str() : "");
    }
};
template <>
struct Wire<std::vector<state::Override>> {
    static constexpr const char* signature = "a(sustt)";
    static int append(sd_bus_message* m, const std::vector<state::Override>& v) {
        return append_array(m, "(sustt)", v, [m](const state::Override& o) {
            return sd_bus_message_append(m, "(sustt)", std::string(to_string(o.kind)).c_str(), o.weight,
                                         state::to_utf8(o.reason).c_str(),
                                         microseconds(o.expires.time_since_epoch()),
                                         microseconds(o.deadline.time_since_epoch()));
        });
    }
};
template <>
struct Wire<std::vector<state::CheckChange>> {
    static constexpr const char* signature = "a(tsts)";
    static int append(sd_bus_message* m, const std::vector<state::CheckChange>& v) {
        return append_array(m, "(tsts)", v, [m](const state::CheckChange& c) {
            return sd_bus_message_append(m, "(tsts)", microseconds(c.at.time_since_epoch()),
                                         std::string(to_string(c.state)).c_str(), microseconds(c.latency),
                                         state::to_utf8(c.reason).c_str());
        });
    }
};
template <>
struct Wire<std::vector<state::Check>> {
    static constexpr const char* signature = "a(ssssttttts)";
    static int append(sd_bus_message* m, const std::vector<state::Check>& v) {
        return append_array(m, "(ssssttttts)", v, [m](const state::Check& c) {
            return sd_bus_message_append(
                m, "(ssssttttts)", state::to_utf8(c.kind).c_str(), state::to_utf8(c.target).c_str(),
                std::string(to_string(c.state)).c_str(), state::to_utf8(c.reason).c_str(),
                microseconds(c.latency), microseconds(c.since.time_since_epoch()),
                microseconds(c.last_run.time_since_epoch()), c.runs, c.failures,
                c.certificate_days ? std::to_string(*c.certificate_days).c_str() : "");
        });
    }
};

}  // namespace lvs::dbus
