# SPDX-License-Identifier: GPL-2.0-or-later
"""VRRP on real sockets: two speakers, or one and Debian's keepalived, in namespaces on a bridge."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from labkit import topology
from labkit.paths import bin_dir
from labkit.waiting import wait_for

LAB = {"when": "whole"}

BIN = Path(os.environ.get("LVSD_BIN", bin_dir()))
DIRECTORS = topology.dr(directors=2, servers=0, clients=1)
VIP, VIP6 = DIRECTORS.vip, DIRECTORS.vip6


def speaker(node, priority, *options, interval="50ms", addresses=(f"{VIP}/24",), name="vrrp", commands=False):
    """Starts vrrp_node; with `commands`, say() talks to it."""
    words = [BIN / "vrrp_node", "--interface", "eth0", "--vrid", "51", "--priority", priority, "--interval", interval]
    for address in addresses:
        words += ["--address", address]
    if not commands:
        return node.start(name, [*words, *options])
    pipe = node.directory / f"{name}.commands"
    if not pipe.exists():
        os.mkfifo(pipe)
    shell = " ".join(str(word) for word in [*words, *options])
    return node.start(name, ["sh", "-c", f"exec {shell} <> {pipe}"])


def say(node, text, name="vrrp"):
    with open(node.directory / f"{name}.commands", "w") as pipe:
        pipe.write(text + "\n")


def holds(node, address=VIP):
    return address in node.addresses()


def states(process):
    return re.findall(r"state r (?:IPv[46]) \S+ (\S+) (\S+)", process.output())


def wait_master(node, other, address=VIP):
    wait_for(lambda: holds(node, address) and not holds(other, address), 20, f"{node.name} alone holds {address}")


def pull(cluster, port, up=False):
    subprocess.run(["ip", "-n", cluster.namespaces[0], "link", "set", port, "up" if up else "down"], check=True)


def sniff(node, expression):
    tap = node.start("tap", ["tcpdump", "-lnei", "eth0", expression])
    wait_for(lambda: "listening" in tap.output(), 10, "tcpdump listens")
    return tap


@pytest.fixture
def cluster(make_cluster):
    return make_cluster(DIRECTORS)


def test_the_higher_priority_wins_in_both_families(cluster):
    d1, d2 = cluster["d1"], cluster["d2"]
    for node, priority in ((d2, 100), (d1, 150)):
        speaker(node, priority, addresses=(f"{VIP}/24", f"{VIP6}/64"))
    wait_master(d1, d2)
    wait_master(d1, d2, VIP6)


def test_a_killed_master_is_replaced_and_the_neighbours_are_told(cluster):
    d1, d2, client = cluster["d1"], cluster["d2"], cluster["c1"]
    first = speaker(d1, 150, addresses=(f"{VIP}/24", f"{VIP6}/64"))
    speaker(d2, 100, addresses=(f"{VIP}/24", f"{VIP6}/64"))
    wait_master(d1, d2)
    wait_master(d1, d2, VIP6)
    tap = sniff(client, "arp or icmp6")
    first.stop(signal.SIGKILL)
    wait_for(lambda: holds(d2) and holds(d2, VIP6), 10, "the second takes over")
    wait_for(lambda: f"Request who-has {VIP}" in tap.output(), 10, "gratuitous ARP")
    wait_for(lambda: f"tgt is {VIP6}" in tap.output(), 10, "unsolicited neighbour advertisement")


def test_a_restart_removes_what_a_killed_run_left_and_nothing_else(cluster):
    d1, d2 = cluster["d1"], cluster["d2"]
    foreign = "10.77.0.240"
    d1.run(["ip", "addr", "add", f"{foreign}/24", "dev", "eth0"])
    first = speaker(d1, 150)
    speaker(d2, 100)
    wait_master(d1, d2)
    first.stop(signal.SIGKILL)
    wait_for(lambda: holds(d2), 10, "the second takes over")
    assert holds(d1), "SIGKILL leaves the address"
    speaker(d1, 50, name="again")  # lower: it must not become master, but it must clean up
    wait_master(d2, d1)
    assert holds(d1, foreign)


def test_an_address_that_was_there_before_is_not_removed(cluster):
    d1 = cluster["d1"]
    d1.run(["ip", "addr", "add", f"{VIP}/24", "dev", "eth0"])
    process = speaker(d1, 150)
    wait_for(lambda: ("master", "master-down") in states(process), 10, "master")
    process.stop()
    assert holds(d1)


def test_a_stopped_master_hands_over_at_once(cluster):
    d1, d2 = cluster["d1"], cluster["d2"]
    first, second = speaker(d1, 150, interval="2s"), speaker(d2, 100, interval="2s")
    wait_for(lambda: ("master", "master-down") in states(first), 30, "the first is master")
    first.stop()
    wait_for(lambda: ("master", "priority-zero") in states(second), 6, "silence alone would need more than 7 s")
    assert not holds(d1)


def test_one_speaker_per_network_namespace(cluster):
    d1 = cluster["d1"]
    first = speaker(d1, 150)
    wait_for(lambda: "state" in first.output(), 10, "the first runs")
    second = d1.run([BIN / "vrrp_node", "--interface", "eth0", "--address", f"{VIP}/24"], check=False)
    assert second.returncode == 1 and "another lvsd" in second.stderr


def test_a_missing_interface_is_waited_for(cluster):
    d1 = cluster["d1"]
    process = d1.start("vrrp", [BIN / "vrrp_node", "--interface", "late0", "--interval", "50ms", "--address",
                                "192.0.2.100/24"])
    wait_for(lambda: "waiting r IPv4 interface" in process.output(), 10, "it waits")
    d1.run(["ip", "link", "add", "late0", "type", "veth", "peer", "name", "late1"])
    wait_for(lambda: "waiting r IPv4 link" in process.output(), 10, "the link is down")
    d1.run(["ip", "link", "set", "late1", "up"])
    d1.run(["ip", "link", "set", "late0", "up"])
    wait_for(lambda: "waiting r IPv4 address" in process.output(), 10, "no address yet")
    d1.run(["ip", "addr", "add", "192.0.2.1/24", "dev", "late0"])
    wait_for(lambda: holds(d1, "192.0.2.100"), 10, "master")
    d1.run(["ip", "link", "del", "late0"])
    wait_for(lambda: states(process)[-1] == ("initialize", "interface"), 10, "it stops")
    assert "trouble" not in process.output()


def test_a_lost_cable_is_noticed_and_mended(cluster):
    d1, d2 = cluster["d1"], cluster["d2"]
    speaker(d1, 150)
    speaker(d2, 100)
    wait_master(d1, d2)
    pull(cluster, "d1.0")
    wait_master(d2, d1)
    pull(cluster, "d1.0", up=True)
    wait_master(d1, d2)


def test_a_foreign_hand_removes_an_address_and_it_comes_back(cluster):
    d1 = cluster["d1"]
    speaker(d1, 150)
    wait_for(lambda: holds(d1), 10, "master")
    d1.run(["ip", "addr", "del", f"{VIP}/24", "dev", "eth0"])
    wait_for(lambda: holds(d1), 10, "the address is back")


def test_a_tracker_moves_mastership_and_a_fault_says_goodbye(cluster):
    d1, d2 = cluster["d1"], cluster["d2"]
    first = speaker(d1, 150, commands=True)
    second = speaker(d2, 100)
    wait_master(d1, d2)
    say(d1, "priority 50")
    wait_master(d2, d1)
    say(d1, "priority 150")
    wait_master(d1, d2)
    say(d1, "fault on")
    wait_master(d2, d1)
    assert ("initialize", "fault") in states(first) and ("master", "priority-zero") in states(second)
    say(d1, "fault off")
    wait_master(d1, d2)


def test_the_operator_holds_hands_over_and_releases(cluster):
    d1, d2 = cluster["d1"], cluster["d2"]
    first, second = speaker(d1, 150, commands=True), speaker(d2, 100)
    wait_master(d1, d2)
    say(d1, "failover")
    wait_master(d2, d1)
    assert states(first)[-1] == ("backup", "failover") and ("master", "priority-zero") in states(second)
    heard = len(states(second))
    say(d1, "hold")
    say(d1, "release")  # ends the failover too: it preempts again
    wait_master(d1, d2)
    assert states(second)[heard:] == [("backup", "higher-priority")]
    say(d1, "hold")
    wait_master(d2, d1)
    second.stop()
    wait_for(lambda: not holds(d2), 10, "nobody holds the address, by the operator's wish")
    assert not holds(d1)
    say(d1, "release")
    wait_for(lambda: holds(d1), 10, "released it takes over")


def test_a_failover_lasts_until_the_other_one_dies(cluster):
    d1, d2 = cluster["d1"], cluster["d2"]
    first, second = speaker(d1, 150, commands=True), speaker(d2, 100)
    wait_master(d1, d2)
    say(d1, "failover")
    wait_master(d2, d1)
    second.stop(signal.SIGKILL)
    wait_for(lambda: holds(d1), 10, "the first takes over again")
    assert states(first)[-2:] == [("backup", "failover"), ("master", "master-down")]


def test_a_reload_adds_and_drops_addresses_without_a_change_of_state(cluster):
    d1, d2 = cluster["d1"], cluster["d2"]
    first = speaker(d1, 150, commands=True)
    speaker(d2, 100)
    wait_master(d1, d2)
    before = states(first)
    say(d1, "add 10.77.0.101/24")
    wait_for(lambda: holds(d1, "10.77.0.101") and holds(d1), 10, "both addresses")
    say(d1, f"drop {VIP}/24")
    wait_for(lambda: not holds(d1), 10, "the first address is gone")
    assert holds(d1, "10.77.0.101")
    assert states(first) == before


def test_a_group_moves_together(cluster):
    """Both families of one router are two elections; a group binds them."""
    d1, d2 = cluster["d1"], cluster["d2"]
    addresses = (f"{VIP}/24", f"{VIP6}/64")
    speaker(d1, 150, "--group", "g", addresses=addresses)
    speaker(d2, 100, "--group", "g", addresses=addresses)
    wait_master(d1, d2)
    wait_master(d1, d2, VIP6)
    # IPv6 breaks on the first: IPv4 has to follow.
    d1.sysctl({"net.ipv6.conf.eth0.disable_ipv6": 1})
    wait_master(d2, d1)
    wait_master(d2, d1, VIP6)


def test_unicast_peers(cluster):
    d1, d2, client = cluster["d1"], cluster["d2"], cluster["c1"]
    tap = sniff(client, "proto 112")
    speaker(d1, 150, "--peer", d2.address())
    speaker(d2, 100, "--peer", d1.address())
    wait_master(d1, d2)
    assert "224.0.0.18" not in tap.output()


def port(cluster, name, *flags):
    subprocess.run(["bridge", "-n", cluster.namespaces[0], "link", "set", "dev", name, *flags], check=True)


def isolate(cluster, yes):
    """Directors do not reach each other, but keep their carrier."""
    for name in ("d1.0", "d2.0"):
        port(cluster, name, "isolated", "on" if yes else "off")


def test_after_two_masters_the_one_that_stays_announces_again(cluster):
    """Those who learned the other's MAC meanwhile must unlearn it. When two masters meet again, chance decides who
    hears whom first; the higher one can know only what it hears, so here the lower one is deaf a little longer."""
    d1, d2, client = cluster["d1"], cluster["d2"], cluster["c1"]
    tap = sniff(client, "arp")
    mac = json.loads(d1.run(["ip", "-j", "link", "show", "dev", "eth0"]).stdout)[0]["address"]

    def announcements():
        return len(re.findall(rf"{mac} > .*Request who-has {VIP} .*tell {VIP}", tap.output()))

    speaker(d1, 150)
    speaker(d2, 100)
    wait_master(d1, d2)
    wait_for(lambda: announcements() >= 4, 20, "at 0, 100 ms, 1 s and 5 s")
    isolate(cluster, True)
    wait_for(lambda: holds(d1) and holds(d2), 20, "two masters")
    before = announcements()
    port(cluster, "d2.0", "mcast_flood", "off")
    isolate(cluster, False)
    wait_for(lambda: announcements() > before, 10, "again, long before the slow refresh")
    assert holds(d2), "deaf, or this proves less than it says"
    port(cluster, "d2.0", "mcast_flood", "on")
    wait_master(d1, d2)


def test_the_speaker_allocates_nothing_in_peace(cluster):
    """Neither as master nor as backup: it must never wait for the allocator's lock."""
    d1, d2 = cluster["d1"], cluster["d2"]
    nodes = [(d1, speaker(d1, 150, interval="20ms", commands=True, addresses=(f"{VIP}/24", f"{VIP6}/64"))),
             (d2, speaker(d2, 100, interval="20ms", commands=True, addresses=(f"{VIP}/24", f"{VIP6}/64")))]
    wait_master(d1, d2)
    wait_master(d1, d2, VIP6)

    def measured(node, process):
        before = len(process.output())
        say(node, "status")
        text = wait_for(lambda: re.search(r"status .*(?s:.)*allocations=\d+\n", process.output()[before:]), 10, "a status")
        return [int(re.search(rf"{word}=(\d+)", text.group(0)).group(1)) for word in ("allocations", "wakeups")]

    for node, process in nodes:
        def in_peace():
            start = measured(node, process)
            first, deadline = measured(node, process), time.monotonic() + 1
            one_snapshot = first[0] - start[0]
            wait_for(lambda: time.monotonic() > deadline, 5, "adverts go back and forth", interval=0.1)
            second = measured(node, process)
            return second[1] - first[1] > 30 and second[0] - first[0] == one_snapshot

        wait_for(in_peace, 20, f"{node.name}: a second without an allocation but those of the snapshot")


