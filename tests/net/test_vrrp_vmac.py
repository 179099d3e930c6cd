# SPDX-License-Identifier: GPL-2.0-or-later
"""Virtual MAC: who answers for the address, from where adverts come, and what a crash leaves."""

import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from labkit import topology
from labkit.paths import bin_dir
from labkit.waiting import wait_for

LAB = {"when": "whole"}

BIN = Path(os.environ.get("LVSD_BIN", bin_dir()))
DIRECTORS = topology.dr(directors=2, servers=0, clients=1)
VIP, VIP6 = DIRECTORS.vip, DIRECTORS.vip6
MAC, MAC6 = "00:00:5e:00:01:33", "00:00:5e:00:02:33"
BOTH = (f"{VIP}/24", f"{VIP6}/64")


def speaker(node, priority, *options, addresses=BOTH, interval="100ms", name="vrrp", virtual=True):
    words = [BIN / "vrrp_node", "--interface", "eth0", "--vrid", "51", "--priority", priority, "--interval", interval]
    for address in addresses:
        words += ["--address", address]
    return node.start(name, [*words, *(["--virtual-mac"] if virtual else []), *options])


def devices(node):
    """Our devices: name -> what `ip` says of it."""
    shown = json.loads(node.run(["ip", "-j", "-d", "addr", "show"]).stdout)
    return {link["ifname"]: link for link in shown if link["ifname"].startswith("vrrp")}


def holds(node, address=VIP):
    return any(a.get("local") == address for link in devices(node).values() for a in link.get("addr_info", ()))


def is_up(link):
    return "UP" in link["flags"]


def wait_master(node, other, address=VIP):
    wait_for(lambda: holds(node, address) and not holds(other, address), 20, f"{node.name} alone holds {address}")


def neighbour(node, address):
    found = json.loads(node.run(["ip", "-j", "neigh", "show", address]).stdout or "[]")
    return found[0].get("lladdr") if found else None


def ping(node, address):
    return node.run(["ping", "-c", "1", "-W", "1", address], check=False).returncode == 0


def sysctl(node, name, interface="eth0"):
    return node.run(["cat", f"/proc/sys/net/ipv4/conf/{interface}/{name}"]).stdout.strip()


def sniff(node, expression):
    tap = node.start("tap", ["tcpdump", "-lnei", "eth0", expression])
    wait_for(lambda: "listening" in tap.output(), 10, "tcpdump listens")
    return tap


@pytest.fixture
def cluster(make_cluster):
    return make_cluster(DIRECTORS)


def test_the_virtual_mac_answers_before_and_after_a_failover(cluster):
    d1, d2, client = cluster["d1"], cluster["d2"], cluster["c1"]
    first = speaker(d1, 150)
    second = speaker(d2, 100)
    for address in (VIP, VIP6):
        wait_master(d1, d2, address)
    for address, mac in ((VIP, MAC), (VIP6, MAC6)):
        wait_for(lambda: ping(client, address), 10, "an answer")
        assert neighbour(client, address) == mac
    assert ping(client, d1.address()) and neighbour(client, d1.address()) not in (MAC, None), "the host keeps its own"
    watch = client.start("watch", ["ip", "monitor", "neigh"])
    first.stop(signal.SIGKILL)
    d1.run(["ip", "link", "set", "eth0", "down"])  # a dead machine answers no more
    wait_for(lambda: holds(d2) and holds(d2, VIP6), 10, "the second takes over")
    for address, mac in ((VIP, MAC), (VIP6, MAC6)):
        wait_for(lambda: ping(client, address), 10, "an answer")
        assert neighbour(client, address) == mac
    seen = dict(re.findall(r"^(\S+) dev eth0 lladdr (\S+)", watch.output(), re.M))
    assert seen.get(VIP, MAC) == MAC and seen.get(VIP6, MAC6) == MAC6
    assert "trouble r" not in first.output() + second.output()


