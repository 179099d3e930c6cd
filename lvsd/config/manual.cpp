// SPDX-License-Identifier: GPL-2.0-or-later
//
// The key tables as the manual page lvsd.toml(5). `name` in a doc text becomes bold. What several sections or
// kinds have is described once, and named where it is there again.
#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "lvsd/config/value.hpp"

namespace lvs::config {
namespace {

constexpr std::string_view kHead = R"(.\" SPDX-License-Identifier: GPL-2.0-or-later
.\" Made from the tables of the parser by lvsd --print-manual; do not edit.
.TH LVSD.TOML 5 "2026-11-22" "lvsd )" LVSD_VERSION R"(" "File formats"
.SH NAME
lvsd.toml \- configuration of the Linux Virtual Server daemon
.SH SYNOPSIS
.I /etc/lvsd/lvsd.toml
.SH DESCRIPTION
The file is TOML. It is read when
.BR lvsd (8)
starts and when it is told to reload. It is read strictly: an unknown key, a wrong type, a value out of range, or a
name or address used twice is an error, and all errors are reported together, each with its line and column.
.B lvsd \-\-check
does the same without starting anything. While a file has errors, a reload changes nothing.
.PP
Names of virtual routers and services are yours to choose: 1 to 64 letters, digits, dots, underscores and dashes. A
name with a dot stands in quotes. Durations are strings with a unit: ns, us, ms, s, m, h or d, as in "250ms" or
"1m30s". Addresses with ports are written "192.0.2.10:80" and "[2001:db8::10]:80".
)";

constexpr std::string_view kNotify = R"(.SH "NOTIFY SCRIPTS"
Programs in
.B notify
of a virtual router or service and in
.B command
of [notify] are run without a shell, as the
.B user
of [notify], with nothing but this in the environment:
.TP
.B PATH
/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
.TP
.B LVSD_EVENT
What happened, a name of the catalogue of events: vrrp\-state, service\-state, server\-state, ...
.TP
.B LVSD_SEQUENCE
The number of the event, as in
.B lvsctl watch
and in the journal.
.TP
.B LVSD_TIME_US
When it happened: microseconds since 1970 UTC.
.TP
.B LVSD_SEVERITY
error, warning, notice, info or debug.
.TP
.BR LVSD_SUBJECT ", " LVSD_OBJECT
What it is about (daemon, router, service, server, check, table), and which: the name of the router or service; of a
server the name of its service and its address.
.TP
.BR LVSD_FROM ", " LVSD_TO
The state before and after; empty where there is none.
.TP
.BR LVSD_REASON ", " LVSD_MESSAGE
Why, and the whole in one clause, for people. A reason may hold what a server answered: quote it.
.TP
.BR LVSD_PRIORITY ", " LVSD_FAMILY
Of a virtual router: the configured priority, and ipv4 or ipv6.
.TP
.BR LVSD_SERVICE ", " LVSD_SERVER ", ..."
Whatever else the event has to tell, each under its name.
.PP
For one object programs run one after the other, in the order of the events; those of different objects run beside
each other. Standard input is empty, what a program prints is dropped, and another exit status than 0 is logged. Up to
1024 runs wait; what comes on top of that is left out, and that is logged. Nothing in lvsd waits for a program.
)";

constexpr std::string_view kExample = R"(.SH EXAMPLE
A checked web service with a virtual address; the other director has another
.BR priority .
.PP
.nf
[virtual_router.web]
interface = "eth0"
vrid = 51
priority = 150
addresses = ["192.0.2.10/24"]

[virtual_service.web]
address = "192.0.2.10:80"
servers = ["10.0.0.11:80", "10.0.0.12:80"]
check = { kind = "http", path = "/healthz" }
.fi
.SH FILES
.TP
.I /etc/lvsd/lvsd.toml
The configuration.
.SH SEE ALSO
.BR lvsd (8),
.BR lvsctl (1),
.BR ipvsadm (8)
)";