# ---- Debian's keepalived -----------------------------------------------------------------------------------

def keepalived(node, priority, version=3, interval=1, extra="", addresses=(f"{VIP}/24",)):
    config = node.directory / "keepalived.conf"
    listed = "\n".join(addresses)
    config.write_text(f"global_defs {{\n vrrp_version {version}\n}}\nvrrp_instance r {{\n state BACKUP\n interface eth0\n"
                      f" virtual_router_id 51\n priority {priority}\n advert_int {interval}\n {extra}\n"
                      f" virtual_ipaddress {{\n {listed}\n }}\n}}\n")
    return node.start("keepalived", ["keepalived", "-n", "-l", "-P", "-f", config, "-p", node.directory / "k.pid", "-r",
                                     node.directory / "v.pid"])


VARIANTS = {
    "v3-ipv4": ((), dict(interval=0.1), "100ms", VIP, f"{VIP}/24"),
    "v3-ipv4-plain-checksum": ((), dict(interval=0.1, extra="v3_checksum_as_v2"), "100ms", VIP, f"{VIP}/24"),
    "v3-ipv6": ((), dict(interval=0.1), "100ms", VIP6, f"{VIP6}/64"),
    "v2": (("--version", "2"), dict(version=2), "1s", VIP, f"{VIP}/24"),
    "v2-password": (("--version", "2", "--password", "secret"),
                    dict(version=2, extra="authentication {\n auth_type PASS\n auth_pass secret\n }"), "1s", VIP,
                    f"{VIP}/24"),
}


