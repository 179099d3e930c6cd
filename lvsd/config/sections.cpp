// SPDX-License-Identifier: GPL-2.0-or-later
//
// Every key of lvsd.toml but those of the checker kinds. Parser, print_effective(), manual and JSON schema
// all read these tables: a key is added here and in build.cpp and print.cpp, nowhere else.
#include <array>

#include "lvsd/config/value.hpp"

namespace lvs::config {
namespace {

constexpr std::int64_t kDay = 86'400 * kSecond;

constexpr std::array<std::string_view, 2> kOnStop{"remove", "keep"};
constexpr std::array<std::string_view, 2> kVias{"server", "service"};
constexpr std::array<std::string_view, 2> kFamilies{"ipv4", "ipv6"};
constexpr std::array<std::string_view, 3> kProtocols{"tcp", "udp", "sctp"};
constexpr std::array<std::string_view, 3> kForwards{"nat", "dr", "tun"};
constexpr std::array<std::string_view, 2> kOnFailure{"weight0", "remove"};
constexpr std::array<std::string_view, 14> kSchedulers{"rr", "wrr", "lc", "wlc", "lblc", "lblcr", "dh",
                                                       "sh", "sed", "nq", "fo",  "ovf",  "mh",    "twos"};
constexpr std::array<std::string_view, 7> kSchedulerFlags{"flag-1",      "flag-2",  "flag-3",     "sh-port",
                                                          "sh-fallback", "mh-port", "mh-fallback"};

constexpr std::array<std::string_view, 2> kActives{"always", "master"};
constexpr std::array<std::string_view, 2> kRequires{"all", "any"};
constexpr std::array<std::string_view, 3> kStarts{"unknown", "up", "down"};
constexpr std::array<std::string_view, 3> kTunnels{"ipip", "gue", "gre"};
constexpr std::array<std::string_view, 3> kTunnelChecksums{"none", "checksum", "remote"};
constexpr std::array<std::string_view, 1> kEngines{"sip"};
constexpr std::int64_t kMaxConnections = 0xffffffff;

// Keys of a service that are defaults of its servers, and keys of a server.
constexpr KeySpec kTunnel{.key = "tunnel",
                          .type = ValueType::choice,
                          .choices = kTunnels,
                          .doc = "How packets are wrapped with `forward = \"tun\"`. Default: \"ipip\".",
                          .example = R"("gue")"};
constexpr KeySpec kTunnelPort{.key = "tunnel_port",
                              .type = ValueType::integer,
                              .min = 1,
                              .max = 65535,
                              .doc = "The UDP port the servers take \"gue\" packets on.",
                              .example = "6080"};
constexpr KeySpec kTunnelChecksum{
    .key = "tunnel_checksum",
    .type = ValueType::choice,
    .choices = kTunnelChecksums,
    .doc = "Checksums of \"gue\" and \"gre\" packets; `remote` is remote checksum offload. Default: \"none\".",
    .example = R"("checksum")"};
constexpr KeySpec kUpper{
    .key = "upper_threshold",
    .type = ValueType::integer,
    .min = 0,
    .max = kMaxConnections,
    .doc = "With more connections than this a server gets no new ones. Default: 0, which is no limit.",
    .example = "10000"};
constexpr KeySpec kLower{
    .key = "lower_threshold",
    .type = ValueType::integer,
    .min = 0,
    .max = kMaxConnections,
    .doc = "Below this a server that reached its upper threshold gets new connections again. "
           "Default: 0, which is three quarters of the upper one.",
    .example = "8000"};

constexpr std::array kGlobal{
    KeySpec{.key = "on_stop",
            .type = ValueType::choice,
            .fallback = "remove",
            .choices = kOnStop,
            .doc = "What happens to the IPVS entries lvsd made when it stops. With `keep` the kernel goes on "
                   "balancing over the servers that were up last, and the next start takes the entries over.",
            .example = R"("keep")"},
    KeySpec{.key = "reconcile_interval",
            .type = ValueType::duration,
            .fallback = "10s",
            .min = kSecond,
            .max = 3600 * kSecond,
            .doc = "How often the kernel's IPVS table is compared with the wanted one and repaired.",
            .example = R"("30s")"},
    KeySpec{.key = "checker_user",
            .type = ValueType::string,
            .fallback = "lvsd-check",
            .min = 1,
            .max = 32,
            .doc = "The unprivileged user the health checks run as. If there is no such user, nobody.",
            .example = R"("lvsd-check")",
            .chars = "A-Za-z0-9._-"},
    KeySpec{.key = "checker_workers",
            .type = ValueType::integer,
            .fallback = "1",
            .min = 1,
            .max = 16,
            .doc = "How many processes share the checks. One is enough for tens of thousands of checks; more use more "
                   "processors, and the end of one touches the checks of that one only. A change starts them anew; "
                   "health stands.",
            .example = "2"},
    KeySpec{.key = "check_mark",
            .type = ValueType::integer,
            .fallback = "16777216",
            .min = 1,
            .max = 4'000'000'000,
            .doc = "The first firewall mark of the checks with `via = \"service\"`: each server of each service that is "
                   "checked so has one of its own. With such checks 1048576 marks from here on are for them alone.",
            .example = "33554432"},
    KeySpec{.key = "guard",
            .type = ValueType::integer,
            .fallback = "50",
            .min = 0,
            .max = 100,
            .doc = "A reload that removes more than this percentage of the servers, and more than three, is refused "
                   "until it is forced (`lvsctl apply --force`). With 100 nothing is refused.",
            .example = "20"},
    KeySpec{.key = "announce_rate",
            .type = ValueType::integer,
            .fallback = "200000",
            .min = 1,
            .max = 10'000'000,
            .doc = "How many neighbour announcements may leave an interface per second.",
            .example = "20000"},
    KeySpec{.key = "announce_burst",
            .type = ValueType::integer,
            .fallback = "2000",
            .min = 1,
            .max = 1'000'000,
            .doc = "How many of them may leave at once.",
            .example = "500"},
    KeySpec{.key = "expire_nodest_conn",
            .type = ValueType::boolean,
            .fallback = "true",
            .doc = "A new connection from a client port that an earlier one to a server of weight 0, or to a removed "
                   "one, used goes to a server that is up; what a removed server still has ends. With `false` it goes "
                   "to the old one, while the kernel remembers that. While there are services lvsd keeps "
                   "net.ipv4.vs.expire_nodest_conn like this; a stop that removes the entries puts back what it was.",
            .example = "false"},
    KeySpec{.key = "expire_quiescent_template",
            .type = ValueType::boolean,
            .fallback = "true",
            .doc = "With `persistence`, clients of a server with weight 0 (failed or draining) go to another one with "
                   "their next connection. With `false` they stay until the persistence time is over. lvsd keeps "
                   "net.ipv4.vs.expire_quiescent_template like this, as with `expire_nodest_conn`.",
            .example = "false"},
};

constexpr std::array kService{
    KeySpec{
        .key = "address",
        .type = ValueType::endpoint,
        .doc = "The virtual address and port clients connect to. Either this or `fwmark`. Port 0 means every "
               "port and needs `persistence`.",
        .example = R"("192.0.2.10:80")"},
    KeySpec{.key = "addresses",
            .type = ValueType::strings,
            .min = 1,
            .max = 1024,
            .doc = "Instead of `address`: several, or ranges of addresses or ports, 4096 in all. They share "
                   "servers, checks and state. A server without a port follows the port of each.",
            .example = R"(["192.0.2.10-192.0.2.13:80", "192.0.2.20:8000-8003"])"},
    KeySpec{.key = "fwmark",
            .type = ValueType::integer,
            .min = 1,
            .max = 0xffffffff,
            .doc = "Instead of `address`: the service is every packet that carries this firewall mark.",
            .example = "7"},
    KeySpec{.key = "family",
            .type = ValueType::choice,
            .choices = kFamilies,
            .doc = "Only with `fwmark`: the address family of the marked packets. Default: \"ipv4\".",
            .example = R"("ipv6")"},
    KeySpec{.key = "protocol",
            .type = ValueType::choice,
            .choices = kProtocols,
            .doc = "Only with `address`: the transport protocol. Default: \"tcp\".",
            .example = R"("udp")"},
    KeySpec{.key = "scheduler",
            .type = ValueType::choice,
            .fallback = "wlc",
            .choices = kSchedulers,
            .doc = "How a server is chosen for a new connection; the names are those of ipvsadm(8).",
            .example = R"("mh")"},
    KeySpec{
        .key = "scheduler_flags",
        .type = ValueType::strings,
        .min = 0,
        .max = 3,
        .choices = kSchedulerFlags,
        .doc = "Flags of the scheduler. `sh-*` and `mh-*` are names for the flags 1 (fallback) and 2 (port) of "
               "these two schedulers.",
        .example = R"(["mh-port"])"},
    KeySpec{
        .key = "forward",
        .type = ValueType::choice,
        .fallback = "nat",
        .choices = kForwards,
        .doc = "How packets reach the servers: address translation, direct routing, or tunnelling. With `dr` "
               "and `tun` the servers must use the port of the service.",
        .example = R"("dr")"},
    KeySpec{.key = "on_failure",
            .type = ValueType::choice,
            .fallback = "weight0",
            .choices = kOnFailure,
            .doc = "A server whose checks fail gets weight 0 (its connections go on) or is removed from the "
                   "kernel's table.",
            .example = R"("remove")"},
    KeySpec{.key = "persistence",
            .type = ValueType::duration,
            .min = kSecond,
            .max = 31 * kDay,
            .doc = "A client comes back to the same server within this time. Default: off.",
            .example = R"("5m")",
            .step = kSecond},
    KeySpec{.key = "persistence_prefix",
            .type = ValueType::integer,
            .min = 1,
            .max = 128,
            .doc = "Only with `persistence`: clients whose addresses share this many leading bits count as one. "
                   "Default: the whole address, 32 or 128.",
            .example = "24"},
    KeySpec{.key = "one_packet",
            .type = ValueType::boolean,
            .fallback = "false",
            .doc = "Only with UDP: a server is chosen for every packet anew.",
            .example = "true"},
    KeySpec{.key = "persistence_engine",
            .type = ValueType::choice,
            .choices = kEngines,
            .doc = "Only with `persistence`: clients are told apart by what they say; `sip` by the Call-ID.",
            .example = R"("sip")"},
    KeySpec{
        .key = "active",
        .type = ValueType::choice,
        .fallback = "always",
        .choices = kActives,
        .doc = "With `master` the service is in the kernel only while `router` is master on this director.",
        .example = R"("master")"},
    KeySpec{
        .key = "router",
        .type = ValueType::string,
        .min = 1,
        .max = 64,
        .doc = "Only with `active = \"master\"`: the virtual router. Default: the one that holds the address.",
        .example = R"("web")",
        .chars = "A-Za-z0-9._-"},
    KeySpec{
        .key = "quorum",
        .type = ValueType::integer,
        .fallback = "1",
        .min = 1,
        .max = 0x7fffffff,
        .doc = "The service has its quorum when the weights of the servers that are up add up to this. Without "
               "it the next tier, then the sorry server serves, and a virtual router can step back.",
        .example = "3"},
    KeySpec{.key = "quorum_hysteresis",
            .type = ValueType::integer,
            .fallback = "0",
            .min = 0,
            .max = 0x7fffffff,
            .doc = "The quorum is reached at `quorum` plus this and lost below `quorum` minus this.",
            .example = "1"},
    KeySpec{
        .key = "panic_threshold",
        .type = ValueType::integer,
        .fallback = "0",
        .min = 0,
        .max = 100,
        .doc = "With less than this percentage of the servers healthy all are used, whatever their checks say: "
               "better some failures than a few servers that drown. 0 is never.",
        .example = "30"},
    KeySpec{.key = "slow_start",
            .type = ValueType::duration,
            .fallback = "0s",
            .min = 0,
            .max = 3600 * kSecond,
            .doc = "A server that comes back gets its weight in ten steps over this time, unless the service had no "
                   "other server then or began to have some within this time. Weights of 10 and more make it smooth.",
            .example = R"("30s")"},
    KeySpec{.key = "drain_timeout",
            .type = ValueType::duration,
            .fallback = "1m",
            .min = 0,
            .max = 31 * kDay,
            .doc = "A server that a reload removes keeps its connections for at most this time and gets no "
                   "new ones; "
                   "so do all servers of a service that is removed. With 0s they go at once.",
            .example = R"("10m")"},
    kTunnel,
    kTunnelPort,
    kTunnelChecksum,
    kUpper,
    kLower,
    KeySpec{.key = "groups",
            .type = ValueType::strings,
            .min = 0,
            .max = 64,
            .doc = "Names of server groups whose servers are added to `servers`.",
            .example = R"(["blue", "green"])"},
    KeySpec{.key = "servers",
            .type = ValueType::servers,
            .min = 0,
            .max = 16384,
            .doc = "The real servers.",
            .example = R"(["10.0.0.11:80", { address = "10.0.0.12:80", weight = 2 }])"},
    KeySpec{.key = "sorry_server",
            .type = ValueType::server,
            .doc = "Serves while no other server is up. The checks of the service are not applied to it.",
            .example = R"("10.0.0.99:80")"},
    KeySpec{.key = "check",
            .type = ValueType::check,
            .doc = "The health check of every server that has none of its own.",
            .example = R"({ kind = "http", path = "/healthz" })"},
    KeySpec{.key = "checks",
            .type = ValueType::checks,
            .min = 0,
            .max = 16,
            .doc = "Instead of `check`: several.",
            .example = R"(["tcp", { kind = "http", port = 8080 }])"},
    KeySpec{.key = "require",
            .type = ValueType::choice,
            .fallback = "all",
            .choices = kRequires,
            .doc = "With several checks: a server is up while `all` of them pass, or while `any` does. With `all` "
                   "the first that fails takes it out, with `any` the last one.",
            .example = R"("any")"},
    KeySpec{.key = "notify",
            .type = ValueType::strings,
            .min = 1,
            .max = 64,
            .doc = "A program, by its absolute path, and its arguments: run for the events of this virtual service and of its servers that are "
                   "listed in `events` of [notify], one after the other, in order.",
            .example = R"(["/usr/local/bin/service-changed"])"},
};

constexpr std::array kServer{
    KeySpec{
        .key = "address",
        .type = ValueType::host,
        .required = true,
        .doc = "The server's address. Without a port, the port of the service. Its family must be that of the "
               "service, but for tunnels.",
        .example = R"("10.0.0.12:80")"},
    KeySpec{.key = "weight",
            .type = ValueType::integer,
            .fallback = "1",
            .min = 0,
            .max = 65535,
            .doc = "The server's share. With 0 it gets no new connections.",
            .example = "2"},
    KeySpec{.key = "forward",
            .type = ValueType::choice,
            .choices = kForwards,
            .doc = "How packets reach this server. Default: what the service says.",
            .example = R"("dr")"},
    KeySpec{.key = "tier",
            .type = ValueType::integer,
            .fallback = "0",
            .min = 0,
            .max = 15,
            .doc = "Servers of tier 1 serve while those of tier 0 do not make the quorum, and so on.",
            .example = "1"},
    kTunnel,
    kTunnelPort,
    kTunnelChecksum,
    kUpper,
    kLower,
    KeySpec{.key = "template",
            .type = ValueType::string,
            .min = 1,
            .max = 64,
            .doc = "The server template whose keys this server has where it does not say otherwise.",
            .example = R"("big")",
            .chars = "A-Za-z0-9._-"},
    KeySpec{.key = "check",
            .type = ValueType::check,
            .doc = "The health check of this server, in place of those of the service.",
            .example = R"("tcp")"},
    KeySpec{.key = "checks",
            .type = ValueType::checks,
            .min = 0,
            .max = 16,
            .doc = "Instead of `check`: several; `[]` for none.",
            .example = "[]"},
    KeySpec{.key = "require",
            .type = ValueType::choice,
            .choices = kRequires,
            .doc = "How many of several checks must pass: `all` or `any`. Default: what the service says.",
            .example = R"("any")"},
};

constexpr std::array kCheck{
    KeySpec{.key = "kind",
            .type = ValueType::string,
            .required = true,
            .min = 1,
            .max = 32,
            .doc = "What is tried; the kinds are listed below.",
            .example = R"("http")"},
    KeySpec{.key = "interval",
            .type = ValueType::duration,
            .fallback = "2s",
            .min = 10 * kMs,
            .max = kDay,
            .doc = "The time from the start of one check to the start of the next.",
            .example = R"("5s")"},
    KeySpec{.key = "timeout",
            .type = ValueType::duration,
            .fallback = "1s",
            .min = kMs,
            .max = 3600 * kSecond,
            .doc = "A check that has not succeeded after this time has failed. Not longer than `interval`.",
            .example = R"("500ms")"},
    KeySpec{.key = "rise",
            .type = ValueType::integer,
            .fallback = "2",
            .min = 1,
            .max = 1000,
            .doc = "A server that is down is up again after this many successes in a row.",
            .example = "3"},
    KeySpec{.key = "fall",
            .type = ValueType::integer,
            .fallback = "3",
            .min = 1,
            .max = 1000,
            .doc = "A server that is up is down after this many failures in a row.",
            .example = "2"},
    KeySpec{.key = "address",
            .type = ValueType::address,
            .doc = "Check this address instead of the server's.",
            .example = R"("10.1.0.11")"},
    KeySpec{.key = "port",
            .type = ValueType::integer,
            .min = 1,
            .max = 65535,
            .doc = "Check this port instead of the server's.",
            .example = "8080"},
    KeySpec{.key = "fast_interval",
            .type = ValueType::duration,
            .min = 10 * kMs,
            .max = kDay,
            .doc = "The interval while a server is on its way up or down: until `rise` or `fall` is reached or the "
                   "results agree with the state again. Not longer than `interval`, which is the default.",
            .example = R"("500ms")"},
    KeySpec{.key = "jitter",
            .type = ValueType::duration,
            .fallback = "0s",
            .min = 0,
            .max = kDay / 4,
            .doc = "Each run starts up to this much later, at random; not longer than a quarter of `interval`. Checks "
                   "are spread over their interval without it: this is for servers that do something of their own "
                   "at the same pace.",
            .example = R"("200ms")"},
    KeySpec{.key = "start",
            .type = ValueType::choice,
            .fallback = "unknown",
            .choices = kStarts,
            .doc = "What a new check says before it has run. `unknown`: the server waits for the first result, which "
                   "decides at once. `up`: it serves at once, and stops after `fall` failures. `down`: it serves "
                   "after `rise` successes. A server the kernel used when lvsd was started stays in use until the "
                   "checks have run; a check that was there before a reload keeps its state.",
            .example = R"("down")"},
    KeySpec{.key = "source",
            .type = ValueType::address,
            .doc = "The source address of the packets: one of this host, of the family of what is checked.",
            .example = R"("10.0.0.2")"},
    KeySpec{.key = "interface",
            .type = ValueType::string,
            .min = 1,
            .max = 15,
            .doc = "The packets leave and come back by this interface only, which may be a VRF. While there is no "
                   "such interface, nothing is checked and health stands.",
            .example = R"("eth1")",
            .chars = "A-Za-z0-9._@+-"},
    KeySpec{.key = "fwmark",
            .type = ValueType::integer,
            .min = 1,
            .max = 0xffffffff,
            .doc = "The firewall mark of the packets, for rules of ip(8) and nft(8).",
            .example = "7"},
    KeySpec{.key = "via",
            .type = ValueType::choice,
            .fallback = "server",
            .choices = kVias,
            .doc = "`server`: the check goes straight to the server. `service`: it goes to the address of the service and "
                   "through IPVS to this one server, forwarded as the service's connections are, so a wrong tunnel, an "
                   "address that is missing on the server or a firewall on the way is found. For kinds that speak the "
                   "protocol of the service, and for services with an `address`, the first of several.",
            .example = R"("service")"},
};

constexpr std::array kGroup{
    KeySpec{.key = "servers",
            .type = ValueType::servers,
            .required = true,
            .min = 0,
            .max = 16384,
            .doc = "The servers of the group, as in a service.",
            .example = R"(["10.0.0.11", "10.0.0.12"])"},
};

constexpr std::array kTop{
    KeySpec{
        .key = "include",
        .type = ValueType::strings,
        .min = 0,
        .max = 64,
        .doc = "Further files, as patterns relative to the directory of this one, read in the order of their "
               "names. An included file includes no others. Its `service_defaults` and `server_defaults` are its own.",
        .example = R"(["conf.d/*.toml"])"},
};

}  // namespace

std::span<const KeySpec> global_keys() {
    return kGlobal;
}
std::span<const KeySpec> service_keys() {
    return kService;
}
std::span<const KeySpec> server_keys() {
    return kServer;
}
std::span<const KeySpec> template_keys() {
    static const auto keys = [] {
        std::vector<KeySpec> out(kServer.begin(), kServer.end());
        std::erase_if(out, [](const KeySpec& key) { return key.key == "address" || key.key == "template"; });
        return out;
    }();
    return keys;
}
std::span<const KeySpec> check_keys() {
    return kCheck;
}
std::span<const KeySpec> group_keys() {
    return kGroup;
}
std::span<const KeySpec> top_keys() {
    return kTop;
}

std::span<const Section> sections() {
    static const std::array kSections{
        Section{"global", "What concerns the daemon as a whole.", kGlobal},
        Section{"virtual_router.NAME",
                "A VRRP virtual router: one or more addresses that are held by exactly one of several directors.",
                router_keys()},
        Section{"virtual_service.NAME",
                "A virtual service: what clients connect to, and the servers their connections are spread over.",
                kService},
        Section{"server",
                "A real server, in `servers` and `sorry_server`: its address as a string, or a table with these keys.",
                kServer},
        Section{"check",
                "A health check, in `check` and `checks`: the name of a kind as a string, or a table with these keys "
                "and those of its kind.",
                kCheck},
        Section{"notify",
                "Programs that are told what happens: run one after the other for each router, service and server, in the "
                "order of the events.",
                notify_keys()},
        Section{"metrics", "What lvsd measures, for Prometheus.", metrics_keys()},
        Section{"server_template.NAME", "What servers that name it in `template` have where they do not say otherwise.",
                template_keys(), "server"},
        Section{"server_group.NAME", "Servers under a name, for `groups` of services.", kGroup},
        Section{"service_defaults", "What every service of this file has where it does not say otherwise.", kService,
                "virtual_service.NAME"},
        Section{"server_defaults",
                "What every server of this file has where neither it nor its template says otherwise.",
                template_keys(), "server"},
        Section{"sync_group.NAME", "Virtual routers that move together.", sync_group_keys()},
        Section{"tracker.NAME",
                "Something virtual routers can depend on, in their `track`. It names one of `interface`, `file`, "
                "`process`, `script`, `service` and `router`. Until lvsd knows better it is down.",
                tracker_keys()},
        Section{"address",
                "A virtual address: a string (\"192.0.2.10/24\", \"192.0.2.10/24 dev eth1\"), or a table with "
                "these keys.",
                item_spec("address").keys},
        Section{"peer", "A director in `peers`: its address as a string, or a table with these keys.",
                item_spec("peer").keys},
        Section{"route",
                "A route: a string such as \"198.51.100.0/24 via 192.0.2.1 table 100\" or "
                "\"blackhole 203.0.113.0/24\", or a table with these keys.",
                item_spec("route").keys},
        Section{"rule",
                "A routing rule: a string such as \"from 192.0.2.10 table 100 priority 1000\", or a table with "
                "these keys.",
                item_spec("rule").keys},
        Section{"track",
                "In `track`: the name of a tracker as a string, a string such as \"uplink weight -20\", or a "
                "table with these keys.",
                item_spec("track").keys},
    };
    return kSections;
}

}  // namespace lvs::config