def test_only_the_virtual_mac_answers_arp(cluster):
    d1, client = cluster["d1"], cluster["c1"]
    speaker(d1, 150)
    wait_for(lambda: holds(d1), 20, "master")
    shown = client.run(["arping", "-c", "3", "-I", "eth0", VIP]).stdout
    answers = set(re.findall(r"\[(\S+?)\]", shown))
    assert answers == {MAC.upper()}, shown
    # Nor does the host lend its own MAC to the address when it asks for somebody's.
    client.run(["ip", "neigh", "flush", "all"])
    d1.run(["ip", "neigh", "flush", "all"])
    assert ping(client, VIP)
    assert neighbour(client, VIP) == MAC


def test_adverts_and_announcements_come_from_the_virtual_mac(cluster):
    d1, client = cluster["d1"], cluster["c1"]
    tap = sniff(client, "proto 112 or ip6 proto 112 or arp or icmp6")
    speaker(d1, 150)
    wait_for(lambda: f"{MAC} > 01:00:5e:00:00:12" in tap.output(), 10, "an IPv4 advert")
    wait_for(lambda: f"{MAC6} > 33:33:00:00:00:12" in tap.output(), 10, "an IPv6 advert")
    wait_for(lambda: re.search(rf"{MAC} > ff:ff:ff:ff:ff:ff.*who-has {VIP} ", tap.output()), 10, "gratuitous ARP")
    wait_for(lambda: re.search(rf"{MAC6} > 33:33:00:00:00:01.*tgt is {VIP6}", tap.output()), 10, "neighbour advert")
    lines = [line for line in tap.output().splitlines() if "VRRP" in line or "vrrp" in line]
    assert lines and all(MAC in line or MAC6 in line for line in lines), "no advert from another MAC"


def test_a_backup_is_silent_and_deaf_with_the_virtual_mac(cluster):
    """RFC 9568 6.4.2: it must not answer for the address and must drop what comes to the virtual MAC."""
    d1, d2, client = cluster["d1"], cluster["d2"], cluster["c1"]
    speaker(d1, 150)
    wait_for(lambda: holds(d1), 20, "the first is master")
    tap = d2.start("tap", ["tcpdump", "-lnei", "eth0", "-Q", "out", "ether", "src", MAC, "or", "ether", "src", MAC6])
    wait_for(lambda: "listening" in tap.output(), 10, "tcpdump listens")
    speaker(d2, 100)
    wait_for(lambda: len(devices(d2)) == 2, 10, "the second has its devices")
    assert not any(is_up(link) for link in devices(d2).values())
    assert all(is_up(link) for link in devices(d1).values())
    assert ping(client, VIP)
    assert MAC not in tap.output().split("listening")[1] and MAC6 not in tap.output().split("listening")[1]


def test_two_masters_with_one_mac_hear_each_other_again(cluster):
    """The adverts of a second master come from our own virtual MAC and must not be lost in our own device."""
    d1, d2 = cluster["d1"], cluster["d2"]
    speaker(d1, 150)
    speaker(d2, 100)
    wait_master(d1, d2)
    isolate(cluster, True)
    wait_for(lambda: holds(d1) and holds(d2) and holds(d2, VIP6), 10, "two masters")
    isolate(cluster, False)
    for address in (VIP, VIP6):
        wait_master(d1, d2, address)


def isolate(cluster, yes):
    """Directors do not reach each other, but keep their carrier."""
    for port in ("d1.0", "d2.0"):
        subprocess.run(["bridge", "-n", cluster.namespaces[0], "link", "set", "dev", port, "isolated",
                        "on" if yes else "off"], check=True)


