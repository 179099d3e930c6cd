// SPDX-License-Identifier: GPL-2.0-or-later
//
// The members of the state and their JSON names, listed once. A visitor is called as visit(name, member); the
// writer (json_write.cpp) and the reader (json_read.cpp) are both made from this list, so they cannot differ.
//
// Names carry the unit where there is one: times are `..._us` (microseconds since 1970-01-01 UTC, 0 = never),
// spans `..._us` (microseconds). lvsd/dbus/api.md explains each.
#pragma once

#include <concepts>
#include <type_traits>

#include "lvsd/state/state.hpp"

namespace lvs::state {

template <class T, class U>
concept Either = std::same_as<std::remove_const_t<T>, U>;  // U or const U

template <class V, Either<ConfigStatus> S>
void fields(V& visit, S& s) {
    visit("path", s.path);
    visit("generation", s.generation);
    visit("loaded_us", s.loaded);
    visit("last_attempt_us", s.last_attempt);
    visit("last_ok", s.last_ok);
    visit("last_error", s.last_error);
}

template <class V, Either<WorkerStatus> S>
void fields(V& visit, S& s) {
    visit("state", s.state);
    visit("since_us", s.since);
    visit("pid", s.pid);
    visit("restarts", s.restarts);
    visit("configured", s.configured);
    visit("running", s.running);
    visit("memory", s.memory);
}

template <class V, Either<IpvsStatus> S>
void fields(V& visit, S& s) {
    visit("available", s.available);
    visit("module", s.module);
    visit("version", s.version);
    visit("last_error", s.last_error);
    visit("last_applied_us", s.last_applied);
    visit("services", s.services);
    visit("servers", s.servers);
    visit("check_ways", s.check_ways);
    visit("refused", s.refused);
    visit("repairs", s.repairs);
}

template <class V, Either<SpeakerStatus> S>
void fields(V& visit, S& s) {
    visit("realtime", s.realtime);
    visit("memory_locked", s.memory_locked);
    visit("wakeups", s.wakeups);
    visit("late_wakeups", s.late_wakeups);
    visit("worst_lateness_us", s.worst_lateness);
    visit("events_lost", s.events_lost);
    visit("ignored", s.ignored);
}

template <class V, Either<Daemon> S>
void fields(V& visit, S& s) {
    visit("version", s.version);
    visit("hostname", s.hostname);
    visit("pid", s.pid);
    visit("started_us", s.started);
    visit("config", s.config);
    visit("worker", s.worker);
    visit("ipvs", s.ipvs);
    visit("vrrp", s.vrrp);
}

template <class V, Either<RouterTracker> S>
void fields(V& visit, S& s) {
    visit("name", s.name);
    visit("state", s.state);
    visit("weight", s.weight);
}

template <class V, Either<RouterPeer> S>
void fields(V& visit, S& s) {
    visit("address", s.address);
    visit("priority", s.priority);
    visit("heard_us", s.heard);
}

template <class V, Either<RouterInstance> S>
void fields(V& visit, S& s) {
    visit("family", s.family);
    visit("state", s.state);
    visit("reason", s.reason);
    visit("since_us", s.since);
    visit("priority", s.priority);
    visit("effective_priority", s.effective_priority);
    visit("advert_interval_us", s.advert_interval);
    visit("master_interval_us", s.master_interval);
    visit("master", s.master);
    visit("addresses", s.addresses);
    visit("transitions", s.transitions);
    visit("adverts_sent", s.adverts_sent);
    visit("adverts_received", s.adverts_received);
    visit("held", s.held);
    visit("yields", s.yields);
    visit("trackers", s.trackers);
    visit("peers", s.peers);
    visit("late_adverts", s.late_adverts);
    visit("worst_lateness_us", s.worst_lateness);
    visit("stalls", s.stalls);
    visit("contests", s.contests);
    visit("ignored", s.ignored);
}

template <class V, Either<Router> S>
void fields(V& visit, S& s) {
    visit("name", s.name);
    visit("interface", s.interface);
    visit("vrid", s.vrid);
    visit("instances", s.instances);
}

template <class V, Either<CheckChange> S>
void fields(V& visit, S& s) {
    visit("at_us", s.at);
    visit("state", s.state);
    visit("latency_us", s.latency);
    visit("reason", s.reason);
}

template <class V, Either<Check> S>
void fields(V& visit, S& s) {
    visit("kind", s.kind);
    visit("target", s.target);
    visit("state", s.state);
    visit("reason", s.reason);
    visit("latency_us", s.latency);
    visit("lag_us", s.lag);
    visit("since_us", s.since);
    visit("last_run_us", s.last_run);
    visit("runs", s.runs);
    visit("failures", s.failures);
    visit("certificate_days", s.certificate_days);
    visit("weight_percent", s.weight_percent);
    visit("output", s.output);
    visit("history", s.history);
}

template <class V, Either<Override> S>
void fields(V& visit, S& s) {
    visit("kind", s.kind);
    visit("weight", s.weight);
    visit("reason", s.reason);
    visit("expires_us", s.expires);
    visit("deadline_us", s.deadline);
}

template <class V, Either<Traffic> S>
void fields(V& visit, S& s) {
    visit("connections", s.connections);
    visit("in_packets", s.in_packets);
    visit("out_packets", s.out_packets);
    visit("in_bytes", s.in_bytes);
    visit("out_bytes", s.out_bytes);
    visit("connection_rate", s.connection_rate);
    visit("in_packet_rate", s.in_packet_rate);
    visit("out_packet_rate", s.out_packet_rate);
    visit("in_byte_rate", s.in_byte_rate);
    visit("out_byte_rate", s.out_byte_rate);
}

template <class V, Either<Server> S>
void fields(V& visit, S& s) {
    visit("address", s.address);
    visit("is_sorry", s.is_sorry);
    visit("state", s.state);
    visit("reason", s.reason);
    visit("since_us", s.since);
    visit("weight", s.weight);
    visit("effective_weight", s.effective_weight);
    visit("forward", s.forward);
    visit("active_connections", s.active_connections);
    visit("inactive_connections", s.inactive_connections);
    visit("traffic", s.traffic);
    visit("overrides", s.overrides);
    visit("checks", s.checks);
}

template <class V, Either<Service> S>
void fields(V& visit, S& s) {
    visit("name", s.name);
    visit("address", s.address);
    visit("fwmark", s.fwmark);
    visit("family", s.family);
    visit("protocol", s.protocol);
    visit("scheduler", s.scheduler);
    visit("forward", s.forward);
    visit("state", s.state);
    visit("reason", s.reason);
    visit("since_us", s.since);
    visit("servers_up", s.servers_up);
    visit("servers_total", s.servers_total);
    visit("active_connections", s.active_connections);
    visit("inactive_connections", s.inactive_connections);
    visit("traffic", s.traffic);
    visit("servers", s.servers);
}

template <class V, Either<Snapshot> S>
void fields(V& visit, S& s) {
    visit("taken_us", s.taken);
    visit("daemon", s.daemon);
    visit("routers", s.routers);
    visit("services", s.services);
}

}  // namespace lvs::state
