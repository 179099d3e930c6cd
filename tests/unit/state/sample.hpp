// SPDX-License-Identifier: GPL-2.0-or-later
//
// Snapshots for tests: one in which every member differs from its default, and one of any size.
#pragma once

#include <fmt/format.h>

#include "lvsd/state/state.hpp"

namespace lvs::state {

inline WallTime at(std::int64_t seconds) {
    return WallTime(std::chrono::seconds(1'700'000'000 + seconds));
}

inline Traffic sample_traffic(std::uint64_t n) {
    return {n, n + 1, n + 2, n + 3, n + 4, n + 5, n + 6, n + 7, n + 8, n + 9};
}

inline Server sample_server(std::string_view address) {
    Server server;
    server.address = parse_endpoint(address).value();
    server.state = ServerState::up;
    server.reason = "2 checks passed";
    server.since = at(5);
    server.weight = 10;
    server.effective_weight = 10;
    server.forward = "dr";
    server.active_connections = 17;
    server.inactive_connections = 4;
    server.traffic = sample_traffic(100);
    server.overrides = {{OverrideKind::weight, 10, "half its memory is gone", at(3600), {}}};
    server.checks = {{"http",
                      "http://10.0.0.1/health",
                      CheckState::up,
                      "200 OK",
                      std::chrono::microseconds(1234),
                      std::chrono::microseconds(56),
                      at(5),
                      at(9),
                      50,
                      2,
                      -3,
                      75,
                      "75% \xc3\xbc",
                      {{at(4), CheckState::down, std::chrono::microseconds(99), "connection refused"},
                       {at(5), CheckState::up, std::chrono::microseconds(1234), "200 OK"}}}};
    return server;
}

inline Service sample_service(std::string name) {
    Service service;
    service.name = std::move(name);
    service.address = parse_endpoint("192.0.2.10:80");
    service.protocol = "tcp";
    service.scheduler = "wlc";
    service.forward = "dr";
    service.state = ServiceState::degraded;
    service.reason = "1 of 2 servers is up";
    service.since = at(6);
    service.servers_up = 1;
    service.servers_total = 2;
    service.active_connections = 17;
    service.inactive_connections = 4;
    service.traffic = sample_traffic(200);
    service.servers = {sample_server("10.0.0.1:80"), sample_server("10.0.0.2:80")};
    service.servers[1].state = ServerState::down;
    service.servers[1].reason = "connection refused";
    service.servers[1].effective_weight = 0;
    service.servers.push_back(sample_server("10.0.0.9:80"));
    service.servers[2].is_sorry = true;
    service.servers[2].state = ServerState::standby;
    return service;
}

inline RouterInstance sample_instance(Family family) {
    RouterInstance instance;
    instance.family = family;
    instance.state = RouterState::master;
    instance.reason = "no advert in 3.6s";
    instance.since = at(3);
    instance.priority = 150;
    instance.effective_priority = 140;
    instance.advert_interval = std::chrono::milliseconds(100);
    instance.master_interval = std::chrono::milliseconds(100);
    instance.master = IpAddress::parse(family == Family::ipv4 ? "192.0.2.1" : "fe80::1");
    instance.addresses = {parse_prefix(family == Family::ipv4 ? "192.0.2.10/24" : "2001:db8::10/64").value()};
    instance.transitions = 3;
    instance.adverts_sent = 1000;
    instance.adverts_received = 2000;
    instance.held = true;
    instance.yields = true;
    instance.trackers = {{"uplink", "down", -20}, {"proxy", "up", 0}};
    instance.peers = {{IpAddress::parse("192.0.2.2").value(), 100, at(2)}};
    instance.late_adverts = 4;
    instance.worst_lateness = std::chrono::microseconds(5500);
    instance.stalls = 1;
    instance.contests = 2;
    instance.ignored = {{"checksum", 1}, {"ttl", 2}};
    return instance;
}

inline Daemon sample_daemon() {
    Daemon daemon;
    daemon.version = "0.1.0";
    daemon.hostname = "director1";
    daemon.pid = 42;
    daemon.started = at(0);
    daemon.config = {"/etc/lvsd/lvsd.toml", 2, at(1), at(2), false, "3:1: unknown key \"prioritty\""};
    daemon.worker = {WorkerState::running, at(1), 43, 1};
    daemon.ipvs = {true,  "stock", "1.2.1", "add server 10.0.0.1:80: No such file or directory",
                   at(4), 1,       2,       0,       0, 3};
    daemon.vrrp = {true, true, 1000, 2, std::chrono::microseconds(7000), 3, {{"vrid", 5}}};
    return daemon;
}

inline Snapshot sample() {
    Snapshot snapshot;
    snapshot.taken = at(10);
    snapshot.daemon = sample_daemon();
    snapshot.routers = {{"web", "eth0", 51, {sample_instance(Family::ipv4), sample_instance(Family::ipv6)}}};
    snapshot.services = {sample_service("http")};
    auto mark = sample_service("mark");
    mark.address.reset();
    mark.fwmark = 7;
    mark.family = Family::ipv6;
    mark.protocol.clear();
    snapshot.services.push_back(mark);
    return snapshot;
}

// `services` services with `servers` plain servers each.
inline Snapshot large_sample(unsigned services, unsigned servers) {
    auto snapshot = sample();
    snapshot.services.clear();
    for (unsigned i = 0; i < services; ++i) {
        auto service = sample_service(fmt::format("service-{}", i));
        service.servers.clear();
        for (unsigned j = 0; j < servers; ++j)
            service.servers.push_back(sample_server(fmt::format("10.{}.{}.{}:80", i / 250, i % 250, j + 1)));
        snapshot.services.push_back(std::move(service));
    }
    return snapshot;
}

}  // namespace lvs::state
