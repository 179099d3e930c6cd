# SPDX-License-Identifier: GPL-2.0-or-later
"""What strangers may put on the wire: counted by reason, told rarely, and never more than the buffers hold."""

import os
import re
import signal
import socket
import struct
from pathlib import Path

import pytest

from labkit import topology
from labkit.paths import bin_dir
from labkit.waiting import wait_for

BIN = Path(os.environ.get("LVSD_BIN", bin_dir()))
DIRECTORS = topology.dr(directors=2, servers=0, clients=1)
VIP = DIRECTORS.vip
GROUP = "224.0.0.18"


def checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def advert(version=3, kind=1, vrid=51, priority=50, count=1, interval=100, address=VIP, tail=b"", auth=0):
    """A good one, but for what the test changes; the checksum is always right."""
    middle = struct.pack("!H", interval) if version != 2 else bytes([auth, interval])
    data = bytes([version << 4 | kind, vrid, priority, count]) + middle
    rest = socket.inet_aton(address) + tail
    return data + struct.pack("!H", checksum(data + b"\0\0" + rest)) + rest


def send(node, packets, ttl=255, to=GROUP):
    def body():
        with socket.socket(socket.AF_INET, socket.SOCK_RAW, 112) as out:
            out.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, ttl)
            out.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
            out.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(node.address()))
            for packet in packets:
                out.sendto(packet, (to, 0))

    node.in_namespace(body)


def speaker(node, *options, interval="1s", priority=150):
    pipe = node.directory / "vrrp.commands"
    if not pipe.exists():
        os.mkfifo(pipe)
    words = [BIN / "vrrp_node", "--interface", "eth0", "--vrid", "51", "--priority", priority, "--interval", interval,
             "--address", f"{VIP}/24", *options]
    return node.start("vrrp", ["sh", "-c", f"exec {' '.join(str(word) for word in words)} <> {pipe}"])


def status(node, process):
    before = len(process.output())
    with open(node.directory / "vrrp.commands", "w") as pipe:
        pipe.write("status\n")
    return wait_for(lambda: re.search(r"status .*\n(?:discarded .*\n)*speaker .*\n", process.output()[before:]), 10,
                    "a status").group(0)


def discarded(node, process):
    return {name: int(n) for name, n in re.findall(r"discarded r IPv4 (\S+)=(\d+)", status(node, process))}


@pytest.fixture
def cluster(make_cluster):
    return make_cluster(DIRECTORS)


GOOD = advert()
PLAIN = {
    "truncated": ([GOOD[:7]], {}),
    "truncated-list": ([GOOD[:10]], {}),
    "ttl": ([GOOD], dict(ttl=254)),
    "version": ([advert(version=4)], {}),
    "version-2": ([advert(version=2, interval=1, tail=b"\0" * 8)], {}),
    "type": ([advert(kind=2)], {}),
    "no-addresses": ([advert(count=0)], {}),
    "interval": ([advert(interval=0)], {}),
    "checksum": ([GOOD[:6] + b"\xde\xad" + GOOD[8:]], {}),
    "source": ([GOOD], dict(to="10.77.0.2")),
}


@pytest.mark.parametrize("what", PLAIN)
def test_a_malformed_advert_is_counted_by_its_reason(cluster, what):
    d1, client = cluster["d1"], cluster["c1"]
    reason = re.sub("-(list|2)$", "", what)
    process = speaker(d1)
    wait_for(lambda: "backup started" in process.output(), 10, "it listens")
    packets, options = PLAIN[what]
    send(client, packets * 3, **options)
    assert wait_for(lambda: discarded(d1, process), 10, "it is counted") == {reason: 3}


@pytest.mark.parametrize("reason,packet", [
    ("authentication", advert(version=2, interval=1, tail=b"\0" * 8)),
    ("authentication", advert(version=2, interval=1, auth=1, tail=b"wrong\0\0\0")),
    ("authentication", advert(version=2, interval=1, auth=2, tail=b"secret\0\0")),
    ("interval", advert(version=2, interval=2, auth=1, tail=b"secret\0\0")),
])
def test_version_2_has_reasons_of_its_own(cluster, reason, packet):
    d1, client = cluster["d1"], cluster["c1"]
    process = speaker(d1, "--version", "2", "--password", "secret")
    wait_for(lambda: "backup started" in process.output(), 10, "it listens")
    send(client, [packet] * 2)
    assert wait_for(lambda: discarded(d1, process), 10, "it is counted") == {reason: 2}


def test_an_owner_counts_what_it_does_not_follow(cluster):
    d1, client = cluster["d1"], cluster["c1"]
    process = speaker(d1, priority=255)
    wait_for(lambda: "master owner" in process.output(), 10, "master")
    send(client, [advert(priority=255)])
    assert wait_for(lambda: discarded(d1, process), 10, "it is counted") == {"owner": 1}


def test_a_flood_of_bad_adverts_is_counted_and_told_once(cluster):
    d1, client = cluster["d1"], cluster["c1"]
    process = speaker(d1)
    wait_for(lambda: "backup started" in process.output(), 10, "it listens")
    bad = PLAIN["checksum"][0] + [advert(interval=0)]
    for _ in range(20):  # less at once than the receive buffer holds
        send(client, bad * 50)
        before = discarded(d1, process)
    assert before["checksum"] > 500 and before["interval"] > 500
    told = re.findall(r"trouble r IPv4 discarded 0 (\S+)", process.output())
    assert sorted(told) == ["checksum", "interval"], "each reason is told once"


def test_foreign_routers_do_not_wake_us(cluster):
    d1, client = cluster["d1"], cluster["c1"]
    process = speaker(d1)
    wait_for(lambda: "backup started" in process.output(), 10, "it listens")
    woken = int(re.search(r"wakeups=(\d+)", status(d1, process)).group(1))
    send(client, [advert(vrid=52)] * 2000)
    send(client, [advert(priority=50)])  # ours, behind them: once it is counted, the others have passed
    wait_for(lambda: re.search(r"received=[1-9]", status(d1, process)), 10, "ours arrives")
    assert int(re.search(r"wakeups=(\d+)", status(d1, process)).group(1)) - woken < 500
    assert discarded(d1, process) == {}


def test_what_waits_unread_is_bounded(cluster):
    d1, client = cluster["d1"], cluster["c1"]
    process = speaker(d1)
    wait_for(lambda: "backup started" in process.output(), 10, "it listens")
    process.send(signal.SIGSTOP)
    send(client, [GOOD] * 5000)
    shown = d1.run(["cat", "/proc/net/raw"]).stdout
    process.send(signal.SIGCONT)
    waiting = [int(rx, 16) for rx in re.findall(r"^\s*\d+: \S+ \S+ \S+ \w+:(\w+)", shown, re.M)]
    assert 0 < max(waiting) <= 512 * 1024, shown  # 5000 packets would be more than 3 MB
