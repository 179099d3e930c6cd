# SPDX-License-Identifier: GPL-2.0-or-later
"""Clauses of RFC 9568 that only show on a wire (tests/unit/vrrp/clauses.md), and how much fits on it."""

import json
import os
import re
import socket
import struct
import time
from pathlib import Path

import pytest

from labkit import topology
from labkit.paths import bin_dir
from labkit.waiting import wait_for

LAB = {"when": "whole", "alone": True}

BIN = Path(os.environ.get("LVSD_BIN", bin_dir()))
DIRECTORS = topology.dr(directors=2, servers=0, clients=1)
VIP, VIP6 = DIRECTORS.vip, DIRECTORS.vip6


def speaker(node, priority, *options, addresses=(f"{VIP}/24",), interval="100ms"):
    words = [BIN / "vrrp_node", "--interface", "eth0", "--vrid", "51", "--priority", priority, "--interval", interval]
    for address in addresses:
        words += ["--address", address]
    return node.start("vrrp", [*words, *options])


def adverts(node, family, count=1):
    """Starts to listen; the answer waits for `count` adverts as (IP header, message)."""
    ethertype = 0x0800 if family == 4 else 0x86DD

    def listen():
        tap = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ethertype))
        tap.bind(("eth0", ethertype))
        tap.settimeout(20)
        return tap

    tap = node.in_namespace(listen)

    def collect():
        found, end = [], time.monotonic() + 20
        while len(found) < count:
            assert time.monotonic() < end, "no advert in time"
            packet = tap.recv(65535)
            head = (packet[0] & 15) * 4 if family == 4 else 40
            if packet[9 if family == 4 else 6] == 112:
                found.append((packet[:head], packet[head:]))
        tap.close()
        return found

    return collect


@pytest.fixture
def cluster(make_cluster):
    return make_cluster(DIRECTORS)


@pytest.mark.parametrize("options", ((), ("--virtual-mac",)), ids=("own-mac", "virtual-mac"))
def test_adverts_carry_the_right_addresses(cluster, options):
    d1, client = cluster["d1"], cluster["c1"]
    four, six = adverts(client, 4), adverts(client, 6)
    speaker(d1, 150, *options, addresses=(f"{VIP}/24", f"{VIP6}/64"))
    head, message = four()[0]
    assert head[12:16] == socket.inet_aton(d1.address()) and head[16:20] == socket.inet_aton("224.0.0.18")
    assert head[8] == 255 and message[8:12] == socket.inet_aton(VIP)
    head, message = six()[0]
    assert head[8:10] == b"\xfe\x80" and head[24:40] == socket.inet_pton(socket.AF_INET6, "ff02::12")
    assert head[7] == 255 and message[8:24] == socket.inet_pton(socket.AF_INET6, VIP6)


def test_the_link_local_address_comes_first(cluster):
    d1, client = cluster["d1"], cluster["c1"]
    heard = adverts(client, 6)
    speaker(d1, 150, addresses=(f"{VIP6}/64", "fe80::100/64", "2001:db8:77::101/64"))
    listed = heard()[0][1][8:]
    assert [socket.inet_ntop(socket.AF_INET6, listed[i:i + 16]) for i in (0, 16, 32)] == [
        "fe80::100", VIP6, "2001:db8:77::101"]


def test_another_list_of_addresses_is_told_and_followed(cluster):
    d1, d2 = cluster["d1"], cluster["d2"]
    speaker(d1, 150)
    wait_for(lambda: VIP in d1.addresses(), 20, "master")
    other = speaker(d2, 100, addresses=("10.77.0.101/24",))
    wait_for(lambda: "trouble r IPv4 misconfigured" in other.output(), 10, "it is told")
    assert "10.77.0.101" not in d2.addresses() and other.output().count("misconfigured") == 1


def test_no_address_is_made_of_the_virtual_mac(cluster):
    d1 = cluster["d1"]
    speaker(d1, 150, "--virtual-mac", addresses=(f"{VIP}/24", f"{VIP6}/64"))
    wait_for(lambda: {VIP, VIP6} <= d1.addresses(), 20, "master")
    shown = json.loads(d1.run(["ip", "-j", "addr", "show"]).stdout)
    held = {a["local"] for link in shown if link["ifname"].startswith("vrrp") for a in link["addr_info"]}
    assert held == {VIP, VIP6}


def test_the_first_advert_comes_before_the_first_announcement(cluster):
    d1, client = cluster["d1"], cluster["c1"]
    tap = client.start("tap", ["tcpdump", "-lnei", "eth0", "proto 112 or arp"])
    wait_for(lambda: "listening" in tap.output(), 10, "tcpdump listens")
    speaker(d1, 150)
    wait_for(lambda: f"who-has {VIP}" in tap.output(), 10, "gratuitous ARP")
    lines = [line for line in tap.output().splitlines() if "VRRP" in line or f"who-has {VIP} " in line]
    assert "VRRP" in lines[0]


@pytest.mark.limit(180)
def test_ten_thousand_addresses_are_announced_in_one_go(cluster):
    """Each one, paced, and adverts go on meanwhile. How long it takes is for the bench."""
    d1, client = cluster["d1"], cluster["c1"]

    def listen():
        tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
        tap.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)  # SO_RCVBUFFORCE
        tap.bind(("eth0", 0x0806))
        tap.settimeout(0.2)
        return tap

    tap = client.in_namespace(listen)
    seen = set()

    def collect():
        try:
            while True:
                frame = tap.recv(100)
                seen.add(struct.unpack("!I", frame[38:42])[0])
        except TimeoutError:
            return len(seen) >= 10_001

    process = speaker(d1, 150, "--more", 10_000)
    wait_for(collect, 100, "10,001 announcements")
    tap.close()
    assert "trouble r" not in process.output()


@pytest.mark.limit(180)
def test_255_routers_on_one_interface_elect_without_a_missed_advert(cluster):
    d1, d2 = cluster["d1"], cluster["d2"]
    options = ("--copies", "255")
    first = speaker(d1, 150, *options, addresses=("10.77.1.0/32",), interval="1s")
    wait_for(lambda: len(re.findall(r"backup master", first.output())) == 255, 60, "255 masters")
    second = speaker(d2, 100, *options, addresses=("10.77.1.0/32",), interval="1s")
    wait_for(lambda: len(re.findall(r"backup started", second.output())) == 255, 60, "255 backups")
    wait_for(lambda: len(d1.addresses() & {f"10.77.1.{n}" for n in range(255)}) == 255, 60, "the addresses are there")
    heard = adverts(d2, 4, count=255 * 5)()
    assert {message[1] for _, message in heard} == set(range(1, 256))
    assert "master" not in second.output(), "nobody missed three adverts"
    assert not re.search(r"master (backup|initialize)", first.output())