constexpr std::string_view kSandbox = R"(.SH "WHAT PROGRAMS MAY DO"
Programs for events, and the scripts of checks and trackers, are inside the sandbox of the systemd unit, too:
.IP \(bu 2
They can write to /tmp and /var/tmp, which are the service's own, and to no other folder on disk. /home and /root are
empty.
.IP \(bu
Programs with the setuid or setgid bit gain nothing by it: neither sudo nor, with a local Postfix, sendmail work. Mail goes
by SMTP.
.IP \(bu
Memory cannot be made executable: what compiles as it runs (Node.js, Java) does not start.
.PP
.B systemctl edit lvsd
opens for them what they need, and
.B systemctl restart lvsd
makes it so; the folder must be there and belong to their user:
.PP
.nf
[Service]
ReadWritePaths=/var/log/lvsd\-notify
.fi
)";

// Sections that are values of keys; the others are tables of the file.
constexpr std::array<std::string_view, 7> kInline{"server", "check", "address", "peer",
                                                  "route",  "rule",  "track"};

// Plain text as roff: backslashes and dashes as themselves, no line that looks like a request, `x` in bold.
std::string roff(std::string_view text) {
    std::string out;
    bool bold = false;
    for (const char c : text) {
        if (c == '`') {
            bold = !bold;
            out += bold ? "\\fB" : "\\fR";
        } else if (c == '\\') {
            out += "\\e";
        } else if (c == '-') {
            out += "\\-";
        } else {
            out += c;
        }
    }
    if (out.starts_with('.') || out.starts_with('\'')) out.insert(0, "\\&");
    return out;
}

std::string default_of(const KeySpec& key) {
    if (key.required) return "Required.";
    if (key.fallback.empty()) return key.doc.contains("Default: ") ? "" : "Default: none.";
    const bool bare = key.type == ValueType::boolean || key.type == ValueType::integer;
    const bool list = split_list(key.fallback).size() > 1;
    if (list) return fmt::format("Default: the list {}.", roff(key.fallback));
    return fmt::format("Default: {}.",
                       roff(bare ? std::string(key.fallback) : fmt::format("\"{}\"", key.fallback)));
}

std::string sentence(std::string text) {
    if (!text.empty() && text.front() >= 'a' && text.front() <= 'z')
        text.front() = static_cast<char>(text.front() - 32);
    return text + '.';
}

std::string entry(const KeySpec& key) {
    auto out = fmt::format(".TP\n.B {}\n{}\n.br\n{}\n", roff(key.key), roff(key.doc),
                           roff(sentence(expectation(key))));
    if (const auto fallback = default_of(key); !fallback.empty()) out += fallback + "\n";
    if (!key.example.empty()) out += fmt::format(".br\nExample: {} = {}\n", roff(key.key), roff(key.example));
    return out;
}

std::string entries(std::span<const KeySpec> keys) {
    std::string out;
    for (const auto& key : keys)
        out += entry(key);
    return out;
}

// "`a`, `b` and `c`"
std::string names_of(std::span<const KeySpec> keys) {
    std::string out;
    for (std::size_t i = 0; i < keys.size(); ++i)
        out += fmt::format("{}`{}`", i == 0 ? "" : i + 1 < keys.size() ? ", " : " and ", keys[i].key);
    return out;
}

bool is_inline(std::string_view section) {
    return std::ranges::find(kInline, section) != kInline.end();
}

std::string title_of(std::string_view section) {
    if (!is_inline(section)) return fmt::format("[{}]", section);
    return fmt::format("{} {}", section == "address" ? "An" : "A", section);
}

// The keys of a section that another one describes.
std::string keys_from(const Section& section) {
    const auto base = std::ranges::find(sections(), section.keys_of, &Section::name);
    std::vector<KeySpec> missing;
    for (const auto& key : base->keys)
        if (std::ranges::find(section.keys, key.key, &KeySpec::key) == section.keys.end())
            missing.push_back(key);
    const auto owner = is_inline(base->name) ? fmt::format("a {}", base->name) : title_of(base->name);
    const auto without = missing.empty() ? "" : fmt::format(", without {}", names_of(missing));
    return roff(fmt::format("The keys are those of {}{}.", owner, without)) + "\n";
}

bool is_same(const KeySpec& a, const KeySpec& b) {
    return a.key == b.key && a.doc == b.doc && default_of(a) == default_of(b) &&
           expectation(a) == expectation(b);
}

// The keys of a kind: those of kinds before it by name, the others in full.
std::string keys_of(std::span<const KindSpec> kinds, std::size_t at) {
    std::string known;
    std::vector<KeySpec> rest(kinds[at].keys.begin(), kinds[at].keys.end());
    for (const auto& earlier : kinds.first(at)) {
        std::vector<KeySpec> shared;
        std::erase_if(rest, [&](const KeySpec& key) {
            const bool there =
                std::ranges::any_of(earlier.keys, [&](const auto& other) { return is_same(key, other); });
            if (there) shared.push_back(key);
            return there;
        });
        if (!shared.empty())
            known +=
                fmt::format(".br\n{}\n", roff(fmt::format("As in {}: {}.", earlier.kind, names_of(shared))));
    }
    return known + entries(rest);
}

}  // namespace

std::string manual(std::span<const KindSpec> kinds) {
    std::string out(kHead);
    for (const auto& section : sections())
        out += fmt::format(".SH \"{}\"\n{}\n{}", roff(title_of(section.name)), roff(section.doc),
                           section.keys_of.empty() ? entries(section.keys) : keys_from(section));
    out += ".SH \"KINDS OF CHECKS\"\n";
    for (std::size_t i = 0; i < kinds.size(); ++i)
        out += fmt::format(".SS {}\n{}\n{}", roff(kinds[i].kind), roff(kinds[i].doc), keys_of(kinds, i));
    return out.append(kNotify).append(kSandbox).append(kExample);
}

}  // namespace lvs::config