@pytest.mark.parametrize("ours_first,variant", [(first, variant) for first in (True, False) for variant in VARIANTS
                                                if first or "password" not in variant])
def test_keepalived_and_we_take_turns(cluster, variant, ours_first):
    options, theirs, interval, address, prefix = VARIANTS[variant]
    d1, d2 = cluster["d1"], cluster["d2"]
    ours, other = (d1, d2) if ours_first else (d2, d1)  # d2 has the higher address
    addresses = (prefix,) if address == VIP else (prefix,)
    process = keepalived(other, 100, addresses=addresses, **theirs)
    wait_for(lambda: holds(other, address), 20, "keepalived is master")
    mine = speaker(ours, 150, *options, interval=interval, addresses=addresses)
    wait_master(ours, other, address)
    mine.stop()
    wait_master(other, ours, address)
    mine = speaker(ours, 100, *options, interval=interval, addresses=addresses, name="equal")
    wait_for(lambda: ("backup", "started") in states(mine), 10, "we listen")
    assert holds(other, address) and not holds(ours, address)
    process.stop(signal.SIGTERM)
    wait_master(ours, other, address)


def test_keepalived_by_unicast(cluster):
    d1, d2 = cluster["d1"], cluster["d2"]
    keepalived(d2, 100, interval=0.1, extra=f"unicast_src_ip {d2.address()}\n unicast_peer {{\n {d1.address()}\n }}")
    wait_for(lambda: holds(d2), 20, "keepalived is master")
    mine = speaker(d1, 150, "--peer", d2.address(), interval="100ms")
    wait_master(d1, d2)
    mine.stop()
    wait_master(d2, d1)
