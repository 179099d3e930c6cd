# SPDX-License-Identifier: GPL-2.0-or-later
"""How much one speaker carries, natively in namespaces: CPU of 1,000 routers with adverts every second (as master and as
backup, the kernel's work for the process included), 255 routers on one interface, and 10,000 addresses announced.
"""

import os
import re
import socket
import struct
import subprocess
import time

from labkit import topology
from labkit.cluster import Cluster
from labkit.waiting import NotInTime, wait_for

HELP = "VRRP scale: CPU of 1,000 routers, 255 routers on one interface, announcing 10,000 addresses"

SECONDS = 20
TICKS = os.sysconf("SC_CLK_TCK")
SO_RCVBUFFORCE, SO_TIMESTAMPNS = 33, 35


def row(what: str, measured: float, unit: str, bound: float) -> dict:
    return {"what": what, "measured": round(measured, 2), "unit": unit, "bound": bound}


def speaker(ctx, node, priority, *options):
    words = [ctx.bin / "vrrp_node", "--vrid", "1", "--interval", "1s", "--priority", priority, *options]
    return node.start("vrrp", words)


def cpu_seconds(process) -> float:
    fields = open(f"/proc/{process.pid}/stat").read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def count(process, what: str) -> int:
    return len(re.findall(what, process.output()))


def wires(d1, d2, number: int) -> None:
    for n in range(number):
        subprocess.run(["ip", "link", "add", f"v{n}", "netns", d1.namespace, "type", "veth", "peer", "name", f"v{n}",
                        "netns", d2.namespace], check=True)
        for host, node in ((1, d1), (2, d2)):
            node.run(["ip", "addr", "add", f"10.99.{n}.{host}/24", "dev", f"v{n}"])
            node.run(["ip", "link", "set", f"v{n}", "up"])


def thousand(ctx) -> list[dict]:
    with Cluster(topology.dr(directors=2, servers=0)) as cluster:
        d1, d2 = cluster["d1"], cluster["d2"]
        wires(d1, d2, 4)
        options = ("--interface", "v", "--spread", "--copies", "1000", "--address", "10.98.0.1/32")
        first = speaker(ctx, d1, 150, *options)
        wait_for(lambda: count(first, "backup master") == 1000, 60, "1,000 masters")
        second = speaker(ctx, d2, 100, *options)
        wait_for(lambda: count(second, "backup started") == 1000, 60, "1,000 backups")
        before, start = (cpu_seconds(first), cpu_seconds(second)), time.monotonic()
        wait_for(lambda: time.monotonic() > start + SECONDS, SECONDS + 5, "the measured time", interval=0.5)
        took = time.monotonic() - start
        shares = [100 * (cpu_seconds(p) - b) / took for p, b in zip((first, second), before)]
        missed = count(second, "backup master") + count(first, "master (?:backup|initialize)")
    return [row("1000 routers, 1 s adverts, master", shares[0], "% of a core", 5),
            row("1000 routers, 1 s adverts, backup", shares[1], "% of a core", 5),
            row("1000 routers, changes of state", missed, "", 0)]


def full_interface(ctx) -> list[dict]:
    with Cluster(topology.dr(directors=2, servers=0)) as cluster:
        options = ("--interface", "eth0", "--copies", "255", "--address", "10.98.0.1/32")
        first = speaker(ctx, cluster["d1"], 150, *options)
        second = speaker(ctx, cluster["d2"], 100, *options)
        wait_for(lambda: count(first, "backup master") == 255, 60, "255 masters")
        start = time.monotonic()
        wait_for(lambda: time.monotonic() > start + 10, 15, "ten intervals", interval=0.5)
        return [row("255 routers on one interface, changes of state", count(second, "backup master"), "", 0)]


def announce(ctx) -> list[dict]:
    """By the kernel's time stamps at the receiver: from the first frame of the first burst to its last."""
    with Cluster(topology.dr(directors=1, servers=0)) as cluster:
        def listen():
            tap = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0806))
            tap.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 64 << 20)
            tap.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
            tap.bind(("eth0", 0x0806))
            tap.settimeout(0.3)
            return tap

        tap = cluster["c1"].in_namespace(listen)
        speaker(ctx, cluster["d1"], 150, "--interface", "eth0", "--address", "10.77.0.100/24", "--more", "10000")
        first, last, seen = 0.0, 0.0, set()
        end = time.monotonic() + 60
        while len(seen) < 10_001:
            if time.monotonic() > end:
                raise NotInTime(f"only {len(seen)} of 10,001 announcements came")
            try:
                frame, extra, _, _ = tap.recvmsg(100, 64)
            except TimeoutError:
                continue
            seconds, nanoseconds = struct.unpack("qq", extra[0][2])
            last = seconds * 1000 + nanoseconds / 1e6
            first = first or last
            seen.add(frame[38:42])
        return [row("10000 addresses announced", last - first, "ms", 100)]


def run(ctx) -> list[dict]:
    rows = []
    for what in (thousand, full_interface, announce):
        ctx.say(what.__name__.replace("_", " "))
        rows += what(ctx)
    return rows
