// SPDX-License-Identifier: GPL-2.0-or-later
//
// The keys of virtual routers, sync groups and trackers; see sections.cpp.
#include <array>

#include "lvsd/config/value.hpp"

namespace lvs::config {
namespace {

constexpr std::int64_t kHour = 3600 * kSecond;
constexpr std::int64_t kMaxTable = 0xffffffff;
constexpr std::string_view kInterfaceChars = "A-Za-z0-9._@+-";

constexpr std::array<std::string_view, 3> kChecksums{"automatic", "message", "pseudo-header"};
constexpr std::array<std::string_view, 2> kFamilyModes{"together", "independent"};
constexpr std::array<std::string_view, 2> kIpFamilies{"ipv4", "ipv6"};
constexpr std::array<std::string_view, 4> kRouteTypes{"unicast", "blackhole", "unreachable", "prohibit"};
constexpr std::array<std::string_view, 4> kRuleActions{"lookup", "blackhole", "unreachable", "prohibit"};

constexpr KeySpec interface_key(std::string_view key, std::string_view doc, std::string_view example) {
    return {.key = key,
            .type = ValueType::string,
            .min = 1,
            .max = 15,
            .doc = doc,
            .example = example,
            .chars = kInterfaceChars};
}

constexpr std::array kRouter{
    KeySpec{.key = "interface",
            .type = ValueType::string,
            .required = true,
            .min = 1,
            .max = 15,
            .doc =
                "The network interface the adverts go out on and the addresses are added to. It may appear "
                "after the daemon has started.",
            .example = R"("eth0")",
            .chars = kInterfaceChars},
    KeySpec{
        .key = "vrid",
        .type = ValueType::integer,
        .required = true,
        .min = 1,
        .max = 255,
        .doc = "The virtual router id: the same number on every director of this virtual router, and used by "
               "no other virtual router on the same network.",
        .example = "51"},
    KeySpec{.key = "version",
            .type = ValueType::integer,
            .fallback = "3",
            .min = 2,
            .max = 3,
            .doc = "The version of VRRP. Version 2 knows IPv4 and whole seconds only; it is for old peers.",
            .example = "3"},
    KeySpec{
        .key = "priority",
        .type = ValueType::integer,
        .fallback = "100",
        .min = 1,
        .max = 255,
        .doc =
            "The director with the highest priority that is alive becomes master. 255 is meant for a router "
            "that owns the addresses as its own; it always preempts and its priority never changes.",
        .example = "150"},
    KeySpec{
        .key = "advert_interval",
        .type = ValueType::duration,
        .fallback = "1s",
        .min = 10 * kMs,
        .max = 40'950 * kMs,
        .doc =
            "How often the master says that it is alive. A backup takes over after a little more than three "
            "intervals without an advert.",
        .example = R"("100ms")",
        .step = 10 * kMs},
    KeySpec{
        .key = "preempt",
        .type = ValueType::boolean,
        .fallback = "true",
        .doc = "Whether a director with a higher priority takes over from a living master with a lower one.",
        .example = "false"},
    KeySpec{.key = "preempt_delay",
            .type = ValueType::duration,
            .fallback = "0s",
            .min = 0,
            .max = kHour,
            .doc = "How long a master with a lower priority is left in place before it is preempted.",
            .example = R"("30s")"},
    KeySpec{.key = "startup_delay",
            .type = ValueType::duration,
            .fallback = "0s",
            .min = 0,
            .max = kHour,
            .doc = "How long the router stays silent after its interface came up: for switches that forward "
                   "nothing at first.",
            .example = R"("10s")"},
    KeySpec{.key = "families",
            .type = ValueType::choice,
            .fallback = "together",
            .choices = kFamilyModes,
            .doc = "IPv4 and IPv6 are two elections. `together`: the router is master in both or in neither; "
                   "`independent`: they go each their own way.",
            .example = R"("independent")"},
    KeySpec{.key = "addresses",
            .type = ValueType::items,
            .required = true,
            .min = 1,
            .max = 255,
            .doc =
                "The virtual addresses the master holds, each with its prefix length. IPv4 and IPv6 may be "
                "mixed.",
            .example = R"(["192.0.2.10/24", "2001:db8::10/64"])",
            .items = "address"},
    KeySpec{
        .key = "excluded_addresses",
        .type = ValueType::items,
        .min = 0,
        .max = 16384,
        .doc = "More virtual addresses, which the adverts do not list: there is no room for more than 255.",
        .example = R"(["192.0.2.11/24", "192.0.2.12/24 dev eth1 label eth1:web"])",
        .items = "address"},
    KeySpec{
        .key = "routes",
        .type = ValueType::items,
        .min = 0,
        .max = 1024,
        .doc = "Routes that exist while this director is master, as ip-route(8) writes them or as tables.",
        .example = R"(["198.51.100.0/24 via 192.0.2.1", { to = "default", via = "192.0.2.1", table = 100 }])",
        .items = "route"},
    KeySpec{.key = "rules",
            .type = ValueType::items,
            .min = 0,
            .max = 1024,
            .doc = "Routing rules that exist while this director is master, as ip-rule(8) writes them or as "
                   "tables.",
            .example = R"(["from 192.0.2.10 table 100 priority 1000"])",
            .items = "rule"},
    KeySpec{.key = "track",
            .type = ValueType::items,
            .min = 0,
            .max = 64,
            .doc = "Trackers this router depends on. Without a weight the router is in fault, which is never "
                   "master, while the tracker is down. With one the priority changes.",
            .example = "[]",
            .items = "track"},
    KeySpec{
        .key = "peers",
        .type = ValueType::items,
        .min = 0,
        .max = 64,
        .doc = "Send adverts to these directors by unicast, and listen to nobody else. Default: multicast.",
        .example = R"(["10.0.0.3", { address = "10.9.0.3", min_ttl = 250 }])",
        .items = "peer"},
    KeySpec{.key = "password",
            .type = ValueType::string,
            .min = 1,
            .max = 8,
            .doc =
                "Only in version 2: the password in the adverts. It goes over the network in clear text and "
                "protects from mistakes, not from malice.",
            .example = R"("secret")",
            .chars = "!-~"},
    KeySpec{
        .key = "checksum",
        .type = ValueType::choice,
        .fallback = "automatic",
        .choices = kChecksums,
        .doc = "How the checksum of IPv4 adverts of version 3 is made: over the message alone (`message`, "
               "RFC 9568), with a pseudo-header (`pseudo-header`, as many older implementations want it), or "
               "like the last advert heard (`automatic`). Both are understood.",
        .example = R"("pseudo-header")"},
    KeySpec{
        .key = "announce_repeat",
        .type = ValueType::durations,
        .fallback = "100ms, 1s, 5s",
        .min = 0,
        .max = 8,
        .doc = "A new master announces its addresses to the neighbours at once, and again after these times, "
               "which ascend.",
        .example = R"(["100ms", "1s"])"},
    KeySpec{.key = "announce_refresh",
            .type = ValueType::duration,
            .fallback = "1m",
            .min = 0,
            .max = 24 * kHour,
            .doc = "How often a master announces its addresses after that; \"0s\" for never. It also reaches those "
                   "who learned another master's MAC while the network was split; a master that hears the other "
                   "one when the parts meet again does not wait for it.",
            .example = R"("10m")"},
    KeySpec{
        .key = "virtual_mac",
        .type = ValueType::boolean,
        .fallback = "false",
        .doc =
            "Whether the virtual addresses have a MAC address of their own that moves with them, "
            "00:00:5e:00:01:VRID for IPv4 and 00:00:5e:00:02:VRID for IPv6, so that neighbours need not "
            "learn a new one at a failover. The addresses then live on a device of lvsd's own "
            "(vrrp4.VRID.N, a macvlan on the interface). For IPv4, arp_ignore=1 and arp_announce=2 are set "
            "on the interface meanwhile.",
        .example = "true"},
    KeySpec{.key = "source4",
            .type = ValueType::address,
            .doc = "Source address of IPv4 adverts. Default: the first IPv4 address of the interface.",
            .example = R"("192.0.2.2")"},
    KeySpec{.key = "source6",
            .type = ValueType::address,
            .doc = "Source address of IPv6 adverts. Default: the link-local address of the interface.",
            .example = R"("fe80::2")"},
    KeySpec{.key = "notify",
            .type = ValueType::strings,
            .min = 1,
            .max = 64,
            .doc = "A program, by its absolute path, and its arguments: run for the events of this virtual "
                   "router that are "
                   "listed in `events` of [notify], one after the other, in order.",
            .example = R"(["/usr/local/bin/router-changed"])"},
};

constexpr std::array kAddress{
    KeySpec{.key = "address",
            .type = ValueType::prefix,
            .required = true,
            .doc = "The address with its prefix length.",
            .example = R"("192.0.2.10/24")"},
    interface_key("dev", "The interface it is added to. Default: that of the router.", R"("eth1")"),
    KeySpec{.key = "label",
            .type = ValueType::string,
            .min = 1,
            .max = 15,
            .doc = "Only IPv4: a label for old tools. It begins with the name of the interface.",
            .example = R"("eth1:web")",
            .chars = "A-Za-z0-9._@+:-"},
    KeySpec{.key = "dad",
            .type = ValueType::boolean,
            .fallback = "false",
            .doc = "Only IPv6: look for duplicates first. The address is of no use until that is done.",
            .example = "true"},
};

constexpr std::array kPeer{
    KeySpec{.key = "address",
            .type = ValueType::address,
            .required = true,
            .doc = "The director's address, as its adverts have it.",
            .example = R"("10.0.0.3")"},
    KeySpec{.key = "min_ttl",
            .type = ValueType::integer,
            .fallback = "255",
            .min = 1,
            .max = 255,
            .doc = "Adverts with a lower TTL or hop limit are ignored: 255 less the routers on the way.",
            .example = "254"},
};

constexpr std::array kRoute{
    KeySpec{.key = "to",
            .type = ValueType::string,
            .required = true,
            .min = 1,
            .max = 64,
            .doc = "The destination: an address, a prefix, or \"default\".",
            .example = R"("198.51.100.0/24")"},
    KeySpec{.key = "via", .type = ValueType::address, .doc = "The next router.", .example = R"("192.0.2.1")"},
    interface_key("dev", "The interface. Default: what `via` needs, else that of the router.", R"("eth1")"),
    KeySpec{.key = "src",
            .type = ValueType::address,
            .doc = "The source address of what this machine itself sends.",
            .example = R"("192.0.2.10")"},
    KeySpec{.key = "table",
            .type = ValueType::integer,
            .fallback = "254",
            .min = 1,
            .max = kMaxTable,
            .doc = "The routing table; 254 is the main one.",
            .example = "100"},
    KeySpec{.key = "metric",
            .type = ValueType::integer,
            .fallback = "0",
            .min = 0,
            .max = kMaxTable,
            .doc = "Of several routes the one with the lowest counts; 0: what the kernel takes.",
            .example = "50"},
    KeySpec{.key = "type",
            .type = ValueType::choice,
            .fallback = "unicast",
            .choices = kRouteTypes,
            .doc = "What becomes of the packets. In a string it stands first.",
            .example = R"("blackhole")"},
    KeySpec{.key = "onlink",
            .type = ValueType::boolean,
            .fallback = "false",
            .doc = "`via` is on the link whatever the addresses say.",
            .example = "true"},
};

constexpr std::array kRule{
    KeySpec{.key = "from",
            .type = ValueType::prefix,
            .doc = "Packets from this address or prefix.",
            .example = R"("192.0.2.10")"},
    KeySpec{.key = "to",
            .type = ValueType::prefix,
            .doc = "Packets to this address or prefix.",
            .example = R"("198.51.100.0/24")"},
    interface_key("iif", "Packets that came in on this interface.", R"("eth1")"),
    interface_key("oif", "Packets of sockets bound to this interface.", R"("eth1")"),
    KeySpec{.key = "fwmark",
            .type = ValueType::integer,
            .min = 0,
            .max = 0xffffffff,
            .doc = "Packets with this firewall mark.",
            .example = "7"},
    KeySpec{.key = "table",
            .type = ValueType::integer,
            .fallback = "254",
            .min = 1,
            .max = kMaxTable,
            .doc = "The routing table to look into; 254 is the main one.",
            .example = "100"},
    KeySpec{.key = "priority",
            .type = ValueType::integer,
            .required = true,
            .min = 1,
            .max = 32765,
            .doc = "Rules are tried from the lowest to the highest.",
            .example = "1000"},
    KeySpec{.key = "action",
            .type = ValueType::choice,
            .fallback = "lookup",
            .choices = kRuleActions,
            .doc = "What to do with the packets.",
            .example = R"("prohibit")"},
    KeySpec{.key = "family",
            .type = ValueType::choice,
            .choices = kIpFamilies,
            .doc = "Only without `from` and `to`, which show it. Default: \"ipv4\".",
            .example = R"("ipv6")"},
};

constexpr std::array kTrack{
    KeySpec{.key = "tracker",
            .type = ValueType::string,
            .required = true,
            .min = 1,
            .max = kMaxName,
            .doc = "The name of a [tracker.NAME].",
            .example = R"("uplink")",
            .chars = kNameChars},
    KeySpec{.key = "weight",
            .type = ValueType::integer,
            .fallback = "0",
            .min = -253,
            .max = 253,
            .doc =
                "Below 0: added to the priority while the tracker is down. Above 0: added while it is up. 0: "
                "the router is in fault while the tracker is down.",
            .example = "-20"},
};

constexpr std::array kTracker{
    KeySpec{.key = "interface",
            .type = ValueType::string,
            .min = 1,
            .max = 15,
            .doc = "Up while this interface is up and has carrier.",
            .example = R"("eth1")",
            .chars = kInterfaceChars},
    KeySpec{.key = "address",
            .type = ValueType::address,
            .doc = "Only with `interface`: and while it has this address.",
            .example = R"("10.0.0.2")"},
    KeySpec{.key = "file",
            .type = ValueType::string,
            .min = 2,
            .max = 4095,
            .doc = "Up while this file is there and does not begin with \"0\" or \"down\". An absolute path.",
            .example = R"("/run/lvsd/ready")"},
    KeySpec{.key = "process",
            .type = ValueType::string,
            .min = 1,
            .max = 255,
            .doc = "Up while a process of this name runs; with a slash: while one runs that program.",
            .example = R"("haproxy")"},
    KeySpec{.key = "script",
            .type = ValueType::strings,
            .min = 1,
            .max = 64,
            .doc = "Up while this program, run without privileges as `checker_user`, ends with status 0. An "
                   "absolute "
                   "path and arguments; there is no shell.",
            .example = R"(["/usr/local/bin/ready", "--quick"])"},
    KeySpec{.key = "service",
            .type = ValueType::string,
            .min = 1,
            .max = kMaxName,
            .doc = "Up while this virtual service has its quorum.",
            .example = R"("web")",
            .chars = kNameChars},
    KeySpec{.key = "router",
            .type = ValueType::string,
            .min = 1,
            .max = kMaxName,
            .doc = "Up while this virtual router is master on this director.",
            .example = R"("other")",
            .chars = kNameChars},
    KeySpec{.key = "interval",
            .type = ValueType::duration,
            .fallback = "1s",
            .min = 10 * kMs,
            .max = kHour,
            .doc = "Of `script`: from the start of one run to the next. Of `process`: how often to look for "
                   "one that "
                   "is not there; that one ends is noticed at once.",
            .example = R"("500ms")"},
    KeySpec{.key = "timeout",
            .type = ValueType::duration,
            .fallback = "1s",
            .min = kMs,
            .max = kHour,
            .doc = "Of `script`: a run that takes longer has failed. Not longer than `interval`.",
            .example = R"("200ms")"},
    KeySpec{.key = "rise",
            .type = ValueType::integer,
            .fallback = "1",
            .min = 1,
            .max = 1000,
            .doc = "Of `script`: this many successes in a row make it up.",
            .example = "3"},
    KeySpec{.key = "fall",
            .type = ValueType::integer,
            .fallback = "1",
            .min = 1,
            .max = 1000,
            .doc = "Of `script`: this many failures in a row make it down.",
            .example = "3"},
    KeySpec{.key = "up_delay",
            .type = ValueType::duration,
            .fallback = "0s",
            .min = 0,
            .max = kHour,
            .doc = "A tracker that is down is up after it was well for this long.",
            .example = R"("10s")"},
    KeySpec{.key = "down_delay",
            .type = ValueType::duration,
            .fallback = "0s",
            .min = 0,
            .max = kHour,
            .doc = "A tracker that is up is down after it was not well for this long.",
            .example = R"("100ms")"},
    KeySpec{.key = "invert",
            .type = ValueType::boolean,
            .fallback = "false",
            .doc = "Up and down change places: for a file that asks for maintenance.",
            .example = "true"},
};

constexpr std::array kSyncGroup{
    KeySpec{.key = "routers",
            .type = ValueType::strings,
            .required = true,
            .min = 1,
            .max = 1024,
            .doc = "Names of virtual routers. They are master together or not at all.",
            .example = R"(["inside", "outside"])"},
};

constexpr std::array kItems{
    ItemSpec{"address", "address", R"(addresses such as "192.0.2.1/24" or "2001:db8::1/64")",
             "^([0-9]{1,3}(\\\\.[0-9]{1,3}){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)(/[0-9]{1,3})?( .*)?$",
             kAddress},
    ItemSpec{"peer", "address", R"(peers such as "10.0.0.3" or tables)",
             "^([0-9]{1,3}(\\\\.[0-9]{1,3}){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)( .*)?$", kPeer},
    ItemSpec{"route", "to", R"(routes such as "198.51.100.0/24 via 192.0.2.1" or tables)", "^.+$", kRoute},
    ItemSpec{"rule", "", R"(rules such as "from 192.0.2.10 table 100 priority 1000" or tables)", "^.+$",
             kRule},
    ItemSpec{"track", "tracker", R"(names of trackers such as "uplink", "uplink weight -20", or tables)",
             "^.+$", kTrack},
};

}  // namespace

std::span<const KeySpec> router_keys() {
    return kRouter;
}
std::span<const KeySpec> tracker_keys() {
    return kTracker;
}
std::span<const KeySpec> sync_group_keys() {
    return kSyncGroup;
}
std::span<const ItemSpec> item_specs() {
    return kItems;
}

const ItemSpec& item_spec(std::string_view section) {
    for (const auto& item : kItems)
        if (item.section == section) return item;
    LVS_ASSERT(false);  // a key table names a section that is not there
    return kItems[0];
}

}  // namespace lvs::config