def test_a_stop_leaves_nothing(cluster):
    d1 = cluster["d1"]
    d1.sysctl({"net.ipv4.conf.eth0.arp_ignore": 0, "net.ipv4.conf.eth0.arp_announce": 1})
    process = speaker(d1, 150)
    wait_for(lambda: holds(d1) and holds(d1, VIP6), 20, "master")
    assert (sysctl(d1, "arp_ignore"), sysctl(d1, "arp_announce")) == ("1", "2")
    process.stop()
    assert devices(d1) == {}
    assert (sysctl(d1, "arp_ignore"), sysctl(d1, "arp_announce")) == ("0", "1")


def test_a_restart_after_a_crash_removes_exactly_ours(cluster):
    d1 = cluster["d1"]
    d1.sysctl({"net.ipv4.conf.eth0.arp_ignore": 0, "net.ipv4.conf.eth0.arp_announce": 1})
    d1.run(["ip", "link", "add", "vrrp.foreign", "link", "eth0", "address", "00:00:5e:00:01:63", "type", "macvlan",
            "mode", "bridge"])
    d1.run(["ip", "addr", "add", "10.77.0.240/24", "dev", "vrrp.foreign"])
    process = speaker(d1, 150)
    wait_for(lambda: holds(d1) and holds(d1, VIP6), 20, "master")
    process.stop(signal.SIGKILL)
    assert len(devices(d1)) == 3, "SIGKILL leaves the devices"
    again = speaker(d1, 150, name="again", virtual=False, addresses=("10.77.0.101/24",))
    wait_for(lambda: "10.77.0.101" in d1.addresses(), 20, "master without a virtual MAC")
    assert list(devices(d1)) == ["vrrp.foreign"]
    assert "10.77.0.240" in d1.addresses()
    assert (sysctl(d1, "arp_ignore"), sysctl(d1, "arp_announce")) == ("0", "1")
    again.stop()


def test_a_foreign_hand_removes_the_device_and_it_comes_back(cluster):
    d1 = cluster["d1"]
    speaker(d1, 150)
    wait_for(lambda: holds(d1) and holds(d1, VIP6), 20, "master")
    d1.run(["ip", "link", "del", next(name for name in devices(d1) if name.startswith("vrrp4."))])
    wait_for(lambda: holds(d1), 20, "the address is back")
    assert sysctl(d1, "arp_ignore") == "1"


def test_a_foreign_hand_takes_the_device_down_and_it_comes_up_again(cluster):
    d1, client = cluster["d1"], cluster["c1"]
    process = speaker(d1, 150)
    wait_for(lambda: holds(d1) and holds(d1, VIP6), 20, "master")
    for name in devices(d1):
        d1.run(["ip", "link", "set", name, "down"])
    wait_for(lambda: all(is_up(link) for link in devices(d1).values()) and holds(d1, VIP6), 10, "up again")
    wait_for(lambda: ping(client, VIP) and ping(client, VIP6), 10, "an answer")
    assert process.output().count("backup master") == 2, "of each family"


def test_a_strict_reverse_path_filter_is_no_obstacle(cluster):
    """The answers leave by the interface below."""
    d1, client = cluster["d1"], cluster["c1"]
    d1.sysctl({"net.ipv4.conf.all.rp_filter": 1, "net.ipv4.conf.default.rp_filter": 1})
    speaker(d1, 150, addresses=(f"{VIP}/32",))
    wait_for(lambda: holds(d1), 20, "master")
    wait_for(lambda: ping(client, VIP), 10, "an answer")
    assert neighbour(client, VIP) == MAC


def test_the_cable_comes_back(cluster):
    d1, d2 = cluster["d1"], cluster["d2"]
    speaker(d1, 150)
    speaker(d2, 100)
    wait_master(d1, d2)
    bridge = cluster.namespaces[0]
    subprocess.run(["ip", "-n", bridge, "link", "set", "d1.0", "down"], check=True)
    wait_master(d2, d1)
    subprocess.run(["ip", "-n", bridge, "link", "set", "d1.0", "up"], check=True)
    wait_master(d1, d2)
    wait_master(d1, d2, VIP6)
